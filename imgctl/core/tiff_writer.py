"""Writing TIFFs: the pages' compression, and one file of many pages (TIFF 6.0)."""

import io
import struct
from collections.abc import Mapping, Sequence
from typing import Any

from PIL import Image

_STRIP_OFFSETS, _RESOLUTION_UNIT, _PREDICTOR = 273, 296, 317
_NO_UNIT, _HORIZONTAL_DIFFERENCING = 1, 2
_TYPE_BYTES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8}

_LOSSLESS = ("tiff_lzw", "tiff_adobe_deflate", "packbits")  # as Pillow names them
_FAX = ("group3", "group4", "tiff_ccitt")
_JPEG = ("jpeg", "tiff_jpeg")
_DEFLATED = ("tiff_deflate", "zstd", "lzma", "webp", *_FAX)  # no better one can be written, or read
_PREDICTED = ("tiff_lzw", "tiff_adobe_deflate")
_JPEG_MODES = ("L", "RGB", "CMYK")
_STRIP_ROWS = 48
_FAX_STRIP_BYTES = 1024 * 1024  # text repeats itself: a page in strips of 64 KiB is twice as large


def compression_options(source: str | int | None, quality: int) -> dict[str, Any]:
    """Choose the options for a source that is compressed so, by Pillow's name; None if unknown.

    `quality` is JPEG's. `fax` stands for pages that are still black and white.
    """
    if source == "raw":
        return {}
    if source in _JPEG:
        return {"compression": "jpeg", "quality": quality}
    if source in _DEFLATED:
        fax = {"fax": source, "strip_size": _FAX_STRIP_BYTES} if source in _FAX else {}
        return {"compression": "tiff_adobe_deflate", **fax}
    return {"compression": source if source in _LOSSLESS else "tiff_lzw"}


def encode_pages(pages: Sequence[Image.Image], options: Mapping[str, Any]) -> bytes:
    """Encode the pages with options of `compression_options` and of Pillow's `Image.save`."""
    if len(pages) == 1:
        return _encode(pages[0], options)
    return _joined([_encode(page, options) for page in pages])


def _encode(page: Image.Image, options: Mapping[str, Any]) -> bytes:
    options = dict(options)
    tags = dict(options.pop("tiffinfo", {}))
    fax = options.pop("fax", None)
    if fax and page.mode == "L" and sum(page.histogram()[1:255]) == 0:
        page = page.convert("1")
        options["compression"] = fax
    if options.get("compression") == "jpeg":
        if page.mode not in _JPEG_MODES:
            del options["quality"]
            options["compression"] = "tiff_lzw"
        elif page.mode == "RGB":
            page = page.convert(
                "YCbCr"
            )  # half the bytes of RGB; Pillow writes it without subsampling
    if options.get("compression") in _PREDICTED and _is_predictable(page, options["compression"]):
        tags[_PREDICTOR] = _HORIZONTAL_DIFFERENCING
    if "dpi" not in options:
        tags[_RESOLUTION_UNIT] = _NO_UNIT  # without it, readers take 1 dot per inch for granted
    return _saved(page, {**options, "tiffinfo": tags})


def _is_predictable(page: Image.Image, compression: str) -> bool:
    """Return whether differences of neighbors compress better, by a strip from the middle."""
    if page.mode in ("1", "F"):
        return False
    top = max(0, (page.height - _STRIP_ROWS) // 2)
    strip = page.crop((0, top, page.width, min(page.height, top + _STRIP_ROWS)))
    plain, predicted = (
        len(_saved(strip, {"compression": compression, "tiffinfo": tags}))
        for tags in ({}, {_PREDICTOR: _HORIZONTAL_DIFFERENCING})
    )
    return predicted < plain


def _saved(page: Image.Image, options: Mapping[str, Any]) -> bytes:
    encoded = io.BytesIO()
    page.save(encoded, "TIFF", **options)
    return encoded.getvalue()


def _joined(files: Sequence[bytes]) -> bytes:
    """Join files of one page each.

    Pillow's own way of appending goes through all earlier pages for each: 47 s for 5,000.
    """
    joined = bytearray()
    previous = 0  # where the offset of the next directory is written
    for file in files:
        base = len(joined) + len(joined) % 2
        joined += bytes(base - len(joined)) + file
        directory, following = _relocate(joined, base)
        if base:
            struct.pack_into("<I", joined, previous, directory)
        previous = following
    return bytes(joined)


def _relocate(joined: bytearray, base: int) -> tuple[int, int]:
    """Add `base` to all offsets of the little-endian file that begins there.

    Returns where its directory is, and where that refers to the next.
    """
    directory = struct.unpack_from("<I", joined, base + 4)[0] + base
    (count,) = struct.unpack_from("<H", joined, directory)
    struct.pack_into("<I", joined, base + 4, directory)
    for position in range(directory + 2, directory + 2 + 12 * count, 12):
        tag, type_, values, offset = struct.unpack_from("<HHII", joined, position)
        inline = _TYPE_BYTES[type_] * values <= 4
        if not inline:
            offset += base
            struct.pack_into("<I", joined, position + 8, offset)
        if tag == _STRIP_OFFSETS:
            where = position + 8 if inline else offset
            strips = f"<{values}{'H' if type_ == 3 else 'I'}"
            moved = [start + base for start in struct.unpack_from(strips, joined, where)]
            struct.pack_into(strips, joined, where, *moved)
    return directory, directory + 2 + 12 * count
