"""One object's way through the function: the seed's eight processing steps."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING

from imgctl.core.current_record import CurrentRecord, EventOrder, order
from imgctl.core.errors import PictureError
from imgctl.core.keys import output_key, resource_id
from imgctl.core.record import Record, Status, failure_fields, picture_fields, timestamp
from imgctl.core.resize import ResizeResult, resize
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
    """What the pipeline may touch: the two services, the wall clock, and a stopwatch in seconds."""

    s3: "S3Client"
    dynamodb: "DynamoDBClient"
    now: Callable[[], datetime]
    stopwatch_s: Callable[[], float]
    deadline: Deadline


@dataclass(frozen=True, slots=True)
class ProcessResult:
    """What became of an object, and whether the same had been stored before."""

    record: Record
    repeated: bool


class PermissionDenied(PictureError):
    """AWS refused the function an action; retried, because a role can be mended."""

    code = "access_denied"


class WrongBucket(PictureError):
    """The event tells of another bucket than the source."""

    code = "wrong_bucket"


def process(
    created: ObjectCreated, settings: Settings, effects: Dependencies, request_id: str = ""
) -> ProcessResult:
    """Halve one object and record it; a picture at fault is recorded as FAILED with its reason.

    The output is written before the record, so a record never tells of an output that is not
    there. Nothing older replaces anything newer, and running again leaves the same end. Raises
    WriteConflict, DeadlineExceeded, NoSpace, and what S3 and DynamoDB raise: all of it may pass.
    """
    record = _new_record(created, request_id)
    replaced = False
    try:
        if created.bucket != settings.source_bucket:
            raise WrongBucket(
                f"{created.bucket} is not the source bucket, {settings.source_bucket}.",
                hint="Take this function off that bucket's notifications.",
            )
        record, replaced = _resize_and_store(created, settings, effects, record)
    except PictureError as error:
        record = replace(record, **failure_fields(error))
    record = replace(record, processing_time=timestamp(effects.now()))
    if record.status is Status.SUPERSEDED:
        # The newer upload's own event makes its record the current one of the key.
        first = records.put_superseded(effects.dynamodb, settings.table, record)
        return ProcessResult(record, repeated=not first)
    committed = records.commit(
        effects.dynamodb, settings.table, record, lambda there: _order(record, there, effects)
    )
    if replaced or committed.record.status is Status.SUPERSEDED:
        _restore_newest_output(committed.current, settings, effects)
    return ProcessResult(committed.record, committed.repeated)


def record_denied(
    created: ObjectCreated,
    settings: Settings,
    effects: Dependencies,
    reason: str,
    request_id: str = "",
) -> None:
    """Record that a permission is missing, so that whoever waits for the picture sees why."""
    record = replace(
        _new_record(created, request_id),
        **failure_fields(
            PermissionDenied(reason, hint="Mend the role, then send the picture again.")
        ),
        processing_time=timestamp(effects.now()),
    )
    records.commit(
        effects.dynamodb, settings.table, record, lambda there: _order(record, there, effects)
    )


def _new_record(created: ObjectCreated, request_id: str) -> Record:
    return Record(
        resource_id=_identity(created),
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


def _identity(created: ObjectCreated) -> str:
    return resource_id(
        created.bucket,
        created.key,
        version_id=created.version_id,
        etag=created.etag,
        sequencer=created.sequencer,
    )


def _resize_and_store(
    created: ObjectCreated, settings: Settings, effects: Dependencies, record: Record
) -> tuple[Record, bool]:
    """Fetch, resize, store the output; tells too whether there was one in its place.

    A picture at fault gives a FAILED record. Raises ObjectGone, ObjectArchived or TooLarge before
    its fetch.
    """
    started_s = effects.stopwatch_s()
    with storage.download(
        effects.s3, created, settings.limits, check_time=effects.deadline.check
    ) as original:
        fetched_s = effects.stopwatch_s()
        record = _with_identity(record, created, original)
        effects.deadline.check()
        try:
            with original.path.open("rb") as source:
                result = resize(source, settings.spec, settings.limits)
        except PictureError as error:
            return replace(record, **failure_fields(error)), False
    resized_s = effects.stopwatch_s()
    record = replace(
        record,
        resized_bucket=settings.destination_bucket,
        resized_object_key=output_key(created.key, settings.output_prefix),
        fetch_ms=_ms(fetched_s - started_s),
        resize_ms=_ms(resized_s - fetched_s),
        **picture_fields(result.original, result.resized, result.notes),
    )
    newer, replaced = _store(result, record, effects)
    if newer is not None:
        return records.superseded(record, newer), False
    return replace(record, store_ms=_ms(effects.stopwatch_s() - resized_s)), replaced


def _with_identity(record: Record, created: ObjectCreated, original: storage.Original) -> Record:
    """Name the very content that was fetched, where the event did not."""
    if not (created.version_id or created.etag):
        created = replace(created, version_id=original.version_id, etag=original.etag)
    return replace(
        record,
        resource_id=_identity(created),
        version_id=created.version_id or None,
        etag=created.etag or None,
        original_size=record.original_size or original.path.stat().st_size,
        source_sha256=original.sha256,
    )


def _store(result: ResizeResult, record: Record, effects: Dependencies) -> tuple[str | None, bool]:
    """Write the output unless a newer upload's is there.

    Gives that upload's record, None where it was written; and whether anything was in its place,
    which calls for `_restore_newest_output`. The same bytes of the same upload are not written
    again.
    """
    bucket, key = record.resized_bucket or "", record.resized_object_key or ""
    sha256 = hashlib.sha256(result.data).hexdigest()
    metadata = {
        "original_filename": (record.original_object_key or "").rpartition("/")[2],
        "original_bucket": record.original_bucket or "",
        "resized_dimensions": str(result.resized.size),
        "processing_time": timestamp(effects.now()),
        "record_id": record.resource_id,
        "sequencer": record.sequencer or "",
        "sha256": sha256,
    }
    there = None  # most outputs are new: that is tried without a look
    for _ in range(_ATTEMPTS):
        if there is not None:
            if (there.record_id, there.sha256) == (record.resource_id, sha256):
                return None, True
            if _order(record, there, effects) is EventOrder.OLDER:
                return there.record_id, False
        try:
            storage.put_output(
                effects.s3,
                bucket,
                key,
                result.data,
                result.resized.format,
                metadata,
                instead_of=there,
            )
        except storage.PreconditionFailed:
            there = storage.head_output(effects.s3, bucket, key)
        else:
            return None, there is not None
    raise WriteConflict(f"the output {key} is being written by others")


def _restore_newest_output(
    current: CurrentRecord, settings: Settings, effects: Dependencies
) -> None:
    """Make the newest output again where a slower writer put an older one in its place.

    S3 compares ETags alone: it takes a write in place of what was looked at as well as in place of
    something newer with the same bytes. So whoever found an output looks once more, after its
    record is stored: whichever of the two writers comes last here sees both.
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
        there = storage.head_output(
            effects.s3,
            settings.destination_bucket,
            output_key(current.key, settings.output_prefix),
        )
        newest = there is None or _order(record, there, effects) is not EventOrder.NEWER
        if newest or current.status is not Status.SUCCEEDED:
            return
        try:
            _, replaced = _resize_and_store(created, settings, effects, record)
        except PictureError:  # deleted meanwhile: there is nothing to make it from
            return
        if not replaced:
            return
    raise WriteConflict(f"the output of {current.key} is being written by others")


def _order(
    record: Record, there: CurrentRecord | storage.Output, effects: Dependencies
) -> EventOrder:
    """Tell how a record's upload stands to another of its key; the bucket tells where need be."""
    found = order(record.resource_id, record.sequencer or "", there.record_id, there.sequencer)
    if found is not EventOrder.UNKNOWN:
        return found
    latest = storage.is_latest(
        effects.s3,
        record.original_bucket or "",
        record.original_object_key or "",
        version_id=record.version_id or "",
        etag=record.etag or "",
    )
    return EventOrder.NEWER if latest else EventOrder.OLDER


def _ms(seconds: float) -> int:
    return round(seconds * 1000)
