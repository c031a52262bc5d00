"""Sizes in pixels, and the one rounding rule of the project."""

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import assert_never

from imgctl.core.formats import ImageFormat
from imgctl.core.spec import Exact, Fit, ResizeSpec, Scale


@dataclass(frozen=True, slots=True)
class Size:
    """Width and height in pixels, each at least 1."""

    width: int
    height: int

    def __post_init__(self) -> None:
        if self.width < 1 or self.height < 1:
            raise ValueError(f"a picture has at least one pixel a side, not {self}")

    def __str__(self) -> str:
        return f"{self.width}x{self.height}"

    @property
    def pixels(self) -> int:
        """Width times height."""
        return self.width * self.height

    @property
    def turned(self) -> "Size":
        """The size after a quarter turn."""
        return Size(self.height, self.width)


@dataclass(frozen=True, slots=True)
class ImageInfo:
    """An image's upright size in pixels, Pillow mode, number of frames, and file size."""

    size: Size
    format: ImageFormat
    mode: str
    frames: int
    file_bytes: int


def scaled(length: int, factor: Fraction) -> int:
    """Multiply a side by a factor, rounding half up, and never below 1 pixel.

    Half up is what a DCT-scaled JPEG decode gives (libjpeg rounds a scaled side up, and at 1/2
    the two agree), so that every format and both paths come to the same size: 451 becomes 226.
    """
    return max(1, math.floor(length * factor + Fraction(1, 2)))


def target_size(size: Size, spec: ResizeSpec) -> Size:
    """Give the size that a picture of `size`, upright, has after resizing by `spec`."""
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
        case _:
            assert_never(spec.target)
