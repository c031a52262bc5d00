"""Records as `imgctl history` prints them: each form is written while they are read."""

import json
import shutil
import sys
import time
from collections.abc import Iterable, Iterator
from enum import StrEnum
from itertools import chain, islice
from typing import TYPE_CHECKING, Any

import click

from imgctl.aws.record_index import Position
from imgctl.cli.documents import SCHEMA
from imgctl.cli.image_documents import record_document
from imgctl.cli.records_csv import csv_rows
from imgctl.cli.tables import record_line, records_grid
from imgctl.cli.text import printable_json
from imgctl.core.errors import Hint
from imgctl.operations.follow import follow
from imgctl.operations.history import SCAN_LIMIT, RecordQuery, find_records

if TYPE_CHECKING:
    from imgctl.cli.app import App
    from imgctl.core.record import Record

_TABLE_ROWS = 100  # of one table: more records are printed as several, as they are read


class RecordFormat(StrEnum):
    """How records are printed."""

    TABLE = "table"
    JSON = "json"
    JSON_LINES = "jsonl"
    CSV = "csv"


class _Page:
    """At most `limit` records that are passed on one by one; the last of them is remembered."""

    def __init__(self, records: "Iterator[Record]", limit: int | None) -> None:
        self._records = records
        self._shown = islice(records, limit)
        self._last: Record | None = None

    def __iter__(self) -> "Iterator[Record]":
        return self

    def __next__(self) -> "Record":
        self._last = next(self._shown)
        return self._last

    def next_cursor(self) -> str | None:
        """Return where to continue; None if there are no more records."""
        if self._last is None or next(self._records, None) is None:
            return None
        return str(Position.of(self._last))


def print_records(
    app: "App", query: RecordQuery, limit: int | None, record_format: RecordFormat
) -> None:
    """Print at most `limit` records, and how to continue if there are more."""
    limit = limit_of(query, limit)
    found = find_records(app.aws.dynamodb, app.outputs.table, query, limit=limit)
    page = _Page(found, limit)
    cursor: str | None = None
    if record_format is RecordFormat.JSON:
        cursor = _print_json(page)
    elif record_format is RecordFormat.TABLE:
        if not _print_tables(app, page):
            return
        cursor = page.next_cursor()
    else:
        for text in _lines(page, record_format):
            click.echo(text, nl=False)
        cursor = page.next_cursor()
    if cursor is not None:
        app.ui.info(continuation(query, cursor).render(app.program))


def limit_of(query: RecordQuery, limit: int | None) -> int | None:
    """Return how many records are listed at most: fewer than asked for, if a scan finds fewer."""
    return min(limit or SCAN_LIMIT, SCAN_LIMIT) if query.scan else limit


def continuation(query: RecordQuery, cursor: str) -> Hint:
    """Return how to list the records that come after a cursor."""
    more = f"There are more records. Continue with `--after {cursor}`"
    if not query.scan:
        return Hint(f"{more}, or use --all.")
    return Hint(
        f"{more}, which scans the table again: one scan lists at most {SCAN_LIMIT:,}."
        " After {} you need no scan.",
        "reindex",
    )


def print_arrivals(
    app: "App", query: RecordQuery, limit: int | None, record_format: RecordFormat
) -> None:
    """Print records as they come, until `limit` of them were printed or the user ends it."""
    if record_format is RecordFormat.TABLE:
        app.ui.info("Waiting for records. Press Ctrl-C to stop.")
    polls = follow(app.aws.dynamodb, app.outputs.table, query, time.sleep)
    arrivals = islice(chain.from_iterable(polls), limit)
    if record_format is RecordFormat.TABLE:
        for record in arrivals:
            app.ui.print(record_line(record))
        return
    as_lines = RecordFormat.CSV if record_format is RecordFormat.CSV else RecordFormat.JSON_LINES
    for text in _lines(arrivals, as_lines):
        click.echo(text, nl=False)
        sys.stdout.flush()


def _lines(records: "Iterable[Record]", record_format: RecordFormat) -> Iterator[str]:
    if record_format is RecordFormat.CSV:
        yield from csv_rows(records)
        return
    for record in records:
        document = {"schema": SCHEMA, **record_document(record)}
        yield f"{printable_json(json.dumps(document, ensure_ascii=False))}\n"


def _print_json(page: _Page) -> str | None:
    """Print the document as it is read; return the cursor in it."""
    click.echo(f'{{\n  "schema": {SCHEMA},\n  "records": [', nl=False)
    separator = ""
    for record in page:
        click.echo(f"{separator}\n{_indented(record_document(record))}", nl=False)
        separator = ","
    cursor = page.next_cursor()
    end = "\n  ]" if separator else "]"
    click.echo(f'{end},\n  "next": {json.dumps(cursor)}\n}}')
    return cursor


def _indented(document: Any) -> str:
    text = printable_json(json.dumps(document, ensure_ascii=False, indent=2))
    return "\n".join(f"    {line}" for line in text.split("\n"))


def _print_tables(app: "App", page: _Page) -> bool:
    """Print tables, in the pager if they do not fit the screen; return whether to the end."""
    rows = list(islice(page, _TABLE_ROWS))
    if not rows:
        app.ui.info("No records.")
        return True
    screen_rows = shutil.get_terminal_size().lines - 2  # for the header of the table
    if len(rows) <= screen_rows or not app.ui.can_page:
        while rows:
            app.ui.print(records_grid(rows))
            rows = list(islice(page, _TABLE_ROWS))
        return True
    grids = (records_grid(chunk) for chunk in _chunks(rows, page))
    return app.ui.page(grids)


def _chunks(first: "list[Record]", page: _Page) -> "Iterator[list[Record]]":
    rows = first
    while rows:
        yield rows
        rows = list(islice(page, _TABLE_ROWS))
