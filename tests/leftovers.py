"""Run a command and fail if it leaves a process or a file behind.

    python -m tests.leftovers COMMAND ARGUMENT...

The command gets a home and a temporary folder of its own, both empty. Afterwards nothing may be in
them but pytest's folder, which pytest itself cleans up; no file of the repository may be new or
changed; and no process that descends from the command may run, whatever its environment, session
or parent (on Linux, where orphans are handed to this process). Other programs on the machine are
not looked at, so they cannot disturb the check.
"""

import ctypes
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

_PR_SET_CHILD_SUBREAPER = 36
_GRACE_S = 10
"""How long processes that are about to exit may take."""


def main(command: list[str]) -> int:
    """Run the command; return its exit code, or 1 if it succeeded and something is left."""
    # A shell ignores SIGINT for a command in the background, and the tests would inherit that.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    adopts = _adopt_orphans()
    repository = _changes()
    with tempfile.TemporaryDirectory(prefix="leftovers-") as folder:
        home, temporary = Path(folder, "home"), Path(folder, "tmp")
        home.mkdir()
        temporary.mkdir()
        code = _run(command, os.environ | {"HOME": str(home), "TMPDIR": str(temporary)})
        left = [f"process {process}" for process in (_end_descendants() if adopts else [])]
        left += [f"file ~/{path.relative_to(home)}" for path in sorted(home.iterdir())]
        left += [
            f"file {path.relative_to(temporary)} in the temporary folder"
            for path in sorted(temporary.iterdir())
            if not path.name.startswith("pytest-of-")
        ]
    left += [f"change in the repository: {line}" for line in sorted(_changes() - repository)]
    for one in left:
        sys.stderr.write(f"left behind: {one}\n")
    return code or (1 if left else 0)


def _run(command: list[str], environment: dict[str, str]) -> int:
    environment = {k: v for k, v in environment.items() if not k.startswith("XDG_")}
    with subprocess.Popen(command, env=environment) as process:
        while True:
            try:
                return process.wait()
            except KeyboardInterrupt:  # the command receives it, too
                continue


def _changes() -> set[str]:
    status = subprocess.run(
        ["git", "status", "--porcelain"],  # noqa: S607
        capture_output=True,
        text=True,
        check=False,
    )
    return set(status.stdout.splitlines())


def _adopt_orphans() -> bool:
    """Let orphaned descendants become children of this process; False if that is impossible."""
    if sys.platform != "linux":
        return False
    return bool(ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0)


def _end_descendants() -> list[str]:
    """Return what still runs after a while, and end it."""
    deadline_s = time.monotonic() + _GRACE_S
    while (children := _children()) and time.monotonic() < deadline_s:
        time.sleep(0.05)
    left = []
    while children:  # those of a child that is killed are adopted, too
        for pid in children:
            left.append(f"{pid}: {_command_line(pid)}")
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
        children = _children()
    return left


def _children() -> list[int]:
    """Return the children of this process, after those that have exited are reaped."""
    try:
        while os.waitpid(-1, os.WNOHANG) != (0, 0):
            pass
    except ChildProcessError:
        return []
    pids = Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
    return [int(pid) for pid in pids]


def _command_line(pid: int) -> str:
    words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    return b" ".join(words).decode(errors="replace").strip()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
