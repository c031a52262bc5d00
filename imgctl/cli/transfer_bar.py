"""The progress bar of a transfer: bytes, rate, time left, and files."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from imgctl.cli.ui import Ui

if TYPE_CHECKING:
    from rich.progress import Progress


class TransferBar:
    """Reports what is transferred; both methods may be called by any thread."""

    def __init__(self, progress: "Progress | None", files: int, total_bytes: int) -> None:
        self._progress = progress
        self._files = files
        if progress is not None:
            self._task = progress.add_task("Uploading", total=total_bytes, done=0, files=files)

    def sent(self, size: int) -> None:
        """Report a file whose bytes are sent, or need not be."""
        if self._progress is None:
            return
        self._progress.update(self._task, advance=size)
        if self._progress.tasks[0].finished:
            self._progress.update(self._task, description="Waiting for the results")

    def done(self) -> None:
        """Report a file of which nothing more is to come."""
        if self._progress is not None:
            done = self._progress.tasks[0].fields["done"] + 1
            self._progress.update(self._task, done=done)


@contextmanager
def transfer_bar(ui: Ui, files: int, total_bytes: int) -> Iterator[TransferBar]:
    """Show a bar on a terminal, and nothing elsewhere."""
    if not ui.can_draw:
        yield TransferBar(None, files, total_bytes)
        return
    from rich.progress import (
        BarColumn,
        DownloadColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
        TransferSpeedColumn,
    )

    progress = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.fields[done]}/{task.fields[files]} files"),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(compact=True),
        console=ui.stderr_console(),
        transient=True,
        redirect_stdout=False,  # stdout may be a pipe
    )
    with ui.showing(progress):
        yield TransferBar(progress, files, total_bytes)
