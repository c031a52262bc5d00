import os
import shutil
import subprocess
import sys
from collections import namedtuple
from pathlib import Path

import pytest

from imgctl.worker.scratch import NoSpace, remove_stale_folders, room

Usage = namedtuple("Usage", "total used free")


def test_each_picture_has_a_folder_of_its_own_and_none_is_left(scratch: Path) -> None:
    with room(1) as one, room(1) as other:
        assert one != other
        (one / "original").write_bytes(b"x")
        assert one.parent == scratch
    assert list(scratch.iterdir()) == []


def test_nothing_is_left_where_the_work_fails(scratch: Path) -> None:
    with pytest.raises(FileNotFoundError), room(1) as folder:
        (folder / "original").read_bytes()
    assert list(scratch.iterdir()) == []


def test_the_space_is_checked_before_anything_is_written(
    scratch: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(100, 91, 9))
    with pytest.raises(NoSpace, match=r"10 bytes.* 9 left"), room(10):
        pytest.fail("there was no room")
    with room(9):
        pass
    assert list(scratch.iterdir()) == []


def test_what_a_killed_process_left_is_swept_and_a_living_ones_is_not(scratch: Path) -> None:
    program = (
        "import os\n"
        "from imgctl.worker.scratch import room\n"
        "with room(1) as folder:\n"
        "    (folder / 'original').write_bytes(b'x')\n"
        "    os._exit(9)\n"
    )
    killed = subprocess.run(
        [sys.executable, "-c", program], env={**os.environ, "TMPDIR": str(scratch)}, check=False
    )
    assert killed.returncode == 9
    (left,) = scratch.iterdir()
    assert (left / "original").exists()
    living = scratch / f"imgctl-function-{os.getppid()}-abc"
    own = scratch / f"imgctl-function-{os.getpid()}-abc"  # of an earlier process of this number
    others = scratch / "somebody-else"
    for folder in (living, own, others):
        folder.mkdir()
    remove_stale_folders()
    assert sorted(scratch.iterdir()) == sorted([living, others])
