"""The indexes of the records table: which records there are, newest first, without their content.

An index holds keys only. Several partitions are merged on read, and each is read a page at a time,
so that a listing costs what it shows, however many records there are.
"""

import heapq
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Any

from imgctl.core.errors import InvalidInput
from imgctl.core.record import SHARD, SHARDS, STATUS_SHARD, Record, Status, status_shard

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

BEGINNING = ""
"""Before every time."""
END = "~"
"""After every time."""
_MAX_PAGE = 1000  # entries; about 100 KB


@dataclass(frozen=True, slots=True)
class Position:
    """A record's place among all records, which are ordered by descending time, and then by ID."""

    time: str
    resource_id: str

    @classmethod
    def of(cls, record: Record) -> "Position":
        """Return the record's position."""
        return cls(record.processing_time or "", record.resource_id)

    @classmethod
    def parse(cls, text: str) -> "Position":
        """Return the position that a text names; raises InvalidInput if it names none."""
        time, slash, resource_id = text.partition("/")
        if not slash or not resource_id:
            raise InvalidInput(
                f"Invalid cursor {text!r}.", hint="Use the one that an earlier run printed."
            )
        return cls(time, resource_id)

    def __str__(self) -> str:
        return f"{self.time}/{self.resource_id}"

    def __lt__(self, other: "Position") -> bool:
        """Return whether this position comes first: that of the newer record."""
        if self.time != other.time:
            return self.time > other.time
        return self.resource_id < other.resource_id


@dataclass(frozen=True, slots=True)
class Partitions:
    """The partitions of an index that together list some of the records."""

    index: str
    attribute: str
    values: tuple[str, ...]


BY_TIME = Partitions("by-time", SHARD, tuple(map(str, range(SHARDS))))
"""All records."""


def by_status(status: Status) -> Partitions:
    """Return the partitions of one of the `INDEXED_STATUSES`."""
    return Partitions(
        "by-status", STATUS_SHARD, tuple(status_shard(status, str(n)) for n in range(SHARDS))
    )


def by_key(key: str) -> Partitions:
    """Return the partition of one object key."""
    return Partitions("by-key", "OriginalObjectKey", (key,))


def is_empty_span(since: str, until: str) -> bool:
    """Return whether no time is in the span; DynamoDB refuses to be asked for such a span."""
    return since > f"{until}{END}"


def positions(
    dynamodb: "DynamoDBClient",
    table: str,
    partitions: Partitions,
    *,
    since: str = BEGINNING,
    until: str = END,
    first_page: int = 100,
) -> Iterator[Position]:
    """List positions from `until` back to `since` (ISO 8601, inclusive), newest first.

    A prefix of a time stands for all times that begin with it: `until="2026-11-23"` means until
    the end of that day. Only the pages that are consumed are read. The first of each partition has
    `first_page` entries at most, and the ones after it are larger.
    """
    if is_empty_span(since, until):
        return iter(())
    merged = heapq.merge(
        *(
            _newest_first(_reader(dynamodb, table, partitions, value, since, until), first_page)
            for value in partitions.values
        ),
        key=lambda position: position.time,
        reverse=True,
    )
    return _in_order(merged)


_ReadPage = Callable[[int, Any], tuple[list[Position], Any]]


def _reader(
    dynamodb: "DynamoDBClient",
    table: str,
    partitions: Partitions,
    value: str,
    since: str,
    until: str,
) -> _ReadPage:
    request: dict[str, Any] = {
        "TableName": table,
        "IndexName": partitions.index,
        "KeyConditionExpression": (
            "#partition = :value AND ProcessingTime BETWEEN :since AND :until"
        ),
        "ExpressionAttributeNames": {"#partition": partitions.attribute},
        "ExpressionAttributeValues": {
            ":value": {"S": value},
            ":since": {"S": since or " "},  # a key cannot be empty
            ":until": {"S": f"{until}{END}"},
        },
        "ScanIndexForward": False,
    }

    def read(limit: int, start: Any) -> tuple[list[Position], Any]:
        begin = {} if start is None else {"ExclusiveStartKey": start}
        page = dynamodb.query(**request, **begin, Limit=limit)
        found = [
            Position(item["ProcessingTime"]["S"], item["resource-id"]["S"])
            for item in page["Items"]
        ]
        return found, page.get("LastEvaluatedKey")

    return read


def _newest_first(read: _ReadPage, first_page: int) -> Iterator[Position]:
    limit, start = first_page, None
    while True:
        page, start = read(limit, start)
        yield from page
        if start is None:
            return
        limit = max(limit, min(2 * limit, _MAX_PAGE))


def _in_order(found: Iterator[Position]) -> Iterator[Position]:
    """Order positions of the same time by ID: DynamoDB promises no order among them."""
    for _, same_time in groupby(found, key=lambda position: position.time):
        yield from sorted(same_time, key=lambda position: position.resource_id)
