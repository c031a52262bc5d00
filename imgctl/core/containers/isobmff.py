"""Boxes of ISO media files (ISO/IEC 14496-12, 4.2)."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from imgctl.core.errors import TooLarge, Truncated

_MAX_BOXES = 50_000
_MAX_HEADER_BYTES = 8 << 20  # of `meta` or `moov`
_MAX_TOP_BOXES = 1000
EXPORT_AGAIN = "Export it again from the program that created it."


@dataclass(frozen=True, slots=True)
class Box:
    """A box: its type, where its content begins and ends in the bytes or the file around it."""

    kind: bytes
    start: int
    data: int
    end: int


class BoxReader:
    """Counts boxes, so that a file cannot have more than any picture needs.

    `format_name` is for errors.
    """

    def __init__(self, format_name: str) -> None:
        self._format_name = format_name
        self._left = _MAX_BOXES

    def boxes(self, data: bytes, start: int, end: int) -> Iterator[Box]:
        """Yield the boxes between two positions; one that exceeds the end is cut there."""
        while start + 8 <= end:
            self._left -= 1
            if self._left < 0:
                raise TooLarge(
                    f"The {self._format_name} file has too many boxes.", hint=EXPORT_AGAIN
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


class HeaderBoxes:
    """The boxes `meta` and `moov` of a file; each is empty if there is none.

    Raises Truncated or TooLarge. `format_name` is for errors.
    """

    def __init__(self, file: BinaryIO, file_bytes: int, format_name: str) -> None:
        self._file = file
        self._file_bytes = file_bytes
        self._format_name = format_name
        self.brand = self.read_at(8, 4)
        self.meta = self.moov = b""
        self.meta_at = 0
        for kind, at, size in self._top_boxes():
            if kind == b"meta" and not self.meta:
                self.meta, self.meta_at = self._header(at, size), at
            elif kind == b"moov" and not self.moov:
                self.moov = self._header(at, size)

    def read_at(self, position: int, count: int) -> bytes:
        """Return bytes of the file, fewer where it ends."""
        if position >= self._file_bytes:
            return b""
        self._file.seek(position)
        return self._file.read(count)

    def _top_boxes(self) -> Iterator[tuple[bytes, int, int]]:
        at = 0
        for _ in range(_MAX_TOP_BOXES):
            head = self.read_at(at, 16)
            if len(head) < 8:
                return
            size, header = int.from_bytes(head[:4], "big"), 8
            if size == 1:
                size, header = int.from_bytes(head[8:16], "big"), 16
            elif size == 0:
                size = self._file_bytes - at
            if size < header:
                return
            yield head[4:8], at + header, size - header
            at += size

    def _header(self, at: int, size: int) -> bytes:
        if size > _MAX_HEADER_BYTES:
            raise TooLarge(
                f"The {self._format_name} file's header is too large.", hint=EXPORT_AGAIN
            )
        data = self.read_at(at, size)
        if len(data) < size:
            raise Truncated("The image is truncated.", hint="Copy or upload the complete file.")
        return data
