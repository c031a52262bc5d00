"""The function's bundle: its packages of imgctl and the locked dependencies, in one zip file.

The build is reproducible: names are sorted, times and modes are fixed, and nothing depends on the
machine that builds it. Files of imgctl are selected by an allow-list.
"""

import hashlib
import platform
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from importlib import metadata
from importlib.resources import as_file, files
from pathlib import Path

from imgctl.core.errors import ImgctlError
from imgctl.output_files import new_file_mode, output_file
from infra.bytecode import compile_modules, find_runtime

MAX_UNZIPPED_BYTES = 262_144_000
"""Lambda's limit on an unzipped deployment package (Lambda Developer Guide, "Quotas")."""

_EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest time that a zip can hold
_OWN_PATTERNS = ("__init__.py", "core/*.py", "core/containers/*.py", "sandbox/*.py", "worker/*.py")
# Used only with a display.
_EXCLUDED = ("PIL/_imagingtk.", "PIL/_tkinter_finder.py", "PIL/ImageTk.py", "PIL/ImageQt.py")


class Architecture(StrEnum):
    """An instruction set, by Lambda's name."""

    ARM64 = "arm64"
    X86_64 = "x86_64"

    @property
    def elf_machine(self) -> int:
        """ELF's e_machine (System V ABI: EM_AARCH64 = 183, EM_X86_64 = 62)."""
        return 183 if self is Architecture.ARM64 else 62

    @property
    def wheel_platforms(self) -> tuple[str, ...]:
        """Platform tags of wheels for the runtime's glibc (2.34), in order of preference."""
        machine = "aarch64" if self is Architecture.ARM64 else "x86_64"
        return (f"manylinux2014_{machine}", f"manylinux_2_28_{machine}")


class BundleError(ImgctlError):
    """The bundle cannot be built or would not run."""

    code = "bundle"


@dataclass(frozen=True, slots=True)
class Bundle:
    """A zip file for Lambda: `sha256` in hexadecimal, sizes in bytes.

    `compiled` is whether it includes bytecode.
    """

    path: Path
    sha256: str
    zipped_bytes: int
    unzipped_bytes: int
    architecture: Architecture
    compiled: bool = False

    @property
    def key(self) -> str:
        """The key of the object that stores this content."""
        return f"function/{self.sha256}.zip"


def build(destination: Path, architecture: Architecture) -> Bundle:
    """Build the bundle for Lambda's python3.12, with Pillow from the package index.

    Raises BundleError if pip cannot download Pillow or verify its hash, or if a library is of
    another architecture.
    """
    with tempfile.TemporaryDirectory(prefix="imgctl-bundle-") as folder:
        packages = Path(folder)
        with as_file(files("infra") / "function-requirements.txt") as requirements:
            download_packages(requirements, architecture, packages)
        return build_from(packages, destination, architecture, python=find_runtime())


def build_local(destination: Path) -> Bundle:
    """Build the bundle for the embedded AWS, with the Pillow that is installed here.

    The embedded AWS runs the function with this interpreter, which may not load Lambda's wheel.
    This way the build also works offline.
    """
    with tempfile.TemporaryDirectory(prefix="imgctl-bundle-") as folder:
        packages = Path(folder)
        _copy_installed("pillow", packages)
        return build_from(
            packages,
            destination,
            local_architecture(),
            python=Path(sys.executable),
            check_elf=False,
        )


def local_architecture() -> Architecture:
    """Return this machine's architecture."""
    arm = platform.machine().lower() in ("arm64", "aarch64")
    return Architecture.ARM64 if arm else Architecture.X86_64


def download_packages(requirements: Path, architecture: Architecture, target: Path) -> None:
    """Install the wheels of a requirements file with hashes into `target`, for Lambda.

    Raises BundleError if pip fails.
    """
    platforms = [f"--platform={tag}" for tag in architecture.wheel_platforms]
    command = [
        sys.executable, "-P", "-m", "pip", "install", "--quiet", "--disable-pip-version-check",
        "--no-input", "--no-deps", "--no-compile", "--only-binary=:all:", "--require-hashes",
        "--python-version=3.12", "--implementation=cp", *platforms,
        f"--target={target}", f"--requirement={requirements}",
    ]  # fmt: skip
    completed = subprocess.run(command, capture_output=True, text=True, check=False)
    if completed.returncode != 0:
        lines = [line for line in completed.stderr.splitlines() if line.startswith("ERROR")]
        reason = lines[-1].removeprefix("ERROR: ") if lines else completed.stderr.strip()[-400:]
        raise BundleError(
            f"pip could not download Pillow for {architecture}: {reason}",
            hint="Check the connection to the package index, then run the command again.",
        )


def build_from(
    packages: Path,
    destination: Path,
    architecture: Architecture,
    *,
    python: Path | None = None,
    check_elf: bool = True,
) -> Bundle:
    """Zip the function's packages of imgctl with the packages unpacked in `packages`.

    `destination` is the file to write, or a folder in which to write `function-<arch>.zip`. With
    `python`, an interpreter, the bundle includes the bytecode that it compiles. Raises BundleError
    if the bundle exceeds Lambda's limit or, with `check_elf`, a library does not fit.
    """
    contents = dict(_package_files(packages)) | dict(_own_files())
    if python is not None:
        sources = {name: data for name, data in contents.items() if name.endswith(".py")}
        contents |= compile_modules(sources, python)
    unzipped_bytes = sum(len(data) for data in contents.values())
    if unzipped_bytes > MAX_UNZIPPED_BYTES:
        raise BundleError(
            f"The unzipped bundle has {unzipped_bytes:,} bytes;"
            f" Lambda's limit is {MAX_UNZIPPED_BYTES:,}.",
            hint="Reduce the function's dependencies.",
        )
    if check_elf:
        _check_library_architecture(contents, architecture)
    if destination.is_dir():
        destination /= f"function-{architecture}.zip"
    _write_zip(destination, contents)
    data = destination.read_bytes()
    return Bundle(
        destination,
        hashlib.sha256(data).hexdigest(),
        len(data),
        unzipped_bytes,
        architecture,
        compiled=python is not None,
    )


def _write_zip(path: Path, contents: Mapping[str, bytes]) -> None:
    with (
        output_file(path, mode=new_file_mode()) as file,
        zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive,
    ):
        for name in sorted(contents):
            entry = zipfile.ZipInfo(name, _EPOCH)
            entry.create_system = 3  # Unix, for the mode below
            entry.external_attr = 0o100644 << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, contents[name])


def _own_files() -> Iterator[tuple[str, bytes]]:
    root = Path(str(files("imgctl")))
    for pattern in _OWN_PATTERNS:
        for path in root.glob(pattern):
            yield f"imgctl/{path.relative_to(root).as_posix()}", path.read_bytes()


def _package_files(packages: Path) -> Iterator[tuple[str, bytes]]:
    for path in packages.rglob("*"):
        name = path.relative_to(packages).as_posix()
        if path.is_file() and _is_included(name):
            yield name, path.read_bytes()


def _is_included(name: str) -> bool:
    """Return whether a file is a module, a library, a license or the package's metadata."""
    if "__pycache__/" in name or name.startswith(("bin/", *_EXCLUDED)):
        return False
    if ".dist-info/" in name:
        return "/licenses/" in name or name.endswith("/METADATA")
    return name.endswith(".py") or _is_library(name)


def _is_library(name: str) -> bool:
    return name.endswith((".so", ".dylib", ".pyd")) or ".so." in name.rpartition("/")[2]


def _copy_installed(package: str, target: Path) -> None:
    try:
        distribution = metadata.distribution(package)
    except metadata.PackageNotFoundError as error:
        raise BundleError(
            f"{package} is not installed.", hint="Reinstall imgctl with its dependencies."
        ) from error
    for file in distribution.files or ():
        name = file.as_posix()
        if ".." not in file.parts and _is_included(name):
            copy = target / name
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes(Path(str(distribution.locate_file(file))).read_bytes())


def _check_library_architecture(contents: Mapping[str, bytes], architecture: Architecture) -> None:
    libraries = {name: data for name, data in contents.items() if _is_library(name)}
    for name, data in sorted(libraries.items()):
        # ELF header: magic at offset 0, byte order at 5 (1: little-endian), e_machine at 18.
        is_elf = data[:4] == b"\x7fELF" and data[5] == 1
        if not is_elf or int.from_bytes(data[18:20], "little") != architecture.elf_machine:
            raise BundleError(
                f"{name} is not an ELF library for {architecture}: Lambda cannot load it.",
                hint="Clear pip's cache with `pip cache purge`, then build again.",
            )
    if not libraries:
        raise BundleError(
            "The bundle contains no compiled library: Pillow's is missing.",
            hint="Clear pip's cache with `pip cache purge`, then build again.",
        )
