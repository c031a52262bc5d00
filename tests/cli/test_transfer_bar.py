import io
import sys

import pytest

from imgctl.aws.content import Content
from imgctl.cli.app import make_ui
from imgctl.cli.resolved_settings import resolve
from imgctl.cli.transfer_bar import Transfers, names_line, transfer_bar
from imgctl.operations.upload_keys import UploadFile

LARGE = UploadFile("trip/large.tif", "2026/large.tif")
SMALL = UploadFile("trip/small.jpg", "2026/small.jpg")


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("keys", "line"),
    [
        ([], ""),
        (["trip/a.jpg"], "a.jpg"),
        (["a.jpg", "b.jpg", "c.jpg"], "a.jpg, b.jpg, c.jpg"),
        (["a.jpg", "b.jpg", "c.jpg", "d.jpg", "e.jpg"], "a.jpg, b.jpg, c.jpg and 2 more"),
        (["a long name.jpg", "another long name.jpg"], "a long name.jpg and 1 more"),
        ([f"{'a' * 50}7.jpg"], f"…{'a' * 24}7.jpg"),
        ([f"{'湖' * 50}.jpg", "b"], f"…{'湖' * 7}.jpg and 1 more"),
        (["\x1b]0;x\x07\n.jpg"], "\\x1b]0;x\\x07\\n.jpg"),
    ],
)
def test_a_few_names_fit_in_a_line_of_30_cells(keys: list[str], line: str) -> None:
    assert names_line(keys, 30) == line


def test_what_is_sent_of_a_file_counts_before_its_end() -> None:
    transfers, content = Transfers(), Content.of(bytes(100_000), "image/tiff")
    transfers.begin(LARGE, content)
    _ = content.sha256  # which is not sent
    blocks = content.blocks()
    next(blocks)
    assert transfers.state().sent_bytes == 0
    next(blocks)
    state = transfers.state()
    assert (state.sent_bytes, state.files_done, state.keys) == (65_536, 0, [LARGE.key])
    transfers.end(SMALL, 30)  # that could not be opened
    transfers.end(LARGE, 100_000)
    transfers.done()
    state = transfers.state()
    assert (state.sent_bytes, state.files_done, state.keys) == (100_030, 1, [])


def test_a_file_that_is_sent_again_does_not_count_twice() -> None:
    transfers, content = Transfers(), Content.of(bytes(100_000), "image/tiff")
    transfers.begin(LARGE, content)
    for _ in range(2):
        assert sum(map(len, content.blocks())) == 100_000
    assert transfers.state().sent_bytes == 100_000


def test_a_terminal_shows_the_files_that_are_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    for name, value in (("TERM", "xterm"), ("COLUMNS", "80"), ("LINES", "24")):
        monkeypatch.setenv(name, value)
    ui = make_ui(resolve({}, {}, None).settings)
    with transfer_bar(ui, 2, 200_000) as transfers:
        transfers.begin(LARGE, Content.of(bytes(100_000), "image/tiff"))
        transfers.end(SMALL, 100_000)
        transfers.done()
    shown = terminal.getvalue()
    assert "1/2 files" in shown
    assert "large.tif" in shown
    assert "small.jpg" not in shown
