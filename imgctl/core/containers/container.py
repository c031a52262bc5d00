"""The facts that every format's module reads, and the file that the decoder sees."""

import io
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from typing import BinaryIO

from imgctl.core.geometry import Size


@dataclass(frozen=True, slots=True)
class Patch:
    """Bytes from `start` to `end`, in the file, that the decoder sees as `replacement`."""

    start: int
    end: int
    replacement: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class Container:
    """What a file's structure says; each format extends it by its own facts.

    `size` is as stored, and the largest that any frame makes of it. `decoder_bytes` is the most
    memory that the decoder holds at once, and `decoder_seconds` the processor time that decoding
    takes in the function with one full vCPU, both measured (`tests/core/test_costs.py`);
    `decoder_work` says what that is spent on, such as "1,000 scans".
    `patches`, in order, leave out what would make the decoder fail, and `notes` say what that is.
    `plays` is how often an animation is shown, 0 for ever; None where only the decoder knows.
    """

    size: Size
    frames: int = 1
    plays: int | None = None
    decoder_bytes: int = 0
    decoder_seconds: float = 0
    decoder_work: str = ""
    patches: tuple[Patch, ...] = ()
    notes: tuple[str, ...] = ()

    def decoder_file(self, file: BinaryIO) -> BinaryIO:
        """Return the file as the decoder shall see it."""
        return patched(file, self.patches)


def patched(file: BinaryIO, patches: Sequence[Patch]) -> BinaryIO:
    """Return the file as the decoder shall see it: the same object if there is nothing to patch."""
    return io.BufferedReader(_PatchedFile(file, patches)) if patches else file


class _PatchedFile(io.RawIOBase):
    """A read-only view of a file, of which some ranges are replaced."""

    def __init__(self, file: BinaryIO, patches: Sequence[Patch]) -> None:
        self._file = file
        self._position = 0
        self._parts: list[tuple[int, int, bytes | int]] = []  # start, end, data or offset in file
        seen = source = 0
        file_bytes = file.seek(0, io.SEEK_END)
        for patch in patches:
            seen = self._add(seen, patch.start - source, source)
            seen = self._add(seen, len(patch.replacement), patch.replacement)
            source = patch.end
        self._size = self._add(seen, file_bytes - source, source)
        self._starts = [start for start, _, _ in self._parts]

    def _add(self, start: int, length: int, content: bytes | int) -> int:
        if length > 0:
            self._parts.append((start, start + length, content))
        return start + max(length, 0)

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._size}[whence]
        self._position = max(0, base + offset)
        return self._position

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        if self._position >= self._size:
            return 0
        start, end, content = self._parts[bisect_right(self._starts, self._position) - 1]
        size = min(len(buffer), end - self._position)
        skipped = self._position - start
        if isinstance(content, bytes):
            data = content[skipped : skipped + size]
        else:
            self._file.seek(content + skipped)
            data = self._file.read(size)
        buffer[: len(data)] = data
        self._position += len(data)
        return len(data)
