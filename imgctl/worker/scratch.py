"""Temporary files of the function: a folder per image, removed when it is done."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_PREFIX = "imgctl-function-"


class NoSpace(OSError):
    """Too little disk space for the image; another execution environment may have more."""


@contextmanager
def scratch_folder(size_bytes: int) -> Iterator[Path]:
    """Create a temporary folder, and remove it with its content at the end of the block.

    Raises NoSpace, before anything is written, if fewer than `size_bytes` bytes are free.
    """
    with tempfile.TemporaryDirectory(prefix=f"{_PREFIX}{os.getpid()}-") as folder:
        free_bytes = shutil.disk_usage(folder).free
        if free_bytes < size_bytes:
            raise NoSpace(f"the image needs {size_bytes} bytes; {folder} has {free_bytes} free")
        yield Path(folder)


def remove_stale_folders() -> None:
    """Remove the folders of processes that were killed, for example at the time limit.

    Lambda then starts a new process in the same environment, with the same /tmp.
    """
    for folder in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        pid = folder.name.removeprefix(_PREFIX).partition("-")[0]
        # This process has not created a folder yet: one with its ID belongs to an earlier process.
        if not pid.isdigit() or int(pid) == os.getpid() or not _is_running(int(pid)):
            shutil.rmtree(folder, ignore_errors=True)


def _is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # of another user
        return True
    return True
