"""Records read from the table: by ID, by their place in an index, and all of them."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import dropwhile, islice
from typing import TYPE_CHECKING, Any

from imgctl.aws.record_index import BEGINNING, END, Partitions, Position, by_key, positions
from imgctl.core import current_record
from imgctl.core.current_record import CurrentRecord
from imgctl.core.record import Record, from_item

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

MAX_MANY = 100
"""The most keys of a BatchGetItem (Amazon DynamoDB API Reference)."""


def get(dynamodb: "DynamoDBClient", table: str, resource_id: str) -> Record | None:
    """Read one record, strongly consistent; None if it does not exist."""
    response = dynamodb.get_item(
        TableName=table, Key={"resource-id": {"S": resource_id}}, ConsistentRead=True
    )
    return from_item(response["Item"]) if "Item" in response else None


def get_many(
    dynamodb: "DynamoDBClient", table: str, resource_ids: Iterable[str]
) -> dict[str, Record]:
    """Read up to 100 records by ID, strongly consistent; those that do not exist are left out."""
    found = map(from_item, get_items(dynamodb, table, resource_ids))
    return {record.resource_id: record for record in found}


def get_items(
    dynamodb: "DynamoDBClient", table: str, resource_ids: Iterable[str]
) -> list[dict[str, Any]]:
    """Read up to 100 items by ID as DynamoDB stores them: records, or current records."""
    keys = [{"resource-id": {"S": resource_id}} for resource_id in resource_ids]
    remaining: Any = {table: {"Keys": keys, "ConsistentRead": True}}
    found: list[dict[str, Any]] = []
    while remaining:
        response = dynamodb.batch_get_item(RequestItems=remaining)
        found += response["Responses"].get(table, [])
        remaining = response.get("UnprocessedKeys")
    return found


def listed(
    dynamodb: "DynamoDBClient",
    table: str,
    partitions: Partitions,
    *,
    since: str = BEGINNING,
    until: str = END,
    after: Position | None = None,
    first_page: int = MAX_MANY,
) -> Iterator[Record]:
    """List records from `until` back to `since` (ISO 8601 times, inclusive), newest first.

    With `after`, only those that come after that position. Only what is consumed is read, in pages
    of `first_page` records at first. The index is eventually consistent: a record can appear in it
    some moments late. Each record itself is read strongly consistent.
    """
    if after is not None and after.time <= f"{until}{END}":
        until = after.time
    # One more: a position is known to be the next one when the one after it has been read.
    found = positions(
        dynamodb, table, partitions, since=since, until=until, first_page=first_page + 1
    )
    if after is not None:
        last = after
        found = dropwhile(lambda position: not last < position, found)
    return at_positions(dynamodb, table, found, first_page)


def at_positions(
    dynamodb: "DynamoDBClient", table: str, found: Iterator[Position], first_page: int = MAX_MANY
) -> Iterator[Record]:
    """Read the records at these positions, in their order; one that is gone is left out."""
    size = min(first_page, MAX_MANY)
    while page := list(islice(found, size)):
        by_id = get_many(dynamodb, table, [position.resource_id for position in page])
        yield from (by_id[at.resource_id] for at in page if at.resource_id in by_id)
        size = MAX_MANY


def of_key(dynamodb: "DynamoDBClient", table: str, key: str) -> Iterator[Record]:
    """List the records of one object key, newest first. Often only the first is needed."""
    return listed(dynamodb, table, by_key(key), first_page=1)


@dataclass(frozen=True, slots=True)
class ScannedPage:
    """The items of records in one page of a scan, and the ID with which to continue after it."""

    items: list[dict[str, Any]]
    last: str | None


def scan_pages(
    dynamodb: "DynamoDBClient", table: str, *, after: str | None = None
) -> Iterator[ScannedPage]:
    """Read the whole table, unordered, a page of at most 1 MB at a time."""
    start = None if after is None else {"resource-id": {"S": after}}
    while True:
        begin: Any = {} if start is None else {"ExclusiveStartKey": start}
        page: Any = dynamodb.scan(
            TableName=table,
            FilterExpression="attribute_not_exists(#mark)",
            ExpressionAttributeNames={"#mark": current_record.MARK},
            **begin,
        )
        start = page.get("LastEvaluatedKey")
        yield ScannedPage(page["Items"], None if start is None else start["resource-id"]["S"])
        if start is None:
            return


def scan(dynamodb: "DynamoDBClient", table: str) -> Iterator[Record]:
    """List every record of the table, unordered, including those of the original function."""
    for page in scan_pages(dynamodb, table):
        yield from map(from_item, page.items)


def current_at(
    dynamodb: "DynamoDBClient", table: str, bucket: str, key: str
) -> CurrentRecord | None:
    """Read the current record of a key, strongly consistent; None if it has none."""
    found = get_items(dynamodb, table, [current_record.current_id(bucket, key)])
    return current_record.from_item(found[0]) if found else None


def delete_unchanged(dynamodb: "DynamoDBClient", table: str, record: Record) -> bool:
    """Delete a record unless it was written again since it was read; return whether it is gone."""
    return _delete_if(
        dynamodb, table, record.resource_id, "ProcessingTime", record.processing_time or ""
    )


def delete_current(dynamodb: "DynamoDBClient", table: str, current: CurrentRecord) -> bool:
    """Delete the item of a key if it still names this record; return whether it is gone."""
    item_id = current_record.current_id(current.bucket, current.key)
    return _delete_if(dynamodb, table, item_id, current_record.MARK, current.record_id)


def _delete_if(
    dynamodb: "DynamoDBClient", table: str, item_id: str, attribute: str, value: str
) -> bool:
    """Delete an item if an attribute has this value, or is missing."""
    values: Any = {"ExpressionAttributeValues": {":value": {"S": value}}} if value else {}
    try:
        dynamodb.delete_item(
            TableName=table,
            Key={"resource-id": {"S": item_id}},
            ConditionExpression="attribute_not_exists(#name)"
            + (" OR #name = :value" if value else ""),
            ExpressionAttributeNames={"#name": attribute},
            **values,
        )
    except dynamodb.exceptions.ConditionalCheckFailedException:
        return False
    return True


def count(dynamodb: "DynamoDBClient", table: str) -> int | None:
    """Return DynamoDB's item count, updated about every six hours; None if there is no table."""
    try:
        return dynamodb.describe_table(TableName=table)["Table"]["ItemCount"]
    except dynamodb.exceptions.ResourceNotFoundException:
        return None


def delete_all(dynamodb: "DynamoDBClient", table: str) -> None:
    """Delete the table with all records, after disabling its deletion protection."""
    table_description = dynamodb.describe_table(TableName=table)["Table"]
    if table_description.get("DeletionProtectionEnabled"):
        dynamodb.update_table(TableName=table, DeletionProtectionEnabled=False)
        dynamodb.get_waiter("table_exists").wait(
            TableName=table, WaiterConfig={"Delay": 2, "MaxAttempts": 150}
        )
    dynamodb.delete_table(TableName=table)
    dynamodb.get_waiter("table_not_exists").wait(
        TableName=table, WaiterConfig={"Delay": 2, "MaxAttempts": 150}
    )
