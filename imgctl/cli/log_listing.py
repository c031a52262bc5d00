"""Log lines as `imgctl logs` prints them, while they are read or as they come."""

import json
import sys
import time
from collections import deque
from enum import StrEnum
from itertools import chain, islice
from typing import TYPE_CHECKING

import click

from imgctl.cli.documents import SCHEMA
from imgctl.cli.log_view import is_detail, log_document, log_row
from imgctl.cli.text import local_time, printable_json
from imgctl.operations.log_reading import LogQuery, find_lines, follow_lines

if TYPE_CHECKING:
    from collections.abc import Iterable

    from imgctl.aws.logs import LogEvent
    from imgctl.cli.app import App


class LogFormat(StrEnum):
    """How lines are printed."""

    TEXT = "text"
    RAW = "raw"
    JSON_LINES = "jsonl"


def print_log(app: "App", query: LogQuery, limit: int | None, log_format: LogFormat) -> None:
    """Print the matching lines until now; with a limit, only the newest."""
    shown = _shown(app, find_lines(app.aws.logs, query), log_format)
    events = shown if limit is None else deque(shown, maxlen=limit)
    if not _print_each(app, events, log_format):
        app.ui.info(f"No such lines in {query.group} since {local_time(query.beginning)}.")


def follow_log(app: "App", query: LogQuery, limit: int | None, log_format: LogFormat) -> None:
    """Print lines as they come, until `limit` of them were printed or the user ends it."""
    app.ui.info(f"Following {query.group}. Press Ctrl-C to stop.")
    polls = follow_lines(app.aws.logs, query, time.sleep)
    shown = _shown(app, chain.from_iterable(polls), log_format)
    _print_each(app, islice(shown, limit), log_format)


def _shown(app: "App", events: "Iterable[LogEvent]", log_format: LogFormat) -> "Iterable[LogEvent]":
    """Leave out what only --verbose and other formats show."""
    if log_format is not LogFormat.TEXT or app.ui.verbose:
        return events
    return (event for event in events if not is_detail(event.line))


def _print_each(app: "App", events: "Iterable[LogEvent]", log_format: LogFormat) -> int:
    """Print each line at once, and return how many there were."""
    count = 0
    for count, event in enumerate(events, start=1):  # noqa: B007 (returned below)
        if log_format is LogFormat.TEXT:
            app.ui.print(log_row(event))
        elif log_format is LogFormat.RAW:
            app.ui.print(event.line.text)
        else:
            document = {"schema": SCHEMA, **log_document(event)}
            click.echo(printable_json(json.dumps(document, ensure_ascii=False)))
        sys.stdout.flush()
    return count
