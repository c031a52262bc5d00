"""Reading the log of the embedded AWS, also while it grows."""

import os
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

from imgctl.local.state_folder import open_folder

NAME = "server.log"


def tail(folder: Path, count: int) -> list[str]:
    """Return the last lines of the log, none if there is no log.

    Raises LocalError if it is not a regular file.
    """
    file = _open(folder)
    if file is None:
        return []
    with file:
        return [_text(line) for line in deque(file, maxlen=count)]


def follow(folder: Path, count: int, wait: Callable[[], object]) -> Iterator[str]:
    """Yield the last lines of the log, and then each line as soon as it is complete.

    `wait` is called whenever there is no new one. The log may be created later, emptied, or
    replaced by that of another server.
    """
    log = _Followed(folder)
    try:
        yield from deque(log.new_lines(), maxlen=count)
        while True:
            lines = log.new_lines()
            yield from lines
            if not lines:
                wait()
    finally:
        log.close()


class _Followed:
    """The log as far as it has been read."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._file: BinaryIO | None = None
        self._partial = b""

    def new_lines(self) -> list[str]:
        """Return the lines that were completed since the last call."""
        current = _open(self._folder)
        lines = self._read()
        if current is None:
            return lines
        if self._file is None or not os.path.sameopenfile(current.fileno(), self._file.fileno()):
            # The former log was read to its end above, after its successor had appeared.
            lines += self._end()
            self._file = current
            return lines + self._read()
        current.close()
        if os.fstat(self._file.fileno()).st_size < self._file.tell():
            lines += self._end(keep_open=True)
            self._file.seek(0)
            lines += self._read()
        return lines

    def close(self) -> None:
        if self._file is not None:
            self._file.close()

    def _read(self) -> list[str]:
        if self._file is None:
            return []
        *lines, self._partial = (self._partial + self._file.read()).split(b"\n")
        return [_text(line) for line in lines]

    def _end(self, *, keep_open: bool = False) -> list[str]:
        """Return the last line of a log that is not continued, if it lacks its end."""
        last, self._partial = self._partial, b""
        if not keep_open:
            self.close()
        return [_text(last)] if last else []


def _open(folder: Path) -> BinaryIO | None:
    with open_folder(folder) as state:
        if state is None:
            return None
        try:
            return os.fdopen(state.open(NAME, os.O_RDONLY), "rb")
        except FileNotFoundError:
            return None


def _text(line: bytes) -> str:
    return line.rstrip(b"\n").decode(errors="replace")
