"""Files that the user named to be read as a whole: regular ones, and not larger than expected."""

import errno
import os
import stat
from pathlib import Path


def read_regular_file(path: Path, *, max_bytes: int) -> bytes:
    """Return a file's content. Raises OSError for a larger file, a folder, a pipe or a device."""
    # O_NONBLOCK, so that a pipe is refused below instead of waited for.
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode) or status.st_size > max_bytes:
        os.close(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise OSError(errno.EINVAL, "Not a regular file", str(path))
        raise OSError(errno.EFBIG, f"Larger than {max_bytes:,} bytes", str(path))
    with os.fdopen(descriptor, "rb") as file:
        return file.read(max_bytes)  # one that grows meanwhile is cut
