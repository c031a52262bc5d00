"""Resizing one picture: decode, resample, encode.

Pixels come out upright, with the colour profile, the resolution, the animation and the EXIF of
the source (without its GPS position, its thumbnail and the tags that resizing makes untrue).
"""

import io
import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, BinaryIO, TypeAlias

from PIL import ExifTags, Image, ImageFile, JpegImagePlugin, UnidentifiedImageError

from imgctl.core.errors import Damaged, TooLarge, Truncated
from imgctl.core.formats import DEFAULT_QUALITY, HEAD_BYTES, ImageFormat, sniff
from imgctl.core.geometry import Size, target_size
from imgctl.core.picture import Picture
from imgctl.core.spec import MEBIBYTE, Limits, ResizeSpec

SaveOptions: TypeAlias = dict[str, Any]  # what Pillow's save takes differs by format

# Limits.max_pixels, checked for each picture, replaces Pillow's process-wide bound.
Image.MAX_IMAGE_PIXELS = None

LANCZOS = Image.Resampling.LANCZOS

_UPRIGHT = {  # EXIF orientation (CIPA DC-008, tag 0x0112): what makes the picture upright
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_QUARTER_TURNS = (5, 6, 7, 8)

_ANIMATED = (ImageFormat.GIF, ImageFormat.WEBP, ImageFormat.PNG, ImageFormat.AVIF)
_HOLDS_EXIF = (ImageFormat.JPEG, ImageFormat.PNG, ImageFormat.WEBP, ImageFormat.AVIF)
_HOLDS_DPI = (ImageFormat.JPEG, ImageFormat.PNG, ImageFormat.TIFF, ImageFormat.BMP)
_HOLDS_ICC = tuple(f for f in ImageFormat if f not in (ImageFormat.BMP, ImageFormat.GIF))
_HELD_MODES = {  # TIFF is not listed: it holds every mode that can be resized
    ImageFormat.JPEG: ("L", "RGB", "CMYK"),
    ImageFormat.PNG: ("L", "LA", "RGB", "RGBA", "I;16"),
    ImageFormat.WEBP: ("RGB", "RGBA"),
    ImageFormat.AVIF: ("RGB", "RGBA"),
    ImageFormat.GIF: ("L", "RGB", "RGBA"),
    ImageFormat.BMP: ("L", "RGB", "RGBA"),
}
_LOSSLESS_TIFF = ("tiff_lzw", "tiff_adobe_deflate", "packbits")


@dataclass(frozen=True, slots=True)
class Resized:
    """An encoded picture, and what it was made from."""

    data: bytes
    original: Picture
    resized: Picture


def resize(source: BinaryIO, spec: ResizeSpec, limits: Limits) -> Resized:
    """Resize the picture in `source`, a seekable binary file read from its beginning.

    Raises a PictureError: NotAnImage, UnsupportedFormat, TooLarge, Truncated or Damaged. The
    limits are checked after the header and before any pixel is decoded.
    """
    source.seek(0)
    head = source.read(HEAD_BYTES)
    file_bytes = source.seek(0, io.SEEK_END)
    source.seek(0)
    source_format = sniff(head)
    _refuse_bytes(file_bytes, limits)
    with _pillow_errors(), Image.open(source, formats=[source_format.value]) as image:
        stored = Size(*image.size)
        frames = _frame_count(image, source_format)
        _refuse_pixels(stored, frames, limits)
        mode = image.mode
        orientation = image.getexif().get(ExifTags.Base.Orientation, 1)
        original_size = stored.turned if orientation in _QUARTER_TURNS else stored
        target = target_size(original_size, spec)

        output_format = spec.format or source_format
        options = _save_options(image, head, source_format, output_format, spec, target)
        stored_target = target.turned if orientation in _QUARTER_TURNS else target
        pages = []
        durations = []
        kept = frames if output_format in (*_ANIMATED, ImageFormat.TIFF) else 1
        for index in range(kept):
            if frames > 1:
                image.seek(index)
            if source_format is ImageFormat.TIFF and index:  # pages may differ in size
                stored_target = target_size(Size(*image.size), spec)
                _refuse_pixels(Size(*image.size), frames - index, limits)
            page = _resample(image, stored_target, spec)
            if page is image and frames > 1:
                page = page.copy()  # the next frame is decoded into the same memory
            if orientation in _UPRIGHT:
                page = page.transpose(_UPRIGHT[orientation])
            pages.append(_encodable(page, output_format))
            durations.append(image.info.get("duration", 0))
        if len(pages) > 1:
            options |= {"save_all": True, "append_images": pages[1:]}
            if output_format in _ANIMATED:
                options |= _animation_options(image, durations, pages, output_format)
        encoded = io.BytesIO()
        pages[0].save(encoded, output_format.value, **options)

    data = encoded.getvalue()
    return Resized(
        data=data,
        original=Picture(original_size, source_format, mode, frames, file_bytes),
        resized=Picture(Size(*pages[0].size), output_format, pages[0].mode, len(pages), len(data)),
    )


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
        raise _damage(error) from error
    except (struct.error, zlib.error, TypeError, AttributeError, MemoryError) as error:
        raise _damage(error) from error
    except (RuntimeError, AssertionError) as error:  # what the AVIF and GIF plugins raise
        raise _damage(error) from error


def _damage(error: Exception) -> Damaged | Truncated:
    reason = str(error) or type(error).__name__
    if isinstance(error, EOFError) or "truncated" in reason.lower():
        return Truncated(
            "The file ends before the picture does.", hint="Copy or upload it again, whole."
        )
    return Damaged(
        f"The picture cannot be decoded: {reason}.",
        hint="Export it again from the program that made it.",
    )


def _refuse_bytes(file_bytes: int, limits: Limits) -> None:
    if file_bytes > limits.max_bytes:
        raise TooLarge(
            f"The file has {file_bytes / MEBIBYTE:.1f} MiB,"
            f" and the limit is {limits.max_bytes / MEBIBYTE:.1f} MiB.",
            hint="Make it smaller first.",
        )


def _refuse_pixels(size: Size, frames: int, limits: Limits) -> None:
    if size.pixels * frames > limits.max_pixels:
        of_frames = f" x {frames} frames" if frames > 1 else ""
        raise TooLarge(
            f"The picture has {size}{of_frames} = {size.pixels * frames / 1e6:.1f} megapixels,"
            f" and the limit is {limits.max_pixels / 1e6:.1f}.",
            hint="Make it smaller first.",
        )


def _frame_count(image: ImageFile.ImageFile, source_format: ImageFormat) -> int:
    # A JPEG with more than one picture (MPO) carries previews and depth maps, not frames.
    return 1 if source_format is ImageFormat.JPEG else getattr(image, "n_frames", 1)


def _resample(image: Image.Image, target: Size, spec: ResizeSpec) -> Image.Image:
    """Bring the current frame of `image` to `target`, as stored, in a mode that can be filtered."""
    box = None
    if isinstance(image, JpegImagePlugin.JpegImageFile) and not spec.high_quality:
        box = _draft(image, target)
    frame = _filterable(image)
    if frame.size == (target.width, target.height):
        return frame
    return frame.resize((target.width, target.height), LANCZOS, box=box)


def _draft(
    image: JpegImagePlugin.JpegImageFile, target: Size
) -> tuple[float, float, float, float] | None:
    """Let libjpeg decode at 1/2, 1/4 or 1/8, where that is the target or at least twice it.

    Gives the part of the decoded pixels that the picture fills: sides are rounded up.
    """
    width, height = image.size
    for divisor in (8, 4, 2):
        decoded = Size(-(-width // divisor), -(-height // divisor))  # libjpeg rounds up
        if decoded == target or (
            decoded.width >= 2 * target.width and decoded.height >= 2 * target.height
        ):
            # Asked with sides rounded up, draft would silently not scale odd sizes.
            image.draft(None, (max(1, width // divisor), max(1, height // divisor)))
            return (0, 0, min(width / divisor, image.width), min(height / divisor, image.height))
    return None


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


def _encodable(page: Image.Image, output_format: ImageFormat) -> Image.Image:
    """Convert to the nearest mode that the output's format can hold."""
    held = _HELD_MODES.get(output_format)
    if held is not None and page.mode not in held:
        page = _convert(page, "RGBA" if page.mode == "LA" and "RGBA" in held else "RGB")
    if output_format is ImageFormat.GIF and page.mode == "RGBA":
        # GIF knows only opaque and clear.
        alpha = page.getchannel("A").point(lambda value: 255 if value >= 128 else 0)
        page.putalpha(alpha)
    return page


def _convert(page: Image.Image, mode: str) -> Image.Image:
    if page.mode in ("I;16", "I", "F") and mode == "RGB":
        # Pillow clips where it should scale: 16 bits are brought to 8 by hand.
        grey = page.convert("I").point(lambda value: value * (1 / 257)).convert("L")
        return grey.convert("RGB")
    if page.mode in ("RGBA", "LA") and mode == "RGB":
        white = Image.new("RGB", page.size, "white")
        white.paste(page.convert("RGBA"), mask=page.getchannel("A"))
        return white
    return page.convert(mode)


def _save_options(
    image: ImageFile.ImageFile,
    head: bytes,
    source_format: ImageFormat,
    output_format: ImageFormat,
    spec: ResizeSpec,
    target: Size,
) -> SaveOptions:
    """Choose the encoder's settings, and what is carried over from the source."""
    options: SaveOptions = {}
    same = source_format is output_format
    match output_format:
        case ImageFormat.JPEG:
            if same:
                options["progressive"] = "progressive" in image.info
                options["subsampling"] = JpegImagePlugin.get_sampling(image)
        case ImageFormat.PNG:
            options["compress_level"] = 3
        case ImageFormat.WEBP:
            options |= {"method": 2, "lossless": same and head[12:16] == b"VP8L"}
        case ImageFormat.AVIF:
            options["speed"] = 8
        case ImageFormat.TIFF:
            compression = image.info.get("compression")
            if compression != "raw":
                options["compression"] = (
                    compression if compression in _LOSSLESS_TIFF else "tiff_lzw"
                )
        case ImageFormat.GIF | ImageFormat.BMP:
            pass
    if output_format in DEFAULT_QUALITY:
        options["quality"] = spec.quality or DEFAULT_QUALITY[output_format]
    if output_format in _HOLDS_ICC and image.info.get("icc_profile"):
        options["icc_profile"] = image.info["icc_profile"]
    if output_format in _HOLDS_DPI and _plausible_dpi(image.info.get("dpi")):
        options["dpi"] = image.info["dpi"]
    if output_format in _HOLDS_EXIF and (exif := _kept_exif(image, source_format, target)):
        options["exif"] = exif
    return options


def _plausible_dpi(dpi: object) -> bool:
    return isinstance(dpi, tuple) and len(dpi) == 2 and all(0 < value < 65536 for value in dpi)


def _kept_exif(image: ImageFile.ImageFile, source_format: ImageFormat, target: Size) -> bytes:
    """Give the source's EXIF without what resizing makes untrue and without the position.

    A TIFF's EXIF is its own directory of strips and is not carried over.
    """
    if source_format is ImageFormat.TIFF:
        return b""
    exif = image.getexif()
    for tag in (ExifTags.Base.Orientation, ExifTags.IFD.GPSInfo):
        exif.pop(tag, None)
    if ExifTags.IFD.Exif in exif:
        details = exif.get_ifd(ExifTags.IFD.Exif)
        details.pop(ExifTags.IFD.MakerNote, None)  # offsets inside it no longer hold
        if ExifTags.Base.ExifImageWidth in details:
            details[ExifTags.Base.ExifImageWidth] = target.width
            details[ExifTags.Base.ExifImageHeight] = target.height
    if not exif:
        return b""
    try:
        return exif.tobytes()
    except (ValueError, TypeError, struct.error, OverflowError):
        return b""  # a tag that cannot be written again is no reason to lose the picture


def _animation_options(
    image: Image.Image, durations: list[int], pages: list[Image.Image], output_format: ImageFormat
) -> SaveOptions:
    options: SaveOptions = {"duration": durations}
    if "loop" in image.info:
        options["loop"] = image.info["loop"]
    if output_format is ImageFormat.GIF and any(page.mode == "RGBA" for page in pages):
        options["disposal"] = 2  # frames are whole: clear before each, or they show through
    return options
