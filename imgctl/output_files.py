"""Files that imgctl writes for the user: whole or not at all, and never through a link."""

import errno
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

PARTIAL_PREFIX = ".imgctl-"
"""How the name of an unfinished file begins, where it has one."""


def new_file_mode() -> int:
    """Return the mode of a file that this process creates.

    Not to be called while other threads create files: the umask belongs to the whole process.
    """
    mask = os.umask(0)
    os.umask(mask)
    return 0o666 & ~mask


def check_destination(path: Path) -> None:
    """Raise OSError for a path at which `output_file` could not write, before the work for it."""
    if path.exists() and not path.is_file():
        raise OSError(errno.EINVAL, "Not a regular file", str(path))
    if not path.parent.is_dir():
        raise FileNotFoundError(errno.ENOENT, "No such folder", str(path.parent))
    if not os.access(path.parent, os.W_OK):
        raise PermissionError(errno.EACCES, "Permission denied", str(path.parent))


@contextmanager
def output_file(path: Path, *, mode: int, overwrite: bool = True) -> Iterator[BinaryIO]:
    """Write a file that takes its name when the block ends, and is deleted if the block raises.

    On Linux the file has no name before, so that not even a killed process leaves it behind. What
    has the name is replaced, a link itself and not what it points to; without `overwrite`,
    FileExistsError is raised instead. Raises OSError for a device, or without a folder to write to.
    """
    check_destination(path)
    partial = path.parent / f"{PARTIAL_PREFIX}{secrets.token_hex(8)}"
    try:
        descriptor, has_name = _create(partial)
        with os.fdopen(descriptor, "w+b") as file:
            os.fchmod(descriptor, mode)
            yield file
            file.flush()
            if not has_name:
                _name_file(descriptor, partial if overwrite else path)
        if overwrite:
            partial.replace(path)
        elif has_name:
            _move_to_new(partial, path)
    finally:
        partial.unlink(missing_ok=True)


def _create(partial: Path) -> tuple[int, bool]:
    """Create a file, without a name if the file system can; return whether it has one."""
    if hasattr(os, "O_TMPFILE") and Path("/proc/self/fd").is_dir():
        with suppress(OSError):
            return os.open(partial.parent, os.O_RDWR | os.O_TMPFILE, 0o600), False
    return os.open(partial, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600), True


def _name_file(descriptor: int, path: Path) -> None:
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        # Only with a descriptor of a folder does Python follow the link to the file (open(2)).
        os.link(f"/proc/self/fd/{descriptor}", path.name, dst_dir_fd=folder, follow_symlinks=True)
    finally:
        os.close(folder)


def _move_to_new(partial: Path, path: Path) -> None:
    """Name a file; fails if the name exists, as far as the file system supports that."""
    try:
        path.hardlink_to(partial)
    except FileExistsError:
        raise
    except OSError:  # a file system without hard links
        partial.rename(path)
