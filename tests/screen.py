"""The program on a terminal of 80 by 24, and snapshots of what a person sees there.

`UPDATE_SCREENS=1 pytest tests/...` writes the snapshots anew.
"""

import fcntl
import os
import pty
import re
import struct
import termios
from collections.abc import Mapping, Sequence
from pathlib import Path

import pyte

from tests import program

COLUMNS, LINES = 80, 24
_SCREENS = Path(__file__).with_name("screens")

# What differs from run to run, each replaced by as many characters.
_VARYING = [
    (re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d"), "2026-11-23 15:25:09"),
    (re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"), "2026-11-23T15:25:09.123Z"),
    (re.compile(r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b"), "0" * 36),
    (re.compile(r"\b[0-9a-f]{64}\b"), "0" * 64),
    (re.compile(r"\b[0-9a-f]{32}\b"), "0" * 32),
    (re.compile(r"\b[0-9A-F]{18}\b"), "0" * 18),
    (re.compile(r"(?<=CodeVersion)[0-9a-f]{12}"), "0" * 12),
    (re.compile(r"(?<=15:25:09   )\S{12}"), "0" * 12),  # of the code, after its time
    (re.compile(r"\(\d+(\.\d)? s\)"), "(0.1 s)"),
]


class _Screen(pyte.HistoryScreen):
    """A screen that answers the questions of programs."""

    def __init__(self, terminal: int, columns: int) -> None:
        super().__init__(columns, LINES, history=1000)
        self._terminal = terminal

    def write_process_input(self, data: str) -> None:
        os.write(self._terminal, data.encode())


def run_on_terminal(
    arguments: Sequence[str], *, cwd: Path, environment: Mapping[str, str]
) -> tuple[int, list[str]]:
    """Run `imgctl` on a terminal; return its exit code and every line that the terminal showed."""
    code, rows = recorded(arguments, cwd=cwd, environment=environment)
    return code, ["".join(cell.data for cell in row).rstrip() for row in rows]


def recorded(
    arguments: Sequence[str], *, cwd: Path, environment: Mapping[str, str], columns: int = COLUMNS
) -> tuple[int, list[list[pyte.screens.Char]]]:
    """Run `imgctl` on a terminal; return its exit code, and each line's characters with styles."""
    terminal, keyboard = pty.openpty()
    fcntl.ioctl(keyboard, termios.TIOCSWINSZ, struct.pack("HHHH", LINES, columns, 0, 0))
    started = program.start(
        arguments,
        environment={**environment, "TERM": "xterm-256color", "COLUMNS": "", "LINES": ""},
        streams=[keyboard] * 3,
        cwd=cwd,
    )
    os.close(keyboard)
    screen = _Screen(terminal, columns)
    stream = pyte.ByteStream(screen)
    try:
        while data := _read(terminal):
            stream.feed(data)
    finally:
        code = started.wait(timeout_s=60)
        os.close(terminal)
    lines = [*screen.history.top, *(screen.buffer[i] for i in range(LINES))]
    rows = [[line[i] for i in range(columns)] for line in lines]
    while rows and not "".join(cell.data for cell in rows[-1]).strip():
        rows.pop()
    return code, rows


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65536)
    except OSError:  # Linux: the program has closed its side
        return b""


def check_screen(name: str, lines: Sequence[str]) -> None:
    """Compare what a terminal showed with the snapshot of this name."""
    text = "\n".join(lines) + "\n"
    for pattern, replacement in _VARYING:
        text = pattern.sub(replacement, text)
    path = _SCREENS / f"{name}.txt"
    if os.environ.get("UPDATE_SCREENS") == "1":
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
    assert text == path.read_text(encoding="utf-8")
