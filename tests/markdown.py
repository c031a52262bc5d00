"""The code blocks of Markdown pages."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent

FENCE = re.compile(r"^ *```(?P<language>\w*)\n(?P<text>.*?)^ *```$", re.MULTILINE | re.DOTALL)

_HEADING = re.compile(r"^#+ (?P<text>.+)$", re.MULTILINE)


@dataclass(frozen=True)
class Block:
    """A code block, below a heading of its page."""

    heading: str
    language: str
    text: str

    @property
    def lines(self) -> list[str]:
        """The lines of a shell block, without comments; a continued line is one."""
        joined = self.text.replace("\\\n", " ").splitlines()
        return [
            line for line in (re.sub(r"(^| )# .*", "", line).strip() for line in joined) if line
        ]


def blocks(text: str) -> Iterator[Block]:
    """Yield the code blocks of a page."""
    prose = FENCE.sub(lambda match: re.sub(r"[^\n]", " ", match[0]), text)
    headings = [(match.start(), match["text"]) for match in _HEADING.finditer(prose)]
    for match in FENCE.finditer(text):
        above = [heading for at, heading in headings if at < match.start()]
        yield Block(above[-1] if above else "", match["language"], dedent(match["text"]))


def blocks_of(page: Path) -> list[Block]:
    """List the code blocks of a file."""
    return list(blocks(page.read_text(encoding="utf-8")))
