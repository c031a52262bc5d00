"""Processing of one object: download, resize, store the output, store the record."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING

from imgctl.core.current_record import CurrentRecord, EventOrder, order
from imgctl.core.errors import PictureError
from imgctl.core.keys import is_folder_marker, output_key, resource_id
from imgctl.core.record import Record, Status, failure_fields, picture_fields, timestamp
from imgctl.core.result import ResizeResult
from imgctl.sandbox.process import Resize
from imgctl.worker import records, storage
from imgctl.worker.deadline import Deadline
from imgctl.worker.events import ObjectCreated
from imgctl.worker.records import WriteConflict
from imgctl.worker.settings import Settings

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_s3 import S3Client

_ATTEMPTS = 5


@dataclass(frozen=True, slots=True)
class Dependencies:
    """What the pipeline depends on.

    AWS clients, how an image is resized, wall clock, stopwatch in seconds, and deadline.
    """

    s3: "S3Client"
    dynamodb: "DynamoDBClient"
    resize: Resize
    now: Callable[[], datetime]
    stopwatch_s: Callable[[], float]
    deadline: Deadline


@dataclass(frozen=True, slots=True)
class ProcessResult:
    """The record of a processed object, and whether the same outcome was stored before."""

    record: Record
    repeated: bool


@dataclass(frozen=True, slots=True)
class ResizeOutcome:
    """A record of what was resized and stored, and whether another output was in its place."""

    record: Record
    replaced: bool = False


@dataclass(frozen=True, slots=True)
class StoreResult:
    """How an output was stored.

    `newer_record_id` is None unless the output of a newer upload exists, which is then kept; it is
    empty for an output that another program wrote. `replaced` is true if an output existed before,
    which `_restore_newest_output` then checks.
    """

    newer_record_id: str | None = None
    replaced: bool = False


class FolderMarker(Exception):
    """The object is a folder: there is nothing to resize and nothing to record."""


class PermissionDenied(PictureError):
    """AWS denied the function an action; this is retried, because the role can be fixed."""

    code = "access_denied"


class WrongBucket(PictureError):
    """The event is about a bucket other than the source bucket."""

    code = "wrong_bucket"


def process(
    created: ObjectCreated, settings: Settings, deps: Dependencies, request_id: str = ""
) -> ProcessResult:
    """Resize one object and record the outcome; an invalid image is recorded as FAILED.

    The output is written before the record, so that no record names an output that does not exist.
    Nothing older replaces anything newer, and a repetition ends in the same state. Raises
    WriteConflict, DeadlineExceeded, NoSpace and the errors of S3 and DynamoDB, all of which can be
    retried, and FolderMarker, which is no failure.
    """
    if is_folder_marker(created.key, created.size):
        raise FolderMarker
    if created.other_keys:
        key = storage.existing_key(deps.s3, created)
        created = replace(created, key=key, other_keys=())
    record = _new_record(created, request_id)
    replaced = False
    try:
        if created.bucket != settings.source_bucket:
            raise WrongBucket(
                f"{created.bucket} is not the source bucket, {settings.source_bucket}.",
                hint="Remove this function from that bucket's notifications.",
            )
        outcome = _resize_and_store(created, settings, deps, record)
        record, replaced = outcome.record, outcome.replaced
    except PictureError as error:
        record = replace(record, **failure_fields(error))
    record = replace(record, processing_time=timestamp(deps.now()))
    if record.status is Status.SUPERSEDED:
        # The event of the newer upload makes its record the current one of the key.
        is_new = records.put_superseded(deps.dynamodb, settings.table, record)
        return ProcessResult(record, repeated=not is_new)
    commit = records.commit(
        deps.dynamodb, settings.table, record, lambda current: _order(record, current, deps)
    )
    if replaced or commit.record.status is Status.SUPERSEDED:
        _restore_newest_output(commit.current, settings, deps)
    return ProcessResult(commit.record, commit.repeated)


def record_denied(
    created: ObjectCreated,
    settings: Settings,
    deps: Dependencies,
    reason: str,
    request_id: str = "",
) -> None:
    """Record that a permission is missing, so that `upload --wait` can report the cause."""
    record = replace(
        _new_record(created, request_id),
        **failure_fields(PermissionDenied(reason, hint="Fix the role, then reprocess the object.")),
        processing_time=timestamp(deps.now()),
    )
    records.commit(
        deps.dynamodb, settings.table, record, lambda current: _order(record, current, deps)
    )


def _new_record(created: ObjectCreated, request_id: str) -> Record:
    return Record(
        resource_id=_record_id(created),
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


def _record_id(created: ObjectCreated) -> str:
    return resource_id(
        created.bucket,
        created.key,
        version_id=created.version_id,
        etag=created.etag,
        sequencer=created.sequencer,
    )


def _resize_and_store(
    created: ObjectCreated, settings: Settings, deps: Dependencies, record: Record
) -> ResizeOutcome:
    """Download, resize and store the output; an invalid image results in a FAILED record.

    Raises ObjectGone, ObjectArchived or TooLarge before anything is downloaded.
    """
    started_s = deps.stopwatch_s()
    with storage.download(
        deps.s3, created, settings.limits, check_time=deps.deadline.check
    ) as original:
        downloaded_s = deps.stopwatch_s()
        if is_folder_marker(created.key, original.path.stat().st_size):
            raise FolderMarker
        record = _with_identity(record, created, original)
        timeout_s = deps.deadline.time_for_image_s()
        try:
            with original.path.open("rb") as source:
                result = deps.resize(source, settings.spec, settings.limits, timeout_s=timeout_s)
        except PictureError as error:
            return ResizeOutcome(replace(record, **failure_fields(error)))
    resized_s = deps.stopwatch_s()
    record = replace(
        record,
        resized_bucket=settings.destination_bucket,
        resized_object_key=output_key(created.key, settings.output_prefix),
        fetch_ms=_ms(downloaded_s - started_s),
        resize_ms=_ms(resized_s - downloaded_s),
        **picture_fields(result.original, result.resized, result.notes),
    )
    stored = _store(result, record, deps)
    if stored.newer_record_id is not None:
        return ResizeOutcome(records.superseded(record, stored.newer_record_id))
    record = replace(record, store_ms=_ms(deps.stopwatch_s() - resized_s))
    return ResizeOutcome(record, stored.replaced)


def _with_identity(record: Record, created: ObjectCreated, original: storage.Original) -> Record:
    """Identify the content that was downloaded, if the event did not."""
    if not (created.version_id or created.etag):
        created = replace(created, version_id=original.version_id, etag=original.etag)
    return replace(
        record,
        resource_id=_record_id(created),
        version_id=created.version_id or None,
        etag=created.etag or None,
        original_size=record.original_size or original.path.stat().st_size,
        source_sha256=original.sha256,
    )


def _store(result: ResizeResult, record: Record, deps: Dependencies) -> StoreResult:
    """Write the output unless that of a newer upload exists.

    The same bytes of the same upload are not written again. Raises WriteConflict.
    """
    bucket, key = record.resized_bucket or "", record.resized_object_key or ""
    sha256 = hashlib.sha256(result.data).hexdigest()
    metadata = {
        "original_filename": (record.original_object_key or "").rpartition("/")[2],
        "original_bucket": record.original_bucket or "",
        "resized_dimensions": str(result.resized.size),
        "processing_time": timestamp(deps.now()),
        "record_id": record.resource_id,
        "sequencer": record.sequencer or "",
        "sha256": sha256,
    }
    existing = None  # most outputs are new: the first attempt saves the request to read it
    for _ in range(_ATTEMPTS):
        if existing is not None:
            if (existing.record_id, existing.sha256) == (record.resource_id, sha256):
                return StoreResult(replaced=True)
            if _order(record, existing, deps) is EventOrder.OLDER:
                return StoreResult(newer_record_id=existing.record_id)
        try:
            storage.put_output(
                deps.s3,
                bucket,
                key,
                result.data,
                result.resized.format,
                metadata,
                replaces=existing,
            )
        except storage.PreconditionFailed:
            existing = storage.head_output(deps.s3, bucket, key)
        else:
            return StoreResult(replaced=existing is not None)
    raise WriteConflict(f"concurrent writes of the output {key}")


def _restore_newest_output(current: CurrentRecord, settings: Settings, deps: Dependencies) -> None:
    """Write the newest output again if a slower invocation replaced it with an older one.

    S3 compares only ETags: a conditional write also succeeds if the output that was read has been
    replaced by a newer one with the same bytes. Therefore an invocation that replaced an output
    checks it once more after its record is stored: the last of two concurrent ones sees both.
    """
    created = ObjectCreated(
        bucket=current.bucket,
        key=current.key,
        version_id=current.version_id,
        etag=current.etag,
        sequencer=current.sequencer,
    )
    record = _new_record(created, "")
    for _ in range(_ATTEMPTS):
        existing = storage.head_output(
            deps.s3,
            settings.destination_bucket,
            output_key(current.key, settings.output_prefix),
        )
        up_to_date = existing is None or _order(record, existing, deps) is not EventOrder.NEWER
        if up_to_date or current.status is not Status.SUCCEEDED:
            return
        try:
            outcome = _resize_and_store(created, settings, deps, record)
        except PictureError:  # the source was deleted in the meantime
            return
        if not outcome.replaced:
            return
    raise WriteConflict(f"concurrent writes of the output of {current.key}")


def _order(record: Record, other: CurrentRecord | storage.Output, deps: Dependencies) -> EventOrder:
    """Return the order of a record's upload relative to another one of its key.

    Where their events do not determine it, the bucket is asked for its newest upload.
    """
    event_order = order(
        record.resource_id, record.sequencer or "", other.record_id, other.sequencer
    )
    if event_order is not EventOrder.UNKNOWN:
        return event_order
    latest = storage.is_latest(
        deps.s3,
        record.original_bucket or "",
        record.original_object_key or "",
        version_id=record.version_id or "",
        etag=record.etag or "",
    )
    return EventOrder.NEWER if latest else EventOrder.OLDER


def _ms(seconds: float) -> int:
    return round(seconds * 1000)
