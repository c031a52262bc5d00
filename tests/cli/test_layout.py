import io
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from imgctl.cli.layout import Grid, Line, hanging, wrapped

WORDS = st.text(st.characters(codec="utf-8", categories=["L", "N"]), min_size=1, max_size=30)
SENTENCES = st.lists(WORDS, max_size=25).map(" ".join)
WIDTHS = st.integers(20, 140)


def shown(part: Grid | Line, width: int) -> list[str]:
    """Return the lines that a terminal of this width shows."""
    console = Console(file=io.StringIO(), width=width, highlight=False, markup=False)
    with console.capture() as capture:
        console.print(part.rendered(width), soft_wrap=True)
    lines = [line.rstrip() for line in capture.get().splitlines()]
    return [line for line in lines if line]  # a table begins with an empty one


def words_of(text: str) -> list[str]:
    return text.split()


def overflows(line: str, width: int) -> bool:
    """Return whether a line is too long although it could have been broken at a space."""
    return cell_len(line) > width and " " in line.strip()


@given(SENTENCES, WIDTHS, st.integers(0, 8), st.integers(0, 8))
def test_text_is_broken_between_words_only(
    text: str, width: int, own_indent: int, indent: int
) -> None:
    lines = wrapped(" " * own_indent + text, width, indent=indent).split("\n")
    assert words_of(" ".join(lines)) == words_of(text)
    assert not any(overflows(line, width) for line in lines)


def test_a_command_in_backticks_is_not_broken() -> None:
    text = "Fix the role, and then run `imgctl --local reprocess --missing`, to repair."
    assert wrapped(text, 40).split("\n") == [
        "Fix the role, and then run",
        "`imgctl --local reprocess --missing`, to",
        "repair.",
    ]


@given(
    st.lists(st.tuples(*(st.lists(WORDS, max_size=3).map(" ".join) for _ in range(4))), max_size=5),
    WIDTHS,
)
def test_a_grid_never_breaks_a_cell_and_fits_the_terminal(
    rows: list[tuple[str, ...]], width: int
) -> None:
    columns = ("when", "status", "image", "saved")
    cells = [[Text(value) for value in row] for row in rows]
    grid = Grid(columns, cells, title="image", optional=("saved",))
    lines = shown(grid, width)
    text = "\n".join(lines)
    for row in rows:
        for value in row[:3]:
            assert value in text
    if lines and lines[0].strip().startswith("when"):
        assert max(cell_len(line) for line in lines) <= width


def test_what_matters_least_is_left_out_before_rows_are_stacked() -> None:
    rows = [[Text("10:00"), Text("holiday/cake.jpg"), Text("64x48"), Text("61%")]]
    columns = ("when", "image", "size", "saved")
    grid = Grid(columns, rows, title="image", optional=("saved",))
    assert shown(grid, 80)[0].split() == ["when", "image", "size", "saved"]
    assert shown(grid, 36)[0].split() == ["when", "image", "size"]
    assert shown(grid, 20) == ["holiday/cake.jpg", "  10:00  64x48  61%"]
    assert grid.lines() == "10:00\tholiday/cake.jpg\t64x48\t61%"


def test_a_folded_column_takes_several_lines_before_rows_are_stacked() -> None:
    rows = [[Text("role"), Text("arn:aws:iam::1:" + "r" * 20), Text("default")]]
    grid = Grid(("setting", "value", "from"), rows, title="setting", folded="value")
    assert [line.split() for line in shown(grid, 40)[2:]] == [
        ["role", "arn:aws:iam::1:rrrrr", "default"],
        ["r" * 15],
    ]
    assert shown(grid, 39)[0] == "role"
    assert len(shown(grid, 80)) == 3


def test_a_stacked_row_has_as_many_cells_on_a_line_as_fit() -> None:
    rows = [[Text("a" * 30), Text("one"), Text("two\nthree"), Text(""), Text("four")]]
    grid = Grid(("title", "b", "c", "d", "e"), rows, title="title")
    assert shown(grid, 14) == ["a" * 30, "  one  two", "  three  four"]


def test_a_word_too_long_for_its_place_gets_a_line_of_its_own() -> None:
    pairs = [[Text("SourceSha256"), Text("9f" * 10)]]
    assert shown(Grid((), pairs), 24) == ["SourceSha256", f"  {'9f' * 10}"]
    line = Line("resized", "green", ("a picture  with a long name.jpg",), "64x48")
    assert shown(line, 30) == [
        "resized   a picture  with a",
        "          long name.jpg",
        "          64x48",
    ]


@given(SENTENCES, SENTENCES, WIDTHS)
def test_a_text_beside_its_label_is_broken_between_words_only(
    first: str, second: str, width: int
) -> None:
    text = Text.assemble((first, "red"), "\n  ", second)
    lines = hanging([(Text("Modify"), text), (Text("Add"), Text("x"))], width).split("\n")
    plain = [line.plain for line in lines]
    words = ["Modify", *words_of(first), *words_of(second), "Add", "x"]
    assert words_of(" ".join(plain)) == words
    assert all(len(line.split()) == 1 for line in plain[1:-1] if cell_len(line) > width)


def test_the_second_of_a_pair_is_wrapped_beside_the_first() -> None:
    pairs = [[Text("notes"), Text("the color profile was dropped")], [Text("id"), Text("x" * 30)]]
    assert shown(Grid((), pairs), 24) == [
        "notes  the color profile",
        "       was dropped",
        "id",
        f"  {'x' * 30}",
    ]


def test_a_line_has_tabs_in_a_pipe_and_is_stacked_on_a_narrow_terminal() -> None:
    line = Line("failed", "red", ("many/Q.jpg", "no image"), hint="Remove it.", notes=("a", "b"))
    assert line.lines() == "failed\tmany/Q.jpg\tno image. Remove it.\ta; b"
    below = ["          Remove it.", "          a", "          b"]
    assert shown(line, 40) == ["failed    many/Q.jpg  no image", *below]
    assert shown(line, 24) == ["failed    many/Q.jpg", "          no image", *below]
    assert shown(Line("uploaded", "green", ("a.jpg",), "64x48"), 80) == ["uploaded  a.jpg  64x48"]


@given(SENTENCES, SENTENCES, WIDTHS)
def test_a_line_is_broken_between_words_only(reason: str, hint: str, width: int) -> None:
    line = Line("failed", "red", ("a.jpg", reason), hint=hint)
    lines = shown(line, width)
    assert words_of(" ".join(lines)) == ["failed", "a.jpg", *words_of(reason), *words_of(hint)]
    assert not any(overflows(line, width) for line in lines)


@pytest.mark.parametrize("width", [80, 140])
def test_colors_do_not_change_the_layout(width: int) -> None:
    line = Line("failed", "red", ("a.jpg", "b" * 60), "faint")
    console = Console(file=io.StringIO(), width=width, force_terminal=True, color_system="standard")
    with console.capture() as capture:
        console.print(line.rendered(width), soft_wrap=True)
    plain = re.sub(r"\x1b\[[0-9;]*m", "", capture.get()).rstrip()
    assert plain == "\n".join(shown(line, width))
