"""`imgctl history`."""

from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import click

from imgctl.cli.app import App, app_of
from imgctl.cli.options import Command, completer
from imgctl.cli.params import Bounded, TimeParam

if TYPE_CHECKING:
    from collections.abc import Iterator

    from imgctl.core.record import Record

_TABLE_ROWS = 1000  # of one table: more records are printed as several


@click.command(
    cls=Command,
    examples=[
        "imgctl history",
        "imgctl history --since 1d --status failed",
        "imgctl history --key holiday/cake.jpg --all --json",
        "imgctl history --since 7d --all --html report.html",
    ],
)
@click.option(
    "--limit", type=Bounded(click.IntRange(1)), metavar="N", default=20, show_default=True,
    help="Maximum number of records.",
)  # fmt: skip
@click.option("--all", "is_all", is_flag=True, help="All records, without a limit.")
@click.option("--after", metavar="CURSOR", help="Continue where an earlier run stopped.")
@click.option("--since", type=TimeParam(), help="Start time: date, timestamp, or age such as 2h.")
@click.option("--until", type=TimeParam(), help="End time.")
@click.option("--key", shell_complete=completer("keys"), help="Only this object key.")
@click.option(
    "--status", type=click.Choice(["succeeded", "failed", "superseded"], case_sensitive=False),
    help="Only this status.",
)  # fmt: skip
@click.option(
    "--scan", is_flag=True,
    help="Scan the whole table, including records from the original function.",
)  # fmt: skip
@click.option("--csv", "as_csv", is_flag=True, help="Print comma-separated values.")
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
    limit: int,
    is_all: bool,
    after: str | None,
    since: str | None,
    until: str | None,
    key: str | None,
    status: str | None,
    scan: bool,
    as_csv: bool,
    html: Path | None,
    no_thumbnails: bool,
    overwrite: bool,
) -> int:
    """List processed images, newest first.

    If there are more records than the limit, the command says how to continue. With --html it
    writes a page that shows originals and results, and opens in a browser without a network.
    """
    from imgctl.core.record import Status
    from imgctl.operations.history import Cursor, RecordQuery, find_records

    app = app_of(context)
    if as_csv and app.ui.json_wanted:
        raise click.UsageError("Use one of --csv and --json.")
    if as_csv and html is not None:
        raise click.UsageError("Use one of --csv and --html.")
    if html is None and (no_thumbnails or overwrite):
        raise click.UsageError("--no-thumbnails and --overwrite are for a report: use --html.")
    query = RecordQuery(
        since=since,
        until=until,
        key=key,
        status=None if status is None else Status(status.upper()),
        after=None if after is None else Cursor.parse(after),
        scan=scan,
    )
    if html is not None:
        from imgctl.cli.reports import ReportOptions, report_history

        options = ReportOptions(html, overwrite=overwrite, thumbnails=not no_thumbnails)
        return report_history(app, query, None if is_all else limit, options)
    found = find_records(app.aws.dynamodb, app.outputs.table, query, now=datetime.now(UTC))
    _print_records(app, found, None if is_all else limit, as_csv=as_csv)
    return 0


def _print_records(app: App, found: "Iterator[Record]", limit: int | None, *, as_csv: bool) -> None:
    """Print at most `limit` records, and how to continue if there are more."""
    from imgctl.cli.image_documents import HistoryDocument, record_document
    from imgctl.cli.records_csv import csv_rows
    from imgctl.operations.history import Cursor

    page = _Page(islice(found, limit))
    if as_csv:
        for row in csv_rows(page):
            click.echo(row, nl=False)
    elif app.ui.json_wanted:
        documents = [record_document(record) for record in page]
    else:
        _print_tables(app, page)
    more = page.last is not None and next(found, None) is not None
    cursor = str(Cursor.of(page.last)) if more and page.last is not None else None
    if cursor is not None:
        app.ui.info(f"There are more records. Continue with `--after {cursor}`, or use --all.")
    if app.ui.json_wanted:
        app.ui.result(HistoryDocument(records=documents, next=cursor), "")


def _print_tables(app: App, page: "Iterator[Record]") -> None:
    from imgctl.cli.tables import records_grid

    rows = list(islice(page, _TABLE_ROWS))
    if not rows:
        app.ui.info("No records.")
    while rows:
        app.ui.print(records_grid(rows))
        rows = list(islice(page, _TABLE_ROWS))


class _Page:
    """Records that are passed on one by one; the last of them is remembered."""

    def __init__(self, records: "Iterator[Record]") -> None:
        self._records = records
        self.last: Record | None = None

    def __iter__(self) -> "Iterator[Record]":
        return self

    def __next__(self) -> "Record":
        self.last = next(self._records)
        return self.last
