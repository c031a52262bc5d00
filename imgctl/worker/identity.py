"""Records of uploads that are not processed yet, and the identities of these uploads."""

from dataclasses import replace
from typing import TYPE_CHECKING

from imgctl.core.current_record import CurrentRecord, Upload
from imgctl.core.keys import resource_id
from imgctl.core.record import Record
from imgctl.worker.events import ObjectCreated
from imgctl.worker.records import current_at
from imgctl.worker.storage import Original

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


def new_record(created: ObjectCreated, request_id: str) -> Record:
    """Return a record with what an event reports."""
    return Record(
        resource_id=record_id(created),
        event_time=created.event_time or None,
        event_type=created.event_name or None,
        event_source=created.event_source or None,
        event_version=created.event_version or None,
        aws_region=created.region or None,
        original_bucket=created.bucket,
        original_object_key=created.key,
        original_size=created.size,
        version_id=created.version_id or None,
        etag=created.etag or None,
        sequencer=created.sequencer or None,
        request_id=request_id or None,
    )


def record_id(created: ObjectCreated) -> str:
    """Return the ID of an upload's record."""
    return resource_id(
        created.bucket,
        created.key,
        version_id=created.version_id,
        etag=created.etag,
        sequencer=created.sequencer,
    )


def created_again(upload: Upload, bucket: str, key: str) -> ObjectCreated:
    """Return the event of an upload that was processed before."""
    return ObjectCreated(
        bucket=bucket,
        key=key,
        version_id=upload.version_id,
        etag=upload.etag,
        sequencer=upload.sequencer,
    )


def with_content(record: Record, created: ObjectCreated, original: Original) -> Record:
    """Add the identity and the digest of the content that was downloaded."""
    return replace(
        record,
        resource_id=record_id(created),
        version_id=created.version_id or None,
        etag=created.etag or None,
        sequencer=created.sequencer or None,
        original_size=record.original_size or original.path.stat().st_size,
        source_sha256=original.sha256,
    )


def with_known_sequencer(
    created: ObjectCreated, dynamodb: "DynamoDBClient", table: str
) -> ObjectCreated:
    """Return an event with the sequencer of the current record if both are about the same upload.

    Without versions, an event that does not come from S3 has only the ETag in common with it.
    """
    if created.version_id or created.sequencer or not created.etag:
        return created
    current = current_at(dynamodb, table, created.bucket, created.key)
    if current is None or not is_about(current, created):
        return created
    return replace(created, sequencer=current.sequencer)


def is_about(current: CurrentRecord, created: ObjectCreated) -> bool:
    """Return whether an upload is the current one; without versions, whether its bytes are."""
    if current.version_id or created.version_id:
        return current.version_id == created.version_id
    return current.etag == created.etag
