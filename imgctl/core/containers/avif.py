"""The boxes of an AVIF (ISO/IEC 14496-12, ISO/IEC 23008-12, AV1 Image File Format)."""

from typing import BinaryIO

from imgctl.core.containers.avif_facts import AvifContainer
from imgctl.core.containers.avif_items import read_items
from imgctl.core.containers.avif_sequence import read_sequence
from imgctl.core.containers.isobmff import EXPORT_AGAIN, HeaderBoxes
from imgctl.core.errors import Damaged


def read(file: BinaryIO, file_bytes: int) -> AvifContainer:
    """Read the boxes of an AVIF. Raises Damaged, Truncated, TooLarge or UnsupportedFormat."""
    boxes = HeaderBoxes(file, file_bytes, "AVIF")
    if boxes.moov and (boxes.brand != b"avif" or not boxes.meta):  # as libavif chooses
        return read_sequence(boxes.moov, file_bytes)
    if boxes.meta:
        return read_items(boxes, file_bytes)
    raise Damaged("The AVIF file has no image.", hint=EXPORT_AGAIN)
