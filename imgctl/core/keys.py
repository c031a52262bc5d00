"""Object keys and record identities: names that follow from other names."""

import hashlib
import posixpath
from urllib.parse import unquote_plus

from imgctl.core.formats import ImageFormat

DEFAULT_PREFIX = "resized-"

MAX_KEY_BYTES = 1024
"""S3's limit on a key, in bytes of UTF-8 (S3 User Guide, "Creating object key names")."""
_MAX_EXTENSION_BYTES = 16


def decode_event_key(encoded: str) -> str:
    """Undo the form encoding that S3 applies to keys in its events (`a+b%2B` is `a b+`)."""
    return unquote_plus(encoded)


def version_id_of(told: str | None) -> str:
    """Give a version that names one content, or nothing.

    S3's `null` names none: it is overwritten where versioning rests.
    """
    return "" if told in (None, "null") else str(told)


def output_name(name: str, prefix: str, converted_to: ImageFormat | None = None) -> str:
    """Give the name of a resized file: `cake.jpg` becomes `resized-cake.jpg`.

    The extension stays as it was, unless the format is changed on purpose.
    """
    if converted_to is not None:
        name = posixpath.splitext(name)[0] + converted_to.extension
    return prefix + name


def output_key(key: str, prefix: str) -> str:
    """Give the key of the resized object; the folder is kept: `a/b.jpg`, `a/resized-b.jpg`.

    Where the prefix pushes it over S3's limit, it is cut, and ends in a digest of the whole key, so
    that no two keys share a result: `a/resized-long~0123456789abcdef.jpg`.
    """
    folder, slash, name = key.rpartition("/")
    whole = f"{folder}{slash}{output_name(name, prefix)}"
    if len(whole.encode()) <= MAX_KEY_BYTES:
        return whole
    extension = posixpath.splitext(name)[1]
    if len(extension.encode()) > _MAX_EXTENSION_BYTES:
        extension = ""
    tail = f"~{hashlib.sha256(key.encode()).hexdigest()[:16]}{extension}"
    return whole.encode()[: MAX_KEY_BYTES - len(tail.encode())].decode(errors="ignore") + tail


def resource_id(
    bucket: str, key: str, *, version_id: str = "", etag: str = "", sequencer: str = ""
) -> str:
    """Derive a record's identity from the object that it is about: 32 hexadecimal digits.

    The version names the content where the bucket is versioned; elsewhere the ETag and the
    sequencer do. The same event therefore always writes the same record.
    """
    content = ("version", version_id) if version_id else ("etag", etag.strip('"'), sequencer)
    parts = (bucket, key, *content)
    # Lengths first: no two different lists of parts give the same bytes.
    joined = "".join(f"{len(part.encode())}:{part}" for part in parts)
    return hashlib.sha256(joined.encode()).hexdigest()[:32]
