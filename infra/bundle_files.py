"""The files of a bundle by their paths in it: imgctl's own, by an allow-list, and packages'."""

import io
import re
import zipfile
from contextlib import suppress
from importlib import metadata
from importlib.resources import files
from pathlib import Path

_OWN_PATTERNS = ("__init__.py", "core/*.py", "core/containers/*.py", "sandbox/*.py", "worker/*.py")
_LIBRARY_LICENSES = ("GPL-3.0.txt", "LGPL-3.0.txt")  # of libheif and libde265
# Folders of a wheel whose content is installed beside its packages.
_DATA_FOLDER = re.compile(r"^[^/]+\.data/(?:purelib|platlib)/")
# Used only with a display.
_EXCLUDED = ("PIL/_imagingtk.", "PIL/_tkinter_finder.py", "PIL/ImageTk.py", "PIL/ImageQt.py")


def own_files() -> dict[str, bytes]:
    """Return the modules of imgctl that the function runs, imgctl's license, and those of libheif.

    pi-heif's wheel only names the licenses of its libraries, which are to come with their texts.
    Raises FileNotFoundError if the license is neither installed nor in the repository.
    """
    root = Path(str(files("imgctl")))
    own = {
        path.relative_to(root).as_posix(): path.read_bytes()
        for pattern in _OWN_PATTERNS
        for path in root.glob(pattern)
    }
    own["LICENSE"] = _own_license(root)
    for license_name in _LIBRARY_LICENSES:
        own[f"licenses/{license_name}"] = (files("infra") / "licenses" / license_name).read_bytes()
    return {f"imgctl/{name}": data for name, data in own.items()}


def wheel_files(wheel: bytes) -> dict[str, bytes]:
    """Return what the function needs of a wheel, by the paths that an installation gives it."""
    with zipfile.ZipFile(io.BytesIO(wheel)) as archive:
        installed = {_DATA_FOLDER.sub("", name): name for name in archive.namelist()}
        return {name: archive.read(at) for name, at in installed.items() if _is_included(name)}


def installed_files(package: str) -> dict[str, bytes]:
    """Return what the function needs of a package that is installed here.

    Raises PackageNotFoundError if it is not installed.
    """
    distribution = metadata.distribution(package)
    return {
        file.as_posix(): Path(str(distribution.locate_file(file))).read_bytes()
        for file in distribution.files or ()
        if ".." not in file.parts and _is_included(file.as_posix())
    }


def is_library(name: str) -> bool:
    """Return whether a file is a compiled library, by its name."""
    return name.endswith((".so", ".dylib", ".pyd")) or ".so." in name.rpartition("/")[2]


def _own_license(root: Path) -> bytes:
    """Return the license from the installed metadata, or in a mere checkout from its file."""
    with suppress(metadata.PackageNotFoundError):
        distribution = metadata.distribution("imgctl")
        for file in distribution.files or ():
            if file.parts[-2:] == ("licenses", "LICENSE"):
                return Path(str(distribution.locate_file(file))).read_bytes()
    return (root.parent / "LICENSE").read_bytes()


def _is_included(name: str) -> bool:
    """Return whether a file is a module, a library, a license, an SBOM or the metadata."""
    if "__pycache__/" in name or name.startswith(("bin/", *_EXCLUDED)):
        return False
    if name.endswith("/") or ".data/" in name:
        return False
    if ".dist-info/" in name:
        return "/licenses/" in name or "/sboms/" in name or name.endswith("/METADATA")
    return name.endswith(".py") or is_library(name)
