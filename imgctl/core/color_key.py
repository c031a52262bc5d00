"""Transparency as one gray level or color of a PNG (tRNS, W3C PNG, clause 11.3.1.1).

It becomes an alpha channel, compared in the values that are stored: Pillow scales gray of 1, 2 and
4 bits to 8 and drops the low byte of 16, but not those of the key.
"""

from collections.abc import Callable
from typing import BinaryIO

from PIL import Image, ImageChops

from imgctl.core.containers.png import GRAY, PngContainer

_VALUES_16_BIT = 65536


def with_alpha(image: Image.Image, png: PngContainer, source: BinaryIO) -> Image.Image:
    """Decode a PNG with a color key as `LA` or `RGBA` of 8 bits per channel.

    `image` is what Pillow opened from `source`. A color of 16 bits is decoded twice, because Pillow
    returns only its high bytes or its low ones.
    """
    key = png.color_key
    assert key is not None
    image.load()
    image.info.pop("transparency", None)
    if png.color_type == GRAY and png.depth == 16:
        return _gray_16_bit(image, key[0])
    if png.color_type == GRAY:
        page = image.convert("L") if image.mode == "1" else image
        alpha = _unlike(page, [key[0] * 255 // ((1 << png.depth) - 1)])
    elif png.depth == 16:
        page = image
        low = low_bytes(source)
        alpha = ImageChops.lighter(
            _unlike(page, [value >> 8 for value in key]),
            _unlike(low, [value & 255 for value in key]),
        )
    else:
        page, alpha = image, _unlike(image, list(key))
    page.putalpha(alpha)
    return page


def alpha_16_bit(
    image: Image.Image, png: PngContainer, channels: list[Image.Image]
) -> Image.Image | None:
    """Return the alpha channel, in mode `I;16`, that a color key means; None without a key.

    `channels` are those of the image, in the same mode.
    """
    if png.color_key is None:
        return None
    alpha = Image.new("L", image.size)
    for channel, value in zip(channels, png.color_key, strict=True):
        alpha = ImageChops.lighter(alpha, _unlike_16_bit(channel, value))
    return Image.frombytes("I;16", image.size, Image.merge("LA", (alpha, alpha)).tobytes())


def low_bytes(source: BinaryIO) -> Image.Image:
    """Decode the low bytes of a PNG of 16 bits per channel in color."""
    # PNG stores the high byte first. Read as little-endian, Pillow returns the low byte.
    return reopened(source, lambda layout: layout.replace("16B", "16L"))


def reopened(source: BinaryIO, layout: Callable[[str], str]) -> Image.Image:
    """Decode a PNG as if its bytes had another layout (Pillow's raw mode) of the same length."""
    source.seek(0)
    with Image.open(source, formats=["PNG"]) as image:
        image.tile = [tile._replace(args=layout(str(tile.args))) for tile in image.tile]
        image.load()
        return image


def gray_8_bit(image: Image.Image) -> Image.Image:
    """Return an image of mode `I;16` in 8 bits, rounded."""
    table = [(value + 128) // 257 for value in range(_VALUES_16_BIT)]
    page = image.convert("I").point(table, "L")
    page.info = dict(image.info)
    return page


def _gray_16_bit(image: Image.Image, key: int) -> Image.Image:
    page = gray_8_bit(image)
    page.putalpha(_unlike_16_bit(image, key))
    return page


def _unlike_16_bit(channel: Image.Image, value: int) -> Image.Image:
    table = [255] * _VALUES_16_BIT
    table[value] = 0
    return channel.convert("I").point(table, "L")


def _unlike(page: Image.Image, values: list[int]) -> Image.Image:
    """Return 0 where every band has its value, and 255 elsewhere."""
    result = Image.new("L", page.size)
    for band, value in zip(page.getbands(), values, strict=True):
        table = [255] * 256
        table[value] = 0
        result = ImageChops.lighter(result, page.getchannel(band).point(table))
    return result
