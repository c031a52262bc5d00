"""Whether metadata can be read: if not, the picture is resized without it."""

import struct
from typing import Literal

from PIL import Image

PILLOW_ERRORS = (
    ArithmeticError,
    AttributeError,
    EOFError,
    LookupError,
    OSError,
    SyntaxError,
    TypeError,
    ValueError,
    struct.error,
)
"""What Pillow raises for EXIF that it cannot read or write."""

_PREFIX = b"Exif\0\0"  # in a JPEG only by specification, but written in all formats
_TIFF_HEADS = (b"II*\0", b"MM\0*")
_TIFF_HEADER_BYTES = 8


def has_tiff_header(block: bytes) -> bool:
    """Return whether an EXIF block begins as one, which is all that Pillow needs to open a JPEG."""
    tiff = _without_prefix(block)
    return tiff.startswith(_TIFF_HEADS) and len(tiff) >= _TIFF_HEADER_BYTES


def is_readable_exif(block: bytes) -> bool:
    """Return whether an EXIF block has a TIFF header, and Pillow can read what follows it.

    A directory that is cut off is readable as far as it goes: its orientation still counts.
    """
    if not has_tiff_header(block):
        return False
    exif = Image.Exif()
    try:
        exif.load(block)
        dict(exif)
    except PILLOW_ERRORS:
        return False
    return True


def is_complete_exif(block: bytes) -> bool:
    """Return whether the first directory of a readable EXIF block is not cut off."""
    tiff = _without_prefix(block)
    order: Literal["little", "big"] = "little" if tiff.startswith(b"II") else "big"
    start = int.from_bytes(tiff[4:8], order)
    entries = int.from_bytes(tiff[start : start + 2], order)
    return start + 2 + 12 * entries <= len(tiff)


def _without_prefix(block: bytes) -> bytes:
    while block.startswith(_PREFIX):
        block = block[len(_PREFIX) :]
    return block


def is_icc_profile(block: bytes) -> bool:
    """Return whether the block begins like an ICC profile and is complete (ICC.1, 7.2)."""
    return (
        len(block) >= 132
        and block[36:40] == b"acsp"
        and 132 <= int.from_bytes(block[:4], "big") <= len(block)
    )
