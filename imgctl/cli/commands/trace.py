"""`imgctl trace`."""

from typing import TYPE_CHECKING

import click

from imgctl.cli.app import app_of
from imgctl.cli.options import Command, completer

if TYPE_CHECKING:
    from imgctl.cli.layout import Line
    from imgctl.operations.timeline import Entry

_STYLES = {"dead letter": "red", "log": "dim", "record": "green"}


@click.command(
    cls=Command,
    examples=["imgctl trace holiday/cake.jpg", "imgctl trace holiday/cake.jpg --json"],
)
@click.argument("key", metavar="KEY", shell_complete=completer("keys"))
@click.pass_context
def trace(context: click.Context, *, key: str) -> int:
    """Show what happened to an upload, as one timeline.

    From the newest version of the object: its event, each invocation of the function with its
    duration, memory and log lines, the outputs, the record, and the dead letter if there is one.
    """
    from datetime import UTC, datetime

    from imgctl.cli.trace_documents import trace_document
    from imgctl.operations import trace as operation
    from imgctl.operations.timeline import timeline

    app = app_of(context)
    with app.ui.working("Tracing"):
        traced = operation.trace(app.aws, app.outputs, key, now=datetime.now(UTC))
    entries = timeline(traced)
    for entry in entries:
        app.ui.print(_line(entry, entries[0]))
    for what in traced.missing:
        app.ui.warn(f"Left out: {what}")
    if traced.record is None:
        app.ui.info("There is no record of it yet.")
    app.ui.result(trace_document(traced, entries), "")
    return 0


def _line(entry: "Entry", first: "Entry") -> "Line":
    from imgctl.cli.layout import Line
    from imgctl.cli.text import duration_text, local_time, printable
    from imgctl.operations.timeline import elapsed_s

    step, seconds = entry.step.value, elapsed_s(entry, first)
    if entry is first or seconds is None:
        when = local_time(entry.time)
    else:
        when = f"+{duration_text(seconds)}"
    values = (when, printable(entry.text))
    return Line(step, _STYLES.get(step, ""), values, word_cells=11)
