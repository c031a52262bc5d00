"""Finding records by time and key."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from imgctl.aws import records
from imgctl.core.record import Record, Status, timestamp

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


@dataclass(frozen=True, slots=True)
class RecordQuery:
    """Which records: of a time span (ISO 8601, inclusive), of one key, of one status.

    `scan` reads the whole table, including records from the original function.
    """

    since: str | None = None
    until: str | None = None
    key: str | None = None
    status: Status | None = None
    scan: bool = False


def find_records(
    dynamodb: "DynamoDBClient", table: str, query: RecordQuery, *, now: datetime
) -> Iterator[Record]:
    """List the matching records, newest first; only those that are consumed are read."""
    found = _of_time_and_key(dynamodb, table, query, now)
    if query.status is None:
        return found
    return (record for record in found if record.status is query.status)


def _of_time_and_key(
    dynamodb: "DynamoDBClient", table: str, query: RecordQuery, now: datetime
) -> Iterator[Record]:
    until = query.until or "~"  # after every time
    if query.scan:
        scanned = (
            record
            for record in records.scan(dynamodb, table)
            if (query.since or "") <= (record.processing_time or "") <= f"{until}~"
            and query.key in (None, record.original_object_key)
        )
        return iter(sorted(scanned, key=lambda r: r.processing_time or "", reverse=True))
    if query.key is not None:
        since = query.since or records.BEGINNING
        return records.of_key(dynamodb, table, query.key, since=since, until=until)
    since = query.since or records.table_created(dynamodb, table)
    return records.newest(dynamodb, table, now=timestamp(now), since=since, until=until)
