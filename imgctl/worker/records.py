"""The function's calls to DynamoDB: records, and the current record of each key.

A new record, the item that makes it the current one of its key, and the update of the record that
it supersedes are written in one transaction, provided that the key's item has not changed.
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
_WRITES_WITHOUT_UPDATE = 2  # the record and the key's item


class WriteConflict(RuntimeError):
    """Other invocations for the same key were faster in every attempt; Lambda retries later."""


@dataclass(frozen=True, slots=True)
class CommitResult:
    """The stored record, the current one of its key, and whether the outcome is a repetition."""

    record: Record
    current: CurrentRecord
    repeated: bool


def current_at(
    dynamodb: "DynamoDBClient", table: str, bucket: str, key: str
) -> CurrentRecord | None:
    """Return the current record of a key; None if there is none."""
    item = _item_at(dynamodb, table, current_record.current_id(bucket, key))
    return None if item is None else current_record.from_item(item)


def put_superseded(dynamodb: "DynamoDBClient", table: str, old: Record) -> bool:
    """Store the record of an upload that a newer one supersedes; return whether it is new.

    An existing record keeps its fields: a late repetition may find the object deleted.
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
    compare: Callable[[CurrentRecord], EventOrder],
) -> CommitResult:
    """Store a record as the current one of its key, or as SUPERSEDED if a newer one exists.

    `compare` returns the order of the new record relative to a current one. Raises WriteConflict
    or botocore's ClientError.
    """
    current = current_record.current_of(new)
    for _ in range(_ATTEMPTS):
        existing = current_at(dynamodb, table, current.bucket, current.key)
        order = EventOrder.NEWER if existing is None else compare(existing)
        if existing is not None and order is EventOrder.OLDER:
            older = superseded(new, existing.record_id)
            is_new = put_superseded(dynamodb, table, older)
            return CommitResult(older, existing, repeated=not is_new)
        repeated = False
        if existing is not None and order is EventOrder.SAME:
            item = _item_at(dynamodb, table, existing.record_id)
            known = None if item is None else record.from_item(item)
            if known is not None and _keeps_success(known, new):
                return CommitResult(new, existing, repeated=True)
            new = _keep_event_fields(new, known)
            # Keep the sequencer too: later events of the key are compared with it.
            current = replace(
                current_record.current_of(new), sequencer=new.sequencer or existing.sequencer
            )
            repeated = existing.status is new.status
        if _try_transaction(dynamodb, table, new, current, existing):
            return CommitResult(new, current, repeated=repeated)
    raise WriteConflict(f"concurrent writes of the records of {current.key}")


def _item_at(dynamodb: "DynamoDBClient", table: str, resource_id: str) -> Any:
    response = dynamodb.get_item(
        TableName=table, Key={"resource-id": {"S": resource_id}}, ConsistentRead=True
    )
    return response.get("Item")


def _keeps_success(known: Record, new: Record) -> bool:
    """Return whether a SUCCEEDED record is kept: the new failure only means lost access."""
    lost_access = new.failure_code in ("gone", "archived", "access_denied", "customer_encrypted")
    return known.status is Status.SUCCEEDED and lost_access


def _keep_event_fields(new: Record, known: Record | None) -> Record:
    """Keep the fields of S3's event where a repetition (a batch job, a test event) lacks them."""
    if known is None:
        return new
    names = ("event_time", "aws_region", "event_version", "etag", "sequencer", "original_size")
    missing = {name: getattr(known, name) for name in names if getattr(new, name) is None}
    return replace(new, **missing)


def superseded(old: Record, by: str) -> Record:
    """Return a record as superseded by the record of a newer upload of its key."""
    return replace(old, status=Status.SUPERSEDED, superseded_by=by or None)


def _try_transaction(
    dynamodb: "DynamoDBClient",
    table: str,
    new: Record,
    current: CurrentRecord,
    existing: CurrentRecord | None,
) -> bool:
    """Write the record and make it current; return whether the existing one was unchanged."""
    writes: list[Any] = [
        {"Put": {"TableName": table, "Item": record.to_item(new)}},
        {
            "Put": {
                "TableName": table,
                "Item": current_record.to_item(current),
                **_condition_unchanged(existing),
            }
        },
    ]
    if existing is not None and existing.record_id != current.record_id:
        writes.append({"Update": _mark_superseded(table, existing.record_id, current.record_id)})
    try:
        dynamodb.transact_write_items(TransactItems=writes)
    except ClientError as error:
        if error.response["Error"]["Code"] != "TransactionCanceledException":
            raise
        if _failed_conditions(error) != [len(writes) - 1] or len(writes) == _WRITES_WITHOUT_UPDATE:
            return False
        # The superseded record was deleted from the table: there is nothing to update.
        dynamodb.transact_write_items(TransactItems=writes[:_WRITES_WITHOUT_UPDATE])
    return True


def _failed_conditions(error: ClientError) -> list[int]:
    """Return the indexes of a canceled transaction's writes whose condition failed."""
    reasons: Any = error.response.get("CancellationReasons", [])
    return [
        index
        for index, reason in enumerate(reasons)
        if reason.get("Code") == "ConditionalCheckFailed"
    ]


def _condition_unchanged(existing: CurrentRecord | None) -> dict[str, Any]:
    if existing is None:
        return {"ConditionExpression": "attribute_not_exists(#mark)",
                "ExpressionAttributeNames": {"#mark": current_record.MARK}}  # fmt: skip
    return {
        "ConditionExpression": "#mark = :record",
        "ExpressionAttributeNames": {"#mark": current_record.MARK},
        "ExpressionAttributeValues": {":record": {"S": existing.record_id}},
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
