"""BMP: the header, and what decoding costs (Microsoft's and IBM's documentation of bitmaps)."""

import struct
from typing import BinaryIO

from imgctl.core.containers.container import Container, Patch
from imgctl.core.errors import Damaged, UnsupportedFormat
from imgctl.core.geometry import Size

_FILE_HEADER = 14  # bytes
_CORE_HEADER = 12  # BITMAPCOREHEADER
_OS2_HEADER = 64  # OS22XBITMAPHEADER
_HEADERS = (40, 52, 56, _OS2_HEADER, 108, 124)  # BITMAPINFOHEADER to BITMAPV5HEADER
_OS2_SHORT_HEADERS = range(16, _OS2_HEADER)
_DEPTHS = (1, 4, 8, 16, 24, 32)

_RLE8, _RLE4, _BIT_FIELDS = 1, 2, 3
_END_OF_BITMAP = b"\x00\x01"
_STEP_OF_255_ROWS = b"\x00\x02\x00\xff"
_COMPRESSIONS = {
    4: "JPEG compression",
    5: "PNG compression",
    6: "a separate alpha mask (BI_ALPHABITFIELDS)",
    11: "CMYK color",
    12: "CMYK color",
    13: "CMYK color",
}
_OS2_COMPRESSIONS = {3: "Huffman compression", 4: "RLE compression of 24 bits"}

# Red, green, blue and, in 32 bits, alpha, as Pillow decodes them.
_MASKS_16 = ((0xF800, 0x07E0, 0x001F), (0x7C00, 0x03E0, 0x001F))
_MASKS_24 = ((0xFF0000, 0xFF00, 0xFF),)
_MASKS_32 = (
    (0xFF0000, 0xFF00, 0xFF, 0),
    (0xFF000000, 0xFF0000, 0xFF00, 0),
    (0xFF000000, 0xFF00, 0xFF, 0),
    (0xFF000000, 0xFF0000, 0xFF00, 0xFF),
    (0xFF, 0xFF00, 0xFF0000, 0xFF000000),
    (0xFF0000, 0xFF00, 0xFF, 0xFF000000),
    (0xFF000000, 0xFF00, 0xFF, 0xFF0000),
    (0, 0, 0, 0),
)
# Pillow decodes run lengths in Python.
_RUN_SECONDS = 0.4e-6
_RUN_PIXEL_SECONDS = 0.1e-6
_SECONDS_PER_BYTE = 2e-9


def read(file: BinaryIO, file_bytes: int) -> Container:
    """Read the header of a BMP. Raises UnsupportedFormat with the name of what is not decoded."""
    file.seek(0)
    head = file.read(_FILE_HEADER + 124 + 16)
    header_bytes = int.from_bytes(head[14:18], "little")
    if header_bytes == _CORE_HEADER and len(head) >= 26:
        width, height, _, bits = struct.unpack_from("<4H", head, 18)
        compression = 0
    elif header_bytes in _HEADERS and len(head) >= 34:
        width, height, _, bits, compression = struct.unpack_from("<iiHHI", head, 18)
    elif header_bytes in _OS2_SHORT_HEADERS and header_bytes not in _HEADERS:
        raise _unsupported(f"an OS/2 header of {header_bytes} bytes")
    else:
        raise _damaged("header")
    if width <= 0 or height == 0:
        raise _damaged("dimensions")
    names = _OS2_COMPRESSIONS if header_bytes == _OS2_HEADER else _COMPRESSIONS
    if compression in names:
        raise _unsupported(names[compression])
    if bits not in _DEPTHS:
        raise _unsupported(f"{bits} bits per pixel")
    notes = _check_masks(head, header_bytes, bits) if compression == _BIT_FIELDS else ()
    size = Size(width, abs(height))
    if compression in (_RLE4, _RLE8):
        return Container(
            size=size,
            decoder_bytes=3 * size.pixels,
            decoder_seconds=size.pixels * _RUN_PIXEL_SECONDS + file_bytes / 2 * _RUN_SECONDS,
            patches=_filled_to_the_end(file, file_bytes, size),
        )
    pixel_bytes = 1 if bits <= 8 else 4
    decoded = size.pixels * pixel_bytes
    return Container(
        size=size, decoder_bytes=decoded, decoder_seconds=decoded * _SECONDS_PER_BYTE, notes=notes
    )


def _filled_to_the_end(file: BinaryIO, file_bytes: int, size: Size) -> tuple[Patch, ...]:
    """Replace the mark that ends the bitmap by steps over the rows that it leaves out.

    A bitmap may end before its last row; what is left out has the palette's first color. Pillow
    refuses it, but follows such steps, and stops where the bitmap is full.
    """
    file.seek(max(0, file_bytes - len(_END_OF_BITMAP)))
    if file.read() != _END_OF_BITMAP:
        return ()
    steps = _STEP_OF_255_ROWS * (size.height // 255 + 1)
    return (Patch(file_bytes - len(_END_OF_BITMAP), file_bytes, steps),)


def _check_masks(head: bytes, header_bytes: int, bits: int) -> tuple[str, ...]:
    """Raise UnsupportedFormat for unusual masks; return notes on what the usual ones lose."""
    masks = struct.unpack_from("<4I", head.ljust(70, b"\0"), 54)
    if header_bytes < 56:
        masks = (*masks[:3], 0)
    usual = {16: masks[:3] in _MASKS_16, 24: masks[:3] in _MASKS_24, 32: masks in _MASKS_32}
    if not usual.get(bits, False):
        text = " ".join(f"{mask:x}" for mask in masks)
        raise _unsupported(f"unusual color masks ({text})")
    return (
        ("alpha channel dropped: not supported in 16-bit BMP",) if bits == 16 and masks[3] else ()
    )


def _unsupported(feature: str) -> UnsupportedFormat:
    return UnsupportedFormat(
        f"The BMP has {feature}, which is not supported.",
        hint="Convert it to a BMP of 24 or 32 bits per pixel first.",
    )


def _damaged(part: str) -> Damaged:
    return Damaged(
        f"The BMP's {part} cannot be read.",
        hint="Export it again from the program that created it.",
    )
