"""What a terminal can show of a picture, and the picture in the terminal's own language.

textual-image knows the languages. When it is imported, and when it draws, it would write queries to
the terminal and wait for answers on stdin; it is kept from both here. The terminal is asked one
question, which all of them answer, and only before anything is shown.
"""

import fcntl
import importlib.util
import io
import os
import re
import select
import struct
import sys
import termios
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from math import ceil
from typing import TYPE_CHECKING

from imgctl.core.errors import ImgctlError
from imgctl.core.geometry import Size

if TYPE_CHECKING:
    from PIL.Image import Image

_KITTY_TERMINALS = ("xterm-kitty", "xterm-ghostty")  # those that can place pictures in text
_DEFAULT_CELL = Size(10, 20)  # of a VT340
_MAX_CELLS = Size(160, 60)
_ATTRIBUTES_QUERY = b"\x1b[c"  # "Send Primary Device Attributes" (ECMA-48, DA)
_ATTRIBUTES = re.compile(rb"\x1b\[\?([\d;]*)c")
_SIXEL_ATTRIBUTE = b"4"
_ANSWER_TIMEOUT_S = 1.0


class PreviewNotInstalled(ImgctlError):
    """The package that draws pictures is not installed."""

    code = "preview_not_installed"


class Language(StrEnum):
    """How a terminal is told a picture."""

    KITTY = "kitty"
    SIXEL = "sixel"
    BLOCKS = "blocks"  # half a character for each pixel


@dataclass(frozen=True, slots=True)
class Graphics:
    """What a terminal understands, the size of a character in pixels, and its colors."""

    language: Language
    cell: Size
    color_system: str

    def box(self, columns: int, rows: int) -> Size:
        """Return how many pixels fit into so many characters, of which there is a limit."""
        columns, rows = min(columns, _MAX_CELLS.width), min(rows, _MAX_CELLS.height)
        if self.language is Language.BLOCKS:
            return Size(columns, 2 * rows)
        return Size(columns * self.cell.width, rows * self.cell.height)


def check_installed() -> None:
    """Raise PreviewNotInstalled without the extra `preview`."""
    if importlib.util.find_spec("textual_image") is None:
        raise PreviewNotInstalled(
            "--preview needs the package textual-image.",
            hint="Run `pip install 'imgctl[preview]'`.",
        )


def read_graphics(terminal: int, environ: Mapping[str, str], color_system: str) -> Graphics:
    """Return what the terminal of a file descriptor can show; it may be asked for up to a second.

    What is not known is assumed to be possible on all terminals.
    """
    cell = _cell_size(terminal)
    if environ.get("TERM") in _KITTY_TERMINALS:
        return Graphics(Language.KITTY, cell, color_system)
    attributes = _attributes(terminal)
    language = Language.SIXEL if _SIXEL_ATTRIBUTE in attributes else Language.BLOCKS
    return Graphics(language, cell, color_system)


def _cell_size(terminal: int) -> Size:
    try:
        window = fcntl.ioctl(terminal, termios.TIOCGWINSZ, bytes(8))
    except OSError:
        return _DEFAULT_CELL
    rows, columns, width, height = struct.unpack("HHHH", window)
    if not (rows and columns and width >= columns and height >= rows):
        return _DEFAULT_CELL
    return Size(width // columns, height // rows)


def _attributes(terminal: int) -> list[bytes]:
    """Return what a terminal says of itself; nothing if it cannot be asked."""
    try:
        device = os.open(os.ttyname(terminal), os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC)
    except OSError:
        return []
    try:
        if not _is_in_foreground(device):
            return []
        with _keys_unseen(device):
            if select.select([device], [], [], 0)[0]:
                return []  # somebody is typing, which must not be taken for an answer
            os.write(device, _ATTRIBUTES_QUERY)
            return _read_attributes(device)
    except (OSError, termios.error):
        return []
    finally:
        os.close(device)


def _read_attributes(device: int) -> list[bytes]:
    answer, deadline_s = b"", time.monotonic() + _ANSWER_TIMEOUT_S
    while (left_s := deadline_s - time.monotonic()) > 0:
        if select.select([device], [], [], left_s)[0]:
            answer += os.read(device, 1024)
            if match := _ATTRIBUTES.search(answer):
                return match[1].split(b";")
    return []


def _is_in_foreground(device: int) -> bool:
    """Return whether changing the terminal would not stop this process (SIGTTOU)."""
    try:
        return os.tcgetpgrp(device) == os.getpgrp()
    except OSError:  # it does not control this process
        return True


@contextmanager
def _keys_unseen(device: int) -> Iterator[None]:
    """Read keys, and answers, at once and without showing them."""
    before = termios.tcgetattr(device)
    changed = termios.tcgetattr(device)
    changed[3] &= ~(termios.ICANON | termios.ECHO)
    termios.tcsetattr(device, termios.TCSANOW, changed)
    try:
        yield
    finally:
        termios.tcsetattr(device, termios.TCSANOW, before)


def drawn(picture: "Image", graphics: Graphics) -> str:
    """Return an `RGB` picture for a terminal, in lines; the cursor ends below it."""
    from rich.console import Console

    with _without_terminal(graphics.cell) as messages:
        from textual_image.renderable import HalfcellImage, SixelImage, TGPImage

        columns, rows = _cells(picture, graphics)
        types = {
            Language.KITTY: TGPImage,
            Language.SIXEL: SixelImage,
            Language.BLOCKS: HalfcellImage,
        }
        lines = io.StringIO()
        console = Console(
            file=lines,
            force_terminal=True,
            color_system=graphics.color_system,  # type: ignore[arg-type]
            width=columns,
            height=rows,
            legacy_windows=False,
            no_color=False,
        )
        console.print(types[graphics.language](picture, columns, rows), end="")
    return messages.getvalue() + lines.getvalue()


def _cells(picture: "Image", graphics: Graphics) -> tuple[int, int]:
    if graphics.language is Language.BLOCKS:
        return picture.width, ceil(picture.height / 2)
    return ceil(picture.width / graphics.cell.width), ceil(picture.height / graphics.cell.height)


@contextmanager
def _without_terminal(cell: Size) -> Iterator[io.StringIO]:
    """Let textual-image find no terminal to ask, and the size of a character in the environment.

    Yields what it writes.
    """
    stand_in, stdout = io.StringIO(), sys.__stdout__
    sizes = {"TEXTUAL_CELL_WIDTH": str(cell.width), "TEXTUAL_CELL_HEIGHT": str(cell.height)}
    before = {name: os.environ.get(name) for name in sizes}
    os.environ.update(sizes)
    setattr(sys, "__stdout__", stand_in)  # noqa: B010 (mypy takes it for a constant)
    try:
        yield stand_in
    finally:
        setattr(sys, "__stdout__", stdout)  # noqa: B010
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
