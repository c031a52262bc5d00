"""The progress of uploads on a terminal: a bar, and below it the files that are being sent."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING

from imgctl.cli.text import printable
from imgctl.cli.ui import Ui

if TYPE_CHECKING:
    from imgctl.aws.content import Content
    from imgctl.operations.upload_keys import UploadFile

_MAX_NAMES = 3
_INDENT = "  "


@dataclass(frozen=True, slots=True)
class TransferState:
    """What is done at a moment: bytes, files, and the keys that are being sent, oldest first."""

    sent_bytes: int
    files_done: int
    keys: list[str]


class Transfers:
    """What is being transferred; told by several threads."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._sending: dict[str, Content] = {}
        self._ended_bytes = 0
        self._done = 0

    def begin(self, file: "UploadFile", content: "Content") -> None:
        """Report a file that is about to be sent, unless it need not be."""
        with self._lock:
            self._sending[file.key] = content

    def end(self, file: "UploadFile", size: int) -> None:
        """Report a file whose bytes are sent, or will not be."""
        with self._lock:
            self._sending.pop(file.key, None)
            self._ended_bytes += size

    def done(self) -> None:
        """Report a file of which nothing more is to come."""
        with self._lock:
            self._done += 1

    def state(self) -> TransferState:
        """Return what is done now."""
        with self._lock:
            sent_bytes = sum(content.sent_bytes for content in self._sending.values())
            return TransferState(self._ended_bytes + sent_bytes, self._done, list(self._sending))


def names_line(keys: Sequence[str], width: int) -> str:
    """Name the first few keys, without their folders, in at most `width` cells; count the others.

    A name that is too long loses its beginning: its end tells the files of a folder apart.
    """
    from rich.cells import cell_len

    names = [printable(key.rpartition("/")[2]) for key in keys[:_MAX_NAMES]]
    while names:
        others = len(keys) - len(names)
        end = f" and {others} more" if others else ""
        line = ", ".join(names) + end
        if cell_len(line) <= width:
            return line
        if len(names) == 1:
            return _ending_of(names[0], width - cell_len(end)) + end
        names.pop()
    return ""


def _ending_of(name: str, width: int) -> str:
    """Return the end of a name, after an ellipsis, in at most `width` cells."""
    from rich.cells import cell_len

    while name and cell_len(name) > width - 1:
        name = name[1:]
    return f"…{name}"


@contextmanager
def transfer_bar(ui: Ui, files: int, total_bytes: int) -> Iterator[Transfers]:
    """Show a bar on a terminal, and nothing elsewhere."""
    transfers = Transfers()
    if not ui.can_draw:
        yield transfers
        return
    from rich.console import Group
    from rich.progress import (
        BarColumn,
        DownloadColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
        TransferSpeedColumn,
    )
    from rich.text import Text

    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.fields[done]}/{task.fields[files]} files"),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(compact=True),
        console=ui.stderr_console(),
    )
    task = bar.add_task("Uploading", total=total_bytes, done=0, files=files)

    def drawn() -> Group:
        state = transfers.state()
        bar.update(task, completed=state.sent_bytes, done=state.files_done)
        if bar.tasks[0].finished and not state.keys:
            bar.update(task, description="Waiting for the results")
        names = names_line(state.keys, bar.console.width - len(_INDENT))
        below = [Text(_INDENT + names, style="dim", no_wrap=True)] if names else []
        return Group(bar.get_renderable(), *below)

    with ui.showing(drawn):
        yield transfers
