"""How results are laid out on a terminal of any width: nothing is broken inside a word.

For a pipe, everything is one line with tabs; rich is imported only for a terminal.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from imgctl.cli.text import sentences

if TYPE_CHECKING:
    from rich.table import Table
    from rich.text import Text

_INDENT = 2
_LEAST_FOLDED = 20  # cells for a column whose texts are broken anywhere
_GAP = 3  # between the columns of a table, with its box and padding
# A command in backticks is one word, so that it can be copied.
_WORDS = re.compile(r"\s*(?:`[^`]*`[^\s`]*|\S+)")


def wrapped(text: str, width: int, *, indent: int = 0) -> str:
    """Break a text into lines of at most `width` cells, between words; `indent` all but the first.

    A word that is too long for a line has one of its own. Lines keep the indentation that they had.
    """
    return "\n".join(_wrapped_line(line, width, indent) for line in text.split("\n"))


def _wrapped_line(line: str, width: int, indent: int) -> str:
    from rich.cells import cell_len

    if cell_len(line) <= width:
        return line
    own_indent = len(line) - len(line.lstrip(" "))
    lines, current = [], " " * own_indent
    for word in _WORDS.findall(line):
        joined = current + word if current.strip() else current + word.lstrip()
        if cell_len(joined) > width and current.strip():
            lines.append(current)
            joined = f"{'':{own_indent + indent}}{word.lstrip()}"
        current = joined
    return "\n".join([*lines, current])


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a result: a colored word, further values, and one that matters less.

    `hint` says what to do about it, and `notes` what else there is to say. On a terminal the values
    begin after `word_cells` cells.
    """

    word: str
    style: str
    values: tuple[str, ...]
    faint: str = ""
    hint: str = ""
    notes: tuple[str, ...] = ()
    word_cells: int = 8

    def rendered(self, width: int) -> "Text":
        """Return the form for a terminal: the hint and each note on lines below."""
        from rich.cells import cell_len
        from rich.text import Text

        parts = [*self.values, *([self.faint] if self.faint else [])]
        below = [text for text in (self.hint, *self.notes) if text]
        indent = self.word_cells + 2
        head = f"{self.word:<{self.word_cells}}  "
        is_stacked = cell_len(head) + cell_len("  ".join(parts)) > width
        if is_stacked:
            parts, below = parts[:1], [*parts[1:], *below]
        lines = wrapped("  ".join(parts), width - indent).split("\n")
        text = Text(head + f"\n{'':{indent}}".join(lines))
        text.stylize(self.style, 0, len(self.word))
        if self.faint and not is_stacked:
            text.stylize("dim", len(text) - len(self.faint))
        for part in below:
            indented = wrapped(f"{'':{indent}}{part}", width)
            text.append(f"\n{indented}", "" if part in self.values else "dim")
        return text

    def lines(self) -> str:
        """Return the form for a pipe: tabs between the values, the hint after the last of them."""
        last = sentences(self.values[-1], self.hint)
        optional = (value for value in (self.faint, "; ".join(self.notes)) if value)
        return "\t".join((self.word, *self.values[:-1], last, *optional))


@dataclass(frozen=True, slots=True)
class Grid:
    """Rows of cells; without `columns` the first cell of each row names the second.

    On a terminal that is too narrow, the columns in `optional` are left out, one after the other,
    and then each row is stacked: `title` is the column of its first line. Where `folded` names a
    column, its long cells take several lines instead, as long as enough of the width is left.
    """

    columns: Sequence[str]
    rows: "Sequence[Sequence[Text]]"
    title: str = ""
    optional: Sequence[str] = ()
    folded: str = ""

    def rendered(self, width: int) -> "Table | Text":
        """Return the form for a terminal."""
        if not self.columns:
            return self._pairs(width)
        for count in range(len(self.optional) + 1):
            left_out = self.optional[:count]
            kept = [i for i, column in enumerate(self.columns) if column not in left_out]
            if self._natural_width(kept) <= width:
                return self._table(kept)
        if self.folded:
            everything = range(len(self.columns))
            folded = self.columns.index(self.folded)
            rest = self._natural_width([i for i in everything if i != folded]) + _GAP
            if width - rest >= _LEAST_FOLDED:
                return self._table(everything, folded, width - rest)
        return self._stacked(width)

    def lines(self) -> str:
        """Return the form for a pipe: one line per row, cells separated by tabs."""
        return "\n".join(
            "\t".join(cell.plain.replace("\n", " ") for cell in row) for row in self.rows
        )

    def _natural_width(self, columns: Sequence[int]) -> int:
        from rich.cells import cell_len

        gaps = _GAP * (len(columns) - 1)
        return gaps + sum(
            max(cell_len(self.columns[i]), *(_width(row[i]) for row in self.rows), 0)
            for i in columns
        )

    def _table(self, columns: Sequence[int], folded: int = -1, folded_width: int = 0) -> "Table":
        from rich.box import SIMPLE_HEAD
        from rich.table import Table

        table = Table(box=SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1))
        for i in columns:
            if i == folded:
                table.add_column(self.columns[i], overflow="fold", width=folded_width)
            else:
                table.add_column(self.columns[i], no_wrap=True)
        for row in self.rows:
            table.add_row(*(row[i] for i in columns))
        return table

    def _pairs(self, width: int) -> "Text":
        from rich.text import Text

        widest = max((name.cell_len for name, _ in self.rows), default=0)
        indent = widest + 2
        return Text("\n").join(
            Text.assemble(
                (name.plain.ljust(widest), "dim"), "  ", _wrapped_cell(value, width, indent)
            )
            for name, value in self.rows
        )

    def _stacked(self, width: int) -> "Text":
        """Return each row as its title and, indented, its other cells; as many as fit a line."""
        from rich.text import Text

        first = self.columns.index(self.title) if self.title else 0
        lines: list[Text] = []
        for row in self.rows:
            lines.append(row[first].copy())
            lines[-1].stylize("bold")
            current = Text(" " * _INDENT)
            for part in _parts(cell for i, cell in enumerate(row) if i != first):
                is_first = not current.plain.strip()
                if not is_first and current.cell_len + 2 + part.cell_len > width:
                    lines.append(current)
                    current, is_first = Text(" " * _INDENT), True
                current = Text.assemble(current, "" if is_first else "  ", part)
            lines.append(current)
        return Text("\n").join(line for line in lines if line.plain.strip())


def hanging(rows: "Sequence[tuple[Text, Text]]", width: int) -> "Text":
    """Put texts beside their labels; each line of a text is broken between words only."""
    from rich.text import Text

    indent = max((label.cell_len for label, _ in rows), default=0) + 2
    lines: list[Text] = []
    for label, text in rows:
        parts = [part for line in text.split("\n") for part in _broken(line, width - indent)]
        for number, part in enumerate(parts):
            beginning = label.copy() if number == 0 else Text()
            beginning.pad_right(indent - beginning.cell_len)
            lines.append(Text.assemble(beginning, part))
    return Text("\n").join(lines)


def _broken(line: "Text", width: int) -> "Iterable[Text]":
    """Break a line as `wrapped` does; the parts keep their styles."""
    from rich.text import Text

    end = 0
    for part in wrapped(line.plain, width).split("\n"):
        words = part.lstrip(" ")
        start = line.plain.index(words, end)
        end = start + len(words)
        yield Text.assemble(" " * (len(part) - len(words)), line[start:end])


def _parts(cells: "Iterable[Text]") -> "Iterable[Text]":
    """Yield each line of each cell that is not empty."""
    return (line for cell in cells for line in cell.split("\n") if line.plain.strip())


def _width(cell: "Text") -> int:
    return max((line.cell_len for line in cell.split("\n")), default=0)


def _wrapped_cell(cell: "Text", width: int, indent: int) -> "Text":
    """Return a cell whose lines after the first are indented; one that fits keeps its style.

    If a word does not fit beside the name, the cell begins on the next line.
    """
    from rich.cells import cell_len
    from rich.text import Text

    if indent + cell.cell_len <= width:
        return cell
    if any(cell_len(word.strip()) > width - indent for word in _WORDS.findall(cell.plain)):
        return Text("\n" + wrapped(f"{'':{_INDENT}}{cell.plain}", width), cell.style)
    lines = wrapped(cell.plain, width - indent).split("\n")
    return Text(f"\n{'':{indent}}".join(lines), cell.style)
