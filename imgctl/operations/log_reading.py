"""Reading a log: the lines of a time span that somebody asked for, and those that come."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from imgctl.aws.log_lines import LogLine
from imgctl.aws.logs import LogEvent, key_pattern, read_events, request_pattern
from imgctl.core.errors import InvalidInput
from imgctl.core.record import timestamp
from imgctl.operations.arrivals import POLL_S, Arrivals
from imgctl.operations.key_spelling import spellings

if TYPE_CHECKING:
    from mypy_boto3_logs import CloudWatchLogsClient

WINDOW_S = 180
"""How long after newer ones a line may appear and still be shown. CloudWatch Logs promises no
bound; lines of the function usually appear within seconds, those of the API within a minute."""
HELD_POLLS = 2
"""How many polls a line is held back for older ones: Lambda sends the lines of each of its
environments in batches, which arrive seconds apart."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LogQuery:
    """Which lines of a log group: since a time, about one key, of one request, only errors.

    `is_access_log` says whether it is the API's, and not the function's.
    `since` is a time in ISO 8601; of a date or a month, which may be given instead, its beginning
    in UTC. Raises InvalidInput for an empty key and for a request ID that cannot be one.
    """

    group: str
    since: str
    key: str | None = None
    request_id: str | None = None
    only_errors: bool = False
    is_access_log: bool = False

    def __post_init__(self) -> None:
        if self.key == "":
            raise InvalidInput("The key is empty.", hint="No object has an empty key.")
        if self.request_id is not None and request_pattern(self.request_id) is None:
            raise InvalidInput(
                f"Invalid request ID {self.request_id!r}.",
                hint="Use one that a record or a log line has, of letters, digits and hyphens.",
            )

    @property
    def beginning(self) -> str:
        """The time from which on lines are wanted."""
        month = len(self.since) == len("2026-11")
        time = datetime.fromisoformat(f"{self.since}-01" if month else self.since)
        return timestamp(time if time.tzinfo else time.replace(tzinfo=UTC))

    @property
    def pattern(self) -> str:
        """What AWS is to filter by: it passes all that matches, and perhaps more."""
        if self.request_id is not None:
            return request_pattern(self.request_id) or ""
        if self.key is not None and not self.is_access_log:
            return key_pattern(spellings(self.key))
        return ""

    def matches(self, line: LogLine) -> bool:
        """Return whether a line is wanted."""
        return (
            (self.key is None or line.key in spellings(self.key))
            and self.request_id in (None, line.request_id)
            and (line.is_error or not self.only_errors)
        )


def find_lines(logs: "CloudWatchLogsClient", query: LogQuery) -> Iterator[LogEvent]:
    """List the matching lines until now, oldest first, as they are read."""
    return _matching(logs, query, query.beginning)


def follow_lines(
    logs: "CloudWatchLogsClient", query: LogQuery, sleep: Callable[[float], None]
) -> Iterator[list[LogEvent]]:
    """Yield the matching lines of each poll, oldest first, without end; often there are none.

    Each line is yielded once, two polls after it was found, although CloudWatch Logs shows some
    after newer ones.
    """
    arrivals = Arrivals[LogEvent](
        query.beginning, WINDOW_S, lambda event: event.event_id, held_polls=HELD_POLLS
    )
    while True:
        yield arrivals.release(_matching(logs, query, arrivals.since))
        sleep(POLL_S)


def _matching(logs: "CloudWatchLogsClient", query: LogQuery, since: str) -> Iterator[LogEvent]:
    found = read_events(logs, query.group, since=since, pattern=query.pattern)
    return (event for event in found if query.matches(event.line))
