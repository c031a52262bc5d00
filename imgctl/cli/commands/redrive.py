"""`imgctl redrive`."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TYPE_CHECKING

import click

from imgctl.cli.app import App, app_of
from imgctl.cli.options import Command

if TYPE_CHECKING:
    from imgctl.aws.dead_letters import DeadLetter
    from imgctl.aws.invoke import InvokeResult

_AT_ONCE = 5


@click.command(cls=Command, epilog="Example: imgctl redrive --list")
@click.option("--list", "only_list", is_flag=True, help="Name them, and leave them as they are.")
@click.pass_context
def redrive(context: click.Context, *, only_list: bool) -> int:
    """Send dead letters, the events that the function could not finish, to it again.

    Each is named with its objects and its cause. What fails again stays in the queue.
    """
    from imgctl.aws import dead_letters

    app = app_of(context)
    sqs, queue = app.aws.sqs, app.outputs.dead_letter_queue
    told: dict[str, dict[str, object]] = {}
    kept: list[DeadLetter] = []
    _ = app.aws.lambda_  # made here, because threads share clients but make none
    pool = ThreadPoolExecutor(_AT_ONCE)
    try:
        with app.ui.progress("Dead letters", None) as step:
            for batch in dead_letters.receive(sqs, queue):
                kept += batch  # whatever happens now, they are in the queue and seen again
                if only_list:
                    for letter in batch:
                        _describe(app, told, letter, "waiting", letter.cause)
                    continue
                new = {one.request_id: one for one in batch if one.request_id not in told}
                answers = pool.map(lambda one: _send(app, one), new.values())
                for letter, answer in zip(new.values(), answers, strict=True):
                    _describe(app, told, letter, *_outcome(answer))
                for letter in batch:
                    if told[letter.request_id]["outcome"] == "replayed":
                        dead_letters.delete(sqs, queue, letter)
                        kept.remove(letter)
                step(len(batch))
    finally:
        pool.shutdown(cancel_futures=True)
        for letter in kept:
            with suppress(Exception):  # it is seen again by itself, in a quarter of an hour
                dead_letters.keep(sqs, queue, letter)
    outcomes = [one["outcome"] for one in told.values()]
    counts = {name: outcomes.count(name) for name in dict.fromkeys(outcomes)}
    app.ui.info(", ".join(f"{n} {name}" for name, n in counts.items()) or "No dead letters.")
    app.ui.result({"letters": list(told.values()), "totals": counts}, "")
    return 1 if counts.get("failed") else 0


def _send(app: App, letter: "DeadLetter") -> "InvokeResult":
    from imgctl.aws.invoke import InvokeResult, invoke

    if letter.event is None:
        return InvokeResult(error=letter.cause)
    return invoke(app.aws.lambda_, app.outputs.function_alias, letter.event)


def _outcome(answer: "InvokeResult") -> tuple[str, str]:
    if answer.error:
        return "failed", answer.error
    # What the function has recorded, a picture at fault too, is done with.
    return "replayed", "; ".join(one.reason for one in answer.outcomes if one.reason)


def _describe(
    app: App, told: dict[str, dict[str, object]], letter: "DeadLetter", outcome: str, reason: str
) -> None:
    from imgctl.cli.text import Line, local_time, printable

    known = told.get(letter.request_id)
    if known is not None:  # the other message about the same event, which may tell the cause
        return
    told[letter.request_id] = {
        "request_id": letter.request_id,
        "sent": letter.sent,
        "keys": list(letter.keys),
        "cause": letter.cause,
        "outcome": outcome,
        "reason": reason,
    }
    style = {"replayed": "green", "failed": "red"}.get(outcome, "yellow")
    names = printable(", ".join(letter.keys) or letter.request_id)
    cause = printable(reason or letter.cause)
    app.ui.print(Line(outcome, style, f"{local_time(letter.sent)}  {names}", f"  {cause}"))
