"""The result of one resize."""

from dataclasses import dataclass

from imgctl.core.formats import ImageFormat
from imgctl.core.geometry import ImageInfo


@dataclass(frozen=True, slots=True)
class ResizeResult:
    """An encoded image, what it was made from, and notes on what was not kept.

    `quality` is what it was encoded with, where its format has one.
    """

    data: bytes
    original: ImageInfo
    resized: ImageInfo
    notes: tuple[str, ...] = ()
    quality: int | None = None

    @property
    def converted_to(self) -> ImageFormat | None:
        """The format that it was converted to; None if it kept its own."""
        return None if self.resized.format is self.original.format else self.resized.format
