"""`imgctl stats`."""

import sys

import click

from imgctl.cli.app import app_of
from imgctl.cli.options import Command
from imgctl.cli.params import TimeParam


@click.command(
    cls=Command,
    examples=["imgctl stats", "imgctl stats --since 30d --by day", "imgctl stats --json"],
)
@click.option("--since", type=TimeParam(), help="Start time: date, timestamp, or age such as 2h.")
@click.option("--until", type=TimeParam(is_end=True), help="End time; of a date, its end.")
@click.option(
    "--by", type=click.Choice(["format", "day", "status"], case_sensitive=False),
    default="format", show_default=True, help="What to group the images by.",
)  # fmt: skip
@click.pass_context
def stats(context: click.Context, *, since: str | None, until: str | None, by: str) -> int:
    """Summarize processed images: counts, sizes, durations.

    Failures are counted by reason. Without a time span, the whole table is scanned. Days are those
    of your time zone.
    """
    from imgctl.aws import records
    from imgctl.cli.stats_view import stats_document, stats_parts
    from imgctl.cli.text import local_time
    from imgctl.cli.ui import counted
    from imgctl.operations.history import RecordQuery, find_records
    from imgctl.operations.stats import Grouping, collect

    app, grouping = app_of(context), Grouping(by.lower())
    dynamodb, table = app.aws.dynamodb, app.outputs.table
    if since is None and until is None:
        found = records.scan(dynamodb, table)
    else:
        found = find_records(dynamodb, table, RecordQuery(since=since, until=until))
    with app.ui.progress("Reading records", None) as advance:
        statistics = collect(counted(found, advance), grouping, lambda t: local_time(t)[:10])
    for part in stats_parts(statistics, grouping, plots=sys.stdout.isatty()):
        app.ui.print(part)
    app.ui.result(stats_document(statistics, grouping), "")
    return 0
