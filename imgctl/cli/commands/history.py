"""`imgctl history`."""

import csv
import io
import re
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import TYPE_CHECKING

import click

from imgctl.cli.app import App, app_of
from imgctl.cli.options import Command

if TYPE_CHECKING:
    from imgctl.core.record import Record

_AGO = re.compile(r"(\d+)([smhdw])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_DATE = re.compile(r"\d{4}-\d{2}(-\d{2})?")


class TimeParam(click.ParamType[str]):
    """A time as the records write it: given so, as a date, or as `2h` ago."""

    name = "time"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Read what was given; a date stays a date, and means all of it."""
        from imgctl.core.record import timestamp

        try:
            if ago := _AGO.fullmatch(value):
                span = timedelta(**{_UNITS[ago[2]]: int(ago[1])})
                return timestamp(datetime.now(UTC) - span)
            if _DATE.fullmatch(value):
                datetime.fromisoformat(value if len(value) > 7 else f"{value}-01")
                return value  # the whole day, or month: records' times begin with it
            moment = datetime.fromisoformat(value)
        except (ValueError, OverflowError):
            self.fail(f"{value!r} is no time: give 2026-11-23, 2026-11-23T15:00 or 2h.", param, ctx)
        return timestamp(moment.astimezone())


@click.command(cls=Command, epilog="Example: imgctl history --since 1d --status failed")
@click.option("--limit", type=click.IntRange(1), default=20, show_default=True, help="How many.")
@click.option("--since", type=TimeParam(), help="From this time on: a date, a time, or 2h.")
@click.option("--until", type=TimeParam(), help="Up to this time.")
@click.option("--key", help="Of this object key alone.")
@click.option(
    "--status", type=click.Choice(["succeeded", "failed", "superseded"]),
    help="Of this outcome alone.",
)  # fmt: skip
@click.option("--scan", is_flag=True, help="Read the whole table, with what the original wrote.")
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
    """List what became of pictures, newest first."""
    from imgctl.core.record import Status, to_plain

    app = app_of(context)
    if as_csv and app.ui.json_wanted:
        raise click.UsageError("Give one of --csv and --json.")
    found = find_records(app, since=since, until=until, key=key, scan=scan)
    if status is not None:
        wanted = Status(status.upper())
        found = (record for record in found if record.status is wanted)
    records = list(islice(found, limit))
    plain = [to_plain(record) for record in records]
    if as_csv:
        click.echo(_csv(plain), nl=False)
        return 0
    from imgctl.cli.tables import records_grid

    if not records:
        app.ui.info("No records.")
    app.ui.result({"records": plain}, records_grid(records) if records else "")
    return 0


def find_records(
    app: App, *, since: str | None, until: str | None, key: str | None, scan: bool = False
) -> Iterator["Record"]:
    """Read the records of a time and of a key, newest first."""
    from imgctl.aws import records
    from imgctl.core.record import timestamp

    dynamodb, table = app.aws.dynamodb, app.outputs.table
    until = until or "~"
    if scan:
        everything = (
            record
            for record in records.scan(dynamodb, table)
            if (since or "") <= (record.processing_time or "") <= f"{until}~"
            and key in (None, record.original_object_key)
        )
        return iter(sorted(everything, key=lambda r: r.processing_time or "", reverse=True))
    if key is not None:
        return records.of_key(dynamodb, table, key, since=since or records.BEGINNING, until=until)
    return records.newest(
        dynamodb,
        table,
        now=timestamp(datetime.now(UTC)),
        since=since or records.table_created(dynamodb, table),
        until=until,
    )


def _csv(rows: Iterable[dict[str, str | int]]) -> str:
    from imgctl.core.record import ATTRIBUTE_NAMES

    text = io.StringIO()
    writer = csv.DictWriter(text, ATTRIBUTE_NAMES)
    writer.writeheader()
    for row in rows:
        writer.writerow({name: _inert(value) for name, value in row.items()})
    return text.getvalue()


def _inert(value: str | int) -> str | int:
    """Keep a spreadsheet from reading a file's name as a formula, and a terminal as a command."""
    from imgctl.cli.text import printable

    if isinstance(value, int):
        return value
    return printable(f"'{value}" if value[:1] in tuple("=+-@\t\r") else value)
