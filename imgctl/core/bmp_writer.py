"""BMP with transparency: Pillow writes the alpha channel, but a header that does not mention it."""

import struct

_FILE_HEADER, _INFO_HEADER, _V4_HEADER = 14, 40, 108  # bytes (BITMAPV4HEADER)
_BIT_FIELDS = 3
_MASKS = (0x00FF0000, 0x0000FF00, 0x000000FF, 0xFF000000)  # red, green, blue, alpha of BGRA
_SRGB = b"BGRs"  # LCS_sRGB, little-endian


def with_alpha_mask(bmp: bytes) -> bytes:
    """Return Pillow's BMP of BGRA pixels with a header that says which of them is alpha."""
    added = _V4_HEADER - _INFO_HEADER
    file_bytes, offset = len(bmp) + added, _FILE_HEADER + _V4_HEADER
    file_header = bmp[:2] + struct.pack("<III", file_bytes, 0, offset)
    info = struct.pack("<I", _V4_HEADER) + bmp[18:30] + struct.pack("<I", _BIT_FIELDS) + bmp[34:54]
    masks = struct.pack("<4I", *_MASKS) + _SRGB
    header = (file_header + info + masks).ljust(offset, b"\0")
    return header + bmp[_FILE_HEADER + _INFO_HEADER :]
