"""Decoding and resampling one page: the steps that `resize.render` is made of."""

from PIL import Image, ImageMath, JpegImagePlugin

from imgctl.core import png16
from imgctl.core.formats import ImageFormat
from imgctl.core.geometry import Box, Size
from imgctl.core.metadata import UPRIGHT

# At half the size these are averaged 2x2, as libjpeg does for JPEG. PNG and AVIF are not: the noise
# that an average keeps costs them more bytes than it saves time.
_AVERAGED_FORMATS = (ImageFormat.WEBP, ImageFormat.GIF)

_SHORT = 32  # where part of a pixel is a visible part of the picture


def resampling_filter(source_format: ImageFormat, *, high_quality: bool) -> Image.Resampling:
    """Return the filter that an image of this format is resampled with."""
    lanczos = high_quality or source_format is ImageFormat.JPEG
    return Image.Resampling.LANCZOS if lanczos else Image.Resampling.BICUBIC


def averages_halves(
    source_format: ImageFormat, *, few_colors: bool = False, high_quality: bool
) -> bool:
    """Return whether pages that are halved exactly are averaged 2x2 instead of filtered.

    So are pages of `few_colors`: a filter that overshoots would give each edge many new ones.
    """
    return (few_colors or source_format in _AVERAGED_FORMATS) and not high_quality


def draft_divisor(stored: Size, target: Size) -> int:
    """Return what libjpeg divides both sides by while it decodes: 8, 4, 2 or 1.

    `target` is the size that the whole image is resized to. The result is that itself, or at least
    a quarter larger, from which it is then filtered (docs/decisions/renditions.md). Sides are
    rounded up, which moves the picture by part of a pixel: short sides must be multiples. No side
    is shorter than the divisor: Pillow's draft scales by no more than that.
    """
    sides = (stored.width, stored.height)
    for divisor in (8, 4, 2):
        if min(sides) < divisor or any(side < _SHORT and side % divisor for side in sides):
            continue
        decoded = divided(stored, divisor)
        large_enough = (
            4 * decoded.width >= 5 * target.width and 4 * decoded.height >= 5 * target.height
        )
        if decoded == target or large_enough:
            return divisor
    return 1


def divided(size: Size, divisor: int) -> Size:
    """Return the size with both sides divided and rounded up."""
    return Size(-(-size.width // divisor), -(-size.height // divisor))


def set_draft(image: Image.Image, divisor: int) -> Box | None:
    """Make a JPEG decode with its sides divided; return the box that the picture fills then.

    The box is None for a divisor of 1. Where sides were rounded up, the picture ends within the
    last pixel.
    """
    if divisor == 1 or not isinstance(image, JpegImagePlugin.JpegImageFile):
        return None
    width, height = image.size
    # With sides rounded up, draft would silently not scale odd sizes.
    image.draft(None, (max(1, width // divisor), max(1, height // divisor)))
    return (0, 0, min(width / divisor, image.width), min(height / divisor, image.height))


def decode(image: Image.Image) -> Image.Image:
    """Decode the current page, converted from a mode that cannot be averaged into one that can.

    Returns `image` itself where no conversion is needed. Palettes, 1-bit pixels and color keys
    cannot be averaged.
    """
    image.load()
    if image.mode in ("P", "PA"):
        return image.convert("RGBA" if image.has_transparency_data else "RGB")
    if image.mode == "1":
        return image.convert("L")
    if image.mode in ("La", "RGBa"):
        return image.convert("LA" if image.mode == "La" else "RGBA")
    if image.mode in ("RGB", "L") and "transparency" in image.info:
        return image.convert("RGBA" if image.mode == "RGB" else "LA")
    if image.mode in ("I;16B", "I;16L", "I;16N"):
        return image.convert("I").convert("I;16")
    if image.mode in ("YCbCr", "HSV", "RGBX"):
        return image.convert("RGB")
    return image


def resample(
    page: Image.Image,
    target: Size,
    method: Image.Resampling,
    *,
    box: Box | None = None,
    part: Box | None = None,
    average_halves: bool = False,
) -> Image.Image:
    """Resize what `box` contains of a decoded page, all of it without; or a `part` that is kept.

    A page that has the target size already is returned itself.
    """
    size = Size(*page.size)
    whole_pixels = None
    if part is not None:
        box, whole_pixels = part, _in_whole_pixels(part)
        size = Size(*_size_of(whole_pixels)) if whole_pixels else size
    can_keep_pixels = part is None or whole_pixels is not None
    if can_keep_pixels and size == target:
        return page.crop(whole_pixels) if whole_pixels else page
    if can_keep_pixels and average_halves and target == divided(size, 2):
        return page.reduce(2, whole_pixels)
    if page.mode == "I;16":
        resized = png16.resized([page], target, method, box=box)[0]
        resized.info = dict(page.info)  # as Pillow does: the profile is still needed
        return resized
    return page.resize((target.width, target.height), method, box=box)


def _in_whole_pixels(part: Box) -> tuple[int, int, int, int] | None:
    """Return a part with integers as its sides; None if it begins or ends within a pixel."""
    if any(side % 1 for side in part):
        return None
    left, top, right, bottom = map(int, part)
    return (left, top, right, bottom)


def _size_of(part: tuple[int, int, int, int]) -> tuple[int, int]:
    left, top, right, bottom = part
    return right - left, bottom - top


def inverted(page: Image.Image) -> Image.Image:
    """Return the negative of a gray page of 16 bits."""
    negative: Image.Image = ImageMath.lambda_eval(
        lambda args: 65535 - args["page"], page=page.convert("I")
    )
    return negative.convert("I;16")


def upright(page: Image.Image, orientation: int) -> Image.Image:
    """Apply an EXIF orientation."""
    return page.transpose(UPRIGHT[orientation]) if orientation in UPRIGHT else page
