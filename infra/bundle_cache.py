"""Bundles of earlier builds, and the wheels in them, each under a digest of what it follows from.

An entry's name contains that digest and the SHA-256 of the entry itself, so that one rename stores
both, and a damaged entry is recognized. Nothing is read that anybody but the user could have
written. Failures never reach the caller: without a usable entry, the bundle is built.
"""

import hashlib
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from platformdirs import user_cache_path

from imgctl.output_files import output_file

KEPT_ENTRIES = 12
"""How many are kept: a bundle and two wheels per architecture, before and after a change."""

_WRITABLE_BY_OTHERS = 0o022


@dataclass(frozen=True, slots=True)
class BundleCache:
    """The cache in `folder`, which is created when something is first stored."""

    folder: Path

    def find(self, inputs: str) -> bytes | None:
        """Return the zip file that was built from inputs with this digest; None if there is none.

        It then counts as the newest entry.
        """
        with suppress(OSError), _open(self.folder) as folder:
            for name in _names(folder):
                data = _read(folder, name) if name.startswith(f"{inputs}-") else None
                if data is not None and name == _entry_name(inputs, data):
                    with suppress(OSError):  # deleted meanwhile, or the file system is read-only
                        os.utime(name, dir_fd=folder, follow_symlinks=False)
                    return data
        return None

    def store(self, inputs: str, data: bytes) -> None:
        """Keep a zip file that was built from inputs with this digest, and drop old entries."""
        if not self.folder.is_absolute():  # no home is known
            return
        with suppress(OSError):
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            with _open(self.folder) as folder:
                path = self.folder / _entry_name(inputs, data)
                with output_file(path, mode=0o600) as file:
                    file.write(data)
                _drop_old_entries(folder)


def user_cache() -> BundleCache:
    """Return the cache of this user, which on Linux is below ~/.cache or XDG_CACHE_HOME."""
    return BundleCache(user_cache_path("imgctl") / "bundles")


def _entry_name(inputs: str, data: bytes) -> str:
    return f"{inputs}-{hashlib.sha256(data).hexdigest()}.zip"


@contextmanager
def _open(folder: Path) -> Iterator[int]:
    """Open the folder, and yield its descriptor; raises PermissionError if others can write."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        if not _is_only_mine(os.fstat(descriptor)):
            raise PermissionError(f"{folder} can be changed by other users")
        yield descriptor
    finally:
        os.close(descriptor)


def _names(folder: int) -> list[str]:
    with os.scandir(folder) as entries:
        return [entry.name for entry in entries]


def _read(folder: int, name: str) -> bytes | None:
    """Return an entry's content; None if it is gone, a link, or could be another user's."""
    # O_NONBLOCK, so that a FIFO is skipped below instead of waited for.
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    try:
        descriptor = os.open(name, flags, dir_fd=folder)
    except OSError:
        return None
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode) or not _is_only_mine(status):
        os.close(descriptor)
        return None
    with os.fdopen(descriptor, "rb") as file:
        return file.read()


def _is_only_mine(status: os.stat_result) -> bool:
    return status.st_uid == os.geteuid() and not status.st_mode & _WRITABLE_BY_OTHERS


def _drop_old_entries(folder: int) -> None:
    """Delete all but the newest entries, and what killed processes have left unfinished."""
    changed = {}
    for name in _names(folder):
        with suppress(FileNotFoundError):  # deleted by another process
            changed[name] = os.lstat(name, dir_fd=folder).st_mtime_ns
    newest_first = sorted(changed, key=changed.__getitem__, reverse=True)
    for name in newest_first[KEPT_ENTRIES:]:
        with suppress(OSError):
            os.unlink(name, dir_fd=folder)
