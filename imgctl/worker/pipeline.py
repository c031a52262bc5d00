"""Processing of one object: download, resize, store the outputs, store the record."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING

from imgctl.core.current_record import CurrentRecord, EventOrder, is_same_content
from imgctl.core.errors import PictureError, TooSlow
from imgctl.core.keys import is_folder_marker
from imgctl.core.record import Record, Status, failure_fields, picture_fields, timestamp
from imgctl.core.recorded_renditions import RecordedRendition, recorded_rendition
from imgctl.core.renditions import RenditionSet
from imgctl.core.result import ResizeResult
from imgctl.sandbox.process import Resize
from imgctl.worker import ordering, outputs, records, storage
from imgctl.worker.deadline import Deadline, DeadlineExceeded
from imgctl.worker.events import ObjectCreated
from imgctl.worker.identity import (
    created_again,
    is_about,
    new_record,
    with_content,
    with_known_sequencer,
)
from imgctl.worker.ordering import Compare
from imgctl.worker.outputs import NewOutput, StoreResult
from imgctl.worker.records import CommitResult, Supersession, WriteConflict
from imgctl.worker.settings import Settings

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_s3 import S3Client

_ATTEMPTS = 5
_ALONE = 3 / 4  # of the time, at least, is left for the first image of an event


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
    """A record of what was resized and stored, and whether another output was in place of one.

    `superseded_by_bucket` is true if only the bucket says that the upload is superseded.
    """

    record: Record
    replaced: bool = False
    superseded_by_bucket: bool = False


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

    The outputs are written before the record, so that no record names one that does not exist.
    Nothing older replaces anything newer, and a repetition ends in the same state. Raises
    WriteConflict, DeadlineExceeded, NoSpace and the errors of S3 and DynamoDB, all of which can be
    retried, and FolderMarker, which is no failure.
    """
    if is_folder_marker(created.key, created.size):
        raise FolderMarker
    if created.other_keys:
        key = storage.existing_key(deps.s3, created)
        created = replace(created, key=key, other_keys=())
    # The bucket knows more about the order of an upload than an event that does not come from S3.
    compare = ordering.by_event if created.sequencer else ordering.by_bucket
    created = with_known_sequencer(created, deps.dynamodb, settings.table)
    record = new_record(created, request_id)
    replaced = by_bucket = False
    try:
        if created.bucket != settings.source_bucket:
            raise WrongBucket(
                f"{created.bucket} is not the source bucket, {settings.source_bucket}.",
                hint="Remove this function from that bucket's notifications.",
            )
        outcome = _resize_and_store(created, settings, deps, record, compare)
        record, replaced = outcome.record, outcome.replaced
        by_bucket = outcome.superseded_by_bucket
    except storage.ObjectGone as error:
        record = replace(record, **failure_fields(error))
        superseded = _supersede_if_replaced(record, created, settings, deps)
        if superseded is not None:
            return superseded
    except PictureError as error:
        record = replace(record, **failure_fields(error))
    record = replace(record, processing_time=timestamp(deps.now()))
    if record.status is Status.SUPERSEDED:
        # The event of the newer upload makes its record the current one of the key.
        stored = records.put_superseded(deps.dynamodb, settings.table, record)
        if by_bucket or replaced:
            current = records.current_at(deps.dynamodb, settings.table, created.bucket, created.key)
            if by_bucket:
                _process_unrecorded_newest(created, current, settings, deps, request_id)
            elif current is not None:
                _restore_newest_outputs(current, settings, deps)
        return ProcessResult(record, repeated=stored is not Supersession.NEW)
    commit = records.commit(
        deps.dynamodb, settings.table, record, lambda other: compare(record, other, deps.s3)
    )
    if commit.record.status is Status.SUPERSEDED and ordering.bucket_decides(
        commit.record, commit.current
    ):
        _process_unrecorded_newest(created, commit.current, settings, deps, request_id)
    elif replaced or _may_be_older(commit):
        _restore_newest_outputs(commit.current, settings, deps, commit.record)
    return ProcessResult(commit.record, commit.repeated)


def _process_unrecorded_newest(
    created: ObjectCreated,
    current: CurrentRecord | None,
    settings: Settings,
    deps: Dependencies,
    request_id: str,
) -> None:
    """Process the newest object of a key if it is neither this upload nor the current one.

    This upload was then deleted for good while it was processed. The event of the newest object
    may have been processed meanwhile, and have taken this upload for newer, as it was.
    """
    try:
        newest = storage.newest(deps.s3, created.bucket, created.key)
    except storage.NewestEncrypted:
        return
    known = (created.version_id, "" if current is None else current.version_id)
    is_unrecorded = newest is not None and newest.version_id not in ("", *known)
    if newest is not None and is_unrecorded and not is_folder_marker(newest.key, newest.size):
        process(newest, settings, deps, request_id)
    elif current is not None:
        _restore_newest_outputs(current, settings, deps)


def _may_be_older(commit: CommitResult) -> bool:
    """Return whether the output may be an older one, although this invocation replaced none.

    That is so if this upload is older itself, or if an earlier one had an output: it was deleted
    before this one was stored, or should still be there if this upload failed.
    """
    if commit.record.status is Status.SUPERSEDED:
        return True
    had_output = commit.before is not None and commit.before.last_good is not None
    return had_output and not (commit.repeated and commit.record.status is Status.SUCCEEDED)


def record_denied(
    created: ObjectCreated,
    settings: Settings,
    deps: Dependencies,
    reason: str,
    request_id: str = "",
) -> None:
    """Record that a permission is missing, so that `upload --wait` can report the cause."""
    record = replace(
        new_record(created, request_id),
        **failure_fields(PermissionDenied(reason, hint="Fix the role, then reprocess the object.")),
        processing_time=timestamp(deps.now()),
    )
    records.commit(
        deps.dynamodb,
        settings.table,
        record,
        lambda other: ordering.by_event(record, other, deps.s3),
    )


def _supersede_if_replaced(
    record: Record, created: ObjectCreated, settings: Settings, deps: Dependencies
) -> ProcessResult | None:
    """Store the record of an upload that is gone as superseded if its key has another object.

    Returns None if the key has no object. In a bucket with versions, the object may be older, and
    its event may have been processed while this upload was the newest. Therefore it is processed
    once more, which makes its record the current one. A success that is current is kept.
    """
    record = replace(record, processing_time=timestamp(deps.now()))
    request_id = record.request_id or ""
    for _ in range(_ATTEMPTS):
        try:
            newest = storage.newest(deps.s3, created.bucket, created.key)
        except storage.NewestEncrypted:  # its own event records it
            return None
        if newest is None or is_folder_marker(newest.key, newest.size):
            return None
        current = records.current_at(deps.dynamodb, settings.table, created.bucket, created.key)
        has_versions = bool(newest.version_id or created.version_id)
        kept = current is not None and (current.status is Status.SUCCEEDED or not has_versions)
        if current is not None and kept and current.record_id == record.resource_id:
            return ProcessResult(record, repeated=True)
        is_back = (newest.version_id, newest.etag) == (created.version_id, created.etag)
        if is_back or not (created.version_id or created.etag):
            return process(created, settings, deps, request_id)  # it was uploaded once more
        if has_versions:
            process(newest, settings, deps, request_id)
            current = records.current_at(deps.dynamodb, settings.table, created.bucket, created.key)
            if current is None or current.record_id == record.resource_id:
                continue  # that object is gone by now, or not the newest any more
        by = current.record_id if current is not None and is_about(current, newest) else ""
        old = records.superseded(record, by)
        stored = records.put_superseded(deps.dynamodb, settings.table, old)
        if stored is Supersession.REFUSED:
            continue
        # An attempt that was interrupted may have stored an output, unseen by a newer upload which
        # expected none.
        if current is None or current.last_good is None:
            current = records.current_at(deps.dynamodb, settings.table, created.bucket, created.key)
        if current is not None:
            _restore_newest_outputs(current, settings, deps)
        return ProcessResult(old, repeated=stored is Supersession.REPEATED)
    raise WriteConflict(f"concurrent changes of {created.key}")


def _resize_and_store(
    created: ObjectCreated,
    settings: Settings,
    deps: Dependencies,
    record: Record,
    compare: Compare,
) -> ResizeOutcome:
    """Download, resize and store the outputs; an invalid image results in a FAILED record.

    Raises ObjectGone, ObjectArchived or TooLarge before anything is downloaded.
    """
    started_s = deps.stopwatch_s()
    with storage.download(
        deps.s3, created, settings.limits, check_time=deps.deadline.check
    ) as original:
        downloaded_s = deps.stopwatch_s()
        if is_folder_marker(created.key, original.path.stat().st_size):
            raise FolderMarker
        if not (created.version_id or created.etag):  # then it is what was downloaded
            created = replace(created, version_id=original.version_id, etag=original.etag)
            created = with_known_sequencer(created, deps.dynamodb, settings.table)
        record = with_content(record, created, original)
        timeout_s = deps.deadline.time_for_image_s()
        try:
            with original.path.open("rb") as source:
                # Not of the time that is left: what came before is no fault of the image.
                limits = settings.limits.for_time(deps.deadline.whole_time_s)
                results = deps.resize(
                    source, settings.renditions.specs, limits, timeout_s=timeout_s
                )
        except TooSlow as error:
            if timeout_s < _ALONE * deps.deadline.whole_time_s:
                raise DeadlineExceeded(f"{timeout_s:.1f} s were left to resize an image") from error
            return ResizeOutcome(replace(record, **failure_fields(error)))
        except PictureError as error:
            return ResizeOutcome(replace(record, **failure_fields(error)))
    resized_s = deps.stopwatch_s()
    keys = settings.renditions.output_keys(created.key, results[0].original.format)
    record = replace(
        record,
        resized_bucket=settings.destination_bucket,
        resized_object_key=keys[0],
        fetch_ms=_ms(downloaded_s - started_s),
        resize_ms=_ms(resized_s - downloaded_s),
        renditions=_recorded(settings.renditions, keys, results),
        **picture_fields(results[0]),
    )
    new_outputs = [
        NewOutput(settings.destination_bucket, key, name, result, settings.cache_control)
        for key, name, result in zip(keys, settings.renditions.names, results, strict=True)
    ]
    stored = _store(new_outputs, record, deps, compare)
    newer = stored.newer
    same = newer is not None and is_same_content(record, newer.record_id, newer.sequencer)
    if newer is not None and same and not record.sequencer:
        record = replace(record, resource_id=newer.record_id, sequencer=newer.sequencer)
        again = _store(new_outputs, record, deps, compare)
        stored = replace(again, replaced=stored.replaced or again.replaced)
    if (newer := stored.newer) is not None:
        # An output without a record is another program's, which says nothing about uploads.
        by_bucket = bool(newer.record_id) and ordering.bucket_decides(record, newer)
        superseded = records.superseded(record, newer.record_id)
        return ResizeOutcome(superseded, stored.replaced, by_bucket)
    record = replace(record, store_ms=_ms(deps.stopwatch_s() - resized_s))
    return ResizeOutcome(record, stored.replaced)


def _recorded(
    renditions: RenditionSet, keys: Sequence[str], results: Sequence[ResizeResult]
) -> tuple[RecordedRendition, ...] | None:
    """Return what the record lists; None for a stack without renditions."""
    if not renditions.are_named:
        return None
    return tuple(
        recorded_rendition(rendition, key, picture_fields(result), result.quality)
        for rendition, key, result in zip(renditions.renditions, keys, results, strict=True)
    )


def _store(
    new_outputs: Sequence[NewOutput], record: Record, deps: Dependencies, compare: Compare
) -> StoreResult:
    return outputs.store_all(
        deps.s3, new_outputs, record, deps.now(), lambda other: compare(record, other, deps.s3)
    )


def _restore_newest_outputs(
    current: CurrentRecord,
    settings: Settings,
    deps: Dependencies,
    known: Record | None = None,
) -> None:
    """Write the newest outputs again if one is missing, or if a slower invocation replaced it.

    A record that is `known` need not be read for the format that decides the keys of its outputs.

    S3 compares only ETags: a conditional write also succeeds if the output that was read has been
    replaced by a newer one with the same bytes. Therefore an invocation that replaced an output
    checks it once more after its record is stored: the last of two concurrent ones sees both. What
    it restores is checked against the key's item as it is then, for the same reason.
    """
    for _ in range(_ATTEMPTS):
        good = current.last_good
        if good is None:
            return
        if known is None or (known.resource_id, known.status) != (good.record_id, Status.SUCCEEDED):
            known = records.record_at(deps.dynamodb, settings.table, good.record_id)
        created = created_again(good, current.bucket, current.key)
        record = new_record(created, "")
        source_format = None if known is None else known.source_format
        keys = settings.renditions.output_keys(current.key, source_format)
        if not _are_older(keys, record, settings, deps):
            return
        try:
            outcome = _resize_and_store(created, settings, deps, record, ordering.by_bucket)
        except PictureError:  # the source was deleted in the meantime
            return
        if outcome.record.status is Status.FAILED:  # under limits that were lowered since
            return
        changed = records.current_at(deps.dynamodb, settings.table, current.bucket, current.key)
        current = changed or current
    raise WriteConflict(f"concurrent writes of the outputs of {current.key}")


def _are_older(keys: Sequence[str], record: Record, settings: Settings, deps: Dependencies) -> bool:
    """Return whether outputs are missing, or those of an older upload.

    The first one decides. Those of a newer upload are left to its own event.
    """
    first, *others = (
        storage.head_output(deps.s3, settings.destination_bucket, key) for key in keys
    )
    if first is None:
        return True
    order = ordering.by_bucket(record, first, deps.s3)
    are_mixed = any(other is None or other.record_id != first.record_id for other in others)
    return order is EventOrder.NEWER or (order is EventOrder.SAME and are_mixed)


def _ms(seconds: float) -> int:
    return round(seconds * 1000)
