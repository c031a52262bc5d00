"""Facts about a picture, apart from its pixels."""

from dataclasses import dataclass

from imgctl.core.formats import ImageFormat
from imgctl.core.geometry import Size


@dataclass(frozen=True, slots=True)
class Picture:
    """What a picture is: its upright size in pixels, Pillow's mode, and its file's size."""

    size: Size
    format: ImageFormat
    mode: str
    frames: int
    file_bytes: int
