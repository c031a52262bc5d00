"""What the function says to DynamoDB: records, and which of them is the current one of its key.

A newer record, the key's item that names it, and the mark on the record that it supersedes are
written in one transaction, on the condition that the key's item is still what it was.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from imgctl.core import current_record, record
from imgctl.core.current_record import CurrentRecord, EventOrder
from imgctl.core.record import Record, Status

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_ATTEMPTS = 5
_WITHOUT_MARK = 2  # writes: the record, and the key's item


class WriteConflict(RuntimeError):
    """Other invocations for the same key came first, again and again; it is tried later."""


@dataclass(frozen=True, slots=True)
class CommitResult:
    """A record as it was stored, the key's current one, and whether it said the same before."""

    record: Record
    current: CurrentRecord
    repeated: bool


def current_at(
    dynamodb: "DynamoDBClient", table: str, bucket: str, key: str
) -> CurrentRecord | None:
    """Read which record is the current one of a key; None where none was ever written."""
    item = _item_at(dynamodb, table, current_record.current_id(bucket, key))
    return None if item is None else current_record.from_item(item)


def put_superseded(dynamodb: "DynamoDBClient", table: str, old: Record) -> bool:
    """Store the record of an upload that a newer one has overtaken; False where it was there.

    What is known of it already stays: a late repeat may find the object gone.
    """
    try:
        dynamodb.put_item(
            TableName=table,
            Item=record.to_item(old),
            ConditionExpression="attribute_not_exists(#id)",
            ExpressionAttributeNames={"#id": "resource-id"},
        )
    except ClientError as error:
        if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
            raise
        dynamodb.update_item(
            **_mark_superseded(table, old.resource_id, old.superseded_by or "unknown")
        )
        return False
    return True


def commit(
    dynamodb: "DynamoDBClient",
    table: str,
    new: Record,
    order_to: Callable[[CurrentRecord], EventOrder],
) -> CommitResult:
    """Store a record: as the current one of its key, or as SUPERSEDED where a newer one stands.

    `order_to` tells how it stands to another. Raises WriteConflict, or botocore's ClientError.
    """
    ours = current_record.current_of(new)
    for _ in range(_ATTEMPTS):
        there = current_at(dynamodb, table, ours.bucket, ours.key)
        order = EventOrder.NEWER if there is None else order_to(there)
        if there is not None and order is EventOrder.OLDER:
            older = superseded(new, there.record_id)
            first = put_superseded(dynamodb, table, older)
            return CommitResult(older, there, repeated=not first)
        if order is EventOrder.SAME and there is not None:
            item = _item_at(dynamodb, table, there.record_id)
            known = None if item is None else record.from_item(item)
            if known is not None and _keeps_success(known, new):
                return CommitResult(new, there, repeated=True)
            new = _keep_event_fields(new, known)
            # Its place among the others is not forgotten either.
            ours = replace(
                current_record.current_of(new), sequencer=new.sequencer or there.sequencer
            )
        if _try_transaction(dynamodb, table, new, ours, there):
            repeated = order is EventOrder.SAME and there is not None and there.status is new.status
            return CommitResult(new, ours, repeated=repeated)
    raise WriteConflict(f"the records of {ours.key} are being written by others")


def _item_at(dynamodb: "DynamoDBClient", table: str, resource_id: str) -> Any:
    answer = dynamodb.get_item(
        TableName=table, Key={"resource-id": {"S": resource_id}}, ConsistentRead=True
    )
    return answer.get("Item")


def _keeps_success(known: Record, new: Record) -> bool:
    """Tell whether a success stands: the object is out of reach now, and its output is there."""
    out_of_reach = new.failure_code in ("gone", "archived", "access_denied")
    return known.status is Status.SUCCEEDED and out_of_reach


def _keep_event_fields(new: Record, known: Record | None) -> Record:
    """Keep what S3's own event told, where a repeat of another kind does not."""
    if known is None:
        return new
    told = ("event_time", "aws_region", "event_version", "etag", "sequencer", "original_size")
    missing = {name: getattr(known, name) for name in told if getattr(new, name) is None}
    return replace(new, **missing)


def superseded(old: Record, by: str) -> Record:
    """Give a record as it stands when a newer upload of its key has taken its place."""
    return replace(old, status=Status.SUPERSEDED, superseded_by=by or None)


def _try_transaction(
    dynamodb: "DynamoDBClient",
    table: str,
    new: Record,
    ours: CurrentRecord,
    there: CurrentRecord | None,
) -> bool:
    writes: list[Any] = [
        {"Put": {"TableName": table, "Item": record.to_item(new)}},
        {
            "Put": {
                "TableName": table,
                "Item": current_record.to_item(ours),
                **_condition_unchanged(there),
            }
        },
    ]
    if there is not None and there.record_id != ours.record_id:
        writes.append({"Update": _mark_superseded(table, there.record_id, ours.record_id)})
    try:
        dynamodb.transact_write_items(TransactItems=writes)
    except ClientError as error:
        if error.response["Error"]["Code"] != "TransactionCanceledException":
            raise
        if _failed_conditions(error) != [len(writes) - 1] or len(writes) == _WITHOUT_MARK:
            return False
        # The record to be marked was deleted from the table: there is nothing to mark.
        dynamodb.transact_write_items(TransactItems=writes[:_WITHOUT_MARK])
    return True


def _failed_conditions(error: ClientError) -> list[int]:
    """List which writes of a transaction did not meet their condition."""
    reasons: Any = error.response.get("CancellationReasons", [])
    return [
        index for index, told in enumerate(reasons) if told.get("Code") == "ConditionalCheckFailed"
    ]


def _condition_unchanged(there: CurrentRecord | None) -> dict[str, Any]:
    if there is None:
        return {"ConditionExpression": "attribute_not_exists(#mark)",
                "ExpressionAttributeNames": {"#mark": current_record.MARK}}  # fmt: skip
    return {
        "ConditionExpression": "#mark = :record",
        "ExpressionAttributeNames": {"#mark": current_record.MARK},
        "ExpressionAttributeValues": {":record": {"S": there.record_id}},
    }


def _mark_superseded(table: str, record_id: str, by: str) -> dict[str, Any]:
    return {
        "TableName": table,
        "Key": {"resource-id": {"S": record_id}},
        "UpdateExpression": "SET #status = :superseded, SupersededBy = :by",
        "ConditionExpression": "attribute_exists(#id)",
        "ExpressionAttributeNames": {"#status": "Status", "#id": "resource-id"},
        "ExpressionAttributeValues": {
            ":superseded": {"S": Status.SUPERSEDED.value},
            ":by": {"S": by},
        },
    }
