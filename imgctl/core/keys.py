"""Object keys and record IDs that are derived from other names."""

import hashlib
import posixpath
from collections.abc import Collection
from urllib.parse import unquote_plus

from imgctl.core.formats import ImageFormat

MAX_KEY_BYTES = 1024
"""S3's limit on a key, in bytes of UTF-8 (S3 User Guide, "Creating object key names")."""
_MAX_EXTENSION_BYTES = 16
_DIGEST_BYTES = 17  # with the tilde before it


def decode_event_key(encoded: str) -> str:
    """Decode the form encoding of keys in S3's events (`a+b%2B` is `a b+`)."""
    return unquote_plus(encoded)


def version_id_of(version_id: str | None) -> str:
    """Return a version ID that identifies one content, or an empty string.

    S3's `null` does not: while versioning is suspended, each upload overwrites that version.
    """
    return "" if version_id in (None, "null") else str(version_id)


def is_folder_marker(key: str, size: int | None) -> bool:
    """Return whether an object is a folder of the S3 console: empty, with a key like `folder/`."""
    return key.endswith("/") and size == 0


def output_name(
    name: str, prefix: str, converted_to: ImageFormat | None = None, *, suffix: str = ""
) -> str:
    """Return the name of a resized file: `cake.jpg` becomes `resized-cake.jpg`.

    The suffix stands before the source's extension. `converted_to` is the result's format if it is
    not the source's: its extension is appended, so that `cake.png.jpg` and the result of
    `cake.jpg` are two files.
    """
    stem, extension = posixpath.splitext(name)
    appended = "" if converted_to is None else converted_to.extension
    return f"{prefix}{stem}{suffix}{extension}{appended}"


ESCAPE_FOLDER = "_/"
"""The folder of results that would lie among those of another rendition."""


def split_prefix(prefix: str) -> tuple[str, str]:
    """Return the folder of a prefix, with its slash, and the start of the file name."""
    folder, slash, start = prefix.rpartition("/")
    return folder + slash, start


def output_key(
    key: str,
    prefix: str,
    converted_to: ImageFormat | None = None,
    *,
    reserved: Collection[str] = (),
    with_prefix_in_digest: bool = False,
) -> str:
    """Return the key of the resized object, in the same folder: `a/b.jpg`, `a/resized-b.jpg`.

    A folder in the prefix precedes that: `web/a/b.jpg`. `converted_to` is as for `output_name`. A
    key that would lie in one of the folders that are `reserved` gets a folder of its own:
    `_/web/resized-b.jpg`. A key that is then longer than S3 allows is truncated and ends in a
    digest of the source key, so that no two objects share an output:
    `a/resized-long~0123456789abcdef.jpg`. For `with_prefix_in_digest` it is also that of the
    prefix, where the key is truncated within that.
    """
    folder, slash, name = key.rpartition("/")
    results_folder, start = split_prefix(prefix)
    kept_folder = results_folder + folder + slash
    if not results_folder and reserved and kept_folder.startswith((*reserved, ESCAPE_FOLDER)):
        kept_folder = ESCAPE_FOLDER + kept_folder
    full_key = f"{kept_folder}{output_name(name, start, converted_to)}"
    if len(full_key.encode()) <= MAX_KEY_BYTES:
        return full_key
    appended = "" if converted_to is None else converted_to.extension
    extension = posixpath.splitext(name)[1]
    if len(extension.encode()) > _MAX_EXTENSION_BYTES:
        extension = ""
    kept_bytes = MAX_KEY_BYTES - _DIGEST_BYTES - len(f"{extension}{appended}".encode())
    lacks_prefix = len(f"{kept_folder}{start}".encode()) > kept_bytes
    identity = f"{prefix}\0{key}" if with_prefix_in_digest and lacks_prefix else key
    digest = hashlib.sha256(identity.encode()).hexdigest()[: _DIGEST_BYTES - 1]
    kept = full_key.encode()[:kept_bytes].decode(errors="ignore")
    return f"{kept}~{digest}{extension}{appended}"


def resource_id(
    bucket: str, key: str, *, version_id: str = "", etag: str = "", sequencer: str = ""
) -> str:
    """Return the ID of an upload's record: 32 hexadecimal digits.

    The content is identified by its version in a versioned bucket, and by ETag and sequencer
    otherwise. The same event therefore always writes the same record.
    """
    content = ("version", version_id) if version_id else ("etag", etag.strip('"'), sequencer)
    parts = (bucket, key, *content)
    # With its length before each part, no two lists of parts are joined into the same bytes.
    joined = "".join(f"{len(part.encode())}:{part}" for part in parts)
    return hashlib.sha256(joined.encode()).hexdigest()[:32]
