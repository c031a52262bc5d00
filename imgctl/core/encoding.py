"""How results are written: each format's settings, chosen by measurement (docs/benchmarks.md)."""

import io
import os
import tempfile
from contextlib import suppress
from typing import Any, BinaryIO, cast

from PIL import Image, JpegImagePlugin

from imgctl.core.formats import DEFAULT_QUALITY, ImageFormat
from imgctl.core.spec import ResizeSpec

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
    pages: list[Image.Image],
    output_format: ImageFormat,
    options: dict[str, Any],
) -> bytes:
    """Encode the pages, which are all of modes that the format can hold."""
    if output_format is ImageFormat.PNG and len(pages) == 1:
        options = options | _png_options(pages[0])
    if output_format is ImageFormat.GIF:
        # Octree: five times quicker than the default median cut. Pillow itself takes it for RGBA.
        pages = [
            page.quantize(256, Image.Quantize.FASTOCTREE) if page.mode == "RGB" else page
            for page in pages
        ]
    if len(pages) > 1:
        options = options | {"save_all": True, "append_images": pages[1:]}
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


def settings(
    image: Image.Image,
    head: bytes,
    source_format: ImageFormat,
    output_format: ImageFormat,
    spec: ResizeSpec,
) -> dict[str, Any]:
    """Choose the encoder's settings, as the source has them where that is kept."""
    options: dict[str, Any] = {}
    same = source_format is output_format
    match output_format:
        case ImageFormat.JPEG:
            if same:
                options["progressive"] = "progressive" in image.info
                options["subsampling"] = JpegImagePlugin.get_sampling(image)
        case ImageFormat.WEBP:
            # Half the time of the default method 4, for about 3% more bytes.
            options |= {"method": 2, "lossless": same and head[12:16] == b"VP8L"}
        case ImageFormat.AVIF:
            options["speed"] = 8  # the default, 6, takes several times as long
        case ImageFormat.TIFF:
            compression = image.info.get("compression")
            if compression != "raw":
                options["compression"] = (
                    compression if compression in _LOSSLESS_TIFF else "tiff_lzw"
                )
        case ImageFormat.PNG | ImageFormat.GIF | ImageFormat.BMP:
            pass
    if output_format in DEFAULT_QUALITY:
        options["quality"] = spec.quality or DEFAULT_QUALITY[output_format]
    return options


def animation_settings(
    image: Image.Image, durations: list[int], pages: list[Image.Image], output_format: ImageFormat
) -> dict[str, Any]:
    """Give each frame its time, the loop its count, and clear frames a clean ground."""
    options: dict[str, Any] = {"duration": durations}
    if "loop" in image.info:
        options["loop"] = image.info["loop"]
    if output_format is ImageFormat.GIF and any(page.mode == "RGBA" for page in pages):
        options["disposal"] = 2  # frames are whole: clear before each, or they show through
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
