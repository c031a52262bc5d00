"""Boxes of ISO media files (ISO/IEC 14496-12, 4.2)."""

from collections.abc import Iterator
from dataclasses import dataclass

from imgctl.core.errors import TooLarge

_MAX_BOXES = 50_000


@dataclass(frozen=True, slots=True)
class Box:
    """A box: its type, where its content begins and ends in the bytes or the file around it."""

    kind: bytes
    start: int
    data: int
    end: int


class BoxReader:
    """Counts boxes, so that a file cannot have more than any picture needs."""

    def __init__(self) -> None:
        self._left = _MAX_BOXES

    def boxes(self, data: bytes, start: int, end: int) -> Iterator[Box]:
        """Yield the boxes between two positions; one that exceeds the end is cut there."""
        while start + 8 <= end:
            self._left -= 1
            if self._left < 0:
                raise TooLarge(
                    "The AVIF file has too many boxes.",
                    hint="Export it again from the program that created it.",
                )
            size, header = int.from_bytes(data[start : start + 4], "big"), 8
            if size == 1:
                size, header = int.from_bytes(data[start + 8 : start + 16], "big"), 16
            elif size == 0:
                size = end - start
            if size < header:
                return
            kind = data[start + 4 : start + 8]
            yield Box(kind, start, start + header, min(start + size, end))
            start += size

    def find(self, data: bytes, start: int, end: int, *path: bytes) -> Box | None:
        """Return the first box of a path of types, each within the one before."""
        found = None
        for kind in path:
            found = next((box for box in self.boxes(data, start, end) if box.kind == kind), None)
            if found is None:
                return None
            start, end = found.data, found.end
        return found
