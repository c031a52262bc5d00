"""`imgctl reprocess`."""

import shlex
from collections import Counter
from contextlib import closing
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from imgctl.cli.app import App, app_of
from imgctl.cli.options import Command, completer
from imgctl.cli.params import Bounded
from imgctl.core.errors import Hint

if TYPE_CHECKING:
    from collections.abc import Iterator

    from imgctl.aws.findings import SourceObject
    from imgctl.cli.image_documents import ReprocessedObject
    from imgctl.cli.layout import Line
    from imgctl.operations.reprocess import ReprocessResult

_STYLES = {"failed": "red", "succeeded": "green"}


@click.command(
    cls=Command,
    examples=["imgctl reprocess holiday/cake.jpg", "imgctl reprocess --missing --failed"],
)
@click.argument("keys", nargs=-1, metavar="[KEY]...", shell_complete=completer("keys"))
@click.option(
    "--prefix", shell_complete=completer("keys"),
    help="All objects with this key prefix ('' for all).",
)  # fmt: skip
@click.option(
    "--missing",
    is_flag=True,
    help="Objects without a record, or with an output that is missing or outdated.",
)
@click.option("--failed", is_flag=True, help="Objects that failed.")
@click.option(
    "--after",
    default="",
    metavar="KEY",
    shell_complete=completer("keys"),
    help="Resume after this key.",
)
@click.option(
    "--jobs", type=Bounded(click.IntRange(1, 256)), metavar="N", default=8, show_default=True,
    help="Number of parallel jobs.",
)  # fmt: skip
@click.option(
    "--batch", is_flag=True, help="Submit an S3 Batch Operations job (for very large buckets)."
)
@click.pass_context
def reprocess(
    context: click.Context,
    *,
    keys: tuple[str, ...],
    prefix: str | None,
    missing: bool,
    failed: bool,
    after: str,
    jobs: int,
    batch: bool,
) -> int:
    """Send originals to the function again.

    Safe to repeat: an upload keeps its one record, and an identical result is not written again.
    """
    from imgctl.aws.findings import OutputSettings
    from imgctl.operations.audit import audit_context
    from imgctl.operations.reprocess import Selection, named_objects, selected_objects
    from infra.function_version import read_live_version

    app = app_of(context)
    if not (keys or missing or failed or prefix is not None):
        raise click.UsageError("Specify a KEY, --prefix, --missing or --failed.")
    if keys and (missing or failed or prefix is not None or after):
        raise click.UsageError(
            "Use either KEY arguments or --prefix, --missing, --failed and --after."
        )
    live = read_live_version(app.aws.lambda_, app.outputs.function)
    settings = OutputSettings.of(live.environment)
    with audit_context(app.aws.s3, app.aws.dynamodb, app.outputs, settings) as audit:
        if keys:
            sources = named_objects(audit, keys)
        else:
            sources = selected_objects(audit, Selection(prefix or "", after, missing, failed))
        return _submit_job(app, sources) if batch else _invoke(app, sources, jobs)


def _invoke(app: App, sources: "Iterator[SourceObject]", jobs: int) -> int:
    from imgctl.cli.image_documents import ReprocessDocument
    from imgctl.cli.text import printable
    from imgctl.operations import reprocess as operation

    counts: Counter[str] = Counter()
    objects: list[ReprocessedObject] = []
    cursor = ""
    results = operation.reprocess(app.aws.lambda_, app.outputs, sources, jobs=jobs)
    try:
        with app.ui.progress("Reprocessing", None) as advance, closing(results):
            for result in results:
                app.ui.print(_line(result))
                cursor = result.key
                counts[result.status] += 1
                if app.ui.json_wanted:  # otherwise not kept: there may be millions
                    objects.append(_plain(result))
                advance(1)
    except BaseException:
        if cursor:
            after = shlex.quote(printable(cursor))
            app.ui.warn(f"Stopped after {printable(cursor)}. Resume with --after {after}.")
        raise
    totals = ", ".join(f"{count} {name}" for name, count in counts.items())
    app.ui.info(totals or "Nothing to reprocess.")
    app.ui.result(ReprocessDocument(objects=objects, totals=dict(counts), cursor=cursor), "")
    return 1 if counts["failed"] else 0


def _line(result: "ReprocessResult") -> "Line":
    from imgctl.cli.layout import Line
    from imgctl.cli.text import printable

    style = _STYLES.get(result.status, "yellow")
    return Line(result.status, style, (printable(result.key),), printable(result.reason or ""))


def _plain(result: "ReprocessResult") -> "ReprocessedObject":
    return {"key": result.key, "outcome": result.status, "reason": result.reason}


def _submit_job(app: App, sources: "Iterator[SourceObject]") -> int:
    from imgctl.cli.image_documents import ReprocessJobDocument
    from imgctl.operations.reprocess import create_job, prepared_job

    ui = app.ui
    with prepared_job(app.aws, app.outputs, sources) as prepared:
        if not prepared.objects:
            ui.info("Nothing to reprocess.")
            ui.result(ReprocessJobDocument(job=None, objects=0), "")
            return 0
        question = (
            f"Submit an S3 Batch Operations job with {prepared.objects} objects?"
            " AWS charges for the job, for each object, and for the function."
        )
        if not ui.confirm(question):
            ui.info("Cancelled.")
            return 1
        stack = app.settings.stack
        job = create_job(app.aws, app.outputs, prepared, stack=stack, now=datetime.now(UTC))
    hint = Hint("When the job is complete, check the results with {}.", "audit")
    ui.info(f"Submitted {prepared.objects} objects. {hint.render(app.program)}")
    ui.result(ReprocessJobDocument(job=job, objects=prepared.objects), job)
    return 0
