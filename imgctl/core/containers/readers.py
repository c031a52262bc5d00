"""The format modules, by format."""

from collections.abc import Callable, Mapping
from typing import BinaryIO, TypeAlias

from imgctl.core.containers.avif import read_avif
from imgctl.core.containers.container import Container
from imgctl.core.containers.gif import read_gif
from imgctl.core.containers.webp import read_webp
from imgctl.core.formats import ImageFormat

Reader: TypeAlias = Callable[[BinaryIO, int], Container]
"""Reads an open file of this many bytes. Raises PictureError."""

READERS: Mapping[ImageFormat, Reader] = {
    ImageFormat.AVIF: read_avif,
    ImageFormat.GIF: read_gif,
    ImageFormat.WEBP: read_webp,
}


def read_container(image_format: ImageFormat, file: BinaryIO, file_bytes: int) -> Container | None:
    """Read the structure of a file from its beginning. Raises PictureError."""
    reader = READERS.get(image_format)
    return None if reader is None else reader(file, file_bytes)
