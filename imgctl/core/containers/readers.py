"""The format modules, by format."""

from collections.abc import Callable, Mapping
from typing import BinaryIO, TypeAlias

from imgctl.core.containers import bmp, gif, jpeg, png, tiff, webp
from imgctl.core.containers.container import Container
from imgctl.core.formats import ImageFormat

Reader: TypeAlias = Callable[[BinaryIO, int], Container]
"""Reads an open file of this many bytes. Raises PictureError."""


def _read_avif(file: BinaryIO, file_bytes: int) -> Container:
    from imgctl.core.containers import avif  # noqa: PLC0415 (rarely needed, of many modules)

    return avif.read(file, file_bytes)


def _read_heic(file: BinaryIO, file_bytes: int) -> Container:
    from imgctl.core.containers import heic  # noqa: PLC0415 (rarely needed, of many modules)

    return heic.read(file, file_bytes)


READERS: Mapping[ImageFormat, Reader] = {
    ImageFormat.JPEG: jpeg.read,
    ImageFormat.PNG: png.read,
    ImageFormat.WEBP: webp.read,
    ImageFormat.GIF: gif.read,
    ImageFormat.TIFF: tiff.read,
    ImageFormat.BMP: bmp.read,
    ImageFormat.AVIF: _read_avif,
    ImageFormat.HEIC: _read_heic,
}


def read_container(image_format: ImageFormat, file: BinaryIO, file_bytes: int) -> Container:
    """Read the structure of a file from its beginning. Raises PictureError."""
    return READERS[image_format](file, file_bytes)
