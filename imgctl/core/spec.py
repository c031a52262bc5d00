"""The resize request: target size, output format, quality and metadata."""

import re
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction
from typing import TypeAlias

from imgctl.core.formats import ImageFormat


class MetadataPolicy(StrEnum):
    """How much metadata a result keeps. Every policy keeps the color profile."""

    SAFE = "safe"  # EXIF without GPS position, maker notes and XMP
    ALL = "all"  # everything that the output format supports
    NONE = "none"  # no EXIF, no XMP, no resolution


@dataclass(frozen=True, slots=True)
class Scale:
    """Multiply both sides by a factor in (0, 1]."""

    factor: Fraction

    def __post_init__(self) -> None:
        if not 0 < self.factor <= 1:
            raise ValueError(f"scale must be above 0 and at most 1, not {float(self.factor):g}")


@dataclass(frozen=True, slots=True)
class Fit:
    """Fit into a box in pixels and keep the aspect ratio; a missing side is unlimited.

    An image that already fits keeps its size: nothing is ever enlarged.
    """

    width: int | None = None
    height: int | None = None

    def __post_init__(self) -> None:
        if self.width is None and self.height is None:
            raise ValueError("a box needs a width or a height")
        for side in (self.width, self.height):
            if side is not None and side < 1:
                raise ValueError(f"each side of a box must be at least 1 pixel, not {side}")


@dataclass(frozen=True, slots=True)
class Exact:
    """Exactly this size in pixels, without regard to the aspect ratio."""

    width: int
    height: int

    def __post_init__(self) -> None:
        if self.width < 1 or self.height < 1:
            raise ValueError(f"width and height must be at least 1 pixel, not {self}")


class Gravity(StrEnum):
    """Which part of an image is kept where it is cut: its center, or the part at an edge."""

    CENTER = "center"
    NORTH = "north"
    NORTHEAST = "northeast"
    EAST = "east"
    SOUTHEAST = "southeast"
    SOUTH = "south"
    SOUTHWEST = "southwest"
    WEST = "west"
    NORTHWEST = "northwest"


@dataclass(frozen=True, slots=True)
class Cover:
    """Fill a box in pixels and cut off what is outside of it, away from `gravity`.

    An image that is too small for the box is only cut, to the box's aspect ratio.
    """

    width: int
    height: int
    gravity: Gravity = Gravity.CENTER

    def __post_init__(self) -> None:
        if self.width < 1 or self.height < 1:
            raise ValueError(f"width and height must be at least 1 pixel, not {self}")


ResizeTarget: TypeAlias = Scale | Fit | Exact | Cover


def factor_text(value: object) -> str:
    """Return the text of a scale factor: a decimal, or a fraction such as `1/3`; 50% becomes 0.5.

    Raises ValueError, which says what is accepted, for anything but a number in (0, 1].
    """
    text = str(value).strip().replace(" %", "%")
    if not _FACTOR.fullmatch(text) or isinstance(value, bool):
        raise ValueError(FACTOR)
    if text.endswith("%"):
        text = f"{(Decimal(text[:-1]) / 100).normalize():f}"
    factor = Fraction(text)
    if not 0 < factor <= 1 or factor.denominator > _MAX_DENOMINATOR:
        raise ValueError(FACTOR)
    return text


FACTOR = "a number above 0 and at most 1, such as 0.5 or 50%"
"""What is accepted as a scale factor."""


def parse_box(value: object) -> tuple[int, int]:
    """Return width and height of a text such as `1600x1200`; raises ValueError for another one."""
    match = _BOX.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise ValueError(f"not a width and a height: {value!r}")
    return int(match[1]), int(match[2])


# Bounded, because exact arithmetic with millions of digits takes minutes.
_FACTOR = re.compile(
    r"(?:[0-9]{1,9}\.?[0-9]{0,20}|\.[0-9]{1,20})(?:e-[0-9]{1,2}|%)?|[0-9]{1,30}/[1-9][0-9]{0,29}"
)
_MAX_DENOMINATOR = 10**29  # whose fraction is accepted as a text again
_BOX = re.compile(r"([0-9]{1,9})[xX]([0-9]{1,9})")

HALF = Scale(Fraction(1, 2))


@dataclass(frozen=True, slots=True)
class ResizeSpec:
    """A resize request: the target size and how to encode the result.

    `format` None keeps the source's format, or its `result`. `quality` is 1 to 100 for JPEG, WebP
    and AVIF; None is the format's default (`formats.DEFAULT_QUALITY`). `high_quality` decodes a
    JPEG at its full size and resamples every format with Lanczos; without it, libjpeg reduces a
    JPEG while decoding. A `preview` is for looking at only: the first frame, in sRGB without a
    color profile, and never lossless.
    """

    target: ResizeTarget = HALF
    format: ImageFormat | None = None
    quality: int | None = None
    high_quality: bool = False
    metadata: MetadataPolicy = MetadataPolicy.SAFE
    preview: bool = False

    def __post_init__(self) -> None:
        if self.format is not None and not self.format.is_written:
            raise ValueError(f"{self.format} can be read, but not written")
        if self.quality is not None and not 1 <= self.quality <= 100:
            raise ValueError(f"quality must be from 1 to 100, not {self.quality}")

    def output_format(self, source_format: ImageFormat) -> ImageFormat:
        """Return the format of the result for a source in this format."""
        return self.format or source_format.result
