"""Reading a file that is to be uploaded: once, whole, and only if it may be sent."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Condition, Lock

from imgctl.aws.storage import Content
from imgctl.core.errors import ImgctlError, PictureError
from imgctl.core.formats import HEAD_BYTES, sniff
from imgctl.core.limits import Limits

_IN_MEMORY_BYTES = 128 * 1024 * 1024
_UNKNOWN_TYPE = "application/octet-stream"


class FileChanged(ImgctlError):
    """A file changed while it was read."""

    code = "file"


class MemoryBudget:
    """Lets files be read while there is room for them, in their order.

    A file that is larger than all of the room is read alone.
    """

    def __init__(self, limit_bytes: int = _IN_MEMORY_BYTES) -> None:
        self._limit_bytes = limit_bytes
        self._used_bytes = 0
        self._turn = Lock()
        self._freed = Condition()

    @contextmanager
    def room(self, size: int) -> Iterator[None]:
        """Wait for room for a file of this size, and keep it until the block ends."""
        with self._turn, self._freed:  # others wait for their turn, so that a large file gets room
            while self._used_bytes and self._used_bytes + size > self._limit_bytes:
                self._freed.wait()
            self._used_bytes += size
        try:
            yield
        finally:
            with self._freed:
                self._used_bytes -= size
                self._freed.notify()


@contextmanager
def opened_image(path: str, *, budget: MemoryBudget, sends_all: bool) -> Iterator[Content]:
    """Read a file whole, and keep room for it until the block ends.

    Raises PictureError for a file that is not an image, unless `sends_all`, and for one that is too
    large for the function, before more than its beginning is read. Raises FileChanged, and OSError
    for a file that cannot be read.
    """
    with open(path, "rb", buffering=0) as file:  # noqa: PTH123 (a Path costs more than the call)
        before = os.fstat(file.fileno())
        content_type = _content_type(os.pread(file.fileno(), HEAD_BYTES, 0), sends_all=sends_all)
        Limits().check_bytes(before.st_size)
        with budget.room(before.st_size):
            data = file.readall()
            after = os.fstat(file.fileno())
            if (after.st_mtime_ns, after.st_size) != (before.st_mtime_ns, len(data)):
                raise FileChanged("the file changed while it was read", hint="Upload it again.")
            yield Content.of(data, content_type)


def _content_type(head: bytes, *, sends_all: bool) -> str:
    try:
        return sniff(head).content_type
    except PictureError:
        if sends_all:
            return _UNKNOWN_TYPE
        raise
