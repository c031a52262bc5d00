"""Records as they come (a stand-in: to be replaced by imgctl.operations.follow)."""

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import takewhile
from typing import TYPE_CHECKING

from imgctl.core.record import Record, timestamp
from imgctl.operations.history import RecordQuery, find_records

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_WINDOW = timedelta(seconds=60)


def follow(
    dynamodb: "DynamoDBClient", table: str, query: RecordQuery, sleep: Callable[[float], None]
) -> Iterator[Sequence[Record]]:
    """Yield the records of each poll that are new since the first, oldest first, without end."""
    begun = datetime.now(UTC)
    since = query.since or timestamp(begun - _WINDOW)
    seen: set[tuple[str, str | None]] = set()
    is_first = query.since is None
    while True:
        found = find_records(dynamodb, table, RecordQuery(since=since), now=datetime.now(UTC))
        recent = takewhile(lambda record: (record.processing_time or "") >= since, found)
        new = [one for one in recent if (one.resource_id, one.processing_time) not in seen]
        seen.update((one.resource_id, one.processing_time) for one in new)
        yield [] if is_first else new[::-1]
        is_first = False
        sleep(2.0)
