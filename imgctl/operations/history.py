"""Finding records by time and key."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import dropwhile, groupby
from typing import TYPE_CHECKING

from imgctl.aws import records
from imgctl.core.errors import InvalidInput
from imgctl.core.record import Record, Status, timestamp
from imgctl.operations.key_spelling import recorded_key

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


@dataclass(frozen=True, slots=True)
class Cursor:
    """A record's place among all records, which are ordered by descending time, and then by ID."""

    time: str
    resource_id: str

    @classmethod
    def of(cls, record: Record) -> "Cursor":
        """Return the record's place."""
        return cls(record.processing_time or "", record.resource_id)

    @classmethod
    def parse(cls, text: str) -> "Cursor":
        """Return the cursor of a text; raises InvalidInput if it is none."""
        time, slash, resource_id = text.partition("/")
        if not slash or not resource_id:
            raise InvalidInput(
                f"Invalid cursor {text!r}.", hint="Use the one that an earlier run printed."
            )
        return cls(time, resource_id)

    def __str__(self) -> str:
        return f"{self.time}/{self.resource_id}"

    def is_after(self, record: Record) -> bool:
        """Return whether this place comes after that of the record, or is the same."""
        time = record.processing_time or ""
        return time > self.time or (time == self.time and record.resource_id <= self.resource_id)


@dataclass(frozen=True, slots=True)
class RecordQuery:
    """Which records: of a time span (ISO 8601, inclusive), of one key, of one status.

    `after` continues where an earlier query stopped. `scan` reads the whole table, including
    records from the original function. Raises InvalidInput for an empty key, and for a time span
    that ends before it begins.
    """

    since: str | None = None
    until: str | None = None
    key: str | None = None
    status: Status | None = None
    after: Cursor | None = None
    scan: bool = False

    def __post_init__(self) -> None:
        if self.key == "":
            raise InvalidInput("The key is empty.", hint="No object has an empty key.")
        if self.since is not None and _is_reversed(self.since, self.until):
            raise InvalidInput(
                f"The time span ends before it begins: {self.until} is before {self.since}.",
                hint="Exchange --since and --until.",
            )

    @property
    def latest(self) -> str:
        """The latest time of the records; a prefix stands for all times that begin with it."""
        times = [self.until or _END]
        if self.after is not None:
            times.append(self.after.time)
        return min(times)


_END = "~"  # after every time


def _is_reversed(since: str, until: str | None) -> bool:
    return until is not None and since > f"{until}{_END}"


def find_records(
    dynamodb: "DynamoDBClient", table: str, query: RecordQuery, *, now: datetime
) -> Iterator[Record]:
    """List the matching records, newest first; only those that are consumed are read."""
    found = _in_order(_of_time_and_key(dynamodb, table, query, now))
    after = query.after
    if after is not None:
        found = dropwhile(after.is_after, found)
    if query.status is None:
        return found
    return (record for record in found if record.status is query.status)


def _in_order(found: Iterable[Record]) -> Iterator[Record]:
    """Order records of the same time by their IDs: DynamoDB promises no order among them."""
    for _, same_time in groupby(found, key=lambda record: record.processing_time):
        yield from sorted(same_time, key=lambda record: record.resource_id)


def _of_time_and_key(
    dynamodb: "DynamoDBClient", table: str, query: RecordQuery, now: datetime
) -> Iterator[Record]:
    until = query.latest
    if query.scan:
        scanned = (
            record
            for record in records.scan(dynamodb, table)
            if (query.since or "") <= (record.processing_time or "") <= f"{until}{_END}"
            and query.key in (None, record.original_object_key)
        )
        return iter(sorted(scanned, key=lambda r: r.processing_time or "", reverse=True))
    if query.key is not None:
        key = recorded_key(dynamodb, table, query.key)
        since = query.since or records.BEGINNING
        if _is_reversed(since, until):  # which DynamoDB refuses
            return iter(())
        return records.of_key(dynamodb, table, key, since=since, until=until)
    since = query.since or records.table_created(dynamodb, table)
    if _is_reversed(since, until):
        return iter(())
    return records.newest(dynamodb, table, now=timestamp(now), since=since, until=until)
