"""Interactive shells on a terminal, as a person types into them."""

import fcntl
import os
import pty
import select
import shutil
import struct
import subprocess
import termios
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pyte

# Each starts without the user's own files, and with a prompt that tests recognize.
COMMANDS = {
    "bash": ["bash", "--norc", "--noprofile", "-i"],
    "zsh": ["zsh", "-f", "-i"],
    "fish": ["fish", "--no-config", "-i"],
}
SETUP = {
    "bash": "PS1='ready> '; eval \"$(imgctl completion bash)\"",
    "zsh": "PS1='ready> '; autoload -U compinit && compinit -u -D;"
    ' eval "$(imgctl completion zsh)"',
    "fish": "function fish_prompt; echo 'ready> '; end; imgctl completion fish | source",
}
_TIMEOUT_S = 30


class Shell:
    """A shell; what it shows is read until a text appears."""

    def __init__(self, terminal: int) -> None:
        self._terminal = terminal
        self._screen = pyte.Screen(100, 30)
        self._stream = pyte.ByteStream(self._screen)

    def type(self, keys: str) -> None:
        """Press keys."""
        os.write(self._terminal, keys.encode())

    def wait_for(self, text: str) -> str:
        """Return what is on the screen as soon as it contains the text."""
        deadline_s = time.monotonic() + _TIMEOUT_S
        while text not in self.shown():
            left_s = deadline_s - time.monotonic()
            ready, _, _ = select.select([self._terminal], [], [], max(0, left_s))
            assert ready, f"{text!r} did not appear in:\n{self.shown()}"
            self._stream.feed(os.read(self._terminal, 65536))
        return self.shown()

    def shown(self) -> str:
        """Return what is on the screen."""
        return "\n".join(line.rstrip() for line in self._screen.display).rstrip()


def _take_terminal() -> None:
    """Make the terminal that of the new session: fish demands one."""
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


@contextmanager
def shell(name: str, *, cwd: Path, environment: Mapping[str, str]) -> Iterator[Shell]:
    """Start a shell in which completion is set up."""
    terminal, keyboard = pty.openpty()
    fcntl.ioctl(keyboard, termios.TIOCSWINSZ, struct.pack("HHHH", 30, 100, 0, 0))
    program = shutil.which(COMMANDS[name][0])
    assert program is not None
    process = subprocess.Popen(
        [program, *COMMANDS[name][1:]],
        stdin=keyboard, stdout=keyboard, stderr=keyboard, cwd=cwd,
        env={**environment, "TERM": "xterm-256color"}, start_new_session=True,
        preexec_fn=_take_terminal,  # noqa: PLW1509 (it takes no lock)
    )  # fmt: skip
    os.close(keyboard)
    try:
        opened = Shell(terminal)
        opened.type(SETUP[name] + "\r")
        opened.wait_for("\nready>")
        yield opened
    finally:
        process.kill()
        process.wait()
        os.close(terminal)
