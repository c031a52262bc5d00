"""`imgctl reprocess`."""

import shlex
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from imgctl.cli.app import App, app_of
from imgctl.cli.commands.audit import services
from imgctl.cli.options import Command
from imgctl.core.errors import ImgctlError

if TYPE_CHECKING:
    from imgctl.aws.audit import AuditContext, SourceObject
    from imgctl.aws.invoke import InvokeResult


class ObjectNotFound(ImgctlError):
    """There is no such object in the source bucket."""

    code = "no_object"


class NoBatchHere(ImgctlError):
    """The embedded AWS has no S3 Batch Operations."""

    code = "no_batch"


@click.command(cls=Command, epilog="Example: imgctl reprocess --missing --failed")
@click.argument("keys", nargs=-1, metavar="[KEY]...")
@click.option("--prefix", help="All objects whose keys begin so; '' for all.")
@click.option("--missing", is_flag=True, help="Those without a record, or without their output.")
@click.option("--failed", is_flag=True, help="Those that failed.")
@click.option("--after", default="", metavar="KEY", help="Go on after this key.")
@click.option("--jobs", type=click.IntRange(1, 256), default=8, show_default=True, help="At once.")
@click.option("--batch", is_flag=True, help="Let S3 Batch Operations do it, for millions.")
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
    """Send objects that are in the source bucket to the function again.

    Safe to repeat: the same upload keeps its one record, and the same result is not written twice.
    """
    app = app_of(context)
    if not (keys or missing or failed or prefix is not None):
        raise click.UsageError("Say which: a KEY, --prefix, --missing or --failed.")
    if keys and (missing or failed or prefix is not None or after):
        raise click.UsageError("Give keys, or --prefix, --missing, --failed, --after; not both.")
    with services(app) as read:
        if keys:
            chosen = _named(read, dict.fromkeys(keys))
        else:
            chosen = _selected(read, prefix or "", after, missing=missing, failed=failed)
        return _submit_batch_job(app, chosen) if batch else _invoke_directly(app, chosen, jobs)


def _named(read: "AuditContext", keys: Iterable[str]) -> Iterator["SourceObject"]:
    from imgctl.aws.audit import check_page, head_source_object

    found = [(key, head_source_object(read.s3, read.outputs.source_bucket, key)) for key in keys]
    for key, source in found:
        if source is None:
            raise ObjectNotFound(
                f"There is no object {key} in {read.outputs.source_bucket}.",
                hint="Upload it with `imgctl upload`.",
            )
    for finding in check_page(read, [source for _, source in found if source]):
        yield finding.source


def _selected(
    read: "AuditContext", prefix: str, after: str, *, missing: bool, failed: bool
) -> Iterator["SourceObject"]:
    from imgctl.aws.audit import Problem, check_page, list_source_objects

    wanted: set[Problem | None] = set()
    if missing:
        wanted |= {Problem.NEVER_PROCESSED, Problem.OUTPUT_GONE, Problem.OUTPUT_STALE}
    if failed:
        wanted |= {Problem.FAILED}
    for page in list_source_objects(
        read.s3, read.outputs.source_bucket, prefix=prefix, after=after
    ):
        for finding in check_page(read, page):
            if not wanted or finding.problem in wanted:
                yield finding.source


def _invoke_directly(app: App, chosen: Iterator["SourceObject"], jobs: int) -> int:
    from imgctl.aws.invoke import invoke_each
    from imgctl.cli.text import printable

    counts: Counter[str] = Counter()
    outcomes: list[dict[str, str]] = []
    cursor = ""
    answers = invoke_each(
        app.aws.lambda_, app.outputs.function_alias, app.outputs.source_bucket, chosen, jobs=jobs
    )
    try:
        with app.ui.progress("Processing again", None) as step:
            for source, answer in answers:
                told = _tell(app, source, answer)
                cursor = source.key
                counts[told["outcome"]] += 1
                if app.ui.json_wanted:  # else there may be millions, and nobody asks
                    outcomes.append(told)
                step(1)
    except BaseException:
        answers.close()  # what has not begun is left out
        if cursor:
            after = shlex.quote(printable(cursor))
            app.ui.warn(f"Done up to there. To go on: the same command with --after {after}")
        raise
    totals = ", ".join(f"{count} {name}" for name, count in counts.items())
    app.ui.info(totals or "Nothing to process again.")
    app.ui.result({"objects": outcomes, "totals": dict(counts), "cursor": cursor}, "")
    return 1 if counts["failed"] else 0


def _tell(app: App, source: "SourceObject", answer: "InvokeResult") -> dict[str, str]:
    from imgctl.cli.text import Line, printable

    reason = answer.error or next((one.reason for one in answer.outcomes if one.reason), "")
    status = "failed"
    if not reason:  # a version of the function from before outcomes were told gives none
        status = next((one.status.value.lower() for one in answer.outcomes), "unknown")
    style = {"failed": "red", "succeeded": "green"}.get(status, "yellow")
    app.ui.print(Line(status, style, printable(source.key), f"  {printable(reason)}".rstrip()))
    return {"key": source.key, "outcome": status, "reason": reason}


def _submit_batch_job(app: App, chosen: Iterator["SourceObject"]) -> int:
    from imgctl.aws import batch

    if app.aws.is_local:
        raise NoBatchHere("The embedded AWS has no S3 Batch Operations.", hint="Leave out --batch.")
    with tempfile.TemporaryDirectory(prefix="imgctl-") as folder:
        manifest = Path(folder, "manifest.csv")
        with app.ui.working("Listing the objects"), manifest.open("w", encoding="utf-8") as file:
            count = batch.write_manifest(file, app.outputs.source_bucket, chosen)
        if not count:
            app.ui.info("Nothing to process again.")
            app.ui.result({"job": None, "objects": 0}, "")
            return 0
        question = (
            f"Begin a job of S3 Batch Operations with {count} objects?"
            " AWS charges for the job, for each object, and for the function."
        )
        if not app.ui.confirm(question):
            app.ui.info("Nothing was begun.")
            return 1
        now = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
        stack = app.settings.stack
        job = batch.create_job(
            app.aws,
            app.outputs,
            manifest,
            name=f"{stack}-{now}",
            description=f"imgctl reprocess of the stack {stack}",
        )
    app.ui.info(f"{count} objects. Afterwards: {app.program} audit")
    app.ui.result({"job": job, "objects": count}, job)
    return 0
