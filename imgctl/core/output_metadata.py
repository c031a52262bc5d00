"""The metadata of outputs: how their values are stored, and what a stored file name tells."""

from urllib.parse import quote

MAX_METADATA_VALUE_BYTES = 340
"""The most of a metadata value: encoded, it can triple, and S3 allows 2 KB for all values."""


def to_metadata_value(value: str) -> str:
    """Truncate to `MAX_METADATA_VALUE_BYTES`, and percent-encode all but printable ASCII."""
    truncated = value.encode()[:MAX_METADATA_VALUE_BYTES].decode(errors="ignore")
    return quote(truncated, safe=" !#$&'()*+,-./:;=?@[]_~")


def may_be_of(stored_filename: str, filename: str) -> bool:
    """Return whether an output may be one of an original with this file name.

    `stored_filename` is that of the output's metadata, empty if it has none. Headers may lose
    spaces.
    """
    stored, expected = (
        "".join(name.split()) for name in (stored_filename, to_metadata_value(filename))
    )
    return stored in ("", expected)
