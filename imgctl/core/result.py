"""The result of one resize."""

from dataclasses import dataclass

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
