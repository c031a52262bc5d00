"""`imgctl history`."""

from datetime import UTC, datetime
from itertools import islice

import click

from imgctl.cli.app import app_of
from imgctl.cli.options import Command
from imgctl.cli.params import Bounded, TimeParam


@click.command(cls=Command, epilog="Example: imgctl history --since 1d --status failed")
@click.option(
    "--limit", type=Bounded(click.IntRange(1)), metavar="N", default=20, show_default=True,
    help="Maximum number of records.",
)  # fmt: skip
@click.option("--since", type=TimeParam(), help="Start time: date, timestamp, or age such as 2h.")
@click.option("--until", type=TimeParam(), help="End time.")
@click.option("--key", help="Only this object key.")
@click.option(
    "--status", type=click.Choice(["succeeded", "failed", "superseded"], case_sensitive=False),
    help="Only this status.",
)  # fmt: skip
@click.option(
    "--scan", is_flag=True,
    help="Scan the whole table, including records from the original function.",
)  # fmt: skip
@click.option("--csv", "as_csv", is_flag=True, help="Print comma-separated values.")
@click.pass_context
def history(
    context: click.Context,
    *,
    limit: int,
    since: str | None,
    until: str | None,
    key: str | None,
    status: str | None,
    scan: bool,
    as_csv: bool,
) -> int:
    """List processed images, newest first."""
    from imgctl.cli.image_documents import HistoryDocument, record_document
    from imgctl.cli.records_csv import records_csv
    from imgctl.cli.tables import records_grid
    from imgctl.core.record import Status
    from imgctl.operations.history import RecordQuery, find_records

    app = app_of(context)
    if as_csv and app.ui.json_wanted:
        raise click.UsageError("Use one of --csv and --json.")
    record_status = None if status is None else Status(status.upper())
    query = RecordQuery(since=since, until=until, key=key, status=record_status, scan=scan)
    found = find_records(app.aws.dynamodb, app.outputs.table, query, now=datetime.now(UTC))
    records = list(islice(found, limit))
    if as_csv:
        click.echo(records_csv(records), nl=False)
        return 0
    if not records:
        app.ui.info("No records.")
    document = HistoryDocument(records=[record_document(record) for record in records])
    app.ui.result(document, records_grid(records) if records else "")
    return 0
