"""What a bundle says about itself: the digest of its sources, its packages, and its bytecode.

Sources are all files that are not bytecode. Their digest identifies the code, whatever compiled or
compressed them: two bundles with the same digest do the same, though one may start faster.
"""

import hashlib
import io
import json
import re
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass

NAME = "imgctl-bundle.json"
"""The manifest's path in the bundle."""

_METADATA = re.compile(r"(?P<name>[^/-]+)-(?P<version>[^/-]+)\.dist-info/METADATA")
_SOURCES_KEY = re.compile(r"function/sources-([0-9a-f]{64})\.zip")


@dataclass(frozen=True, slots=True)
class Manifest:
    """A bundle's `sources`, a SHA-256 in hexadecimal, its packages' versions by their names, and
    whether it has bytecode of all modules.
    """  # noqa: D205

    sources: str
    architecture: str
    packages: Mapping[str, str]
    bytecode: bool

    def to_json(self) -> bytes:
        """Return the manifest as the bundle contains it."""
        return json.dumps({"schema": 1, **asdict(self)}, indent=2).encode() + b"\n"


def describe(contents: Mapping[str, bytes], architecture: str) -> Manifest:
    """Return the manifest of a bundle's files, given by their paths."""
    sources = {name: data for name, data in contents.items() if _is_source(name)}
    digests = {name: hashlib.sha256(data).hexdigest() for name, data in sources.items()}
    identity = json.dumps([architecture, digests], sort_keys=True)
    modules = {name for name in sources if name.endswith(".py")}
    packages = [match for name in sorted(sources) if (match := _METADATA.fullmatch(name))]
    return Manifest(
        sources=hashlib.sha256(identity.encode()).hexdigest(),
        architecture=architecture,
        packages={match["name"]: match["version"] for match in packages},
        bytecode=modules <= {_module_of(name) for name in contents},
    )


def read(bundle: bytes) -> Manifest:
    """Return the manifest in a bundle, which must contain one."""
    with zipfile.ZipFile(io.BytesIO(bundle)) as archive:
        fields = json.loads(archive.read(NAME))
    del fields["schema"]
    return Manifest(**fields)


def verified(bundle: bytes, *, max_bytes: int) -> Manifest | None:
    """Return the manifest of a bundle of unknown origin, once its files have proven it.

    None is a file that is no bundle, that unzips to more than `max_bytes`, or whose sources have
    another digest than it says.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(bundle)) as archive:
            if sum(entry.file_size for entry in archive.infolist()) > max_bytes:
                return None
            if len(set(archive.namelist())) < len(archive.namelist()):
                return None
            contents = {name: archive.read(name) for name in archive.namelist()}
        manifest = read(bundle)
    except (zipfile.BadZipFile, zlib.error, ValueError, KeyError, TypeError, NotImplementedError):
        return None
    return manifest if manifest == describe(contents, manifest.architecture) else None


def key_of(sources: str) -> str:
    """Return the key of the object that stores a bundle with these sources."""
    return f"function/sources-{sources}.zip"


def sources_in(key: str) -> str | None:
    """Return the digest in such a key; None for any other, such as one of an earlier imgctl."""
    match = _SOURCES_KEY.fullmatch(key)
    return match[1] if match else None


def _is_source(name: str) -> bool:
    return name != NAME and not name.endswith(".pyc")


def _module_of(name: str) -> str:
    """Return the path of the module whose bytecode this is; empty for what is no bytecode."""
    match = re.fullmatch(r"(.*/)?__pycache__/([^/]+)\.[\w-]+\.pyc", name)
    return f"{match[1] or ''}{match[2]}.py" if match else ""
