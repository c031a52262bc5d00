"""The markers of a JPEG file (ITU-T T.81, annex B), walked without decoding anything."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from imgctl.core.errors import TooLarge

SOI, EOI, SOS, DQT, DNL, DHP, COM = 0xD8, 0xD9, 0xDA, 0xDB, 0xDC, 0xDE, 0xFE
APP0, APP1, APP2, APP13, APP14 = 0xE0, 0xE1, 0xE2, 0xED, 0xEE
JPEG_LS = 0xF7  # SOF55 of ITU-T T.87
FRAMES = (*range(0xC0, 0xC4), *range(0xC5, 0xC8), *range(0xC9, 0xCC), *range(0xCD, 0xD0), JPEG_LS)
"""SOF0 to SOF15; C4, C8 and CC are DHT, JPG and DAC."""

MAX_SEGMENTS = 20_000
"""Far more than any encoder writes: a file of 256 MiB in full segments has 4,100."""

_STANDALONE = (0x01, SOI, EOI)  # TEM, SOI, EOI: no length follows; RSTn are skipped
_FIRST_BLOCK_BYTES = 16  # most markers follow a segment at once
_BLOCK_BYTES = 1 << 20

# A marker that ends entropy-coded data: not a stuffed byte (00), a restart (D0-D7) or fill (FF).
_MARKER = re.compile(rb"\xff[\x01-\xcf\xd8-\xfe]")


@dataclass(frozen=True, slots=True)
class Segment:
    """A marker at `start` and its parameters, up to `end`, which can lie beyond the file's end.

    `data` holds the parameters that the file has, without their length.
    """

    marker: int
    start: int
    end: int
    data: bytes = b""


def segments(file: BinaryIO, file_bytes: int) -> Iterator[Segment]:
    """Yield the segments of the first image, up to and including its EOI if it has one.

    Raises TooLarge for more than MAX_SEGMENTS.
    """
    position = 2
    yield Segment(SOI, 0, 2)
    for _ in range(MAX_SEGMENTS):
        start = find_marker(file, position)
        if start is None:
            return
        file.seek(start + 1)
        marker = file.read(1)[0]
        if marker in _STANDALONE:
            segment = Segment(marker, start, start + 2)
        else:
            length = int.from_bytes(file.read(2))  # T.81 B.1.1.4: includes its own two bytes
            segment = Segment(
                marker, start, start + 2 + max(length, 2), file.read(max(length, 2) - 2)
            )
        yield segment
        if marker == EOI or segment.end > file_bytes:
            return
        position = segment.end
    raise TooLarge(
        f"The image has more than {MAX_SEGMENTS:,} segments.",
        hint="Export it again as a baseline JPEG.",
    )


def find_marker(file: BinaryIO, position: int) -> int | None:
    """Return where the next marker is that is no restart marker, or None."""
    size = _FIRST_BLOCK_BYTES
    while True:
        file.seek(position)
        block = file.read(size)
        if found := _MARKER.search(block):
            return position + found.start()
        if len(block) < size:
            return None
        position += len(block) - 1  # the last byte can be the first of a marker
        size = min(8 * size, _BLOCK_BYTES)
