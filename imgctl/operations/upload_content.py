"""Opening a file that is to be uploaded, if it may be sent."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

from imgctl.aws.content import Content
from imgctl.core.errors import PictureError
from imgctl.core.formats import HEAD_BYTES, sniff
from imgctl.core.limits import Limits

_UNKNOWN_TYPE = "application/octet-stream"


@contextmanager
def opened_image(path: str, *, sends_all: bool) -> Iterator[Content]:
    """Open a file until the block ends.

    Raises PictureError for a file that is not an image, unless `sends_all`, and for one that is too
    large for the function, before more than its beginning is read. Raises OSError for a file that
    cannot be opened.
    """
    with open(path, "rb", buffering=0) as file:  # noqa: PTH123 (a Path costs more than the call)
        size = os.fstat(file.fileno()).st_size
        content_type = _content_type(os.pread(file.fileno(), HEAD_BYTES, 0), sends_all=sends_all)
        Limits().check_bytes(size)
        yield Content(file, size, content_type)


def _content_type(head: bytes, *, sends_all: bool) -> str:
    try:
        return sniff(head).content_type
    except PictureError:
        if sends_all:
            return _UNKNOWN_TYPE
        raise
