"""What is carried over beside the pixels: profile, resolution, EXIF, XMP.

The default keeps what a photographer expects to find again, without the position, without the
thumbnail, and without what resizing makes untrue.
"""

import struct
from dataclasses import dataclass
from typing import Any

from PIL import ExifTags, Image, TiffImagePlugin

from imgctl.core.formats import ImageFormat
from imgctl.core.geometry import Size
from imgctl.core.spec import MetadataPolicy

_HOLDS_EXIF = (ImageFormat.JPEG, ImageFormat.PNG, ImageFormat.WEBP, ImageFormat.AVIF)
_HOLDS_XMP = (ImageFormat.JPEG, ImageFormat.WEBP, ImageFormat.AVIF)
_HOLDS_DPI = (ImageFormat.JPEG, ImageFormat.PNG, ImageFormat.TIFF, ImageFormat.BMP)
_HOLDS_ICC = tuple(f for f in ImageFormat if f not in (ImageFormat.BMP, ImageFormat.GIF))

# Of a TIFF's own directory, what tells of the picture and not of the file's strips (TIFF 6.0).
_DESCRIPTIVE = (
    ExifTags.Base.ImageDescription,
    ExifTags.Base.Make,
    ExifTags.Base.Model,
    ExifTags.Base.Software,
    ExifTags.Base.DateTime,
    ExifTags.Base.Artist,
    ExifTags.Base.HostComputer,
    ExifTags.Base.Copyright,
)

_HOLDS_INKS = (ImageFormat.JPEG, ImageFormat.TIFF)

_XMP_NAMES = ("xmp", "XML:com.adobe.xmp")

UPRIGHT = {  # EXIF orientation (CIPA DC-008, tag 0x0112): what makes the picture upright
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
QUARTER_TURNS = (5, 6, 7, 8)


@dataclass(frozen=True, slots=True)
class SavedMetadata:
    """Options for Pillow's save, and what could not or should not be carried over, in words."""

    options: dict[str, Any]
    notes: tuple[str, ...]


def orientation_of(image: Image.Image) -> int:
    """Give the EXIF orientation, 1 to 8; 1 where there is none or it is nonsense.

    A TIFF's is 1: Pillow itself turns its pages while it decodes them, and its size before.
    """
    if isinstance(image, TiffImagePlugin.TiffImageFile):
        return 1
    found = image.getexif().get(ExifTags.Base.Orientation, 1)
    return found if found in UPRIGHT else 1


def carry_over(
    image: Image.Image,
    source_format: ImageFormat,
    output_format: ImageFormat,
    target: Size,
    policy: MetadataPolicy,
) -> SavedMetadata:
    """Choose what the output keeps of the source's profile, resolution, EXIF and XMP."""
    options: dict[str, Any] = {}
    notes: list[str] = []
    if profile := image.info.get("icc_profile"):
        if image.mode == "CMYK" and output_format not in _HOLDS_INKS:
            pass  # used up: the pixels become sRGB by it
        elif output_format in _HOLDS_ICC:
            options["icc_profile"] = profile
        else:
            notes.append(f"the colour profile was dropped: {output_format} holds none")
    if policy is MetadataPolicy.NONE:
        return SavedMetadata(options, tuple(notes))
    if output_format in _HOLDS_DPI and _plausible_dpi(image.info.get("dpi")):
        options["dpi"] = image.info["dpi"]
    _carry_exif(image, source_format, output_format, target, policy, options, notes)
    if xmp := next((image.info[name] for name in _XMP_NAMES if name in image.info), None):
        if policy is MetadataPolicy.ALL and output_format in _HOLDS_XMP:
            options["xmp"] = xmp.encode() if isinstance(xmp, str) else xmp
        else:
            notes.append("XMP was dropped")
    return SavedMetadata(options, tuple(notes))


def _carry_exif(
    image: Image.Image,
    source_format: ImageFormat,
    output_format: ImageFormat,
    target: Size,
    policy: MetadataPolicy,
    options: dict[str, Any],
    notes: list[str],
) -> None:
    exif = _from_tiff(image) if source_format is ImageFormat.TIFF else image.getexif()
    exif.pop(ExifTags.Base.Orientation, None)
    if policy is MetadataPolicy.SAFE and exif.pop(ExifTags.IFD.GPSInfo, None) is not None:
        notes.append("the GPS position was removed")
    if ExifTags.IFD.Exif in exif:
        details = exif.get_ifd(ExifTags.IFD.Exif)
        if policy is MetadataPolicy.SAFE and details.pop(ExifTags.IFD.MakerNote, None) is not None:
            notes.append("the maker's own notes were removed")
        if ExifTags.Base.ExifImageWidth in details:
            details[ExifTags.Base.ExifImageWidth] = target.width
            details[ExifTags.Base.ExifImageHeight] = target.height
    if output_format is ImageFormat.TIFF:
        described = {tag: exif.pop(tag) for tag in _DESCRIPTIVE if isinstance(exif.get(tag), str)}
        options["tiffinfo"] = described
    if not exif:
        return
    if output_format not in _HOLDS_EXIF:
        notes.append(f"EXIF was dropped: {output_format} holds none here")
        return
    try:
        options["exif"] = exif.tobytes()
    except (ValueError, TypeError, struct.error, OverflowError):
        # A tag that cannot be written again is no reason to lose the picture.
        notes.append("EXIF was dropped: it cannot be written again")


def _from_tiff(image: Image.Image) -> Image.Exif:
    """Take from a TIFF what other formats have as EXIF."""
    own = image.getexif()
    exif = Image.Exif()
    for tag in _DESCRIPTIVE:
        if tag in own:
            exif[tag] = own[tag]
    for directory in (ExifTags.IFD.Exif, ExifTags.IFD.GPSInfo):
        if found := own.get_ifd(directory):
            exif[directory] = dict(found)
    return exif


def _plausible_dpi(dpi: object) -> bool:
    return isinstance(dpi, tuple) and len(dpi) == 2 and all(0 < value < 65536 for value in dpi)
