"""Adding records to the indexes that were written without the attributes for them."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from imgctl.aws import records
from imgctl.core.record import SHARD, STATUS_SHARD, index_attributes, status_of

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


_JOBS = 16


@dataclass(frozen=True, slots=True)
class ReindexedPage:
    """What was done about a page of the table.

    `added` records are listed by the indexes now, `timeless` ones have no ProcessingTime, by which
    the indexes are sorted, and `unchanged` ones needed nothing. `last` is where to continue; None
    after the last page.
    """

    added: int
    unchanged: int
    timeless: int
    last: str | None


def reindex(
    dynamodb: "DynamoDBClient", table: str, *, after: str | None = None
) -> Iterator[ReindexedPage]:
    """Add what the records lack, page by page. It can be repeated, and continued `after` an ID."""
    with ThreadPoolExecutor(_JOBS) as pool:
        for page in records.scan_pages(dynamodb, table, after=after):
            lacking = [item for item in page.items if _lacks(item)]
            timeless = sum(not _has_time(item) for item in page.items)
            list(pool.map(lambda item: _add(dynamodb, table, item), lacking))
            unchanged = len(page.items) - len(lacking) - timeless
            yield ReindexedPage(len(lacking), unchanged, timeless, page.last)


def _wanted(item: dict[str, Any]) -> Any:
    status = status_of(item.get("Status", {}).get("S", "SUCCEEDED"))
    return index_attributes(status, item["resource-id"]["S"])


def _has_time(item: dict[str, Any]) -> bool:
    return bool(item.get("ProcessingTime", {}).get("S"))


def _lacks(item: dict[str, Any]) -> bool:
    if not _has_time(item):
        return False
    present = {name: item[name] for name in (SHARD, STATUS_SHARD) if name in item}
    return bool(present != _wanted(item))


def _add(dynamodb: "DynamoDBClient", table: str, item: dict[str, Any]) -> None:
    """Give a record the attributes of its status, unless the function changes that meanwhile."""
    while True:
        wanted = _wanted(item)
        names = {"#status": "Status", "#id": "resource-id", "#shard": SHARD, "#other": STATUS_SHARD}
        values = {":shard": wanted[SHARD]}
        change = "SET #shard = :shard"
        if STATUS_SHARD in wanted:
            values[":other"] = wanted[STATUS_SHARD]
            change += ", #other = :other"
        else:
            change += " REMOVE #other"
        condition = "attribute_exists(#id) AND "
        if "Status" in item:
            values[":status"] = item["Status"]
            condition += "#status = :status"
        else:
            condition += "attribute_not_exists(#status)"
        try:
            dynamodb.update_item(
                TableName=table,
                Key={"resource-id": item["resource-id"]},
                UpdateExpression=change,
                ConditionExpression=condition,
                ExpressionAttributeNames=names,
                ExpressionAttributeValues=values,
            )
        except ClientError as error:
            if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
                raise
            found = records.get_items(dynamodb, table, [item["resource-id"]["S"]])
            if not found or not _lacks(found[0]):
                return  # deleted, or written again by the function, with what it needs
            item = found[0]
        else:
            return
