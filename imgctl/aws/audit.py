"""Whether every source object has exactly one current record and output.

Objects are listed a page at a time, and a page is forgotten before the next: a bucket of any size
takes the same memory.
"""

from collections.abc import Iterator, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from imgctl.aws import records, storage
from imgctl.aws.stack import StackOutputs
from imgctl.core import current_record
from imgctl.core.current_record import CurrentRecord, current_id
from imgctl.core.keys import version_id_of
from imgctl.core.record import Record, Status, from_item, timestamp

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_s3 import S3Client

_GET_AT_ONCE = 100  # DynamoDB's limit of a BatchGetItem


class Problem(StrEnum):
    """What is missing about an object."""

    NEVER_PROCESSED = "never_processed"
    FAILED = "failed"
    OUTPUT_GONE = "output_gone"
    OUTPUT_STALE = "output_stale"
    OBJECT_GONE = "object_gone"  # a record of an object that is no longer there


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceObject:
    """The newest upload of a key. Texts are empty where there is none; `size` in bytes."""

    key: str
    version_id: str
    etag: str
    size: int
    modified: str
    sequencer: str = ""


@dataclass(frozen=True, slots=True)
class Finding:
    """One object, and what is missing about it; nothing where all is there."""

    source: SourceObject
    problem: Problem | None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class AuditContext:
    """What an audit reads, and the threads that it reads with."""

    s3: "S3Client"
    dynamodb: "DynamoDBClient"
    pool: Executor
    outputs: StackOutputs


def check(source: SourceObject, record: Record | None, output: str | None) -> Finding:
    """Tell what is missing about an object, by its key's current record and its output.

    `output` is the identity of the record that the output was written for, empty where another
    program wrote it, None where there is no output.
    """
    if record is None or not _matches(record, source):
        return Finding(source, Problem.NEVER_PROCESSED)
    source = replace(source, sequencer=record.sequencer or "")
    if record.status is not Status.SUCCEEDED:
        return Finding(source, Problem.FAILED, f"{record.failure_code}: {record.failure_reason}")
    if output is None:
        return Finding(source, Problem.OUTPUT_GONE, record.resized_object_key or "")
    if output and output != record.resource_id:
        return Finding(source, Problem.OUTPUT_STALE, record.resized_object_key or "")
    return Finding(source, None)


def list_source_objects(
    s3: "S3Client", bucket: str, *, prefix: str = "", after: str = ""
) -> Iterator[list[SourceObject]]:
    """List the newest version of each key below a prefix and after a key, a page at a time."""
    marker: dict[str, Any] = {"KeyMarker": after} if after else {}
    while True:
        page = s3.list_object_versions(Bucket=bucket, Prefix=prefix, **marker)
        found = [
            SourceObject(
                key=one["Key"],
                version_id=version_id_of(one["VersionId"]),
                etag=one["ETag"].strip('"'),
                size=one["Size"],
                modified=timestamp(one["LastModified"]),
            )
            for one in page.get("Versions", [])
            if one["IsLatest"] and one["Key"] > after
        ]
        if found:
            yield found
        if not page["IsTruncated"]:
            return
        marker = {
            "KeyMarker": page["NextKeyMarker"],
            "VersionIdMarker": page["NextVersionIdMarker"],
        }


def head_source_object(s3: "S3Client", bucket: str, key: str) -> SourceObject | None:
    """Look at one key; None where there is no such object."""
    head = storage.head_of(s3, bucket, key)
    if head is None:
        return None
    return SourceObject(
        key=key,
        version_id=version_id_of(head.get("VersionId")),
        etag=head["ETag"].strip('"'),
        size=head["ContentLength"],
        modified=timestamp(head["LastModified"]),
    )


def check_page(services: AuditContext, page: Sequence[SourceObject]) -> list[Finding]:
    """Judge some objects, in their order."""
    found = _current_records(services, [source.key for source in page])
    succeeded = [
        (source, record)
        for source in page
        if (record := found.get(source.key)) is not None and record.status is Status.SUCCEEDED
    ]
    looked_at = services.pool.map(lambda one: _output_record_id(services, one[1]), succeeded)
    outputs = {
        source.key: identity for (source, _), identity in zip(succeeded, looked_at, strict=True)
    }
    return [check(source, found.get(source.key), outputs.get(source.key)) for source in page]


def orphans(services: AuditContext, *, prefix: str = "") -> Iterator[Finding]:
    """Find the current records whose object is no longer there."""
    bucket = services.outputs.source_bucket
    for page in _currents(services, prefix):
        there = services.pool.map(
            lambda one: head_source_object(services.s3, bucket, one.key), page
        )
        for one, source in zip(page, there, strict=True):
            if source is None:
                gone = SourceObject(
                    key=one.key,
                    version_id=one.version_id,
                    etag=one.etag,
                    size=0,
                    modified="",
                    sequencer=one.sequencer,
                )
                yield Finding(gone, Problem.OBJECT_GONE, f"record {one.record_id}")


def _matches(record: Record, source: SourceObject) -> bool:
    """Tell whether a record is about this very upload.

    The original function's names neither version nor ETag: there the time has to do.
    """
    if record.version_id:
        return record.version_id == source.version_id
    if record.etag:
        return record.etag == source.etag
    return (record.processing_time or "") >= source.modified


def _current_records(services: AuditContext, keys: Sequence[str]) -> dict[str, Record]:
    bucket = services.outputs.source_bucket
    items = _get_items(services, [current_id(bucket, key) for key in keys])
    currents = {one.key: one for one in map(current_record.from_item, items)}
    named = _get_items(services, [one.record_id for one in currents.values()])
    by_id = {record.resource_id: record for record in map(from_item, named)}
    found = {key: by_id[one.record_id] for key, one in currents.items() if one.record_id in by_id}
    # The original function wrote records alone.
    unknown = [key for key in keys if key not in currents]
    older = services.pool.map(lambda key: _newest_of(services, key), unknown)
    found |= {key: record for key, record in zip(unknown, older, strict=True) if record}
    return found


def _newest_of(services: AuditContext, key: str) -> Record | None:
    return next(records.of_key(services.dynamodb, services.outputs.table, key), None)


def _get_items(services: AuditContext, ids: Sequence[str]) -> list[Any]:
    chunks = [ids[at : at + _GET_AT_ONCE] for at in range(0, len(ids), _GET_AT_ONCE)]
    table = services.outputs.table

    def get(chunk: Sequence[str]) -> list[Any]:
        items: list[Any] = []
        wanted: Any = {
            table: {"Keys": [{"resource-id": {"S": one}} for one in chunk], "ConsistentRead": True}
        }
        while wanted:
            answer = services.dynamodb.batch_get_item(RequestItems=wanted)
            items += answer["Responses"].get(table, [])
            wanted = answer.get("UnprocessedKeys")
        return items

    return [item for items in services.pool.map(get, chunks) for item in items]


def _currents(services: AuditContext, prefix: str) -> Iterator[list[CurrentRecord]]:
    scanned = services.dynamodb.get_paginator("scan").paginate(
        TableName=services.outputs.table,
        FilterExpression=(
            "attribute_exists(#mark) AND CurrentBucket = :bucket"
            + (" AND begins_with(CurrentKey, :prefix)" if prefix else "")
        ),
        ExpressionAttributeNames={"#mark": current_record.MARK},
        ExpressionAttributeValues={
            ":bucket": {"S": services.outputs.source_bucket},
            **({":prefix": {"S": prefix}} if prefix else {}),
        },
    )
    for page in scanned:
        yield [current_record.from_item(item) for item in page["Items"]]


def _output_record_id(services: AuditContext, record: Record) -> str | None:
    bucket = record.resized_bucket or services.outputs.destination_bucket
    head = storage.head_of(services.s3, bucket, record.resized_object_key or "")
    return None if head is None else head["Metadata"].get("record_id", "")
