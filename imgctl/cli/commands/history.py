"""`imgctl history`."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from imgctl.cli.app import app_of
from imgctl.cli.options import Command, completer
from imgctl.cli.params import Bounded, TimeParam

if TYPE_CHECKING:
    from imgctl.cli.record_listing import RecordFormat


@click.command(
    cls=Command,
    examples=[
        "imgctl history",
        "imgctl history --since 1d --status failed",
        "imgctl history --key holiday/cake.jpg --all --json",
        "imgctl history --follow",
        "imgctl history --since 7d --all --html report.html",
    ],
)
@click.option(
    "--limit", type=Bounded(click.IntRange(0)), metavar="N",
    help="Maximum number of records; 0 for all.  [default: 20, with --follow all]",
)  # fmt: skip
@click.option("--all", "is_all", is_flag=True, help="All records, as with --limit 0.")
@click.option("--after", metavar="CURSOR", help="Continue where an earlier run stopped.")
@click.option("--since", type=TimeParam(), help="Start time: date, timestamp, or age such as 2h.")
@click.option("--until", type=TimeParam(is_end=True), help="End time; of a date, its end.")
@click.option("--key", shell_complete=completer("keys"), help="Only this object key.")
@click.option(
    "--status", type=click.Choice(["succeeded", "failed", "superseded"], case_sensitive=False),
    help="Only this status.",
)  # fmt: skip
@click.option(
    "--scan", is_flag=True,
    help="Scan the whole table, including records that are in no index.",
)  # fmt: skip
@click.option("--follow", is_flag=True, help="Show records as they come, oldest first.")
@click.option("--csv", "as_csv", is_flag=True, help="Print comma-separated values.")
@click.option("--jsonl", "as_lines", is_flag=True, help="Print one JSON object per line.")
@click.option(
    "--html", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE",
    help="Write a report with the images to a file, and print its path.",
)  # fmt: skip
@click.option("--no-thumbnails", is_flag=True, help="Leave the images out of the report.")
@click.option("--overwrite", is_flag=True, help="Replace an existing report.")
@click.pass_context
def history(
    context: click.Context,
    *,
    limit: int | None,
    is_all: bool,
    after: str | None,
    since: str | None,
    until: str | None,
    key: str | None,
    status: str | None,
    scan: bool,
    follow: bool,
    as_csv: bool,
    as_lines: bool,
    html: Path | None,
    no_thumbnails: bool,
    overwrite: bool,
) -> int:
    """List processed images, newest first.

    If there are more records than the limit, the command says how to continue. On a terminal, a
    list that is longer than the screen opens in your pager. With --html it writes a page that shows
    originals and results, and opens in any browser without a network.
    """
    from imgctl.aws.record_index import Position
    from imgctl.cli.record_listing import print_arrivals, print_records
    from imgctl.core.record import Status
    from imgctl.operations.history import RecordQuery

    app = app_of(context)
    if is_all and limit:
        raise click.UsageError("Use one of --all and --limit.")
    if follow and (until or after or scan):
        raise click.UsageError("--follow takes neither --until, --after nor --scan.")
    query = RecordQuery(
        since=since,
        until=until,
        key=key,
        status=None if status is None else Status(status.upper()),
        after=None if after is None else Position.parse(after),
        scan=scan,
    )
    record_format = _format(app_of(context).ui.json_wanted, as_csv=as_csv, as_lines=as_lines)
    if html is not None:
        from imgctl.cli.reports import ReportOptions, report_history

        if follow or as_csv or as_lines:
            raise click.UsageError("--html takes neither --follow, --csv nor --jsonl.")
        limit = 20 if limit is None and not is_all else limit
        report = ReportOptions(html, overwrite=overwrite, thumbnails=not no_thumbnails)
        return report_history(app, query, limit or None, report)
    if no_thumbnails or overwrite:
        raise click.UsageError("--no-thumbnails and --overwrite are for a report: use --html.")
    if follow:
        print_arrivals(app, query, limit or None, record_format)
    else:
        limit = 20 if limit is None and not is_all else limit
        print_records(app, query, limit or None, record_format)
    return 0


def _format(json_wanted: bool, *, as_csv: bool, as_lines: bool) -> "RecordFormat":  # noqa: FBT001
    from imgctl.cli.record_listing import RecordFormat

    wanted = {
        RecordFormat.JSON: json_wanted,
        RecordFormat.CSV: as_csv,
        RecordFormat.JSON_LINES: as_lines,
    }
    chosen = [one for one, is_wanted in wanted.items() if is_wanted]
    if len(chosen) > 1:
        raise click.UsageError("Use one of --csv, --json and --jsonl.")
    return chosen[0] if chosen else RecordFormat.TABLE
