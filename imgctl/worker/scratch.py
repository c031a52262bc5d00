"""The function's room on disk: a folder for each picture, and none left behind."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_PREFIX = "imgctl-function-"


class NoSpace(OSError):
    """The disk has no room for the picture; another execution environment may have."""


@contextmanager
def room(size_bytes: int) -> Iterator[Path]:
    """Give a folder of its own with so much space, and remove it whatever happens inside.

    Raises NoSpace before anything is written.
    """
    with tempfile.TemporaryDirectory(prefix=f"{_PREFIX}{os.getpid()}-") as folder:
        free_bytes = shutil.disk_usage(folder).free
        if free_bytes < size_bytes:
            raise NoSpace(f"the picture has {size_bytes} bytes, and {folder} has {free_bytes} left")
        yield Path(folder)


def remove_stale_folders() -> None:
    """Remove what a process left that was killed, at its time limit for instance.

    Lambda starts the runtime again in the same environment, with the same /tmp.
    """
    for folder in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        owner = folder.name.removeprefix(_PREFIX).partition("-")[0]
        # Its own number was given again: this process has made nothing yet.
        if not owner.isdigit() or int(owner) == os.getpid() or not _runs(int(owner)):
            shutil.rmtree(folder, ignore_errors=True)


def _runs(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # somebody else's
        return True
    return True
