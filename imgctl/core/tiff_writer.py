"""Writing TIFFs: the pages' compression, and one file of many pages (TIFF 6.0)."""

import io
import struct
from collections.abc import Mapping, Sequence
from typing import Any

from PIL import Image

_WIDTH, _BITS, _STRIP_OFFSETS, _RESOLUTION_UNIT, _PREDICTOR = 256, 258, 273, 296, 317
_IPTC = 33_723
_SHORT = 3
_AVERAGE_LEVELS = 5  # of 2x2 black and white pixels
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


def compression_options(sources: Sequence[str | int | None], quality: int) -> dict[str, Any]:
    """Choose the options for pages that are compressed so, by Pillow's names; None if unknown.

    `quality` is JPEG's. Where pages differ, such as a photo before pages of a fax, the options of
    each are in `page_options`. `fax` is the compression of pages that are still black and white.
    """
    each = [_page_options(source, quality) for source in sources]
    return each[0] if all(own == each[0] for own in each) else {"page_options": each}


def _page_options(source: str | int | None, quality: int) -> dict[str, Any]:
    if source == "raw":
        return {}
    if source in _JPEG:
        return {"compression": "jpeg", "quality": quality}
    if source in _DEFLATED:
        fax = {"fax": source, "strip_size": _FAX_STRIP_BYTES} if source in _FAX else {}
        return {"compression": "tiff_adobe_deflate", **fax}
    return {"compression": source if source in _LOSSLESS else "tiff_lzw"}


def encode_pages(pages: Sequence[Image.Image], options: Mapping[str, Any]) -> bytes:
    """Encode the pages with options of `compression_options` and of Pillow's `Image.save`.

    The option `iptc` is IPTC data, which the first page gets.
    """
    common = {key: value for key, value in options.items() if key not in ("page_options", "iptc")}
    each = options.get("page_options", [{}] * len(pages))
    files: list[bytes] = []
    for page, own in zip(pages, each, strict=True):
        tags = common.get("tiffinfo", {})
        if not files and "iptc" in options:
            tags = {**tags, _IPTC: options["iptc"]}
        files.append(_encode(page, {**common, **own, "tiffinfo": tags}))
    return files[0] if len(files) == 1 else _joined(files)


def _encode(page: Image.Image, options: Mapping[str, Any]) -> bytes:
    options = dict(options)
    tags = {tag: _stored(value) for tag, value in options.pop("tiffinfo", {}).items()}
    fax = options.pop("fax", None)
    if "dpi" not in options:
        tags[_RESOLUTION_UNIT] = _NO_UNIT  # without it, readers take 1 dot per inch for granted
    if fax and page.mode == "L":
        levels = sum(map(bool, page.histogram()))
        if sum(page.histogram()[1:255]) == 0:
            page = page.convert("1")
            options["compression"] = fax
        elif levels <= _AVERAGE_LEVELS:
            return _four_bits(page, {**options, "tiffinfo": tags})
    if options.get("compression") == "jpeg":
        if page.mode not in _JPEG_MODES:
            del options["quality"]
            options["compression"] = "tiff_lzw"
        elif page.mode == "RGB":
            page = page.convert("YCbCr")  # half the bytes; Pillow writes it without subsampling
    if options.get("compression") in _PREDICTED and _is_predictable(page, options["compression"]):
        tags[_PREDICTOR] = _HORIZONTAL_DIFFERENCING
    return _saved(page, {**options, "tiffinfo": tags})


def _stored(value: Any) -> Any:
    """Return text with the bytes that it was read from, of which Pillow keeps only ASCII's.

    It reads all text as Latin-1; what does not fit came from elsewhere.
    """
    if not isinstance(value, str):
        return value
    try:
        return value.encode("latin-1")
    except UnicodeEncodeError:
        return value.encode()


def _four_bits(page: Image.Image, options: Mapping[str, Any]) -> bytes:
    """Encode averages of black and white, of which there are five, with 4 bits per sample.

    Pillow writes the packed rows as an image of 8 bits, of which two tags are then corrected.
    """
    width, height = page.size
    even = page.crop((0, 0, width + width % 2, height)).point([round(v / 17) for v in range(256)])
    samples = even.tobytes()
    left, right = (int.from_bytes(samples[start::2]) for start in (0, 1))
    rows = (left << 4 | right).to_bytes(len(samples) // 2)
    packed = Image.frombytes("L", (even.width // 2, height), rows)
    encoded = bytearray(_saved(packed, options))
    directory = int.from_bytes(encoded[4:8], "little")
    for position in _entry_positions(encoded, directory):
        tag, type_ = struct.unpack_from("<HH", encoded, position)
        if tag in (_WIDTH, _BITS):
            value = width if tag == _WIDTH else 4
            struct.pack_into("<H" if type_ == _SHORT else "<I", encoded, position + 8, value)
    return bytes(encoded)


def _entry_positions(file: bytearray, directory: int) -> range:
    """Return where the entries of a directory are."""
    (count,) = struct.unpack_from("<H", file, directory)
    return range(directory + 2, directory + 2 + 12 * count, 12)


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

    Pillow appends by going through all earlier pages for each.
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
    entries = _entry_positions(joined, directory)
    struct.pack_into("<I", joined, base + 4, directory)
    for position in entries:
        tag, type_, values, offset = struct.unpack_from("<HHII", joined, position)
        inline = _TYPE_BYTES[type_] * values <= 4
        if not inline:
            offset += base
            struct.pack_into("<I", joined, position + 8, offset)
        if tag == _STRIP_OFFSETS:
            where = position + 8 if inline else offset
            strips = f"<{values}{'H' if type_ == _SHORT else 'I'}"
            moved = [start + base for start in struct.unpack_from(strips, joined, where)]
            struct.pack_into(strips, joined, where, *moved)
    return directory, entries.stop
