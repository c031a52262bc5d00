"""What libvips sees in an image file: a decoder that shares little with Pillow's."""

import io
from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import pyvips
from PIL import Image, ImageSequence

from imgctl.core.formats import ImageFormat

Pixel: TypeAlias = tuple[float, float, float, float]
"""Red, green and blue, weighted by alpha, and alpha; or four inks. From 0 to 1."""

pyvips.concurrency_set(1)  # for small pictures, threads take longer than the work

_MOST = {"uchar": 255, "ushort": 65535}


@dataclass(frozen=True, eq=False)
class Page:
    """A page or frame: a libvips image of floats, weighted by alpha, and their largest value.

    `color` is GRAY, RGB or CMYK.
    """

    image: Any
    most: int
    color: str

    @property
    def size(self) -> tuple[int, int]:
        return self.image.width, self.image.height

    def pixels(self) -> list[Pixel]:
        return _pixels(self.image, self.most)

    def averaged(self, size: tuple[int, int]) -> list[Pixel]:
        """Return the exact mean of the area that each pixel of a smaller picture covers."""
        return _pixels(self.image.zoom(*size).shrink(*self.size), self.most)


@dataclass(frozen=True)
class Seen:
    """What a decoder sees. `bits` are per sample or index of a palette, `plays` is 0 for ever."""

    pages: tuple[Page, ...]
    bits: int
    profile: bytes | None
    durations_ms: tuple[float, ...] = ()
    plays: int | None = None

    @property
    def color(self) -> str:
        return self.pages[0].color


def seen(data: bytes, format_: ImageFormat) -> Seen:
    """Return what libvips sees, or Pillow in a BMP, an APNG or an AVIF sequence."""
    if format_ is ImageFormat.BMP or data[4:12] == b"ftypavis" or b"acTL" in data:
        return _seen_by_pillow(data)
    first = pyvips.Image.new_from_buffer(data, "")
    count = _field(first, "n-pages", 1)
    others = [pyvips.Image.new_from_buffer(data, "", page=page) for page in range(1, count)]
    animated = count > 1 and first.get_typeof("delay")
    return Seen(
        pages=tuple(_page(image) for image in (first, *others)),
        bits=_field(first, "bits-per-sample", 8),
        profile=_field(first, "icc-profile-data", None),
        durations_ms=tuple(first.get("delay")) if animated else (),
        plays=_field(first, "loop", None) if animated else None,
    )


def halved_in_srgb(data: bytes) -> list[Pixel]:
    """Return the average of each 2x2 pixels, converted to sRGB by the file's profile."""
    image = pyvips.Image.new_from_buffer(data, "").shrink(2, 2)
    return _page(image.icc_transform("srgb", embedded=True, intent="perceptual")).pixels()


def mean_difference(first: Sequence[Pixel | None], second: Sequence[Pixel | None]) -> float:
    """Return the mean difference of all samples, of 255, but for pixels that one does not state."""
    differences = [
        abs(a - b)
        for pixels in zip(first, second, strict=True)
        if None not in pixels
        for a, b in zip(*pixels, strict=True)  # type: ignore[arg-type]
    ]
    return 255 * sum(differences) / len(differences)


def _page(image: Any) -> Page:
    most = _MOST[image.format]
    image = image.autorot() if _field(image, "orientation", 1) > 1 else image
    weighted = image.premultiply(max_alpha=most) if image.hasalpha() else image.cast("float")
    is_cmyk = image.interpretation == "cmyk"
    color = "CMYK" if is_cmyk else "GRAY" if image.bands < 3 else "RGB"
    return Page(weighted.copy_memory(), most, color)


def _pixels(image: Any, most: int) -> list[Pixel]:
    samples = [value / most for value in array("f", bytes(image.write_to_memory()))]
    bands = [samples[band :: image.bands] for band in range(image.bands)]
    if image.bands < 3:
        bands = [bands[0], bands[0], *bands]
    if len(bands) < 4:
        bands.append([1.0] * len(bands[0]))
    return list(zip(*bands, strict=True))


def _field(image: Any, name: str, default: Any) -> Any:
    return image.get(name) if image.get_typeof(name) else default


def _seen_by_pillow(data: bytes) -> Seen:
    pages, durations_ms = [], []
    with Image.open(io.BytesIO(data)) as image:
        for frame in ImageSequence.Iterator(image):
            is_gray = frame.mode in ("1", "L")
            shown = frame.convert("L" if is_gray else "RGBA")
            durations_ms.append(frame.info.get("duration", 0))  # known once it is decoded
            bands = len(shown.getbands())
            page = pyvips.Image.new_from_memory(shown.tobytes(), *shown.size, bands, "uchar")
            pages.append(_page(page.copy(interpretation="b-w" if is_gray else "srgb")))
        info = dict(image.info)
    animated = len(pages) > 1
    return Seen(
        pages=tuple(pages),
        bits=8,
        profile=info.get("icc_profile"),
        durations_ms=tuple(durations_ms) if animated else (),
        plays=info.get("loop") if animated else None,
    )
