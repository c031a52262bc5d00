"""Files that imgctl writes for the user: whole or not at all, and never through a link."""

import errno
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO


def new_file_mode() -> int:
    """Return the mode of a file that this process creates.

    Not to be called while other threads create files: the umask belongs to the whole process.
    """
    mask = os.umask(0)
    os.umask(mask)
    return 0o666 & ~mask


@contextmanager
def output_file(path: Path, *, mode: int, overwrite: bool = True) -> Iterator[BinaryIO]:
    """Write a file that takes its name when the block ends, and is deleted if the block raises.

    What has the name before is replaced, a link itself and not what it points to; without
    `overwrite`, FileExistsError is raised instead. Raises OSError for a device or a folder.
    """
    if path.exists() and not path.is_file():
        raise OSError(errno.EINVAL, "Not a regular file", str(path))
    handle, name = tempfile.mkstemp(prefix=".imgctl-", dir=path.parent)
    partial = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            yield file
        partial.chmod(mode)
        if overwrite:
            partial.replace(path)
        else:
            _move_to_new(partial, path)
    finally:
        partial.unlink(missing_ok=True)


def _move_to_new(partial: Path, path: Path) -> None:
    """Name a file; fails if the name exists, as far as the file system supports that."""
    try:
        path.hardlink_to(partial)
    except FileExistsError:
        raise
    except OSError:  # a file system without hard links
        partial.rename(path)
