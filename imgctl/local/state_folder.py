"""The folder of the embedded AWS: private to its user, and its files never reached through a link.

The folder itself may be a link, because the user named it. Everything in it is opened relative to
its descriptor, so that nobody can exchange it between a check and its use.
"""

import os
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from imgctl.core.errors import Hint, ImgctlError

_PRIVATE = 0o700
_WRITABLE_BY_OTHERS = 0o022


class LocalError(ImgctlError):
    """The embedded AWS cannot be started, reached, stopped or reset."""

    code = "local"


@dataclass(frozen=True, slots=True)
class StateFolder:
    """An open folder that belongs to the user and is closed to everybody else."""

    path: Path
    descriptor: int

    def exists(self, name: str) -> bool:
        """Return whether a regular file has this name; a link is not one."""
        try:
            return stat.S_ISREG(os.lstat(name, dir_fd=self.descriptor).st_mode)
        except FileNotFoundError:
            return False

    def open(self, name: str, flags: int) -> int:
        """Open a file, created with mode 0600; raises LocalError if it is not a regular file."""
        # O_NONBLOCK, so that a FIFO is refused below instead of waited for.
        safe = os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
        try:
            descriptor = os.open(name, flags | safe, 0o600, dir_fd=self.descriptor)
        except OSError as error:
            if stat.S_ISREG(self._mode(name)) or isinstance(error, FileNotFoundError):
                raise
            raise self._refusal(name) from error
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            raise self._refusal(name)
        return descriptor

    def read(self, name: str) -> str:
        """Return the text of a file; raises FileNotFoundError if there is none."""
        with os.fdopen(self.open(name, os.O_RDONLY), encoding="utf-8") as file:
            return file.read()

    def create(self, name: str) -> int:
        """Create an empty file in place of the one that has its name, and return its descriptor.

        What is written is appended, even after somebody has emptied the file.
        """
        self.remove(name)
        return self.open(name, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_APPEND)

    def write(self, name: str, text: str) -> None:
        """Replace a file at once, so that it is never half written."""
        partial = f"{name}.{os.getpid()}.tmp"
        try:
            with os.fdopen(self.create(partial), "w", encoding="utf-8") as file:
                file.write(text)
            os.replace(partial, name, src_dir_fd=self.descriptor, dst_dir_fd=self.descriptor)
        except BaseException:
            self.remove(partial)
            raise

    def make_folder(self, name: str) -> Path:
        """Create a private folder unless it exists; raises LocalError if it is not a folder."""
        with suppress(FileExistsError):
            os.mkdir(name, _PRIVATE, dir_fd=self.descriptor)
        if not stat.S_ISDIR(self._mode(name)):
            raise self._refusal(name)
        return self.path / name

    def remove(self, name: str) -> None:
        """Delete a file, a link or a folder with its contents; never what a link points to."""
        try:
            if stat.S_ISDIR(os.lstat(name, dir_fd=self.descriptor).st_mode):
                shutil.rmtree(name, dir_fd=self.descriptor)
            else:
                os.unlink(name, dir_fd=self.descriptor)
        except FileNotFoundError:
            return

    def _mode(self, name: str) -> int:
        try:
            return os.lstat(name, dir_fd=self.descriptor).st_mode
        except FileNotFoundError:
            return 0

    def _refusal(self, name: str) -> LocalError:
        kind = "a symbolic link" if stat.S_ISLNK(self._mode(name)) else "of another type"
        return LocalError(
            f"{self.path / name} is {kind}; the embedded AWS uses only its own files.",
            hint="Find out who created it, then delete it.",
        )


@contextmanager
def open_folder(path: Path, *, create: bool = False) -> Iterator[StateFolder | None]:
    """Open the folder of an embedded AWS; None if it does not exist and is not to be created.

    Raises LocalError if it belongs to somebody else or others can write to it. If others can
    read it, it is closed to them.
    """
    if create:
        _create(path)
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except FileNotFoundError:
        yield None
        return
    except OSError as error:
        raise LocalError(
            f"Cannot open the folder {path}: {error.strerror}.", hint=_OTHER_FOLDER
        ) from error
    try:
        _make_private(path, descriptor)
        yield StateFolder(path, descriptor)
    finally:
        os.close(descriptor)


_OTHER_FOLDER = Hint("Check the setting local_dir with {}.", "config")


def _create(path: Path) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with suppress(FileExistsError):
            path.mkdir(mode=_PRIVATE)
    except OSError as error:
        raise LocalError(
            f"Cannot create the folder {path}: {error.strerror}.", hint=_OTHER_FOLDER
        ) from error


def _make_private(path: Path, descriptor: int) -> None:
    status = os.fstat(descriptor)
    if status.st_uid != os.geteuid():
        raise LocalError(
            f"{path} belongs to another user; the embedded AWS runs only in your own folders.",
            hint=_OTHER_FOLDER,
        )
    if status.st_mode & _WRITABLE_BY_OTHERS:
        raise LocalError(
            f"Other users can write to {path}; the embedded AWS would run what they put there.",
            hint=f"Check its contents, then run `chmod 700 {path}`, or choose another folder.",
        )
    if stat.S_IMODE(status.st_mode) != _PRIVATE:
        os.fchmod(descriptor, _PRIVATE)
