"""Audit that every source object has one current record and the output that it describes.

Objects are processed page by page, so memory use does not depend on the bucket's size.
"""

from collections.abc import Iterator, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from imgctl.aws import records, storage
from imgctl.aws.findings import (
    Finding,
    OutputSettings,
    Problem,
    SourceObject,
    StoredOutput,
    check,
    expected_outputs,
)
from imgctl.aws.stack import StackOutputs
from imgctl.core import current_record
from imgctl.core.current_record import CurrentRecord, current_id
from imgctl.core.errors import Hint, ImgctlError
from imgctl.core.keys import is_folder_marker, version_id_of
from imgctl.core.record import Record, Status, from_item, timestamp

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_s3 import S3Client


class NothingToAcknowledge(ImgctlError):
    """The newest upload of a key has no failure that could be acknowledged."""

    code = "nothing_to_acknowledge"


@dataclass(frozen=True, slots=True)
class AuditContext:
    """The clients, the stack and its settings of outputs, and the thread pool of an audit."""

    s3: "S3Client"
    dynamodb: "DynamoDBClient"
    pool: Executor
    outputs: StackOutputs
    settings: OutputSettings


def list_source_objects(
    s3: "S3Client", bucket: str, *, prefix: str = "", after: str = ""
) -> Iterator[list[SourceObject]]:
    """List the latest version of each key with a prefix and after a key, page by page."""
    marker: dict[str, Any] = {"KeyMarker": after} if after else {}
    while True:
        page = s3.list_object_versions(Bucket=bucket, Prefix=prefix, **marker)
        sources = [
            SourceObject(
                key=version["Key"],
                version_id=version_id_of(version["VersionId"]),
                etag=version["ETag"].strip('"'),
                size=version["Size"],
                modified=timestamp(version["LastModified"]),
            )
            for version in page.get("Versions", [])
            if version["IsLatest"]
            and version["Key"] > after
            and not is_folder_marker(version["Key"], version["Size"])
        ]
        if sources:
            yield sources
        if not page["IsTruncated"]:
            return
        marker = {
            "KeyMarker": page["NextKeyMarker"],
            "VersionIdMarker": page["NextVersionIdMarker"],
        }


def head_source_object(s3: "S3Client", bucket: str, key: str) -> SourceObject | None:
    """Return the latest version of one key; None if there is no such object."""
    head = storage.head_object(s3, bucket, key)
    if head is None:
        return None
    return SourceObject(
        key=key,
        version_id=version_id_of(head.get("VersionId")),
        etag=head["ETag"].strip('"'),
        size=head["ContentLength"],
        modified=timestamp(head["LastModified"]),
    )


def check_page(context: AuditContext, page: Sequence[SourceObject]) -> list[Finding]:
    """Check several objects; at least one finding for each, in the objects' order."""
    by_key = _current_records(context, [source.key for source in page])
    expected = {
        (current.good.resized_bucket or context.outputs.destination_bucket, output.key)
        for current in by_key.values()
        if current.good is not None
        for output in expected_outputs(current.good, context.settings)
    }
    heads = context.pool.map(lambda at: _stored_output(context, *at), expected)
    stored = {key: head for (_, key), head in zip(expected, heads, strict=True)}
    findings = []
    for source in page:
        current = by_key.get(source.key, _NONE)
        findings += check(
            source,
            current.record,
            stored,
            context.settings,
            current.good,
            acknowledged=current.is_acknowledged,
        )
    return findings


def orphans(context: AuditContext, *, prefix: str = "") -> Iterator[Finding]:
    """Find the current records whose object no longer exists."""
    bucket = context.outputs.source_bucket
    for page in _list_current_records(context, prefix):
        sources = context.pool.map(
            lambda current: head_source_object(context.s3, bucket, current.key), page
        )
        for current, source in zip(page, sources, strict=True):
            if source is None:
                deleted = SourceObject(
                    key=current.key,
                    version_id=current.version_id,
                    etag=current.etag,
                    size=0,
                    modified="",
                    sequencer=current.sequencer,
                )
                reason = f"record {current.record_id}"
                yield Finding(deleted, Problem.OBJECT_GONE, reason, current.is_acknowledged)


def acknowledge(context: AuditContext, key: str) -> None:
    """Silence the audit about the failure of a key's newest upload, until there is another one.

    Raises NothingToAcknowledge unless that upload failed, or its object was deleted.
    """
    bucket, table = context.outputs.source_bucket, context.outputs.table
    item_key = {"resource-id": {"S": current_id(bucket, key)}}
    item = context.dynamodb.get_item(TableName=table, Key=item_key, ConsistentRead=True).get("Item")
    current = None if item is None else current_record.from_item(item)
    can_stay = current is not None and (
        current.status is not Status.SUCCEEDED
        or head_source_object(context.s3, bucket, key) is None
    )
    if current is None or not can_stay:
        raise NothingToAcknowledge(
            f"The newest upload of {key} has no failure to acknowledge.",
            hint=Hint("{} lists what is wrong.", "audit"),
        )
    context.dynamodb.update_item(
        TableName=table,
        Key=item_key,
        UpdateExpression="SET #acknowledged = :record",
        ConditionExpression="#current = :record",  # and not that of an upload since then
        ExpressionAttributeNames={
            "#acknowledged": current_record.ACKNOWLEDGED_MARK,
            "#current": current_record.MARK,
        },
        ExpressionAttributeValues={":record": {"S": current.record_id}},
    )


@dataclass(frozen=True, slots=True)
class _Current:
    """A key's current record, and that of its last good upload."""

    record: Record | None
    good: Record | None
    is_acknowledged: bool = False


_NONE = _Current(None, None)


def _current_records(context: AuditContext, keys: Sequence[str]) -> dict[str, _Current]:
    """Return the current record of each key that has one, and that of its last good upload."""
    bucket = context.outputs.source_bucket
    items = _get_items(context, [current_id(bucket, key) for key in keys])
    current_by_key = {current.key: current for current in map(current_record.from_item, items)}
    ids = {current.record_id for current in current_by_key.values()}
    ids |= {current.last_good.record_id for current in current_by_key.values() if current.last_good}
    by_id = {item.resource_id: item for item in map(from_item, _get_items(context, sorted(ids)))}
    by_key = {
        key: _Current(
            by_id[current.record_id],
            None if current.last_good is None else by_id.get(current.last_good.record_id),
            current.is_acknowledged,
        )
        for key, current in current_by_key.items()
        if current.record_id in by_id
    }
    # The original function wrote records of successes, but no current records.
    other_keys = [key for key in keys if key not in current_by_key]
    newest = context.pool.map(lambda key: _newest_record(context, key), other_keys)
    return by_key | {
        key: _Current(record, record if record.status is Status.SUCCEEDED else None)
        for key, record in zip(other_keys, newest, strict=True)
        if record is not None
    }


def _newest_record(context: AuditContext, key: str) -> Record | None:
    return next(records.of_key(context.dynamodb, context.outputs.table, key), None)


def _get_items(context: AuditContext, ids: Sequence[str]) -> list[Any]:
    size = records.MAX_MANY
    chunks = [ids[start : start + size] for start in range(0, len(ids), size)]
    found = context.pool.map(
        lambda chunk: records.get_items(context.dynamodb, context.outputs.table, chunk), chunks
    )
    return [item for items in found for item in items]


def _list_current_records(context: AuditContext, prefix: str) -> Iterator[list[CurrentRecord]]:
    pages = context.dynamodb.get_paginator("scan").paginate(
        TableName=context.outputs.table,
        FilterExpression=(
            "attribute_exists(#mark) AND CurrentBucket = :bucket"
            + (" AND begins_with(CurrentKey, :prefix)" if prefix else "")
        ),
        ExpressionAttributeNames={"#mark": current_record.MARK},
        ExpressionAttributeValues={
            ":bucket": {"S": context.outputs.source_bucket},
            **({":prefix": {"S": prefix}} if prefix else {}),
        },
    )
    for page in pages:
        yield [current_record.from_item(item) for item in page["Items"]]


def _stored_output(context: AuditContext, bucket: str, key: str) -> StoredOutput | None:
    head = storage.head_object(context.s3, bucket, key)
    if head is None:
        return None
    metadata = head["Metadata"]
    return StoredOutput(
        metadata.get("record_id", ""), head.get("CacheControl", ""), metadata.get("settings", "")
    )
