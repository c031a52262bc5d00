"""EXIF blocks (CIPA DC-008): what a result keeps of them, re-encoded by Pillow."""

from typing import Any

from PIL import ExifTags, Image

from imgctl.core.containers.optional_parts import PILLOW_ERRORS, is_complete_exif
from imgctl.core.geometry import Size
from imgctl.core.photoshop import without_thumbnails
from imgctl.core.spec import MetadataPolicy
from imgctl.core.xmp import upright_alone

UNREADABLE = "EXIF dropped: damaged"
_INCOMPLETE = "EXIF tags dropped: damaged"

_XMP, _IPTC, _PHOTOSHOP = 0x02BC, 0x83BB, 0x8649  # TIFF tags that also occur in EXIF
_EMBEDDED = {_XMP: "XMP", _IPTC: "IPTC", _PHOTOSHOP: "Photoshop data"}

_PRIVATE = {
    (ExifTags.IFD.GPSInfo,): "GPS position removed",
    (ExifTags.IFD.MakerNote, 0xC634): "maker notes removed",  # and DNGPrivateData
}


class _StoredText(str):
    """Text whose bytes are those of the file; Pillow reads each as a character of Latin-1.

    EXIF is ASCII by specification but not in practice, and Pillow writes `?` for other characters.
    """

    __slots__ = ()

    def encode(self, *_: object, **__: object) -> bytes:
        return super().encode("latin-1")


def kept_exif(
    stored: bytes | None, policy: MetadataPolicy, target: Size
) -> tuple[Image.Exif, list[str]]:
    """Return what the policy keeps of the EXIF of an image, upright and of the target size.

    Also returns notes on what is removed. The EXIF is empty if it cannot be read.
    """
    try:
        exif = _to_exif(stored)
        exif.pop(ExifTags.Base.Orientation, None)
        notes = [] if stored is None or is_complete_exif(stored) else [_INCOMPLETE]
        notes += _remove_private_tags(exif) if policy is MetadataPolicy.SAFE else []
        for directory in _directories(exif):
            notes += _remove_embedded(directory, policy)
            _keep_bytes_of_text(directory)
        _update_dimensions(exif, target)
    except PILLOW_ERRORS:
        return Image.Exif(), [UNREADABLE]
    return exif, notes


def encoded_exif(exif: Image.Exif, max_bytes: int | None) -> tuple[bytes | None, list[str]]:
    """Encode EXIF, without maker notes where it is too large with them; notes say what is lost."""
    try:
        block = exif.tobytes()
        if max_bytes is None or len(block) <= max_bytes:
            return block, []
        details = exif.get_ifd(ExifTags.IFD.Exif)
        if details.pop(ExifTags.IFD.MakerNote, None) is not None:
            block = exif.tobytes()
            if len(block) <= max_bytes:
                return block, ["maker notes dropped: EXIF too large"]
    except PILLOW_ERRORS:
        # A tag that cannot be encoded is no reason to fail the resize.
        return None, ["EXIF dropped: could not be re-encoded"]
    return None, [f"EXIF dropped: larger than {max_bytes:,} bytes"]


def _to_exif(stored: bytes | None) -> Image.Exif:
    """Return the EXIF as an object of its own, which the caller may change."""
    exif = Image.Exif()
    if stored is not None:
        exif.load(stored)
    return exif


def _directories(exif: Image.Exif) -> list[Any]:
    """Return the directories of the EXIF, which are changed in place."""
    tags = (ExifTags.IFD.Exif, ExifTags.IFD.GPSInfo)
    return [exif, *(exif.get_ifd(tag) for tag in tags if tag in exif)]


def _remove_private_tags(exif: Image.Exif) -> list[str]:
    """Remove GPS position and maker notes; return a note for each."""
    details = exif.get_ifd(ExifTags.IFD.Exif) if ExifTags.IFD.Exif in exif else {}
    notes = []
    for tags, note in _PRIVATE.items():
        # Also where they do not belong: readers look for them there, too.
        found = [directory.pop(tag, None) for directory in (exif, details) for tag in tags]
        if any(value is not None for value in found):
            notes.append(note)
    return notes


def _remove_embedded(directory: Any, policy: MetadataPolicy) -> list[str]:
    """Treat XMP, IPTC and Photoshop data inside of EXIF as outside of it."""
    notes: list[str] = []
    for tag, name in _EMBEDDED.items():
        if tag not in directory:
            continue
        value = directory[tag]
        kept: bytes | None = None
        if policy is MetadataPolicy.ALL and isinstance(value, bytes):
            kept = value
            if tag == _XMP:
                kept, lost = upright_alone(value)
                notes += lost
            elif tag == _PHOTOSHOP:
                kept = without_thumbnails(value)
        else:
            notes.append(f"{name} dropped")
        if kept:
            directory[tag] = kept
        else:
            del directory[tag]
    return notes


def _keep_bytes_of_text(directory: Any) -> None:
    for tag in list(directory):
        value = directory[tag]
        if isinstance(value, str) and not value.isascii():
            directory[tag] = _StoredText(value)


def _update_dimensions(exif: Image.Exif, target: Size) -> None:
    if ExifTags.IFD.Exif in exif:
        details = exif.get_ifd(ExifTags.IFD.Exif)
        if ExifTags.Base.ExifImageWidth in details:
            details[ExifTags.Base.ExifImageWidth] = target.width
            details[ExifTags.Base.ExifImageHeight] = target.height
