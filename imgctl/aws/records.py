"""Queries on the records table: by ID, by object key, and by time."""

import heapq
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import TYPE_CHECKING, Any

from imgctl.core import current_record
from imgctl.core.record import TIME_SHARDS, Record, from_item, months_back, timestamp

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

MAX_MANY = 100
"""The most keys of a BatchGetItem (Amazon DynamoDB API Reference)."""
BY_TIME = "by-time"
BY_KEY = "by-key"
BEGINNING = "2006-03"
"""The month of S3's launch: no record is older."""


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


def newest(
    dynamodb: "DynamoDBClient", table: str, *, now: str, since: str, until: str = "~"
) -> Iterator[Record]:
    """List records from `until` back to `since` (ISO 8601 times, inclusive), newest first.

    Each month is stored in `TIME_SHARDS` partitions, which are merged. A month is queried only
    when the month after it is exhausted.
    """
    latest = min(now, until)
    return chain.from_iterable(
        _merged_month(dynamodb, table, month, since, until) for month in months_back(latest, since)
    )


def table_created(dynamodb: "DynamoDBClient", table: str) -> str:
    """Return the table's creation time; its index by time lists nothing older."""
    return timestamp(dynamodb.describe_table(TableName=table)["Table"]["CreationDateTime"])


def of_key(
    dynamodb: "DynamoDBClient", table: str, key: str, *, since: str = BEGINNING, until: str = "~"
) -> Iterator[Record]:
    """List the records of one object key, newest first."""
    return _query(dynamodb, table, BY_KEY, "OriginalObjectKey", key, since, until)


def scan(dynamodb: "DynamoDBClient", table: str) -> Iterator[Record]:
    """List every record of the table, unordered, including those of the original function."""
    pages = dynamodb.get_paginator("scan").paginate(
        TableName=table,
        FilterExpression="attribute_not_exists(#mark)",
        ExpressionAttributeNames={"#mark": current_record.MARK},
    )
    for page in pages:
        yield from map(from_item, page["Items"])


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


def _merged_month(
    dynamodb: "DynamoDBClient", table: str, month: str, since: str, until: str
) -> Iterator[Record]:
    shards = (
        _query(dynamodb, table, BY_TIME, "TimeBucket", f"{month}#{shard}", since, until)
        for shard in range(TIME_SHARDS)
    )
    return heapq.merge(*shards, key=lambda record: record.processing_time or "", reverse=True)


def _query(
    dynamodb: "DynamoDBClient",
    table: str,
    index: str,
    attribute: str,
    value: str,
    since: str,
    until: str,
) -> Iterator[Record]:
    request: dict[str, Any] = {
        "TableName": table,
        "IndexName": index,
        "KeyConditionExpression": (
            "#partition = :value AND ProcessingTime BETWEEN :since AND :until"
        ),
        "ExpressionAttributeNames": {"#partition": attribute},
        "ExpressionAttributeValues": {
            ":value": {"S": value},
            ":since": {"S": since},
            # "~" sorts after every character of a timestamp, so a prefix includes all times that
            # start with it: `2026-11-23` means until the end of that day.
            ":until": {"S": f"{until}~"},
        },
        "ScanIndexForward": False,
    }
    for page in dynamodb.get_paginator("query").paginate(**request):
        yield from map(from_item, page["Items"])
