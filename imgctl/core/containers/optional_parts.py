"""Whether metadata can be read: if not, the picture is resized without it."""

import struct

from PIL import Image


def is_readable_exif(block: bytes) -> bool:
    """Return whether Pillow can read the block's tags; it raises for some damage."""
    exif = Image.Exif()
    try:
        exif.load(block)
        dict(exif)
    except (SyntaxError, ValueError, TypeError, KeyError, OSError, struct.error, EOFError):
        return False
    return len(block) >= 8


def is_icc_profile(block: bytes) -> bool:
    """Return whether the block begins like an ICC profile and is complete (ICC.1, 7.2)."""
    return (
        len(block) >= 132
        and block[36:40] == b"acsp"
        and 132 <= int.from_bytes(block[:4], "big") <= len(block)
    )
