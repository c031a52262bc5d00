"""PNGs of 16 bits per channel with color or alpha, which Pillow reads and writes with 8.

Here an image is a list of channels, each of Pillow's mode `I;16`. It is read as two images, one of
the high bytes and one of the low bytes, and encoded in this module (W3C PNG, 3rd edition).
"""

import io
import zlib
from collections.abc import Mapping, Sequence
from typing import Any, BinaryIO

from PIL import Image, ImageChops, ImageFile, ImageMath, TiffImagePlugin

from imgctl.core import color_key
from imgctl.core.containers.container import Container
from imgctl.core.containers.png import GRAY, GRAY_ALPHA, RGB, RGB_ALPHA, PngContainer
from imgctl.core.geometry import Box, Size
from imgctl.core.resize_cost import ResizeCost

_COLOR_TYPES = {2: GRAY_ALPHA, 3: RGB, 4: RGB_ALPHA}  # by number of channels
_SUB, _UP, _AVERAGE = 1, 2, 3
_BAND_ROWS = 64
_MAX_VALUE = 65535


def is_color_16_bit(image: ImageFile.ImageFile, container: Container | None) -> bool:
    """Return whether this is a PNG or TIFF of 16 bits per channel, which is read as 8 by Pillow.

    Gray without transparency is not: Pillow reads it with 16 bits.
    """
    if isinstance(container, PngContainer):
        plain_gray = container.color_type == GRAY and container.color_key is None
        return container.depth == 16 and not (plain_gray and container.animation is None)
    return (
        image.mode in ("RGB", "RGBA", "CMYK")
        and isinstance(image, TiffImagePlugin.TiffImageFile)
        and bool(max(image.tag_v2.get(TiffImagePlugin.BITSPERSAMPLE, (8,))) > 8)
    )


def is_readable(container: Container | None) -> bool:
    """Return whether `read_channels` can read all 16 bits: a still PNG."""
    return (
        isinstance(container, PngContainer)
        and container.depth == 16
        and container.animation is None
    )


def working_cost(decoded: Size, target: Size) -> ResizeCost:
    """Estimate the memory of reading, resampling and encoding, in bytes.

    Per source pixel: four channels of 16 bits, plus the two images they are read from, or one
    channel and alpha in 32 bits. Per result pixel: the channels, and twice the bytes to compress.
    """
    return ResizeCost(decoding_bytes=30 * decoded.pixels, pages_bytes=28 * target.pixels)


def read_channels(
    high: ImageFile.ImageFile, source: BinaryIO, container: PngContainer
) -> list[Image.Image]:
    """Read all 16 bits per channel; `high` is the image that Pillow opened from `source`.

    A color key becomes an alpha channel.
    """
    if container.color_type == GRAY_ALPHA:
        return _read_gray_alpha(source)
    high.load()
    if container.color_type == GRAY:
        channels = [high.convert("I").convert("I;16")]
    else:
        low = color_key.low_bytes(source)
        channels = [
            _merge_bytes(low.getchannel(band), high.getchannel(band)) for band in high.getbands()
        ]
    alpha = color_key.alpha_16_bit(high, container, channels)
    return channels if alpha is None else [*channels, alpha]


def _read_gray_alpha(source: BinaryIO) -> list[Image.Image]:
    # Pillow has no such mode. Two channels of 16 bits are stored as four of 8, high byte first.
    image = color_key.reopened(source, lambda _: "RGBA")
    gray_high, gray_low, alpha_high, alpha_low = image.split()
    return [_merge_bytes(gray_low, gray_high), _merge_bytes(alpha_low, alpha_high)]


def resized(
    channels: Sequence[Image.Image],
    target: Size,
    method: Image.Resampling,
    *,
    box: Box | None = None,
) -> list[Image.Image]:
    """Resample `box` of each channel; color is weighted by alpha, so that edges get no fringe.

    This is done in floating point: where Pillow's resampling of `I;16` overshoots, it corrupts the
    low byte.
    """
    size = (target.width, target.height)
    has_alpha = len(channels) in (2, 4)
    transparent = has_alpha and channels[-1].getextrema() != (_MAX_VALUE, _MAX_VALUE)
    if not transparent:
        return [_rounded(channel.convert("F").resize(size, method, box)) for channel in channels]
    alpha = channels[-1].convert("F")
    resized_alpha = alpha.resize(size, method, box)
    results = []
    for channel in channels[:-1]:
        weighted = ImageMath.lambda_eval(
            lambda args: args["color"] * args["alpha"] / _MAX_VALUE,
            color=channel.convert("F"),
            alpha=alpha,
        ).resize(size, method, box)
        color = ImageMath.lambda_eval(
            lambda args: args["weighted"] * _MAX_VALUE / args["max"](args["alpha"], 1.0),
            weighted=weighted,
            alpha=resized_alpha,
        )
        results.append(_rounded(color))
    return [*results, _rounded(resized_alpha)]


def mode(channels: Sequence[Image.Image]) -> str:
    """Return the mode in which Pillow opens what `save` writes."""
    return "RGB" if _COLOR_TYPES[len(channels)] == RGB else "RGBA"


def save(channels: Sequence[Image.Image], options: Mapping[str, Any]) -> bytes:
    """Encode as PNG; `options` are those of Pillow's PNG save that hold metadata."""
    width, height = channels[0].size
    rows = _interleaved(channels)
    pixel_bytes = 2 * len(channels)
    middle = max(0, (height - _BAND_ROWS) // 2)
    filter_type = min(
        (_SUB, _UP, _AVERAGE),
        key=lambda type_: len(zlib.compress(_filtered(rows, middle, type_, pixel_bytes), 1)),
    )
    compressor = zlib.compressobj()
    pixels = b"".join(
        compressor.compress(_filtered(rows, top, filter_type, pixel_bytes))
        for top in range(0, height, _BAND_ROWS)
    )
    # Pillow writes the metadata chunks around an image of one pixel, which is then replaced.
    template = io.BytesIO()
    Image.new("RGB", (1, 1)).save(template, "PNG", **options)
    header = bytes([16, _COLOR_TYPES[len(channels)], 0, 0, 0])
    replaced = {
        b"IHDR": width.to_bytes(4) + height.to_bytes(4) + header,
        b"IDAT": pixels + compressor.flush(),
    }
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        _chunk(name, replaced.get(name, data)) for name, data in _chunks(template.getvalue())
    )


def _merge_bytes(low: Image.Image, high: Image.Image) -> Image.Image:
    pairs = Image.merge("LA", (low, high)).tobytes()  # low byte first, as in I;16
    return Image.frombytes("I;16", low.size, pairs)


def _rounded(channel: Image.Image) -> Image.Image:
    clipped: Image.Image = ImageMath.lambda_eval(
        lambda args: args["int"](args["min"](args["max"](args["c"], 0.0), float(_MAX_VALUE)) + 0.5),
        c=channel,
    )
    return clipped.convert("I;16")


def _interleaved(channels: Sequence[Image.Image]) -> Image.Image:
    """Return the bytes of all rows in PNG's order, big-endian, as an image of mode `L`."""
    width, height = channels[0].size
    step = 2 * len(channels)
    data = bytearray(step * width * height)
    for index, channel in enumerate(channels):
        little = channel.tobytes()
        data[2 * index :: step] = little[1::2]
        data[2 * index + 1 :: step] = little[::2]
    return Image.frombytes("L", (step * width, height), data)


def _filtered(rows: Image.Image, top: int, filter_type: int, pixel_bytes: int) -> bytes:
    """Apply a PNG filter to a band of rows from `top` on; each row begins with the filter type."""
    width, bottom = rows.width, min(rows.height, top + _BAND_ROWS)
    band = rows.crop((0, top, width, bottom))
    # Outside the image a crop returns zeros, as PNG requires.
    left = rows.crop((-pixel_bytes, top, width - pixel_bytes, bottom))
    above = rows.crop((0, top - 1, width, bottom - 1))
    predicted = {_SUB: left, _UP: above, _AVERAGE: ImageChops.add(left, above, scale=2)}[
        filter_type
    ]
    lines = Image.new("L", (width + 1, band.height), filter_type)
    lines.paste(ImageChops.subtract_modulo(band, predicted), (1, 0))
    return lines.tobytes()


def _chunks(png: bytes) -> list[tuple[bytes, bytes]]:
    """Split a PNG file into the names and data of its chunks."""
    chunks = []
    start = 8
    while start < len(png):
        size = int.from_bytes(png[start : start + 4])
        chunks.append((png[start + 4 : start + 8], png[start + 8 : start + 8 + size]))
        start += 12 + size
    return chunks


def _chunk(name: bytes, data: bytes) -> bytes:
    return len(data).to_bytes(4) + name + data + zlib.crc32(name + data).to_bytes(4)
