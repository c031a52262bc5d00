"""The function's calls to DynamoDB: records, and the current record of each key.

A new record, the item that makes it the current one of its key, and the update of the record that
it supersedes are written in one transaction, provided that the key's item has not changed.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from imgctl.core import current_record, record
from imgctl.core.current_record import CurrentRecord, EventOrder, Upload
from imgctl.core.record import Record, Status

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_ATTEMPTS = 5


class WriteConflict(RuntimeError):
    """Other invocations for the same key were faster in every attempt; Lambda retries later."""


@dataclass(frozen=True, slots=True)
class CommitResult:
    """The stored record, the current one of its key now and before, and whether it is repeated."""

    record: Record
    current: CurrentRecord
    before: CurrentRecord | None
    repeated: bool


class Supersession(StrEnum):
    """How the record of a superseded upload was stored."""

    NEW = "new"
    REPEATED = "repeated"  # it existed, and is marked as superseded
    REFUSED = "refused"  # it is the current record of its key, and was left unchanged


def current_at(
    dynamodb: "DynamoDBClient", table: str, bucket: str, key: str
) -> CurrentRecord | None:
    """Return the current record of a key; None if there is none."""
    item = _item_at(dynamodb, table, current_record.current_id(bucket, key))
    return None if item is None else current_record.from_item(item)


def record_at(dynamodb: "DynamoDBClient", table: str, record_id: str) -> Record | None:
    """Return the record with this ID; None if there is none."""
    item = _item_at(dynamodb, table, record_id)
    return None if item is None else record.from_item(item)


def put_superseded(dynamodb: "DynamoDBClient", table: str, old: Record) -> Supersession:
    """Store the record of an upload that a newer one supersedes, unless it is the current one.

    An existing record keeps its fields: a late repetition may find the object deleted. Raises
    WriteConflict.
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
    else:
        return Supersession.NEW
    bucket, key = old.original_bucket or "", old.original_object_key or ""
    for _ in range(_ATTEMPTS):
        current = current_at(dynamodb, table, bucket, key)
        if current is None:  # the record has never been the current one: it is marked already
            return Supersession.REPEATED
        if current.record_id == old.resource_id:
            return Supersession.REFUSED
        mark = _mark_superseded(table, old.resource_id, old.superseded_by or "unknown")
        if not _transact(dynamodb, [{"Update": mark}, _unchanged(table, current)]):
            return Supersession.REPEATED
    raise WriteConflict(f"concurrent writes of the records of {key}")


def commit(
    dynamodb: "DynamoDBClient",
    table: str,
    new: Record,
    compare: Callable[[Upload], EventOrder],
) -> CommitResult:
    """Store a record as the current one of its key, or as SUPERSEDED if a newer one exists.

    `compare` returns the order of the new record relative to another upload. Raises WriteConflict
    or botocore's ClientError.
    """
    bucket, key = new.original_bucket or "", new.original_object_key or ""
    for _ in range(_ATTEMPTS):
        existing = current_at(dynamodb, table, bucket, key)
        order = EventOrder.NEWER if existing is None else compare(existing)
        if existing is not None and order is EventOrder.OLDER:
            result = _commit_older(dynamodb, table, new, existing, compare)
            if result is None:
                continue
            return result
        same = existing is not None and order is EventOrder.SAME
        known = record_at(dynamodb, table, new.resource_id) if same or not new.sequencer else None
        if existing is not None and same and known is not None and _keeps_success(known, new):
            return CommitResult(new, existing, existing, repeated=True)
        complete = _keep_event_fields(new, known)
        current = current_record.current_of(complete, existing)
        if existing is not None and same:
            # Keep the sequencer too: later events of the key are compared with it.
            current = replace(current, sequencer=current.sequencer or existing.sequencer)
        if _try_transaction(dynamodb, table, complete, current, existing):
            repeated = existing is not None and same and existing.status is new.status
            return CommitResult(complete, current, existing, repeated=repeated)
    raise WriteConflict(f"concurrent writes of the records of {key}")


def _commit_older(
    dynamodb: "DynamoDBClient",
    table: str,
    new: Record,
    existing: CurrentRecord,
    compare: Callable[[Upload], EventOrder],
) -> CommitResult | None:
    """Store a record as superseded by the current one; None if that has changed meanwhile.

    If the current upload failed, the output of an older one is the newest: the key's item names it.
    """
    current = existing
    if new.status is Status.SUCCEEDED and existing.status is not Status.SUCCEEDED:
        good = existing.last_good
        if good is None or compare(good) is EventOrder.NEWER:
            current = replace(existing, good_before=current_record.upload_of(new))
            put = {"Put": {"Item": current_record.to_item(current), **_same_item(table, existing)}}
            if _transact(dynamodb, [put]):
                return None
    older = superseded(new, existing.record_id)
    outcome = put_superseded(dynamodb, table, older)
    if outcome is Supersession.REFUSED:
        return None
    return CommitResult(older, current, existing, repeated=outcome is Supersession.REPEATED)


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
        {"Put": {"Item": current_record.to_item(current), **_same_item(table, existing)}},
    ]
    if existing is not None and existing.record_id != current.record_id:
        writes.append({"Update": _mark_superseded(table, existing.record_id, current.record_id)})
    refusals = _transact(dynamodb, writes)
    if refusals == ["None", "None", "ConditionalCheckFailed"]:
        # The superseded record was deleted from the table: there is nothing to update.
        refusals = _transact(dynamodb, writes[:2])
    return not refusals


def _transact(dynamodb: "DynamoDBClient", writes: list[Any]) -> list[str]:
    """Write in one transaction; return no reasons, or each write's reason to cancel it.

    The reason is `None` for a write that did not cancel it (Amazon DynamoDB API Reference).
    """
    try:
        dynamodb.transact_write_items(TransactItems=writes)
    except ClientError as error:
        if error.response["Error"]["Code"] != "TransactionCanceledException":
            raise
        reasons: Any = error.response.get("CancellationReasons", [])
        return [reason.get("Code", "None") for reason in reasons] or ["unknown"]
    return []


def _same_item(table: str, existing: CurrentRecord | None) -> dict[str, Any]:
    """Return the part of a write of the key's item that makes it depend on the existing one."""
    names = {"#mark": current_record.MARK}
    if existing is None:
        condition = "attribute_not_exists(#mark)"
        return {
            "TableName": table,
            "ConditionExpression": condition,
            "ExpressionAttributeNames": names,
        }
    values = {":record": {"S": existing.record_id}}
    condition = "#mark = :record"
    if existing.status is not Status.UNKNOWN:  # of a later version, whose name is not known
        names["#status"] = "CurrentStatus"
        values[":status"] = {"S": existing.status.value}
        condition += " AND #status = :status"
    names["#good"] = current_record.GOOD_MARK
    if existing.good_before is None:
        condition += " AND attribute_not_exists(#good)"
    else:
        values[":good"] = {"S": existing.good_before.record_id}
        condition += " AND #good = :good"
    return {
        "TableName": table,
        "ConditionExpression": condition,
        "ExpressionAttributeNames": names,
        "ExpressionAttributeValues": values,
    }


def _unchanged(table: str, current: CurrentRecord) -> dict[str, Any]:
    """Return a write that changes nothing, but fails if the key's item has changed.

    A condition check would do the same, but it requires a permission of its own.
    """
    request = _same_item(table, current)
    return {
        "Update": {
            **request,
            "Key": {"resource-id": {"S": current_record.current_id(current.bucket, current.key)}},
            "UpdateExpression": "SET #mark = :record",
        }
    }


def _mark_superseded(table: str, record_id: str, by: str) -> dict[str, Any]:
    return {
        "TableName": table,
        "Key": {"resource-id": {"S": record_id}},
        "UpdateExpression": "SET #status = :superseded, SupersededBy = :by, #shard = :shard",
        "ConditionExpression": "attribute_exists(#id)",
        "ExpressionAttributeNames": {
            "#status": "Status",
            "#id": "resource-id",
            "#shard": record.STATUS_SHARD,
        },
        "ExpressionAttributeValues": {
            ":superseded": {"S": Status.SUPERSEDED.value},
            ":by": {"S": by},
            ":shard": record.index_attributes(Status.SUPERSEDED, record_id)[record.STATUS_SHARD],
        },
    }
