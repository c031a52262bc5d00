"""Finding records by time, key and status."""

import heapq
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from imgctl.aws import records
from imgctl.aws.record_index import (
    BEGINNING,
    BY_TIME,
    END,
    Partitions,
    Position,
    by_key,
    by_status,
    is_empty_span,
)
from imgctl.core.errors import InvalidInput
from imgctl.core.record import INDEXED_STATUSES, Record, Status
from imgctl.operations.key_spelling import recorded_key, spellings

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

SCAN_LIMIT = 10_000
"""The most records that a query with `scan` finds, because they are sorted in memory."""


@dataclass(frozen=True, slots=True)
class RecordQuery:
    """Which records: of a time span (ISO 8601, inclusive), of one key, of one status.

    `after` continues where an earlier query stopped. `scan` reads the whole table, including
    records that are in no index, such as those of the original function. Raises InvalidInput for
    an empty key, and for a time span that ends before it begins.
    """

    since: str | None = None
    until: str | None = None
    key: str | None = None
    status: Status | None = None
    after: Position | None = None
    scan: bool = False

    def __post_init__(self) -> None:
        if self.key == "":
            raise InvalidInput("The key is empty.", hint="No object has an empty key.")
        if self.since and self.until is not None and is_empty_span(self.since, self.until):
            raise InvalidInput(
                f"The time span ends before it begins: {self.until} is before {self.since}.",
                hint="Exchange --since and --until.",
            )

    def matches(self, record: Record) -> bool:
        """Return whether the record is of this time span, key and status, and comes after."""
        time = record.processing_time or ""
        return (
            (self.since or BEGINNING) <= time <= f"{self.until or ''}{END}"
            and (self.key is None or record.original_object_key in spellings(self.key))
            and self.status in (None, record.status)
            and (self.after is None or self.after < Position.of(record))
        )


def find_records(
    dynamodb: "DynamoDBClient", table: str, query: RecordQuery, *, limit: int | None = None
) -> Iterator[Record]:
    """List the matching records, newest first; only those that are consumed are read.

    A `limit` says how many will be consumed at most, and makes the first read smaller. With
    `scan`, the whole table is read and at most `SCAN_LIMIT` records are found.
    """
    if query.scan:
        matching = filter(query.matches, records.scan(dynamodb, table))
        return iter(heapq.nsmallest(SCAN_LIMIT, matching, key=Position.of))
    found = records.listed(
        dynamodb,
        table,
        partitions(dynamodb, table, query),
        since=query.since or BEGINNING,
        until=query.until or END,
        after=query.after,
        first_page=records.MAX_MANY if limit is None else min(limit + 1, records.MAX_MANY),
    )
    if query.status is None:
        return found
    # Also where the index by status is read: an entry can be older than its record.
    return (record for record in found if record.status is query.status)


def partitions(dynamodb: "DynamoDBClient", table: str, query: RecordQuery) -> Partitions:
    """Return the partitions of the index that lists the fewest records besides the matching."""
    if query.key is not None:
        return by_key(recorded_key(dynamodb, table, query.key))
    if query.status in INDEXED_STATUSES:
        return by_status(query.status)
    return BY_TIME
