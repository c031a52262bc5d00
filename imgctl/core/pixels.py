"""Resizing one picture: decode, resample, encode. Pixels come out upright."""

import io
import struct
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from itertools import chain
from typing import BinaryIO

from PIL import Image, ImageFile, JpegImagePlugin, UnidentifiedImageError

from imgctl.core import encoding, png16
from imgctl.core.encoding import ANIMATED
from imgctl.core.errors import Damaged, TooLarge, Truncated
from imgctl.core.formats import HEAD_BYTES, ImageFormat, sniff
from imgctl.core.geometry import ImageInfo, Size, target_size
from imgctl.core.limits import Limits, working_bytes
from imgctl.core.metadata import QUARTER_TURNS, UPRIGHT, carry_over, orientation_of
from imgctl.core.spec import ResizeSpec

# Limits.max_pixels, checked for each picture, replaces Pillow's process-wide bound.
Image.MAX_IMAGE_PIXELS = None

# Where half the size is asked, these are averaged 2x2, as a JPEG is by its decoder. PNG and AVIF
# are not: the noise that an average keeps costs them more bytes than it saves time.
_HALVED_BY_AVERAGE = (ImageFormat.WEBP, ImageFormat.GIF)


@dataclass(frozen=True, slots=True)
class ResizeResult:
    """An encoded picture, what it was made from, and what was not kept, in words."""

    data: bytes
    original: ImageInfo
    resized: ImageInfo
    notes: tuple[str, ...] = ()


def resize(source: BinaryIO, spec: ResizeSpec, limits: Limits) -> ResizeResult:
    """Resize the picture in `source`, a seekable binary file read from its beginning.

    Raises a PictureError: NotAnImage, UnsupportedFormat, TooLarge, Truncated or Damaged. The
    limits are checked after the header and before any pixel is decoded.
    """
    source.seek(0)
    head = source.read(HEAD_BYTES)
    file_bytes = source.seek(0, io.SEEK_END)
    source.seek(0)
    source_format = sniff(head)
    limits.check_bytes(file_bytes)
    # By itself Pillow would import all its forty plugins where one is not among the usual five.
    for needed in {source_format, spec.format or source_format}:
        import_module(f"PIL.{needed.plugin}")
    with _pillow_errors(), Image.open(source, formats=[source_format.value]) as image:
        return _resize_open(image, source, head, source_format, file_bytes, spec, limits)


def _resize_open(
    image: ImageFile.ImageFile,
    source: BinaryIO,
    head: bytes,
    source_format: ImageFormat,
    file_bytes: int,
    spec: ResizeSpec,
    limits: Limits,
) -> ResizeResult:
    stored = Size(*image.size)
    frames, notes = _frame_count(image, source_format)
    limits.check_pixels(stored, frames)
    output_format = spec.format or source_format
    kept = frames if output_format in (*ANIMATED, ImageFormat.TIFF) else 1
    untransposed_target = target_size(stored, spec)  # before it is known how the picture is turned
    limits.check_pixels(untransposed_target, kept)
    limits.check_memory(_working_bytes(image, untransposed_target, kept, spec))

    mode = image.mode
    orientation = orientation_of(image)  # decodes a PNG, whose EXIF may come after its pixels
    turned = orientation in QUARTER_TURNS
    original_size = stored.turned if turned else stored
    target = target_size(original_size, spec)
    stored_target = target.turned if turned else target
    if kept < frames:
        notes.append(f"{frames - kept} of {frames} frames were dropped: {output_format} holds one")
    carried = carry_over(image, source_format, output_format, target, spec.metadata)
    original = ImageInfo(original_size, source_format, mode, frames, file_bytes)
    if png16.is_16_bit(image, head):
        enough = png16.working_bytes(stored, stored_target) <= limits.max_memory_bytes
        if enough and png16.is_kept(image, head, frames, output_format):
            channels = png16.read_channels(image, source)
            channels = png16.resized(channels, stored_target, _method(source_format, spec))
            channels = [_upright(channel, orientation) for channel in channels]
            data = png16.save(channels, carried.options)
            resized = ImageInfo(Size(*channels[0].size), output_format, mode, 1, len(data))
            return ResizeResult(data, original, resized, _told(notes, carried.notes))
        notes.append("16 bits a channel became 8")
    options = encoding.settings(image, head, source_format, output_format, spec)
    pages = []
    durations = []
    for index in range(kept):
        if frames > 1:
            image.seek(index)
        if (found := Size(*image.size)) != stored:  # a page of its own size, or a frame that grows
            limits.check_pixels(found, kept - index)
            limits.check_memory(_working_bytes(image, target_size(found, spec), kept, spec))
        if source_format is ImageFormat.TIFF and index:
            stored_target = target_size(found, spec)
        page = _resample(image, stored_target, source_format, spec)
        if page is image and frames > 1:
            page = page.copy()  # the next frame is decoded into the same memory
        page, lost = encoding.convert_for(_upright(page, orientation), output_format)
        notes.append(lost)
        pages.append(page)
        durations.append(image.info.get("duration", 0))
    if len(pages) > 1 and output_format in ANIMATED:
        options |= encoding.animation_settings(image, durations, pages, output_format)
    data = encoding.save(pages, output_format, options | carried.options)
    return ResizeResult(
        data=data,
        original=original,
        resized=ImageInfo(
            Size(*pages[0].size), output_format, pages[0].mode, len(pages), len(data)
        ),
        notes=_told(notes, carried.notes),
    )


def _told(*notes: Iterable[str]) -> tuple[str, ...]:
    """Give each note once, in order, without the empty ones."""
    return tuple(dict.fromkeys(note for note in chain(*notes) if note))


def _upright(page: Image.Image, orientation: int) -> Image.Image:
    return page.transpose(UPRIGHT[orientation]) if orientation in UPRIGHT else page


@contextmanager
def _pillow_errors() -> Iterator[None]:
    """Turn whatever Pillow's decoders raise on hostile bytes into the core's own errors."""
    try:
        yield
    except UnidentifiedImageError as error:
        raise Damaged(
            "The file begins like a picture, but its header cannot be read.",
            hint="Export it again from the program that made it.",
        ) from error
    except (OSError, EOFError, SyntaxError, ValueError, ArithmeticError, LookupError) as error:
        raise _to_picture_error(error) from error
    except (struct.error, zlib.error, TypeError, AttributeError) as error:
        raise _to_picture_error(error) from error
    except MemoryError as error:
        raise TooLarge(
            "There is not enough memory for the picture.", hint="Make it smaller first."
        ) from error
    except (RuntimeError, AssertionError) as error:  # what the AVIF and GIF plugins raise
        raise _to_picture_error(error) from error


def _to_picture_error(error: Exception) -> Damaged | Truncated:
    reason = str(error) or type(error).__name__
    if isinstance(error, EOFError) or "truncated" in reason.lower():
        return Truncated(
            "The file ends before the picture does.", hint="Copy or upload it again, whole."
        )
    return Damaged(
        f"The picture cannot be decoded: {reason}.",
        hint="Export it again from the program that made it.",
    )


def _frame_count(image: ImageFile.ImageFile, source_format: ImageFormat) -> tuple[int, list[str]]:
    found = getattr(image, "n_frames", 1)
    if source_format is ImageFormat.JPEG and found > 1:
        # A JPEG with more than one picture (MPO) carries previews and depth maps, not frames.
        return 1, [f"{found - 1} further pictures in the file (MPO) were dropped"]
    return found, []


def _working_bytes(image: ImageFile.ImageFile, target: Size, frames: int, spec: ResizeSpec) -> int:
    stored = Size(*image.size)
    decoded, progressive = stored, None
    if isinstance(image, JpegImagePlugin.JpegImageFile):
        if "progressive" in image.info:
            progressive = stored
        divisor = 1 if spec.high_quality else _divisor(stored, target)
        decoded = Size(-(-stored.width // divisor), -(-stored.height // divisor))
    return working_bytes(decoded, target, frames, progressive=progressive)


def _resample(
    image: Image.Image, target: Size, source_format: ImageFormat, spec: ResizeSpec
) -> Image.Image:
    """Bring the current frame of `image` to `target`, as stored, in a mode that can be filtered."""
    box = None
    if isinstance(image, JpegImagePlugin.JpegImageFile) and not spec.high_quality:
        box = _draft(image, target)
    frame = _filterable(image)
    if frame.size == (target.width, target.height):
        return frame
    half = Size(-(-frame.width // 2), -(-frame.height // 2))
    if source_format in _HALVED_BY_AVERAGE and target == half and not spec.high_quality:
        return frame.reduce(2)
    method = _method(source_format, spec)
    if frame.mode == "I;16":
        return png16.resized([frame], target, method)[0]
    return frame.resize((target.width, target.height), method, box=box)


def _method(source_format: ImageFormat, spec: ResizeSpec) -> Image.Resampling:
    finest = spec.high_quality or source_format is ImageFormat.JPEG
    return Image.Resampling.LANCZOS if finest else Image.Resampling.BICUBIC


def _draft(
    image: JpegImagePlugin.JpegImageFile, target: Size
) -> tuple[float, float, float, float] | None:
    """Let libjpeg decode at 1/2, 1/4 or 1/8, where that is the target or at least twice it.

    Gives the part of the decoded pixels that the picture fills: sides are rounded up.
    """
    width, height = image.size
    divisor = _divisor(Size(width, height), target)
    if divisor == 1:
        return None
    # Asked with sides rounded up, draft would silently not scale odd sizes.
    image.draft(None, (max(1, width // divisor), max(1, height // divisor)))
    return (0, 0, min(width / divisor, image.width), min(height / divisor, image.height))


def _divisor(stored: Size, target: Size) -> int:
    """Choose what libjpeg may divide the sides by while it decodes; it rounds them up."""
    for divisor in (8, 4, 2):
        decoded = Size(-(-stored.width // divisor), -(-stored.height // divisor))
        large_enough = decoded.width >= 2 * target.width and decoded.height >= 2 * target.height
        if decoded == target or large_enough:
            return divisor
    return 1


def _filterable(image: Image.Image) -> Image.Image:
    """Convert a mode that cannot be averaged (palette, 1-bit, colour key) into one that can."""
    image.load()
    if image.mode in ("P", "PA"):
        return image.convert("RGBA" if image.has_transparency_data else "RGB")
    if image.mode == "1":
        return image.convert("L")
    if image.mode in ("RGB", "L") and "transparency" in image.info:
        return image.convert("RGBA" if image.mode == "RGB" else "LA")
    if image.mode in ("I;16B", "I;16L", "I;16N"):
        return image.convert("I").convert("I;16")
    if image.mode in ("YCbCr", "HSV", "RGBX"):
        return image.convert("RGB")
    return image
