"""The check that the suite and the demo leave nothing behind can fail."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parent.parent

_DAEMON = """
import subprocess, sys
subprocess.Popen(
    [sys.executable, "-c", "import time; time.sleep(600)", "the daemon"],
    start_new_session=True, env={}, cwd="/",
    stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
)
"""
_FILE = "import pathlib, tempfile; pathlib.Path(tempfile.gettempdir(), 'forgotten').touch()"
_FILE_AT_HOME = "import pathlib; (pathlib.Path.home() / '.forgotten').touch()"
_SHORT_LIVED = "import subprocess; subprocess.Popen(['sleep', '0.2'], start_new_session=True)"


def check(script: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "tests.leftovers", sys.executable, "-c", script],
        cwd=REPOSITORY,
        env=os.environ | {"PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


@pytest.mark.skipif(sys.platform != "linux", reason="processes are only tracked on Linux")
@pytest.mark.parametrize("script", [_DAEMON, f"script = '''{_DAEMON}'''\nexec(script)"])
def test_a_process_that_is_left_is_named_and_ended(script: str) -> None:
    done = check(script)
    assert done.returncode == 1
    assert "the daemon" in done.stderr
    pid = int(done.stderr.split("process ")[1].split(":")[0])
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


@pytest.mark.parametrize(
    ("script", "name"), [(_FILE, "file forgotten in"), (_FILE_AT_HOME, "file ~/.forgotten")]
)
def test_a_file_that_is_left_is_named(script: str, name: str) -> None:
    done = check(script)
    assert (done.returncode, name in done.stderr) == (1, True)


@pytest.mark.parametrize("script", ["pass", _SHORT_LIVED])
def test_nothing_is_left(script: str) -> None:
    done = check(script)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_failure_keeps_its_exit_code() -> None:
    assert check("raise SystemExit(5)").returncode == 5
