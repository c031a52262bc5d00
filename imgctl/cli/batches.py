"""Work on many files as it is shown: a line per file as it is done, above a progress bar."""

from collections.abc import Callable, Generator
from contextlib import closing
from typing import TypeVar

from imgctl.cli.layout import Line
from imgctl.cli.text import printable
from imgctl.cli.ui import Ui
from imgctl.core.record import Record

T = TypeVar("T")


def print_each(
    ui: Ui,
    work: str,
    total: int,
    results: Generator[T],
    line: Callable[[T], Line],
    *,
    again: str,
) -> list[T]:
    """Print a line for each result as it comes, and return all of them.

    An interruption closes the generator, and says how many are done; `again` ends that sentence.
    """
    done: list[T] = []
    try:
        with ui.progress(work, total) as advance, closing(results):
            for result in results:
                done.append(result)
                ui.print(line(result))
                advance(1)
    except KeyboardInterrupt:  # the progress bar is gone by now
        ui.warn(f"{len(done)} of {total} done. Run the command again {again}.")
        raise
    return done


def printable_notes(record: Record) -> tuple[str, ...]:
    """Return what a record says could not be kept, one note each, safe for a terminal."""
    return tuple(printable(note) for note in (record.notes or "").split("; ") if note)
