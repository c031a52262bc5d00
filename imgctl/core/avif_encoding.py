"""What Pillow's AVIF writer cannot set: colors other than sRGB, plays, and times of creation.

libavif has options for these, which Pillow does not pass on, so they are set in the written boxes.
"""

from imgctl.core.containers.heif_facts import ColorDescription
from imgctl.core.containers.isobmff import Box, BoxReader

_CONTAINERS = (b"moov", b"trak", b"mdia", b"minf", b"stbl", b"edts", b"iprp", b"ipco")
_HEADER_BYTES = {b"meta": 4, b"stsd": 8, b"av01": 78}  # before the boxes that these contain
_DATED = (b"mvhd", b"tkhd", b"mdhd")  # ISO/IEC 14496-12, 8.2.2, 8.3.2 and 8.4.2
_FOR_EVER = 0xFFFFFFFFFFFFFFFF


def finished(data: bytes, color: ColorDescription | None, plays: int | None) -> bytes:
    """Return the AVIF with these colors and plays, and without the time when it was written.

    `color` replaces the primaries and the transfer function of every color box, which decoders
    prefer to those in the AV1 data; the matrix stays, because the data was encoded with it. None
    keeps sRGB. `plays` is for sequences: 0 for ever, as Pillow writes them; None keeps that.
    """
    result = bytearray(data)
    boxes = list(_all_boxes(BoxReader("AVIF"), data, 0, len(data)))
    for box in boxes:
        if box.kind in _DATED and data[box.data] == 1:
            result[box.data + 4 : box.data + 20] = bytes(16)
        if color is not None and box.kind == b"colr" and data[box.data : box.data + 4] == b"nclx":
            result[box.data + 4 : box.data + 8] = b"".join(
                value.to_bytes(2, "big") for value in (color.primaries, color.transfer)
            )
    if plays:
        _set_plays(result, boxes, plays)
    return bytes(result)


def _all_boxes(reader: BoxReader, data: bytes, start: int, end: int) -> list[Box]:
    found = []
    for box in reader.boxes(data, start, end):
        found.append(box)
        if box.kind in _CONTAINERS or box.kind in _HEADER_BYTES:
            found += _all_boxes(reader, data, box.data + _HEADER_BYTES.get(box.kind, 0), box.end)
    return found


def _set_plays(result: bytearray, boxes: list[Box], plays: int) -> None:
    """State how often each track is shown: once by an edit that does not repeat, else by its time.

    A repeated edit is shown until the track's duration ends (ISO/IEC 23008-12, 9.6.1).
    """
    edits = [box for box in boxes if box.kind == b"elst" and result[box.data] == 1]
    if not edits:
        return
    duration = int.from_bytes(result[edits[0].data + 8 : edits[0].data + 16], "big")
    total = duration * plays
    for box in edits:
        result[box.data + 3] = plays > 1  # the flag that the edit repeats
    for box in boxes:
        at = {b"mvhd": 24, b"tkhd": 28}.get(box.kind)  # of the duration, in version 1
        if at is not None and result[box.data] == 1:
            result[box.data + at : box.data + at + 8] = total.to_bytes(8, "big")
