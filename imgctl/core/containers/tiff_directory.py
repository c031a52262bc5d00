"""Image file directories of TIFF and BigTIFF, read without their pixels (TIFF 6.0, section 2)."""

import struct
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import IntEnum
from itertools import pairwise
from typing import BinaryIO

from imgctl.core.errors import Damaged, TooLarge, Truncated

MAX_PAGES = 5_000
"""More are refused. Writing them takes longer than the function's time (`PAGE_SECONDS`)."""

_MAX_ENTRIES = 1_000  # of one directory: TIFF 6.0 and EXIF define about 200 tags
_MAX_ALL_ENTRIES = 250_000  # of all directories of a file
_MAX_VALUE_BYTES = 16 * 1024 * 1024  # of one optional value, such as a color profile


class Tag(IntEnum):
    """The tags that are read by name (TIFF 6.0, appendix A, and its supplements)."""

    SUBFILE_TYPE = 254
    WIDTH = 256
    HEIGHT = 257
    BITS = 258
    COMPRESSION = 259
    PHOTOMETRIC = 262
    FILL_ORDER = 266
    DESCRIPTION = 270
    MAKE = 271
    MODEL = 272
    STRIP_OFFSETS = 273
    ORIENTATION = 274
    SAMPLES = 277
    ROWS_PER_STRIP = 278
    STRIP_BYTES = 279
    X_RESOLUTION = 282
    Y_RESOLUTION = 283
    PLANAR = 284
    RESOLUTION_UNIT = 296
    SOFTWARE = 305
    DATE_TIME = 306
    ARTIST = 315
    HOST_COMPUTER = 316
    PREDICTOR = 317
    COLOR_MAP = 320
    TILE_WIDTH = 322
    TILE_HEIGHT = 323
    TILE_OFFSETS = 324
    TILE_BYTES = 325
    SUB_DIRECTORIES = 330
    INK_SET = 332
    EXTRA_SAMPLES = 338
    SAMPLE_FORMAT = 339
    XMP = 700
    COPYRIGHT = 33432
    IPTC = 33723
    PHOTOSHOP = 34377
    EXIF = 34665
    ICC_PROFILE = 34675
    GPS = 34853
    DNG_VERSION = 50706
    DNG_PRIVATE_DATA = 50740


TYPE_BYTES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4}
"""Bytes of a value, by field type."""
BIG_TYPE_BYTES = {**TYPE_BYTES, 16: 8, 17: 8, 18: 8}
"""The same for BigTIFF."""
INTEGER_TYPES = {1: "B", 3: "H", 4: "I", 13: "I", 16: "Q"}
"""The `struct` format of the field types that hold unsigned integers."""


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry of a directory; its value lies at `start` of the file, in bounds or not."""

    tag: int
    type: int
    count: int
    start: int
    size: int
    inline: bool


@dataclass(frozen=True, slots=True)
class Directory:
    """A directory; of entries with the same tag the first counts. `next` is 0 after the last."""

    entries: Mapping[int, Entry]
    next: int
    in_order: bool


class DirectoryReader:
    """Reads the directories of one file."""

    def __init__(self, file: BinaryIO, file_bytes: int) -> None:
        self._file = file
        self.file_bytes = file_bytes
        self._entries_left = _MAX_ALL_ENTRIES
        file.seek(0)
        head = file.read(16)
        self.order = "<" if head.startswith(b"II") else ">"
        self.big = 43 in head[2:4]  # BigTIFF's version
        start = head[8:16] if self.big else head[4:8]
        if len(start) < (8 if self.big else 4):
            raise truncated()
        self.first = int.from_bytes(start, "little" if self.order == "<" else "big")

    def read(self, offset: int) -> Directory:
        """Read the directory at an offset; one without a single entry has an empty mapping."""
        count_bytes, entry_bytes, next_bytes = (8, 20, 8) if self.big else (2, 12, 4)
        entry_format = "HHQ8s" if self.big else "HHI4s"
        count = self._number(self.bytes_at(offset, count_bytes))
        known = min(count, _MAX_ENTRIES)
        self._entries_left -= known
        if self._entries_left < 0:
            raise TooLarge("The TIFF has too many tags.", hint="Split it into several files.")
        start = offset + count_bytes
        data = self.bytes_at(start, known * entry_bytes)
        data = data[: len(data) // entry_bytes * entry_bytes]
        entries: dict[int, Entry] = {}
        sizes = BIG_TYPE_BYTES if self.big else TYPE_BYTES
        tags = []
        for index, (tag, type_, values, value) in enumerate(
            struct.iter_unpack(self.order + entry_format, data)
        ):
            size = sizes.get(type_, 0) * values
            inline = size <= len(value)
            position = start + (index + 1) * entry_bytes - len(value)
            tags.append(tag)
            entries.setdefault(
                tag,
                Entry(
                    tag, type_, values, position if inline else self._number(value), size, inline
                ),
            )
        in_order = count == len(tags) and all(a < b for a, b in pairwise(tags))
        following = self._number(self.bytes_at(start + count * entry_bytes, next_bytes))
        return Directory(entries, following, in_order)

    def chain(self) -> tuple[list[Directory], bool]:
        """Read the pages' directories; also return whether the chain ends where it should.

        Raises Truncated for a page beyond the end of the file, and TooLarge for too many.
        """
        directories: list[Directory] = []
        seen: set[int] = set()
        offset = self.first
        while offset and offset not in seen:
            if offset >= self.file_bytes:
                raise truncated()
            if len(directories) == MAX_PAGES:
                raise TooLarge(
                    f"The TIFF has more than {MAX_PAGES} pages.",
                    hint="Split it into several files.",
                )
            seen.add(offset)
            directory = self.read(offset)
            if not {Tag.WIDTH, Tag.HEIGHT} <= directory.entries.keys():
                if directories:
                    return directories, False
                raise Damaged(
                    "The TIFF's first directory cannot be read.",
                    hint="Export it again from the program that created it.",
                )
            directories.append(directory)
            offset = directory.next
        if not directories:
            raise Damaged(
                "The TIFF contains no image.",
                hint="Export it again from the program that created it.",
            )
        return directories, True

    def bytes_at(self, start: int, size: int) -> bytes:
        """Return so many bytes of the file, or fewer at its end."""
        if start >= self.file_bytes:
            return b""
        self._file.seek(start)
        return self._file.read(size)

    def in_bounds(self, entry: Entry) -> bool:
        """Return whether the entry's value has a known type, and lies within the file."""
        return entry.size > 0 and entry.start + entry.size <= self.file_bytes

    def value_bytes(self, entry: Entry | None, types: Iterable[int]) -> bytes | None:
        """Return an optional value as stored, or None unless it is readable and of one of types."""
        if entry is None or entry.type not in types or not self.in_bounds(entry):
            return None
        return None if entry.size > _MAX_VALUE_BYTES else self.bytes_at(entry.start, entry.size)

    def integers(self, entry: Entry | None, most: int = 64) -> tuple[int, ...]:
        """Return up to so many unsigned integers of an entry; none if it is missing or broken."""
        if entry is None or entry.type not in INTEGER_TYPES:
            return ()
        format_ = INTEGER_TYPES[entry.type]
        size = struct.calcsize("=" + format_)
        data = self.bytes_at(entry.start, min(entry.count, most) * size)
        return struct.unpack(
            f"{self.order}{len(data) // size}{format_}", data[: len(data) // size * size]
        )

    def integer(self, directory: Directory, tag: int, default: int = 0) -> int:
        """Return the first integer of an entry."""
        values = self.integers(directory.entries.get(tag), 1)
        return values[0] if values else default

    def text(self, directory: Directory, tag: int) -> str:
        """Return the first characters of a text, such as the maker's name."""
        entry = directory.entries.get(tag)
        if entry is None or entry.type not in (1, 2, 7):
            return ""
        return (
            self.bytes_at(entry.start, min(entry.size, 64))
            .split(b"\0")[0]
            .decode("latin-1")
            .strip()
        )

    def _number(self, data: bytes) -> int:
        return int.from_bytes(data, "little" if self.order == "<" else "big")


def truncated() -> Truncated:
    """Return the error for a file that ends before its directories or pixels do."""
    return Truncated("The image is truncated.", hint="Copy or upload the complete file.")
