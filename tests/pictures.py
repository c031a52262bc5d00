"""Images that the tests create, with every property that the core has to keep."""

import io
import zlib
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from PIL import Image, ImageCms, ImageDraw

import imgctl.local

PHOTOS = Path(str(imgctl.local.__file__)).parent / "photos"


def photo(width: int = 64, height: int = 48, mode: str = "RGB") -> Image.Image:
    """Return an image with gradients, a hard edge, and no symmetry that would hide a rotation."""
    image = Image.linear_gradient("L").resize((width, height))
    bands = [image, image.transpose(Image.Transpose.FLIP_LEFT_RIGHT), image.point(lambda v: v // 2)]
    rgb = Image.merge("RGB", bands)
    ImageDraw.Draw(rgb).rectangle((0, 0, width // 3, height // 4), fill=(250, 20, 20))
    return rgb.convert(mode)


def encoded(image: Image.Image, format_: str, **options: Any) -> bytes:
    """Return an image encoded with options of Pillow's `Image.save`, or HEIC by pillow-heif."""
    if format_ == "HEIC":
        return heic(image, **options)
    buffer = io.BytesIO()
    image.save(buffer, format_, **options)
    return buffer.getvalue()


def heic(image: Image.Image, *, chroma: int = 420, bits: int = 8, **options: Any) -> bytes:
    """Return an image encoded as HEIC, as fast as x265 can, with options of pillow-heif."""
    import pillow_heif  # noqa: PLC0415 (loads the libraries of an encoder)

    mode, data = image.mode, image.tobytes()
    if bits > 8:
        wide = bytearray(2 * len(data))
        wide[::2] = wide[1::2] = data
        mode, data = "I;16" if mode == "L" else f"{mode};16", bytes(wide)
        options["bit_depth"] = bits
    file = io.BytesIO()
    parameters = {"preset": "ultrafast", "chroma": chroma}
    pillow_heif.encode(mode, image.size, data, file, enc_params=parameters, **options)
    return file.getvalue()


def animation(format_: str, *, frames: int = 4, mode: str = "RGB", **options: Any) -> bytes:
    """Return an encoded animation whose frames and durations all differ."""
    pictures = []
    for index in range(frames):
        frame = photo(40, 30, mode)
        ImageDraw.Draw(frame).rectangle((index * 8, 10, index * 8 + 6, 28), fill="blue")
        pictures.append(frame)
    durations = [100 + 50 * index for index in range(frames)]
    return encoded(
        pictures[0],
        format_,
        save_all=True,
        append_images=pictures[1:],
        duration=durations,
        **options,
    )


@cache
def srgb_profile() -> bytes:
    """Return an ICC profile for sRGB, the same each time: it states when it was made."""
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def decoded(data: bytes) -> Image.Image:
    """Return an image with its pixels decoded."""
    image = Image.open(io.BytesIO(data))
    image.load()
    return image


def deep_png(
    width: int, height: int, channels: int, value: Callable[[int, int, int], int]
) -> bytes:
    """Return a PNG of 16 bits per channel, which Pillow cannot write, of `value(x, y, channel)`."""
    rows = b"".join(
        b"\0" + b"".join(value(x, y, c).to_bytes(2) for x in range(width) for c in range(channels))
        for y in range(height)
    )

    def chunk(name: bytes, body: bytes) -> bytes:
        return len(body).to_bytes(4) + name + body + zlib.crc32(name + body).to_bytes(4)

    color_type = {2: 4, 3: 2, 4: 6}[channels]
    header = width.to_bytes(4) + height.to_bytes(4) + bytes([16, color_type, 0, 0, 0])
    body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


def deep_values(png: bytes) -> tuple[int, int, list[list[list[int]]]]:
    """Return bit depth, color type and values of a PNG of 16 bits per channel.

    The values are `[y][x][channel]`. The decoder follows the PNG specification and uses neither
    Pillow nor the core.
    """
    at, compressed, header = 8, b"", b""
    while at < len(png):
        size, name = int.from_bytes(png[at : at + 4]), png[at + 4 : at + 8]
        body = png[at + 8 : at + 8 + size]
        assert zlib.crc32(name + body) == int.from_bytes(png[at + 8 + size : at + 12 + size])
        header = body if name == b"IHDR" else header
        compressed += body if name == b"IDAT" else b""
        at += 12 + size
    width, height = int.from_bytes(header[:4]), int.from_bytes(header[4:8])
    step = {2: 6, 4: 4, 6: 8}[header[9]]
    data, above = zlib.decompress(compressed), bytearray(width * step)
    picture = []
    for y in range(height):
        start = y * (width * step + 1)
        kind, row = data[start], bytearray(data[start + 1 : start + 1 + width * step])
        for i in range(len(row)):
            left = row[i - step] if i >= step else 0
            row[i] = (row[i] + {0: 0, 1: left, 2: above[i], 3: (left + above[i]) // 2}[kind]) % 256
        above = row
        values = [int.from_bytes(row[i : i + 2]) for i in range(0, len(row), 2)]
        picture.append([values[i : i + step // 2] for i in range(0, len(values), step // 2)])
    return header[8], header[9], picture
