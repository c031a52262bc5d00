"""Descriptions outside of EXIF and XMP: IPTC data, comments, and the text of PNG."""

from collections.abc import Mapping
from typing import Any, TypeAlias

from PIL import Image, JpegImagePlugin, PngImagePlugin, TiffImagePlugin

from imgctl.core import jpeg_metadata
from imgctl.core.formats import ImageFormat
from imgctl.core.photoshop import IPTC
from imgctl.core.spec import MetadataPolicy

XMP_KEYWORD = "XML:com.adobe.xmp"  # of PNG text that is XMP
RAW_PROFILE = "Raw profile type "  # of PNG text that is other metadata, in hexadecimal digits

_RAW_IPTC = (RAW_PROFILE + "iptc", RAW_PROFILE + "8bim")
_IPTC_FORMATS = (ImageFormat.JPEG, ImageFormat.TIFF)
_COMMENT_FORMATS = (ImageFormat.JPEG, ImageFormat.GIF)

Planned: TypeAlias = tuple[dict[str, Any], tuple[str, ...]]
"""Options of Pillow's `save`, and notes on what is lost; `iptc` is for this package's writers."""


def read_iptc(image: Image.Image) -> bytes | None:
    """Return the IPTC data of a JPEG or TIFF."""
    iptc: object = None
    if isinstance(image, TiffImagePlugin.TiffImageFile):
        iptc = image.tag_v2.get(TiffImagePlugin.IPTC_NAA_CHUNK)
    elif photoshop := image.info.get("photoshop"):
        iptc = photoshop.get(IPTC)
    return iptc if isinstance(iptc, bytes) else None


def read_comments(image: Image.Image) -> tuple[bytes, ...]:
    """Return the comments of a JPEG or GIF."""
    if isinstance(image, JpegImagePlugin.JpegImageFile):
        return tuple(data for name, data in image.applist if name == "COM" and data)
    comment = image.info.get("comment")
    return (comment,) if isinstance(comment, bytes) and comment else ()


def read_text(image: Image.Image) -> dict[str, str]:
    """Return a PNG's text, of which Pillow reads what precedes the pixels of an animation."""
    if not isinstance(image, PngImagePlugin.PngImageFile):
        return {}
    text = image.info if image.n_frames > 1 else image.text
    return {
        key: value
        for key, value in text.items()
        if isinstance(key, str)
        and isinstance(value, str)
        and key != XMP_KEYWORD
        and not key.startswith(RAW_PROFILE)
    }


def unreadable_notes(image: Image.Image) -> list[str]:
    """Return notes on descriptions that are there but cannot be read."""
    has_raw_iptc = any(key in image.info for key in _RAW_IPTC)
    return ["IPTC dropped: not supported as PNG text"] if has_raw_iptc else []


def plan_iptc(iptc: bytes | None, policy: MetadataPolicy, output_format: ImageFormat) -> Planned:
    """Keep IPTC data if everything is kept: they have places, such as the city."""
    if not iptc:
        return {}, ()
    if policy is not MetadataPolicy.ALL or output_format not in _IPTC_FORMATS:
        return {}, ("IPTC dropped",)
    if output_format is ImageFormat.JPEG and len(iptc) > jpeg_metadata.MAX_IPTC:
        return {}, (f"IPTC dropped: larger than {jpeg_metadata.MAX_IPTC:,} bytes",)
    return {"iptc": iptc}, ()


def plan_comments(comments: tuple[bytes, ...], output_format: ImageFormat) -> Planned:
    """Keep the last comment where the format has comments."""
    if not comments:
        return {}, ()
    if output_format not in _COMMENT_FORMATS:
        return {}, (f"comment dropped: not supported by {output_format}",)
    *others, comment = comments
    notes = (f"{len(others)} of {len(comments)} comments dropped",) if others else ()
    if output_format is ImageFormat.JPEG and len(comment) > jpeg_metadata.MAX_SEGMENT:
        too_large = f"comment dropped: larger than {jpeg_metadata.MAX_SEGMENT:,} bytes"
        return {}, (too_large, *notes)
    return {"comment": comment}, notes


def plan_text(
    text: Mapping[str, str], policy: MetadataPolicy, output_format: ImageFormat
) -> Planned:
    """Keep text in a PNG if everything is kept."""
    if not text:
        return {}, ()
    if policy is not MetadataPolicy.ALL or output_format is not ImageFormat.PNG:
        return {}, ("text dropped",)
    chunks = PngImagePlugin.PngInfo()
    for key, value in text.items():
        if isinstance(value, PngImagePlugin.iTXt):
            chunks.add_itxt(key, value, value.lang or "", value.tkey or "")
        else:
            chunks.add_text(key, value)
    return {"pnginfo": chunks}, ()
