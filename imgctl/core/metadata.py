"""Image metadata: color profile, resolution, EXIF, XMP, IPTC, comments and text.

It is read into a value (`SourceMetadata`), and what a result keeps of it is decided from that
value only (`plan_metadata`). The default policy keeps what a photographer expects to find again,
without the GPS position, the thumbnail, and whatever resizing makes untrue.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from PIL import ExifTags, Image, PngImagePlugin, TiffImagePlugin

from imgctl.core import descriptions, jpeg_metadata
from imgctl.core import exif as exif_block
from imgctl.core.containers.optional_parts import PILLOW_ERRORS
from imgctl.core.containers.tiff_metadata import TiffMetadata
from imgctl.core.formats import RESULT_FORMATS, ImageFormat
from imgctl.core.geometry import Size
from imgctl.core.profiles import color_space
from imgctl.core.spec import MetadataPolicy
from imgctl.core.xmp import upright_alone

_EXIF_FORMATS = (ImageFormat.JPEG, ImageFormat.PNG, ImageFormat.WEBP, ImageFormat.AVIF)
_XMP_FORMATS = (ImageFormat.JPEG, ImageFormat.WEBP, ImageFormat.AVIF)
_DPI_FORMATS = (ImageFormat.JPEG, ImageFormat.PNG, ImageFormat.TIFF, ImageFormat.BMP)
_ICC_FORMATS = tuple(f for f in RESULT_FORMATS if f not in (ImageFormat.BMP, ImageFormat.GIF))
_GRAY_FORMATS = (ImageFormat.JPEG, ImageFormat.PNG, ImageFormat.TIFF)
_GRAY_MODES = ("1", "L", "LA", "La", "I", "F")
_PROFILED_PIXELS = ("GRAY", "RGB", "CMYK")
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

_NO_UNIT = 1  # of a resolution (TIFF 6.0, tag 296)

_XMP_KEYS = ("xmp", descriptions.XMP_KEYWORD)  # in Pillow's `info`, by format
_RAW_EXIF_KEY = descriptions.RAW_PROFILE + "exif"

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
    a block of those tags. `dpi` is as stored, plausible or not, and None where the file has none.
    `comments` are those of JPEG and GIF, and `text` is a PNG's, without what holds other metadata.
    `others` names blocks that no result keeps, and `unreadable` are notes on what cannot be read.
    """

    icc_profile: bytes | None = field(default=None, repr=False)
    dpi: object = None
    exif: bytes | None = field(default=None, repr=False)
    xmp: bytes | str | None = field(default=None, repr=False)
    iptc: bytes | None = field(default=None, repr=False)
    comments: tuple[bytes, ...] = field(default=(), repr=False)
    text: Mapping[str, str] = field(default_factory=dict, repr=False)
    others: tuple[str, ...] = ()
    unreadable: tuple[str, ...] = ()


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
    if isinstance(image, PngImagePlugin.PngImageFile) and not _has_exif(image):
        image.load()
    try:
        orientation = image.getexif().get(ExifTags.Base.Orientation, 1)
    except PILLOW_ERRORS:
        return 1  # `plan_metadata` notes that it cannot be read
    return orientation if orientation in UPRIGHT else 1


def read_metadata(image: Image.Image, *, with_exif: bool) -> SourceMetadata:
    """Read the metadata of an open image; only its profile and resolution unless `with_exif`."""
    profile, dpi = image.info.get("icc_profile"), _read_dpi(image)
    if not with_exif:
        return SourceMetadata(icc_profile=profile, dpi=dpi)
    exif: bytes | None = None
    unreadable: list[str] = []
    try:
        exif = _raw_exif(image)
    except PILLOW_ERRORS:
        unreadable.append(exif_block.UNREADABLE)
    if "icc_profile" in image.info and profile is None:  # of a JPEG that lacks parts of it
        unreadable.append("color profile dropped: damaged")
    unreadable += descriptions.unreadable_notes(image)
    return SourceMetadata(
        icc_profile=profile,
        dpi=dpi,
        exif=exif,
        xmp=next((image.info[key] for key in _XMP_KEYS if key in image.info), None),
        iptc=descriptions.read_iptc(image),
        comments=descriptions.read_comments(image),
        text=descriptions.read_text(image),
        unreadable=tuple(unreadable),
    )


def from_tiff(metadata: TiffMetadata, *, with_exif: bool) -> SourceMetadata:
    """Return the metadata that was read from a TIFF's directories."""
    return SourceMetadata(
        icc_profile=metadata.icc_profile,
        dpi=metadata.dpi,
        exif=metadata.exif if with_exif else None,
        xmp=metadata.xmp,
        iptc=metadata.iptc,
        others=metadata.others,
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
            MetadataPlan(*descriptions.plan_iptc(source.iptc, policy, output_format)),
            MetadataPlan(*descriptions.plan_comments(source.comments, output_format)),
            MetadataPlan(*descriptions.plan_text(source.text, policy, output_format)),
            MetadataPlan(notes=tuple(f"{name} dropped" for name in source.others)),
            MetadataPlan(notes=source.unreadable),
        ]
    options = {name: value for part in parts for name, value in part.options.items()}
    if output_format is ImageFormat.JPEG:
        options = jpeg_metadata.as_segments(options)
    if output_format is ImageFormat.TIFF and "dpi" not in options:  # TIFF's default is 1 per inch
        unit = {TiffImagePlugin.RESOLUTION_UNIT: _NO_UNIT}
        options["tiffinfo"] = options.get("tiffinfo", {}) | unit
    return MetadataPlan(options, tuple(note for part in parts for note in part.notes))


def _raw_exif(image: Image.Image) -> bytes | None:
    """Return the EXIF block from where `Image.getexif` takes it."""
    block: bytes | None = image.info.get("exif")
    if block is None and _RAW_EXIF_KEY in image.info:
        block = bytes.fromhex("".join(image.info[_RAW_EXIF_KEY].split("\n")[3:]))
    return block


def _has_exif(image: Image.Image) -> bool:
    return "exif" in image.info or _RAW_EXIF_KEY in image.info


def _read_dpi(image: Image.Image) -> object:
    """Return the resolution, None where Pillow makes one up: for a JPEG that has EXIF without."""
    info = image.info
    has_one = image.format not in ("JPEG", "MPO") or info.get("jfif_unit") in (1, 2)
    has_one = has_one or info.get("dpi") != (72, 72) or _exif_has_resolution(image)
    return info.get("dpi") if has_one else None


def _exif_has_resolution(image: Image.Image) -> bool:
    try:
        return ExifTags.Base.XResolution in image.getexif()
    except PILLOW_ERRORS:
        return False


def _plan_profile(profile: bytes | None, mode: str, output_format: ImageFormat) -> MetadataPlan:
    if not profile:
        return MetadataPlan()
    # None, because Pillow would write the profile that it has read.
    none = {"icc_profile": None}
    if mode == "CMYK" and output_format not in _CMYK_FORMATS:
        return MetadataPlan(none)  # it converts the pixels to sRGB, and no longer describes them
    if color_space(profile) is None:
        return MetadataPlan(none, ("color profile dropped: damaged",))
    if color_space(profile) in _PROFILED_PIXELS and color_space(profile) != _pixels(mode):
        return MetadataPlan(none, ("color profile dropped: wrong color space for this image",))
    if output_format not in _ICC_FORMATS:
        return MetadataPlan(none, (f"color profile dropped: not supported by {output_format}",))
    if color_space(profile) == "GRAY" and output_format not in _GRAY_FORMATS:
        return MetadataPlan(none, ("converted gray to sRGB",))
    return MetadataPlan({"icc_profile": profile})


def _pixels(mode: str) -> str:
    """Return the color space of a Pillow mode, as a profile names it."""
    if mode == "CMYK":
        return "CMYK"
    return "GRAY" if mode in _GRAY_MODES or mode.startswith("I;16") else "RGB"


def _plan_dpi(dpi: object, output_format: ImageFormat) -> MetadataPlan:
    keeps = output_format in _DPI_FORMATS and _plausible_dpi(dpi)
    return MetadataPlan({"dpi": dpi} if keeps else {})


def _plausible_dpi(dpi: object) -> bool:
    return isinstance(dpi, tuple) and len(dpi) == 2 and all(0 < value < 65536 for value in dpi)


def _plan_exif(
    stored: bytes | None,
    policy: MetadataPolicy,
    output_format: ImageFormat,
    target: Size,
) -> MetadataPlan:
    exif, notes = exif_block.kept_exif(stored, policy, target)
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
    is_jpeg = output_format is ImageFormat.JPEG
    block, lost = exif_block.encoded_exif(exif, jpeg_metadata.MAX_SEGMENT if is_jpeg else None)
    if block is not None:
        options["exif"] = block
    return MetadataPlan(options, (*notes, *lost))


def _plan_xmp(
    xmp: bytes | str | None, policy: MetadataPolicy, output_format: ImageFormat
) -> MetadataPlan:
    if not xmp:
        return MetadataPlan()
    if policy is MetadataPolicy.ALL and output_format in _XMP_FORMATS:
        kept, notes = upright_alone(xmp.encode() if isinstance(xmp, str) else xmp)
        return MetadataPlan({"xmp": kept} if kept else {}, notes)
    return MetadataPlan(notes=("XMP dropped",))
