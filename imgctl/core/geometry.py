"""Image sizes in pixels, and the rounding rule that all formats share."""

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import TypeAlias, assert_never

from imgctl.core.formats import ImageFormat
from imgctl.core.spec import Cover, Exact, Fit, ResizeSpec, Scale

Box: TypeAlias = tuple[float, float, float, float]
"""A part of an image, in pixels from its upper left corner: left, top, right, bottom."""


@dataclass(frozen=True, slots=True)
class Size:
    """Width and height in pixels, each at least 1."""

    width: int
    height: int

    def __post_init__(self) -> None:
        if self.width < 1 or self.height < 1:
            raise ValueError(f"width and height must be at least 1 pixel, not {self}")

    def __str__(self) -> str:
        return f"{self.width}x{self.height}"

    @property
    def pixels(self) -> int:
        """Width times height."""
        return self.width * self.height

    @property
    def transposed(self) -> "Size":
        """The size after a quarter turn: width and height exchanged."""
        return Size(self.height, self.width)


@dataclass(frozen=True, slots=True)
class ImageInfo:
    """An image's upright size, format, Pillow mode, number of frames, and file size in bytes."""

    size: Size
    format: ImageFormat
    mode: str
    frames: int
    file_bytes: int


def scaled(length: int, factor: Fraction) -> int:
    """Multiply a side by a factor, rounded half up, and at least 1 pixel.

    Rounding half up agrees with DCT-scaled JPEG decoding, where libjpeg rounds a halved side up, so
    that all formats end up with the same size: 451 becomes 226.
    """
    return max(1, math.floor(length * factor + Fraction(1, 2)))


def target_size(size: Size, spec: ResizeSpec) -> Size:
    """Return the size of an image of `size` after resizing by `spec`."""
    match spec.target:
        case Scale(factor):
            return Size(scaled(size.width, factor), scaled(size.height, factor))
        case Fit(width, height):
            factors = [Fraction(1)]
            if width is not None:
                factors.append(Fraction(width, size.width))
            if height is not None:
                factors.append(Fraction(height, size.height))
            factor = min(factors)
            return Size(scaled(size.width, factor), scaled(size.height, factor))
        case Exact(width, height):
            return Size(width, height)
        case Cover() as cover:
            factor = factor_into(size, cover)
            if factor >= 1:
                return Size(cover.width, cover.height)
            return Size(scaled(cover.width, factor), scaled(cover.height, factor))
        case _:
            assert_never(spec.target)


def factor_into(size: Size, cover: Cover) -> Fraction:
    """Return the factor of the largest box of the cover's aspect ratio within an image."""
    return min(Fraction(size.width, cover.width), Fraction(size.height, cover.height))
