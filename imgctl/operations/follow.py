"""Records as they come, each once and in the order of their times."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from imgctl.aws import records
from imgctl.aws.record_index import BEGINNING, Position, positions
from imgctl.core.record import Record, timestamp
from imgctl.operations.history import RecordQuery, partitions

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

POLL_S = 2.0
WINDOW_S = 60
"""How long after newer ones a record may appear in an index and still be shown. DynamoDB promises
no bound; it is usually less than a second."""


class Arrivals:
    """What has appeared in an index since the beginning, poll after poll.

    A position is released one poll after it was found: the index is eventually consistent, and an
    older one may appear meanwhile. Memory is bounded by what arrives within `WINDOW_S`.
    """

    def __init__(self, since: str) -> None:
        self.since = since
        """The time from which to read in the next poll."""
        self._seen: set[Position] = set()
        self._pending: list[Position] = []

    def skip(self, found: Iterable[Position]) -> None:
        """Take note of positions that were there before, and are not to be released."""
        self._seen.update(found)
        self._move_window()

    def release(self, found: Iterable[Position]) -> list[Position]:
        """Take what a poll has found since `self.since`; return what is due, oldest first."""
        new = [position for position in found if position not in self._seen]
        self._seen.update(new)
        last = max((position.time for position in self._pending), default=BEGINNING)
        due = [*self._pending, *(position for position in new if position.time <= last)]
        self._pending = [position for position in new if position.time > last]
        self._move_window()
        return sorted(due, key=lambda position: (position.time, position.resource_id))

    def _move_window(self) -> None:
        latest = max((position.time for position in self._seen), default="")
        self.since = max(self.since, _earlier(latest))
        self._seen = {position for position in self._seen if position.time >= self.since}


def _earlier(time: str) -> str:
    try:
        moment = datetime.fromisoformat(time)
    except ValueError:
        return BEGINNING
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return timestamp(moment - timedelta(seconds=WINDOW_S))


def follow(
    dynamodb: "DynamoDBClient",
    table: str,
    query: RecordQuery,
    sleep: Callable[[float], None],
) -> Iterator[Sequence[Record]]:
    """Yield the matching records of each poll, oldest first, without end; often there are none.

    They begin at `query.since`, or with the next one that comes. A poll costs one query for each
    partition of the index, and reads of what has come.
    """
    read_from = partitions(dynamodb, table, query)
    if query.since is not None:
        arrivals = Arrivals(query.since)
    else:
        newest = next(positions(dynamodb, table, read_from, first_page=1), None)
        arrivals = Arrivals(BEGINNING if newest is None else _earlier(newest.time))
        arrivals.skip(positions(dynamodb, table, read_from, since=arrivals.since))
    while True:
        found = positions(dynamodb, table, read_from, since=arrivals.since, first_page=1000)
        due = arrivals.release(found)
        at_due = set(due)
        yield [
            record
            for record in records.at_positions(dynamodb, table, iter(due))
            # One that was written again since will be found at its new position.
            if Position.of(record) in at_due and query.status in (None, record.status)
        ]
        sleep(POLL_S)
