import io
import os
import signal
import sys

import pytest
from rich.text import Text

from imgctl.cli.app import make_ui
from imgctl.cli.resolved_settings import resolve


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class Interrupting:
    """A line during which somebody presses Ctrl-C."""

    def rendered(self, width: int) -> Text:  # noqa: ARG002
        os.kill(os.getpid(), signal.SIGINT)
        return Text("resized  a.jpg")

    def lines(self) -> str:
        raise AssertionError("stdout is a terminal")


def test_a_line_is_printed_whole_before_an_interruption(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stdout", terminal)
    ui = make_ui(resolve({}, {}, None).settings)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            ui.print(Interrupting())
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    finally:
        signal.signal(signal.SIGINT, before)
    assert terminal.getvalue().count("a.jpg") == 1
