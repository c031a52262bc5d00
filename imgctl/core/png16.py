"""Colour PNGs of 16 bits a channel, which Pillow reads and writes with 8.

A picture is a list of channels here, each an image of mode `I;16`. It is read as two pictures,
one of the high bytes and one of the low ones, and written by hand (W3C PNG, 3rd edition).
"""

import io
import zlib
from collections.abc import Mapping, Sequence
from typing import Any, BinaryIO

from PIL import Image, ImageChops, ImageFile, ImageMath, TiffImagePlugin

from imgctl.core.geometry import Size

_COLOR_TYPES = {3: 2, 4: 6}  # channels -> PNG's colour type: RGB, RGBA
_SUB, _UP, _AVERAGE = 1, 2, 3
_BAND_ROWS = 64
_BRIGHTEST = 65535


def is_color_16_bit(image: ImageFile.ImageFile, head: bytes) -> bool:
    """Return whether this is a color PNG or TIFF of 16 bits per channel, which Pillow reads as 8.

    `head` is the beginning of the file, with PNG's header chunk.
    """
    if image.mode not in ("RGB", "RGBA", "CMYK"):
        return False
    if isinstance(image, TiffImagePlugin.TiffImageFile):
        return bool(max(image.tag_v2.get(TiffImagePlugin.BITSPERSAMPLE, (8,))) > 8)
    return image.format == "PNG" and head[24] == 16


def is_readable(image: ImageFile.ImageFile, head: bytes, frames: int) -> bool:
    """Return whether `read_channels` can read all 16 bits: a still PNG without a color key."""
    return (
        image.format == "PNG"
        and head[25] in _COLOR_TYPES.values()
        and frames == 1
        and "transparency" not in image.info
    )


def working_bytes(decoded: Size, target: Size) -> int:
    """Estimate the memory that reading, resampling and writing hold at once, in bytes.

    Four channels in 16 bits, beside the two pictures they are read from, or beside one channel
    and alpha in 32 bits; and of the result the channels, and twice the bytes that are compressed.
    """
    return 28 * decoded.pixels + 28 * target.pixels


def read_channels(high: Image.Image, source: BinaryIO) -> list[Image.Image]:
    """Read all 16 bits: `high` is the picture as Pillow gives it, decoded from `source`."""
    source.seek(0)
    with Image.open(source, formats=["PNG"]) as low:
        # The file has the high byte first: read as if it were last, the low one is given.
        low.tile = [tile._replace(args=str(tile.args).replace("16B", "16L")) for tile in low.tile]
        low.load()
        return [
            _sixteen_bits(low.getchannel(band), high.getchannel(band)) for band in high.getbands()
        ]


def resized(
    channels: Sequence[Image.Image], target: Size, method: Image.Resampling
) -> list[Image.Image]:
    """Resample each channel; colour is weighted by alpha, so that edges have no fringe.

    In floating point: Pillow's own resampling of `I;16` spoils the low byte where it overshoots.
    """
    size = (target.width, target.height)
    clear = len(channels) == 4 and channels[3].getextrema() != (_BRIGHTEST, _BRIGHTEST)
    if not clear:
        return [_rounded(channel.convert("F").resize(size, method)) for channel in channels]
    alpha = channels[3].convert("F")
    small_alpha = alpha.resize(size, method)
    results = []
    for channel in channels[:3]:
        weighted = ImageMath.lambda_eval(
            lambda of: of["colour"] * of["alpha"] / _BRIGHTEST,
            colour=channel.convert("F"),
            alpha=alpha,
        ).resize(size, method)
        colour = ImageMath.lambda_eval(
            lambda of: of["weighted"] * _BRIGHTEST / of["max"](of["alpha"], 1.0),
            weighted=weighted,
            alpha=small_alpha,
        )
        results.append(_rounded(colour))
    return [*results, _rounded(small_alpha)]


def save(channels: Sequence[Image.Image], options: Mapping[str, Any]) -> bytes:
    """Encode as PNG; `options` are those of Pillow's save that carry metadata."""
    width, height = channels[0].size
    rows = _interleaved(channels)
    pixel_bytes = 2 * len(channels)
    middle = max(0, (height - _BAND_ROWS) // 2)
    kind = min(
        (_SUB, _UP, _AVERAGE),
        key=lambda kind: len(zlib.compress(_filtered(rows, middle, kind, pixel_bytes), 1)),
    )
    compressor = zlib.compressobj()
    pixels = b"".join(
        compressor.compress(_filtered(rows, top, kind, pixel_bytes))
        for top in range(0, height, _BAND_ROWS)
    )
    # Pillow writes the metadata's chunks, around a picture that is then exchanged.
    shell = io.BytesIO()
    Image.new("RGB", (1, 1)).save(shell, "PNG", **options)
    header = bytes([16, _COLOR_TYPES[len(channels)], 0, 0, 0])
    exchanged = {
        b"IHDR": width.to_bytes(4) + height.to_bytes(4) + header,
        b"IDAT": pixels + compressor.flush(),
    }
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        _chunk(name, exchanged.get(name, data)) for name, data in _chunks(shell.getvalue())
    )


def _sixteen_bits(low: Image.Image, high: Image.Image) -> Image.Image:
    pairs = Image.merge("LA", (low, high)).tobytes()  # low byte first, as I;16 has it
    return Image.frombytes("I;16", low.size, pairs)


def _rounded(channel: Image.Image) -> Image.Image:
    clipped: Image.Image = ImageMath.lambda_eval(
        lambda of: of["int"](of["min"](of["max"](of["c"], 0.0), float(_BRIGHTEST)) + 0.5), c=channel
    )
    return clipped.convert("I;16")


def _interleaved(channels: Sequence[Image.Image]) -> Image.Image:
    """Lay the channels out as PNG does, big-endian; an image of bytes, `L`."""
    width, height = channels[0].size
    step = 2 * len(channels)
    data = bytearray(step * width * height)
    for index, channel in enumerate(channels):
        little = channel.tobytes()
        data[2 * index :: step] = little[1::2]
        data[2 * index + 1 :: step] = little[::2]
    return Image.frombytes("L", (step * width, height), data)


def _filtered(rows: Image.Image, top: int, kind: int, pixel_bytes: int) -> bytes:
    """Take from each byte of a band what PNG's filter predicts; each row begins with the filter."""
    width, bottom = rows.width, min(rows.height, top + _BAND_ROWS)
    band = rows.crop((0, top, width, bottom))
    # Outside the picture a crop gives zeros, as PNG wants.
    left = rows.crop((-pixel_bytes, top, width - pixel_bytes, bottom))
    above = rows.crop((0, top - 1, width, bottom - 1))
    predicted = {_SUB: left, _UP: above, _AVERAGE: ImageChops.add(left, above, scale=2)}[kind]
    lines = Image.new("L", (width + 1, band.height), kind)
    lines.paste(ImageChops.subtract_modulo(band, predicted), (1, 0))
    return lines.tobytes()


def _chunks(png: bytes) -> list[tuple[bytes, bytes]]:
    found = []
    at = 8
    while at < len(png):
        size = int.from_bytes(png[at : at + 4])
        found.append((png[at + 4 : at + 8], png[at + 8 : at + 8 + size]))
        at += 12 + size
    return found


def _chunk(name: bytes, data: bytes) -> bytes:
    return len(data).to_bytes(4) + name + data + zlib.crc32(name + data).to_bytes(4)
