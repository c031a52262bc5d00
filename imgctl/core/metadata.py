"""Image metadata: color profile, resolution, EXIF and XMP.

It is read into a value (`SourceMetadata`), and what a result keeps of it is decided from that
value only (`plan_metadata`). The default policy keeps what a photographer expects to find again,
without the GPS position, the thumbnail, and whatever resizing makes untrue.
"""

import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from PIL import ExifTags, Image, TiffImagePlugin

from imgctl.core.formats import ImageFormat
from imgctl.core.geometry import Size
from imgctl.core.spec import MetadataPolicy

_EXIF_FORMATS = (ImageFormat.JPEG, ImageFormat.PNG, ImageFormat.WEBP, ImageFormat.AVIF)
_XMP_FORMATS = (ImageFormat.JPEG, ImageFormat.WEBP, ImageFormat.AVIF)
_COMMENT_FORMATS = (ImageFormat.GIF, ImageFormat.JPEG)
_DPI_FORMATS = (ImageFormat.JPEG, ImageFormat.PNG, ImageFormat.TIFF, ImageFormat.BMP)
_ICC_FORMATS = tuple(f for f in ImageFormat if f not in (ImageFormat.BMP, ImageFormat.GIF))
_CMYK_FORMATS = (ImageFormat.JPEG, ImageFormat.TIFF)

# The tags of a TIFF's own directory that describe the image, not how the file stores it (TIFF 6.0).
_DESCRIPTIVE_TAGS = (
    ExifTags.Base.ImageDescription,
    ExifTags.Base.Make,
    ExifTags.Base.Model,
    ExifTags.Base.Software,
    ExifTags.Base.DateTime,
    ExifTags.Base.Artist,
    ExifTags.Base.HostComputer,
    ExifTags.Base.Copyright,
)

_XMP_KEYS = ("xmp", "XML:com.adobe.xmp")  # in Pillow's `info`, by format
_RAW_EXIF_KEY = "Raw profile type exif"  # a PNG's EXIF as hexadecimal text, by ImageMagick

UPRIGHT = {  # EXIF orientation (CIPA DC-008, tag 0x0112) -> the operation that makes it upright
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
class SourceMetadata:
    """The metadata of a source image.

    `exif` is the EXIF block as stored; for a TIFF, whose own directory contains EXIF's tags, it is
    those tags with their values. `dpi` is as Pillow reads it, plausible or not.
    """

    icc_profile: bytes | None = field(default=None, repr=False)
    dpi: object = None
    exif: bytes | Mapping[int, Any] | None = field(default=None, repr=False)
    xmp: bytes | str | None = field(default=None, repr=False)
    comment: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, repr=False)
class MetadataPlan:
    """The metadata of a result: options for Pillow's save, and notes on what is lost."""

    options: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @property
    def kept(self) -> tuple[str, ...]:
        """What is kept, by the names of Pillow's options: `icc_profile`, `dpi`, `exif`, ..."""
        return tuple(name for name, value in self.options.items() if value)

    def __repr__(self) -> str:
        return f"MetadataPlan(kept={self.kept}, notes={self.notes})"


def read_orientation(image: Image.Image) -> int:
    """Return the EXIF orientation, 1 to 8; 1 if it is missing or invalid.

    For TIFF it is 1: Pillow itself turns the pages while it decodes them, and reports the size
    after the turn. For a PNG without EXIF before its pixels, this decodes the pixels: EXIF may
    follow them.
    """
    if isinstance(image, TiffImagePlugin.TiffImageFile):
        return 1
    orientation = image.getexif().get(ExifTags.Base.Orientation, 1)
    return orientation if orientation in UPRIGHT else 1


def read_metadata(image: Image.Image, *, with_exif: bool) -> SourceMetadata:
    """Read the metadata of an open image, without EXIF unless `with_exif`."""
    exif: bytes | Mapping[int, Any] | None = None
    if with_exif:
        is_tiff = isinstance(image, TiffImagePlugin.TiffImageFile)
        exif = _read_tiff_exif(image) if is_tiff else _raw_exif(image)
    comment = image.info.get("comment")  # text in a PNG, whose keywords are free
    return SourceMetadata(
        icc_profile=image.info.get("icc_profile"),
        dpi=image.info.get("dpi"),
        exif=exif,
        comment=comment if isinstance(comment, bytes) else None,
        xmp=next((image.info[key] for key in _XMP_KEYS if key in image.info), None),
    )


def plan_metadata(
    source: SourceMetadata,
    mode: str,
    output_format: ImageFormat,
    target: Size,
    policy: MetadataPolicy,
) -> MetadataPlan:
    """Decide which metadata a result keeps.

    `mode` is the source's Pillow mode, `target` the result's upright size. EXIF is encoded here,
    because only that shows whether it can be.
    """
    parts = [_plan_profile(source.icc_profile, mode, output_format)]
    if policy is not MetadataPolicy.NONE:
        parts += [
            _plan_dpi(source.dpi, output_format),
            _plan_exif(source.exif, policy, output_format, target),
            _plan_xmp(source.xmp, policy, output_format),
            _plan_comment(source.comment, output_format),
        ]
    options = {name: value for part in parts for name, value in part.options.items()}
    return MetadataPlan(options, tuple(note for part in parts for note in part.notes))


def _raw_exif(image: Image.Image) -> bytes | None:
    """Return the EXIF block from where `Image.getexif` takes it."""
    block: bytes | None = image.info.get("exif")
    if block is None and _RAW_EXIF_KEY in image.info:
        block = bytes.fromhex("".join(image.info[_RAW_EXIF_KEY].split("\n")[3:]))
    return block


def _read_tiff_exif(image: Image.Image) -> dict[int, Any]:
    """Read from a TIFF's directories what other formats store as EXIF."""
    directory = image.getexif()
    tags: dict[int, Any] = {tag: directory[tag] for tag in _DESCRIPTIVE_TAGS if tag in directory}
    for tag in (ExifTags.IFD.Exif, ExifTags.IFD.GPSInfo):
        if values := directory.get_ifd(tag):
            tags[tag] = dict(values)
    return tags


def _to_exif(stored: bytes | Mapping[int, Any] | None) -> Image.Exif:
    """Return the EXIF as an object of its own, which the caller may change."""
    exif = Image.Exif()
    if isinstance(stored, bytes):
        exif.load(stored)
    elif stored is not None:
        for tag, value in stored.items():
            exif[tag] = dict(value) if isinstance(value, dict) else value
    return exif


def _plan_profile(profile: bytes | None, mode: str, output_format: ImageFormat) -> MetadataPlan:
    if not profile:
        return MetadataPlan()
    if mode == "CMYK" and output_format not in _CMYK_FORMATS:
        return MetadataPlan()  # it converts the pixels to sRGB, and no longer describes them
    if output_format not in _ICC_FORMATS:
        return MetadataPlan(notes=(f"color profile dropped: not supported by {output_format}",))
    return MetadataPlan({"icc_profile": profile})


def _plan_dpi(dpi: object, output_format: ImageFormat) -> MetadataPlan:
    keeps = output_format in _DPI_FORMATS and _plausible_dpi(dpi)
    return MetadataPlan({"dpi": dpi} if keeps else {})


def _plausible_dpi(dpi: object) -> bool:
    return isinstance(dpi, tuple) and len(dpi) == 2 and all(0 < value < 65536 for value in dpi)


def _plan_exif(
    stored: bytes | Mapping[int, Any] | None,
    policy: MetadataPolicy,
    output_format: ImageFormat,
    target: Size,
) -> MetadataPlan:
    exif = _to_exif(stored)
    exif.pop(ExifTags.Base.Orientation, None)
    notes = _remove_private_tags(exif) if policy is MetadataPolicy.SAFE else []
    if ExifTags.IFD.Exif in exif:
        details = exif.get_ifd(ExifTags.IFD.Exif)
        if ExifTags.Base.ExifImageWidth in details:
            details[ExifTags.Base.ExifImageWidth] = target.width
            details[ExifTags.Base.ExifImageHeight] = target.height
    options: dict[str, Any] = {}
    if output_format is ImageFormat.TIFF:
        options["tiffinfo"] = {
            tag: exif.pop(tag) for tag in _DESCRIPTIVE_TAGS if isinstance(exif.get(tag), str)
        }
    if not exif:
        return MetadataPlan(options, tuple(notes))
    if output_format not in _EXIF_FORMATS:
        notes.append(f"EXIF dropped: not supported by {output_format}")
        return MetadataPlan(options, tuple(notes))
    try:
        options["exif"] = exif.tobytes()
    except (ValueError, TypeError, struct.error, OverflowError):
        # A tag that cannot be encoded is no reason to fail the resize.
        notes.append("EXIF dropped: could not be re-encoded")
    return MetadataPlan(options, tuple(notes))


def _remove_private_tags(exif: Image.Exif) -> list[str]:
    """Remove GPS position and maker notes; return a note for each."""
    notes = []
    if exif.pop(ExifTags.IFD.GPSInfo, None) is not None:
        notes.append("GPS position removed")
    if ExifTags.IFD.Exif in exif:
        details = exif.get_ifd(ExifTags.IFD.Exif)
        if details.pop(ExifTags.IFD.MakerNote, None) is not None:
            notes.append("maker notes removed")
    return notes


def _plan_xmp(
    xmp: bytes | str | None, policy: MetadataPolicy, output_format: ImageFormat
) -> MetadataPlan:
    if not xmp:
        return MetadataPlan()
    if policy is MetadataPolicy.ALL and output_format in _XMP_FORMATS:
        return MetadataPlan({"xmp": xmp.encode() if isinstance(xmp, str) else xmp})
    return MetadataPlan(notes=("XMP dropped",))


def _plan_comment(comment: bytes | None, output_format: ImageFormat) -> MetadataPlan:
    if not comment:
        return MetadataPlan()
    if output_format not in _COMMENT_FORMATS:
        return MetadataPlan(notes=(f"comment dropped: not supported by {output_format}",))
    return MetadataPlan({"comment": comment})
