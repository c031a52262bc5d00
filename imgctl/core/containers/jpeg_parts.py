"""The optional parts of a JPEG file: application data that must not cost the image."""

from dataclasses import dataclass

from imgctl.core.containers.jpeg_markers import APP0, APP1, APP2, APP13, APP14, Segment
from imgctl.core.containers.optional_parts import has_tiff_header

_EXIF, _ICC, _MPF = b"Exif\0\0", b"ICC_PROFILE\0", b"MPF\0"
_PHOTOSHOP = b"Photoshop 3.0\0"
_GAIN_MAPS = (b"hdrgm:Version", b"urn:iso:std:iso:ts:21496:-1")  # Ultra HDR 1.0; ISO 21496-1


@dataclass(slots=True)
class OptionalParts:
    """What the application segments so far contain besides metadata.

    `images` is how many a multi-picture file says that it has (CIPA DC-007).
    """

    images: int = 1
    gain_map: bool = False

    def add(self, segment: Segment) -> None:
        """Look into a segment."""
        if segment.marker == APP2 and segment.data.startswith(_MPF):
            self.images = _mpf_images(segment.data[len(_MPF) :])
        if segment.marker in (APP1, APP2) and any(sign in segment.data for sign in _GAIN_MAPS):
            self.gain_map = True


def unreadable_part(segment: Segment) -> str | None:
    """Return the name of a part that is too broken for Pillow to open the image, else None.

    Pillow reads the fields of these segments without regard to their length.
    """
    data = segment.data
    match segment.marker:
        case _ if segment.marker == APP0 and data.startswith(b"JFIF"):
            return "JFIF header" if len(data) < 7 else None
        case _ if segment.marker == APP14 and data.startswith(b"Adobe"):
            return "Adobe header" if len(data) < 7 else None
        case _ if segment.marker == APP1 and data.startswith(_EXIF):
            return None if has_tiff_header(data) else "EXIF"
        case _ if segment.marker == APP2 and data.startswith(_ICC):
            return "color profile" if len(data) < 15 else None
        case _ if segment.marker == APP13 and data.startswith(_PHOTOSHOP):
            return "Photoshop data" if _ends_in_resource_header(data) else None
    return None


def _ends_in_resource_header(data: bytes) -> bool:
    """Return whether image resources end where the length of a name is expected."""
    offset = len(_PHOTOSHOP)
    while data[offset : offset + 4] == b"8BIM":
        if offset + 6 == len(data):
            return True
        if offset + 6 > len(data):
            return False
        offset += 7 + data[offset + 6]
        offset += offset & 1
        offset += 4 + int.from_bytes(data[offset : offset + 4])
        offset += offset & 1
    return False


def _mpf_images(index: bytes) -> int:
    """Return the number of images in a multi-picture index, 1 if it cannot be read."""
    order = "little" if index[:2] == b"II" else "big"

    def number(at: int, size: int) -> int:
        return int.from_bytes(index[at : at + size], order)  # type: ignore[arg-type]

    first = number(4, 4)
    for entry in range(first + 2, first + 2 + 12 * min(number(first, 2), 20), 12):
        if number(entry, 2) == 0xB001:  # NumberOfImages
            return max(number(entry + 8, 4), 1)
    return 1
