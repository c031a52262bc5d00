import os
import shutil
import subprocess
import sys
from collections import namedtuple
from pathlib import Path

import pytest

from imgctl.worker.scratch import NoSpace, remove_stale_folders, scratch_folder

Usage = namedtuple("Usage", "total used free")


def test_each_image_has_its_own_folder_and_none_is_left(scratch: Path) -> None:
    with scratch_folder(1) as first, scratch_folder(1) as second:
        assert first != second
        (first / "original").write_bytes(b"x")
        assert first.parent == scratch
    assert list(scratch.iterdir()) == []


def test_nothing_is_left_after_an_error(scratch: Path) -> None:
    with pytest.raises(FileNotFoundError), scratch_folder(1) as folder:
        (folder / "original").read_bytes()
    assert list(scratch.iterdir()) == []


def test_the_space_is_checked_before_anything_is_written(
    scratch: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(100, 91, 9))
    with pytest.raises(NoSpace, match=r"10 bytes.* 9 free"), scratch_folder(10):
        pytest.fail("too little space")
    with scratch_folder(9):
        pass
    assert list(scratch.iterdir()) == []


def test_folders_of_killed_processes_are_removed_and_those_of_running_ones_kept(
    scratch: Path,
) -> None:
    program = (
        "import os\n"
        "from imgctl.worker.scratch import scratch_folder\n"
        "with scratch_folder(1) as folder:\n"
        "    (folder / 'original').write_bytes(b'x')\n"
        "    os._exit(9)\n"
    )
    killed = subprocess.run(
        [sys.executable, "-c", program], env={**os.environ, "TMPDIR": str(scratch)}, check=False
    )
    assert killed.returncode == 9
    (left,) = scratch.iterdir()
    assert (left / "original").exists()
    running = scratch / f"imgctl-function-{os.getppid()}-abc"
    own = scratch / f"imgctl-function-{os.getpid()}-abc"  # of an earlier process with the same ID
    others = scratch / "other-program"
    for folder in (running, own, others):
        folder.mkdir()
    remove_stale_folders()
    assert sorted(scratch.iterdir()) == sorted([running, others])
