"""`imgctl redrive`."""

from collections import Counter
from contextlib import closing
from functools import partial
from typing import TYPE_CHECKING

import click

from imgctl.cli.app import app_of
from imgctl.cli.options import Command

if TYPE_CHECKING:
    from imgctl.cli.image_documents import DeadLetterDocument
    from imgctl.cli.layout import Line
    from imgctl.operations.redrive import RedriveResult

_STYLES = {"replayed": "green", "failed": "red"}


@click.command(cls=Command, examples=["imgctl redrive --list", "imgctl redrive"])
@click.option("--list", "only_list", is_flag=True, help="List messages without resending them.")
@click.pass_context
def redrive(context: click.Context, *, only_list: bool) -> int:
    """Resend dead-letter messages to the function.

    These are the events that it could not process. Each is printed with its objects and its cause.
    Messages that fail again stay in the queue.
    """
    from imgctl.aws.invoke import invoke
    from imgctl.cli.image_documents import RedriveDocument
    from imgctl.operations import redrive as operation

    app = app_of(context)
    sqs, queue = app.aws.sqs, app.outputs.dead_letter_queue
    if only_list:
        events = operation.list_dead_letters(sqs, queue)
    else:
        send = partial(invoke, app.aws.lambda_, app.outputs.function_alias)
        events = operation.redrive(sqs, queue, send)
    results = []
    with app.ui.progress("Dead letters", None) as advance, closing(events) as done:
        for result in done:
            results.append(result)
            app.ui.print(_line(result))
            advance(1)
    counts = Counter(result.status.value for result in results)
    app.ui.info(", ".join(f"{n} {name}" for name, n in counts.items()) or "No dead letters.")
    document = RedriveDocument(letters=[_plain(result) for result in results], totals=dict(counts))
    app.ui.result(document, "")
    return 1 if counts["failed"] else 0


def _line(result: "RedriveResult") -> "Line":
    from imgctl.cli.layout import Line
    from imgctl.cli.text import local_time, printable

    letter, status = result.letter, result.status.value
    keys = printable(", ".join(letter.keys) or letter.request_id)
    reason = printable(result.reason or letter.cause)
    style = _STYLES.get(status, "yellow")
    return Line(status, style, (local_time(letter.sent), keys), reason)


def _plain(result: "RedriveResult") -> "DeadLetterDocument":
    letter = result.letter
    return {
        "request_id": letter.request_id,
        "sent": letter.sent,
        "keys": list(letter.keys),
        "cause": letter.cause,
        "outcome": result.status.value,
        "reason": result.reason,
    }
