"""What a bundle says about itself: the digest of its sources, its packages, and its bytecode.

Sources are all files that are not bytecode. Their digest identifies the code, whatever compiled or
compressed them: two bundles with the same digest do the same, though one may start faster.
"""

import hashlib
import io
import json
import re
import stat
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from enum import StrEnum

NAME = "imgctl-bundle.json"
"""The manifest's path in the bundle."""

_METADATA = re.compile(r"(?P<name>[^/-]+)-(?P<version>[^/-]+)\.dist-info/METADATA")
# Earlier versions of imgctl named a bundle by the SHA-256 of the zip file.
_KEY = re.compile(r"function/(?P<sources>sources-)?(?P<digest>[0-9a-f]{64})\.zip")
_VERSION = re.compile(rb'^__version__ = "([\w.+-]{1,64})"$', re.MULTILINE)
# Relative, without empty parts, and without characters that hide what is named.
_PATH = re.compile(r"(?!\.{1,2}(?:/|$))[\w.+@ -]+(?:/(?!\.{1,2}(?:/|$))[\w.+@ -]+)*", re.ASCII)
_MAX_PATH = 255
_END_RECORD_BYTES = 22  # of a zip file without a comment

FOLDER = "function/"
"""What the keys of all bundles begin with."""


class InvalidBundle(ValueError):
    """A file is not a bundle; the text is the reason, to follow "it"."""


class Target(StrEnum):
    """Where a bundle runs: in Lambda, or in the embedded AWS of the machine that built it."""

    LAMBDA = "lambda"
    EMBEDDED = "embedded"


@dataclass(frozen=True, slots=True)
class Manifest:
    """A bundle's `sources`, a SHA-256 in hexadecimal, its packages' versions by their names, and
    whether it has bytecode of all modules.

    `target` is where it runs, and `imgctl` the version of imgctl in it.
    """  # noqa: D205

    sources: str
    architecture: str
    target: str
    imgctl: str
    packages: Mapping[str, str]
    bytecode: bool

    def to_json(self) -> bytes:
        """Return the manifest as the bundle contains it."""
        return json.dumps({"schema": 1, **asdict(self)}, indent=2).encode() + b"\n"


def describe(
    contents: Mapping[str, bytes], architecture: str, target: str = Target.LAMBDA
) -> Manifest:
    """Return the manifest of a bundle's files, given by their paths."""
    sources = {name: data for name, data in contents.items() if _is_source(name)}
    digests = {name: hashlib.sha256(data).hexdigest() for name, data in sources.items()}
    identity = json.dumps([architecture, digests], sort_keys=True)
    modules = {name for name in sources if name.endswith(".py")}
    packages = [match for name in sorted(sources) if (match := _METADATA.fullmatch(name))]
    version = _VERSION.search(sources.get("imgctl/__init__.py", b""))
    return Manifest(
        sources=hashlib.sha256(identity.encode()).hexdigest(),
        architecture=architecture,
        target=str(target),
        imgctl=version[1].decode() if version else "",
        packages={match["name"]: match["version"] for match in packages},
        bytecode=modules <= {module_of(name) for name in contents},
    )


def read(bundle: bytes) -> Manifest:
    """Return the manifest in a bundle, which must contain one."""
    with zipfile.ZipFile(io.BytesIO(bundle)) as archive:
        return _parse(archive.read(NAME))


def unpack(bundle: bytes, *, max_bytes: int) -> tuple[Manifest, dict[str, bytes]]:
    """Return the manifest of a bundle of unknown origin, once its files have proven it, and these.

    Raises InvalidBundle for a file that is no bundle, that unzips to more than `max_bytes`, that
    other programs might unzip to something else, or whose sources have another digest than it says.
    """
    try:
        contents = _unzip(bundle, max_bytes)
        manifest = _parse(contents[NAME])
    except InvalidBundle:
        raise
    except (KeyError, TypeError, ValueError, RecursionError) as error:
        raise InvalidBundle(f"has no valid {NAME}, as `package` writes it") from error
    except (zipfile.BadZipFile, zlib.error, RuntimeError, EOFError) as error:
        raise InvalidBundle("is not a zip file, or a damaged one") from error
    if manifest != describe(contents, manifest.architecture, manifest.target):
        raise InvalidBundle(f"contains other files than its {NAME} says")
    return manifest, contents


def verified(bundle: bytes, *, max_bytes: int) -> Manifest | None:
    """Return the manifest of a bundle of unknown origin, or None if `unpack` would refuse it."""
    try:
        return unpack(bundle, max_bytes=max_bytes)[0]
    except InvalidBundle:
        return None


def key_of(sources: str) -> str:
    """Return the key of the object that stores a bundle with these sources."""
    return f"{FOLDER}sources-{sources}.zip"


def is_key(text: str) -> bool:
    """Return whether a text is the key of a bundle, of an earlier imgctl too."""
    return bool(_KEY.fullmatch(text))


def sources_in(key: str) -> str | None:
    """Return the digest of the sources in a key; None for any other, as of an earlier imgctl."""
    match = _KEY.fullmatch(key)
    return match["digest"] if match and match["sources"] else None


def zip_sha256_in(key: str) -> str | None:
    """Return the SHA-256 of the zip file in a key of an earlier imgctl; None for any other."""
    match = _KEY.fullmatch(key)
    return match["digest"] if match and not match["sources"] else None


def module_of(name: str) -> str:
    """Return the path of the module whose bytecode this is; empty for what is no bytecode."""
    match = re.fullmatch(r"(.*/)?__pycache__/([^/]+)\.[\w-]+\.pyc", name)
    return f"{match[1] or ''}{match[2]}.py" if match else ""


def _parse(data: bytes) -> Manifest:
    document = json.loads(data)
    if document["schema"] != 1:
        raise ValueError("another schema")
    # Later versions of imgctl may add fields.
    return Manifest(**{field.name: document[field.name] for field in fields(Manifest)})


def _unzip(bundle: bytes, max_bytes: int) -> dict[str, bytes]:
    """Return a zip file's content by path, if all programs would agree about it."""
    with zipfile.ZipFile(io.BytesIO(bundle)) as archive:
        entries = archive.infolist()
        names = [entry.filename for entry in entries]
        if sum(entry.file_size for entry in entries) > max_bytes:
            raise InvalidBundle(f"unzips to more than Lambda's limit of {max_bytes:,} bytes")
        if not all(len(name) <= _MAX_PATH and _PATH.fullmatch(name) for name in names):
            raise InvalidBundle("contains a path that leads elsewhere, or is no plain file name")
        folders = {name[:at] for name in names for at, char in enumerate(name) if char == "/"}
        if len(set(names)) < len(names) or not folders.isdisjoint(names):
            raise InvalidBundle("contains a path twice")
        if any(stat.S_IFMT(e.external_attr >> 16) not in (0, stat.S_IFREG) for e in entries):
            raise InvalidBundle("contains a link or another special file")
        # Else programs may look for the list of files in different places.
        begins = min((entry.header_offset for entry in entries), default=0)
        end_record = bundle[-_END_RECORD_BYTES:]
        if begins or archive.comment or not end_record.startswith(b"PK\x05\x06"):
            raise InvalidBundle("contains something before, after or between its files")
        return {name: archive.read(name) for name in names}


def _is_source(name: str) -> bool:
    return name != NAME and not name.endswith(".pyc")
