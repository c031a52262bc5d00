"""A forked child takes only code from the function, and does not outlive it."""

import subprocess
import sys
from pathlib import Path

FORK = """
import os, sys
from imgctl.core.limits import Limits
from imgctl.core.spec import ResizeSpec
from imgctl.sandbox.child import fork
from imgctl.sandbox.process import ResizeProcess
open_file = open(sys.argv[1], "w") if len(sys.argv) > 1 else None
process = ResizeProcess(fork)
process.start()
"""


def run(program: str, *arguments: str) -> str:
    """Run a program that has forked a child; return the output when both have ended."""
    return subprocess.run(
        [sys.executable, "-c", FORK + program, *arguments],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    ).stdout


def test_only_the_child_imports_pillow() -> None:
    assert run("print('PIL' in sys.modules)") == "False\n"


def test_the_child_ends_with_the_function_however_that_ends() -> None:
    # `run` reads the output until no process has it open any more.
    assert run("print(process._child._pid, flush=True); os._exit(0)").strip().isdigit()


def test_the_child_keeps_none_of_the_function_s_files_open(tmp_path: Path) -> None:
    program = """
import io, time
from PIL import Image
process._child.wait_until_ready()
links = [os.readlink(f"/proc/{process._child._pid}/fd/{name}")
         for name in os.listdir(f"/proc/{process._child._pid}/fd")]
print(sorted({link.partition(":")[0] for link in links}))
"""
    assert run(program, str(tmp_path / "open")) == "['/dev/null', 'socket']\n"


def test_the_child_collects_garbage_although_the_function_starts_without() -> None:
    program = """
import gc
from imgctl.sandbox import server
gc.disable()
server.serve = lambda connection: connection.sendall(str(gc.isenabled()).encode())
print(fork()._connection.recv(10))
"""
    assert run(program) == "b'True'\n"
