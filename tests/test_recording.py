"""The picture of the demo shows what the demo prints today."""

import ast
import inspect
import re
from collections import defaultdict
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from xml.etree import ElementTree

from rich.text import Text

from tests.recording import COLUMNS, PICTURE, line_in, svg

ROOT = Path(__file__).parents[1]
demo = import_module("imgctl.cli.commands.demo")


def test_the_readme_begins_with_the_picture_and_describes_it() -> None:
    before, _, _ = (ROOT / "README.md").read_text(encoding="utf-8").partition("\n## ")
    description, path = re.findall(r"^!\[(.+)\]\((.+\.svg)\)$", before, re.MULTILINE)[0]
    assert ROOT / path == PICTURE
    assert "imgctl demo" in description


def test_the_picture_shows_the_sentences_of_the_demo() -> None:
    shown = list(lines(PICTURE.read_text(encoding="utf-8")))
    assert shown[0] == "$ imgctl demo"
    assert [line for line in sentences() if line not in shown] == [], "run `make recording`"


def test_the_picture_is_small_and_loads_nothing() -> None:
    text = PICTURE.read_text(encoding="utf-8")
    assert len(text) < 100_000
    assert re.findall(r"url\((?!#)|@import|href=|<script|<image", text) == []


def test_a_picture_names_no_folder_of_the_machine_that_made_it() -> None:
    line = line_in(Text("  /tmp/x-1/imgctl-demo/a.jpg"), "/tmp/x-1")
    assert list(lines(svg([line, Text("é".ljust(COLUMNS, "."))])))[1:] == [
        "  /home/you/imgctl-demo/a.jpg",
        "é".ljust(COLUMNS, "."),
    ]


def sentences() -> Iterator[str]:
    """Yield the lines that the demo itself prints, apart from those that depend on its folder."""
    for node in ast.walk(ast.parse(inspect.getsource(demo))):
        match node:
            case ast.Call(func=ast.Attribute(attr="info"), args=[ast.Constant(value=str(text))]):
                yield from filter(None, text.splitlines())
    image = "imgctl-demo/resized-rocket.jpg"
    following = demo._NEXT.format(program="imgctl --local", image=image, look="")
    yield from filter(None, following.splitlines())


def lines(picture: str) -> Iterator[str]:
    """Yield the lines of text that a picture shows in its window."""
    parts: defaultdict[float, dict[float, str]] = defaultdict(dict)
    drawn = ElementTree.fromstring(picture)  # noqa: S314 (our own)
    for element in drawn.iterfind(".//{*}text[@clip-path]"):
        parts[float(element.get("y", 0))][float(element.get("x", 0))] = element.text or ""
    for _, line in sorted(parts.items()):
        yield "".join(text for _, text in sorted(line.items())).replace("\xa0", " ").rstrip()
