"""Encoding results: each format's options, chosen by measurement (docs/benchmarks.md)."""

import io
import os
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from threading import Lock
from typing import Any, BinaryIO, cast

from PIL import Image, ImageFile

from imgctl.core import bmp_writer, gif_encoding, tiff_writer
from imgctl.core.containers.apng import Blend, Disposal
from imgctl.core.containers.heif_facts import HeifContainer
from imgctl.core.containers.tiff import TiffContainer
from imgctl.core.formats import DEFAULT_QUALITY, ImageFormat
from imgctl.core.profiles import color_space
from imgctl.core.source import SourceInfo, load_plugin
from imgctl.core.spec import ResizeSpec
from imgctl.core.transparent_colors import with_surrounding_colors

_LOSSY_WITH_ALPHA = (ImageFormat.WEBP, ImageFormat.AVIF)
ANIMATED = (ImageFormat.GIF, ImageFormat.WEBP, ImageFormat.PNG, ImageFormat.AVIF)

_SUPPORTED_MODES = {  # TIFF is not listed: it supports every mode that can be resized
    ImageFormat.JPEG: ("L", "RGB", "CMYK"),
    ImageFormat.PNG: ("L", "LA", "RGB", "RGBA", "I;16"),
    ImageFormat.WEBP: ("RGB", "RGBA"),
    ImageFormat.AVIF: ("RGB", "RGBA"),
    ImageFormat.GIF: ("L", "RGB", "RGBA"),
    ImageFormat.BMP: ("L", "RGB", "RGBA"),
}

_LARGEST_JPEG_BYTES = 8  # per pixel, at quality 100 and with four channels
_ENLARGED_BUFFER = Lock()

_OPAQUE = 255

_RUN_LENGTHS = {"compress_level": 1, "compress_type": 3}  # zlib's Z_RLE
_STRIP_ROWS = 48


# What Pillow keeps beside the pixels although it says how they are shown. All else is metadata,
# which its encoders write where no option says otherwise.
_PIXEL_INFO = ("transparency", "background", "disposal", "blend", "duration", "version")


def pixel_info(info: Mapping[Any, Any]) -> dict[str | tuple[int, int], Any]:
    """Return what describes pixels of Pillow's `info`, so that metadata come by options only."""
    return {key: info[key] for key in _PIXEL_INFO if key in info}


def convert_for(page: Image.Image, output_format: ImageFormat) -> tuple[Image.Image, str]:
    """Convert to the nearest mode that the format supports; return the page and a note on losses.

    The note is empty where nothing is lost. CMYK is converted to sRGB by the profile in
    `page.info`, if there is one.
    """
    supported = _SUPPORTED_MODES.get(output_format, (page.mode,))
    lost = ""
    if page.mode in ("I;16", "I", "F") and page.mode not in supported:
        page, lost = _to_8_bits(page), "reduced from 16 to 8 bits"
    if page.mode not in supported:
        match page.mode:
            case "LA" | "RGBA" if "RGBA" not in supported:
                lost = _flattened_note(page, output_format)
                return _flattened(page, "L" if page.mode == "LA" else "RGB"), lost
            case "CMYK":
                lost = "converted CMYK to sRGB"
            case "LAB":
                lost = "converted L*a*b* to sRGB"
        page = _convert(page, "RGBA" if page.mode == "LA" else "RGB")
    if output_format is ImageFormat.GIF and page.mode == "RGBA":
        alpha = page.getchannel("A")
        if any(alpha.histogram()[1:255]):
            lost = "partial transparency thresholded (GIF)"
        page.putalpha(alpha.point(lambda value: 255 if value >= 128 else 0))
    return page, lost


def save(
    pages: Sequence[Image.Image], output_format: ImageFormat, options: Mapping[str, Any]
) -> bytes:
    """Encode the pages, each converted by `convert_for`, with options of Pillow's `Image.save`."""
    load_plugin(output_format)
    options = dict(options)
    if output_format in _LOSSY_WITH_ALPHA and not options.get("lossless"):
        pages = [with_surrounding_colors(p) if p.mode == "RGBA" else p for p in pages]
    if output_format is ImageFormat.TIFF:
        return tiff_writer.encode_pages(pages, options)
    if output_format is ImageFormat.PNG and len(pages) == 1 and "compress_level" not in options:
        options |= _png_options(pages[0])
    if len(pages) > 1:
        options |= {"save_all": True, "append_images": pages[1:]}
    try:
        return _encoded(pages[0], output_format, options)
    except OSError:
        if not options.get("progressive"):
            raise
    # Pillow gives a progressive JPEG a buffer of one byte per pixel, which noise exceeds.
    with _ENLARGED_BUFFER:
        usual = ImageFile.MAXBLOCK
        ImageFile.MAXBLOCK = _LARGEST_JPEG_BYTES * pages[0].width * pages[0].height + usual
        try:
            return _encoded(pages[0], output_format, options)
        finally:
            ImageFile.MAXBLOCK = usual


def _encoded(page: Image.Image, output_format: ImageFormat, options: Mapping[str, Any]) -> bytes:
    # Pillow releases the interpreter lock while it encodes into a real file, so that threads run in
    # parallel; into a BytesIO it would not.
    with _memory_file() as encoded:
        page.save(encoded, output_format.value, **options)
        encoded.seek(0)
        data = encoded.read()
    has_alpha = output_format is ImageFormat.BMP and page.mode == "RGBA"
    return bmp_writer.with_alpha_mask(data) if has_alpha else data


def _memory_file() -> BinaryIO:
    if hasattr(os, "memfd_create"):
        return os.fdopen(os.memfd_create("encoded"), "w+b")
    return cast(BinaryIO, tempfile.TemporaryFile())


def encoder_options(source: SourceInfo, spec: ResizeSpec) -> dict[str, Any]:
    """Choose the encoder's options; what the source's own encoding chose is kept."""
    options: dict[str, Any] = {}
    output_format, quality = spec.output_format(source.header.format), spec.quality
    same_format = source.header.format is output_format
    match output_format:
        case ImageFormat.JPEG:
            if same_format:
                options["progressive"] = source.header.progressive
                options["subsampling"] = source.jpeg_subsampling
        case ImageFormat.WEBP:
            # Half the time of the default method 4, for about 3% more bytes. Of a preview, which is
            # small, bytes matter more: method 5 saves a tenth of them.
            options |= (
                {"method": 5, "lossless": False}
                if spec.preview
                else {"method": 2, "lossless": source.lossless_webp}
            )
        case ImageFormat.AVIF:
            options["speed"] = 8  # the default, 6, takes several times as long
            if isinstance(source.container, HeifContainer):
                options["subsampling"] = source.container.subsampling
        case ImageFormat.TIFF:
            jpeg_quality = quality or DEFAULT_QUALITY[ImageFormat.JPEG]
            tiff = source.container if isinstance(source.container, TiffContainer) else None
            compressions = (source.compression,) if tiff is None else tiff.compressions
            options |= tiff_writer.compression_options(compressions, jpeg_quality)
        case ImageFormat.PNG | ImageFormat.GIF | ImageFormat.BMP:
            pass
    if output_format in DEFAULT_QUALITY:
        options["quality"] = quality or DEFAULT_QUALITY[output_format]
        if quality is None and same_format and source.quality is not None:
            # What the source lost does not come back at a higher quality; it only takes bytes.
            options["quality"] = min(options["quality"], source.quality)
    return options


def animation_options(
    durations_ms: Sequence[float], output_format: ImageFormat, plays: int | None
) -> dict[str, Any]:
    """Return the options of Pillow's `save` for an animation, which is shown `plays` times."""
    # Only APNG stores fractions of a millisecond.
    exact = output_format is ImageFormat.PNG
    options: dict[str, Any] = {"duration": [ms if exact else round(ms) for ms in durations_ms]}
    if plays is not None:
        options["loop"] = min(plays, 65_535)  # WebP has 16 bits for it (RFC 9649, 2.7.1.1)
    if output_format is ImageFormat.PNG:
        # Each page is a whole frame, of which Pillow writes the part that changed.
        options |= {"disposal": Disposal.NONE.value, "blend": Blend.SOURCE.value}
    return options


def animation_losses(
    durations_ms: Sequence[float], frames: int, output_format: ImageFormat, *, pages: int
) -> tuple[str, ...]:
    """Return a note for each fact about an animation that its file does not state.

    `frames` is how many the file has, and `pages` how many were encoded.
    """
    notes = []
    if frames < pages:
        notes.append("identical frames merged")
    if output_format is ImageFormat.GIF and gif_encoding.rounds_durations(durations_ms):
        notes.append("frame durations rounded to 10 ms (GIF)")
    if output_format is ImageFormat.AVIF and frames > 1 and 0 in durations_ms:
        notes.append("frame durations of 0 raised to 1 ms (AVIF)")
    return tuple(notes)


def _png_options(page: Image.Image) -> dict[str, Any]:
    """Choose a zlib strategy from a strip in the middle of the page.

    Run lengths suit photographs: six times faster than zlib's default, and as small. For flat
    graphics and text the default is kept, because run lengths are up to five times larger there.
    """
    top = max(0, (page.height - _STRIP_ROWS) // 2)
    strip = page.crop((0, top, page.width, min(page.height, top + _STRIP_ROWS)))
    return _RUN_LENGTHS if _png_bytes(strip, _RUN_LENGTHS) <= 1.04 * _png_bytes(strip, {}) else {}


def _png_bytes(strip: Image.Image, options: dict[str, Any]) -> int:
    encoded = io.BytesIO()
    strip.save(encoded, "PNG", **options)
    return len(encoded.getvalue())


def _cmyk_to_srgb(page: Image.Image) -> Image.Image:
    profile = page.info.get("icc_profile")
    return (_by_profile(page, profile) if profile else None) or page.convert("RGB")


def _gray_to_srgb(page: Image.Image) -> Image.Image | None:
    """Convert `L` or `LA` by the gray profile in `page.info`; None if there is none that works."""
    profile = _gray_profile(page)
    if profile is None:
        return None
    converted = _by_profile(page.getchannel("L"), profile)
    if converted is not None and page.mode == "LA":
        converted.putalpha(page.getchannel("A"))
    return converted


def _gray_profile(page: Image.Image) -> bytes | None:
    profile: bytes | None = page.info.get("icc_profile")
    return profile if color_space(profile) == "GRAY" else None


def in_srgb(page: Image.Image, profile: bytes) -> Image.Image:
    """Convert `RGB` or `RGBA` from a profile to sRGB; a page that it does not fit stays."""
    converted = _by_profile(page.convert("RGB"), profile)
    if converted is None:
        return page
    if page.mode == "RGBA":
        converted.putalpha(page.getchannel("A"))
    return converted


def _flattened(page: Image.Image, mode: str) -> Image.Image:
    white = Image.new(mode, page.size, "white")
    white.paste(page.convert(mode), mask=page.getchannel("A"))
    return white


def _flattened_note(page: Image.Image, output_format: ImageFormat) -> str:
    """Return the note for a page with alpha, an empty one if all of it is opaque."""
    if page.getchannel("A").getextrema()[0] == _OPAQUE:
        return ""
    return f"transparency flattened onto white ({output_format} has no alpha)"


def _by_profile(page: Image.Image, profile: bytes) -> Image.Image | None:
    """Convert from a profile to sRGB; None if it does not match the image."""
    from PIL import ImageCms  # noqa: PLC0415 (rarely needed, and loads a library of its own)

    with suppress(ImageCms.PyCMSError, OSError):
        return ImageCms.profileToProfile(
            page,
            ImageCms.ImageCmsProfile(io.BytesIO(profile)),
            ImageCms.createProfile("sRGB"),
            outputMode="RGB",
        )
    return None


def _lab_to_srgb(page: Image.Image) -> Image.Image:
    from PIL import ImageCms  # noqa: PLC0415 (rarely needed, and loads a library of its own)

    lab, srgb = ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB")
    converted = ImageCms.profileToProfile(page, lab, srgb, outputMode="RGB")
    assert converted is not None  # it is None for a conversion in place only
    return converted


def _convert(page: Image.Image, mode: str) -> Image.Image:
    if page.mode == "CMYK":
        return _cmyk_to_srgb(page)
    if page.mode == "LAB":
        return _lab_to_srgb(page).convert(mode)
    if page.mode in ("L", "LA") and (converted := _gray_to_srgb(page)):
        return converted
    return page.convert(mode)


def _to_8_bits(gray: Image.Image) -> Image.Image:
    # Pillow clips 16 bits to 8 where it should scale them.
    page = gray.convert("I").point(lambda value: value * (1 / 257)).convert("L")
    page.info = dict(gray.info)
    return page
