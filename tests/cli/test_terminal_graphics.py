"""A terminal is asked once what it can show, and otherwise left alone."""

import fcntl
import os
import pty
import select
import struct
import sys
import termios
import tty
from collections.abc import Iterator
from threading import Thread

import pytest
from PIL import Image

from imgctl.cli import terminal_graphics
from imgctl.cli.terminal_graphics import (
    Graphics,
    Language,
    PreviewNotInstalled,
    check_installed,
    drawn,
    read_graphics,
)
from imgctl.core.geometry import Size

CELL = Size(8, 16)


class Terminal:
    """A terminal: `program` is the program's side of it, and `asked` what the program wrote."""

    def __init__(self) -> None:
        self.own, self.program = pty.openpty()
        self.asked = b""

    def answer(self, answer: bytes) -> Thread:
        """Answer the next question, and none after it."""

        def wait() -> None:
            self.asked = os.read(self.own, 100)
            os.write(self.own, answer)

        thread = Thread(target=wait)
        thread.start()
        return thread

    def unread(self) -> bytes:
        """Return what the program would read next, from a terminal that gives it each key."""
        tty.setcbreak(self.program, termios.TCSANOW)
        has_any = select.select([self.program], [], [], 0)[0]
        return os.read(self.program, 100) if has_any else b""

    def shown(self) -> bytes:
        """Return what the terminal was told to show since the last question."""
        return os.read(self.own, 1000) if select.select([self.own], [], [], 0)[0] else b""


@pytest.fixture
def terminal() -> Iterator[Terminal]:
    made = Terminal()
    yield made
    os.close(made.own)
    os.close(made.program)


@pytest.mark.parametrize(
    ("answer", "language"),
    [
        (b"\x1b[?62;4;22c", Language.SIXEL),
        (b"\x1b[?4c", Language.SIXEL),
        (b"\x1b[?1;2c", Language.BLOCKS),
        (b"\x1b[?64;14;44c", Language.BLOCKS),
        (b"k\x1b[?62;4c", Language.SIXEL),  # a key was pressed meanwhile
    ],
)
def test_a_terminal_says_whether_it_shows_sixels(
    terminal: Terminal, answer: bytes, language: Language
) -> None:
    before = termios.tcgetattr(terminal.program)
    answering = terminal.answer(answer)
    assert read_graphics(terminal.program, {}, "truecolor").language is language
    answering.join()
    assert terminal.asked == b"\x1b[c"
    assert termios.tcgetattr(terminal.program) == before
    assert terminal.shown() == b""  # no echo of the answer
    assert terminal.unread() == b""


def test_a_terminal_that_does_not_answer_gets_half_blocks(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(terminal_graphics, "_ANSWER_TIMEOUT_S", 0.01)
    before = termios.tcgetattr(terminal.program)
    assert read_graphics(terminal.program, {}, "truecolor").language is Language.BLOCKS
    assert termios.tcgetattr(terminal.program) == before


def test_keys_that_were_pressed_before_are_left_to_others(terminal: Terminal) -> None:
    os.write(terminal.own, b"ls")
    assert os.read(terminal.own, 2) == b"ls"  # the echo
    assert read_graphics(terminal.program, {}, "truecolor").language is Language.BLOCKS
    assert terminal.shown() == b""
    assert terminal.unread() == b"ls"


@pytest.mark.parametrize("name", ["xterm-kitty", "xterm-ghostty"])
def test_kitty_is_known_by_its_name_and_not_asked(terminal: Terminal, name: str) -> None:
    fcntl.ioctl(terminal.program, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 640, 384))
    graphics = read_graphics(terminal.program, {"TERM": name}, "truecolor")
    assert graphics == Graphics(Language.KITTY, CELL, "truecolor")
    assert terminal.shown() == b""


def test_what_is_no_terminal_gets_half_blocks_of_the_usual_size() -> None:
    reading, writing = os.pipe()
    try:
        graphics = read_graphics(writing, {}, "256")
    finally:
        os.close(reading)
        os.close(writing)
    assert graphics == Graphics(Language.BLOCKS, Size(10, 20), "256")


def test_the_box_is_in_pixels() -> None:
    assert Graphics(Language.BLOCKS, CELL, "256").box(80, 12) == Size(80, 24)
    assert Graphics(Language.SIXEL, CELL, "256").box(80, 12) == Size(640, 192)
    assert Graphics(Language.KITTY, CELL, "256").box(60_000, 60_000) == Size(1280, 960)


@pytest.mark.parametrize(
    ("language", "marks", "lines"),
    [
        (Language.KITTY, ["\x1b_G", ",c=5,r=2,", "\U0010eeee"], 2),
        (Language.SIXEL, ["\x1bP", '"1;1;40;32', "\x1b\\", "\x1b7", "\x1b8"], 2),
        (Language.BLOCKS, ["\x1b[38;2;200;0;0;48;2;200;0;0m▀"], 10),
    ],
)
@pytest.mark.filterwarnings("ignore:Image.Image.getdata:DeprecationWarning")  # in textual-image
def test_a_picture_is_drawn_without_a_word_to_the_terminal(
    monkeypatch: pytest.MonkeyPatch, language: Language, marks: list[str], lines: int
) -> None:
    class Untouchable:
        def __getattr__(self, name: str) -> object:
            raise AssertionError(f"{name} of the terminal is used")

    monkeypatch.setattr(sys, "__stdout__", Untouchable())
    monkeypatch.setattr(sys, "__stdin__", Untouchable())
    for name in [name for name in sys.modules if name.startswith("textual_image")]:
        monkeypatch.delitem(sys.modules, name)
    environment = dict(os.environ)
    text = drawn(Image.new("RGB", (36, 20), (200, 0, 0)), Graphics(language, CELL, "truecolor"))
    assert [mark for mark in marks if mark not in text] == []
    assert text.count("\n") == lines
    assert dict(os.environ) == environment
    assert isinstance(sys.__stdout__, Untouchable)


def test_without_the_extra_the_error_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    check_installed()
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)  # noqa: ARG005
    with pytest.raises(PreviewNotInstalled) as raised:
        check_installed()
    assert raised.value.hint == "Run `pip install 'imgctl[preview]'`."
