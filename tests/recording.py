"""A picture of `imgctl demo` on a terminal, for the top of the README.

`python -m tests.recording` (or `make recording`) runs the demo, and writes docs/images/demo.svg.
"""

import io
import os
import re
import sys
import tempfile
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path

from pyte.screens import Char
from rich.console import Console
from rich.style import Style
from rich.terminal_theme import MONOKAI
from rich.text import Text

from tests.screen import recorded

PICTURE = Path(__file__).parents[1] / "docs" / "images" / "demo.svg"
COLUMNS = 100
_FOLDER = "/home/you"  # shown for the folder of the recording
_WEB_FONT = re.compile(r"@font-face \{.*?\}\s*", re.DOTALL)
_PYTE_COLORS = {"default": None, "brown": "yellow", "brightbrown": "bright_yellow"}


def record() -> str:
    """Run the demo in a folder of its own, and return what a terminal showed, as SVG."""
    with tempfile.TemporaryDirectory() as name:
        folder = str(Path(name).resolve())
        environment = {k: v for k, v in os.environ.items() if not k.startswith(("IMGCTL_", "AWS_"))}
        # As if the environment were activated, so that hints name the program as users do.
        environment["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{environment['PATH']}"
        code, rows = recorded(["demo"], cwd=Path(folder), environment=environment, columns=COLUMNS)
        lines = [_text(row) for row in rows]
        if code != 0:
            raise SystemExit("\n".join(line.plain for line in lines))
        return svg([line_in(line, folder) for line in lines])


def line_in(line: Text, folder: str) -> Text:
    """Return a line that names a neutral folder where it names this one."""
    at = line.plain.find(folder)
    return line if at < 0 else Text.assemble(line[:at], _FOLDER, line[at + len(folder) :])


def svg(lines: Sequence[Text]) -> str:
    """Draw a terminal that shows a command and what it printed."""
    console = Console(record=True, width=COLUMNS, file=io.StringIO(), force_terminal=True)
    console.print(Text.assemble(("$ ", "green"), "imgctl demo"))
    for line in lines:
        console.print(line, no_wrap=True)
    drawn = console.export_svg(title="imgctl demo", theme=MONOKAI, unique_id="demo")
    return _WEB_FONT.sub("", drawn)  # which would be loaded from another server


def _text(row: Sequence[Char]) -> Text:
    line = Text()
    for (color, bold), cells in groupby(row, lambda cell: (cell.fg, cell.bold)):
        text = "".join(cell.data for cell in cells)
        line.append(text, Style(color=_color(color), bold=bold))
    line.rstrip()
    return line


def _color(name: str) -> str | None:
    if re.fullmatch(r"[0-9a-f]{6}", name):
        return f"#{name}"
    return _PYTE_COLORS.get(name, name.replace("bright", "bright_"))


if __name__ == "__main__":
    PICTURE.write_text(record(), encoding="utf-8")
    print(PICTURE)
