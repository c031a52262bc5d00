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
    """Return what a record says could not be kept, one note each, safe for a terminal.

    Notes on one of several renditions begin with its name.
    """
    outputs = record.outputs
    by_note: dict[str, list[str]] = {}
    for output in outputs:
        for note in _split(output.notes):
            by_note.setdefault(note, []).append(output.name)
    return tuple(
        printable(note if len(names) == len(outputs) else f"{', '.join(names)}: {note}")
        for note, names in by_note.items()
    )


def _split(notes: str | None) -> list[str]:
    return [note for note in (notes or "").split("; ") if note]


def sizes_text(record: Record) -> str:
    """Return the sizes before and after, of each rendition by its name, safe for a terminal."""
    named = [output for output in record.outputs if output.name]
    if not named or not record.original_width:
        return printable(record.dimension_reduction or "")
    sizes = (f"{one.name} {one.width}x{one.height}" for one in named)
    return printable(f"{record.original_width}x{record.original_height} → {', '.join(sizes)}")


def output_bytes(record: Record) -> int:
    """Return how many bytes all results of a record have."""
    return sum(output.file_bytes or 0 for output in record.outputs)
