"""How results are written: each format's settings, chosen by measurement (docs/benchmarks.md)."""

import io
import os
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any, BinaryIO, cast

from PIL import Image

from imgctl.core.formats import DEFAULT_QUALITY, ImageFormat
from imgctl.core.source import SourceInfo, load_plugin

ANIMATED = (ImageFormat.GIF, ImageFormat.WEBP, ImageFormat.PNG, ImageFormat.AVIF)

_HELD_MODES = {  # TIFF is not listed: it holds every mode that can be resized
    ImageFormat.JPEG: ("L", "RGB", "CMYK"),
    ImageFormat.PNG: ("L", "LA", "RGB", "RGBA", "I;16"),
    ImageFormat.WEBP: ("RGB", "RGBA"),
    ImageFormat.AVIF: ("RGB", "RGBA"),
    ImageFormat.GIF: ("L", "RGB", "RGBA"),
    ImageFormat.BMP: ("L", "RGB", "RGBA"),
}
_LOSSLESS_TIFF = ("tiff_lzw", "tiff_adobe_deflate", "packbits")

_RUN_LENGTHS = {"compress_level": 1, "compress_type": 3}  # zlib's Z_RLE
_STRIP_ROWS = 48


def convert_for(page: Image.Image, output_format: ImageFormat) -> tuple[Image.Image, str]:
    """Convert to the nearest mode that the format can hold; says what is lost by it, or nothing.

    Inks become sRGB by the page's own profile, where `page.info` has one.
    """
    held = _HELD_MODES.get(output_format)
    lost = ""
    if held is not None and page.mode not in held:
        if page.mode in ("RGBA", "LA") and "RGBA" not in held:
            lost = f"transparency was laid on white: {output_format} holds none"
        elif page.mode in ("I;16", "I", "F"):
            lost = f"16 bits became 8: {output_format} holds no more here"
        elif page.mode == "CMYK":
            lost = f"CMYK became sRGB: {output_format} holds no inks"
        page = _convert(page, "RGBA" if page.mode == "LA" and "RGBA" in held else "RGB")
    if output_format is ImageFormat.GIF and page.mode == "RGBA":
        alpha = page.getchannel("A")
        if any(alpha.histogram()[1:255]):
            lost = "half-clear pixels became clear or opaque: GIF knows no other"
        page.putalpha(alpha.point(lambda value: 255 if value >= 128 else 0))
    return page, lost


def save(
    pages: Sequence[Image.Image], output_format: ImageFormat, options: Mapping[str, Any]
) -> bytes:
    """Encode the pages, each converted by `convert_for`, with options of Pillow's `Image.save`."""
    load_plugin(output_format)
    options = dict(options)
    if output_format is ImageFormat.PNG and len(pages) == 1:
        options |= _png_options(pages[0])
    if output_format is ImageFormat.GIF:
        # Octree: five times quicker than the default median cut. Pillow itself takes it for RGBA.
        pages = [
            page.quantize(256, Image.Quantize.FASTOCTREE) if page.mode == "RGB" else page
            for page in pages
        ]
    if len(pages) > 1:
        options |= {"save_all": True, "append_images": pages[1:]}
    # To a real file: into one, Pillow encodes without the interpreter's lock, so that threads
    # work side by side; into a BytesIO it would hold it.
    with _memory_file() as encoded:
        pages[0].save(encoded, output_format.value, **options)
        encoded.seek(0)
        return encoded.read()


def _memory_file() -> BinaryIO:
    if hasattr(os, "memfd_create"):
        return os.fdopen(os.memfd_create("encoded"), "w+b")
    return cast(BinaryIO, tempfile.TemporaryFile())


def encoder_options(
    source: SourceInfo, output_format: ImageFormat, quality: int | None
) -> dict[str, Any]:
    """Choose the encoder's options; what the source's own encoding chose is kept.

    `quality` None is the format's default.
    """
    options: dict[str, Any] = {}
    same_format = source.header.format is output_format
    match output_format:
        case ImageFormat.JPEG:
            if same_format:
                options["progressive"] = source.header.progressive
                options["subsampling"] = source.jpeg_subsampling
        case ImageFormat.WEBP:
            # Half the time of the default method 4, for about 3% more bytes.
            options |= {"method": 2, "lossless": source.lossless_webp}
        case ImageFormat.AVIF:
            options["speed"] = 8  # the default, 6, takes several times as long
        case ImageFormat.TIFF:
            if source.compression != "raw":
                lossless = source.compression in _LOSSLESS_TIFF
                options["compression"] = source.compression if lossless else "tiff_lzw"
        case ImageFormat.PNG | ImageFormat.GIF | ImageFormat.BMP:
            pass
    if output_format in DEFAULT_QUALITY:
        options["quality"] = quality or DEFAULT_QUALITY[output_format]
    return options


def animation_options(
    pages: Sequence[Image.Image],
    durations_ms: Sequence[int],
    output_format: ImageFormat,
    loop: int | None,
) -> dict[str, Any]:
    """Return the options that make an animation of the pages: durations, loop count, disposal."""
    options: dict[str, Any] = {"duration": list(durations_ms)}
    if loop is not None:
        options["loop"] = loop
    if output_format is ImageFormat.GIF and any(page.mode == "RGBA" for page in pages):
        # Each page is a whole frame: without clearing, earlier ones show through.
        options["disposal"] = 2
    return options


def _png_options(page: Image.Image) -> dict[str, Any]:
    """Choose by a strip: run lengths for photographs, zlib's default for flat graphics and text.

    Run lengths are six times quicker than the default and as small on photographs; on text they
    are up to five times larger.
    """
    top = max(0, (page.height - _STRIP_ROWS) // 2)
    strip = page.crop((0, top, page.width, min(page.height, top + _STRIP_ROWS)))
    return _RUN_LENGTHS if _png_bytes(strip, _RUN_LENGTHS) <= 1.04 * _png_bytes(strip, {}) else {}


def _png_bytes(strip: Image.Image, options: dict[str, Any]) -> int:
    encoded = io.BytesIO()
    strip.save(encoded, "PNG", **options)
    return len(encoded.getvalue())


def _srgb_from_inks(page: Image.Image) -> Image.Image:
    if profile := page.info.get("icc_profile"):
        from PIL import ImageCms  # noqa: PLC0415 (rarely needed, and a library of its own)

        with suppress(ImageCms.PyCMSError, OSError):  # a profile that does not fit is no profile
            done = ImageCms.profileToProfile(
                page,
                ImageCms.ImageCmsProfile(io.BytesIO(profile)),
                ImageCms.createProfile("sRGB"),
                outputMode="RGB",
            )
            if done is not None:
                return done
    return page.convert("RGB")


def _convert(page: Image.Image, mode: str) -> Image.Image:
    if page.mode == "CMYK":
        return _srgb_from_inks(page)
    if page.mode in ("I;16", "I", "F") and mode == "RGB":
        # Pillow clips where it should scale: 16 bits are brought to 8 by hand.
        grey = page.convert("I").point(lambda value: value * (1 / 257)).convert("L")
        return grey.convert("RGB")
    if page.mode in ("RGBA", "LA") and mode == "RGB":
        white = Image.new("RGB", page.size, "white")
        white.paste(page.convert("RGBA"), mask=page.getchannel("A"))
        return white
    return page.convert(mode)
