"""Processing of one object: its outputs, then its record, in an order that survives any fault."""

from dataclasses import dataclass, replace

from imgctl.core.current_record import CurrentRecord
from imgctl.core.errors import PictureError
from imgctl.core.keys import is_folder_marker
from imgctl.core.record import Record, Status, failure_fields, timestamp
from imgctl.worker import ordering, records, storage
from imgctl.worker.events import ObjectCreated
from imgctl.worker.identity import is_about, new_record, with_known_sequencer
from imgctl.worker.records import CommitResult, Supersession, WriteConflict
from imgctl.worker.resizing import (
    Dependencies,
    FolderMarker,
    resize_and_store,
    restore_newest_outputs,
)
from imgctl.worker.settings import Settings

_ATTEMPTS = 5


@dataclass(frozen=True, slots=True)
class ProcessResult:
    """The record of a processed object, and whether the same outcome was stored before."""

    record: Record
    repeated: bool


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
        outcome = resize_and_store(created, settings, deps, record, compare)
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
        return _finish_superseded(
            created, record, settings, deps, replaced=replaced, by_bucket=by_bucket
        )
    commit = records.commit(
        deps.dynamodb, settings.table, record, lambda other: compare(record, other, deps.s3)
    )
    is_old = commit.record.status is Status.SUPERSEDED
    if is_old and ordering.bucket_decides(commit.record, commit.current):
        if not _process_unrecorded_newest(created, commit.current, settings, deps, request_id):
            restore_newest_outputs(commit.current, settings, deps)
    elif (replaced or _may_be_older(commit)) and not restore_newest_outputs(
        commit.current, settings, deps, commit.record
    ):
        # The original of the current upload is gone, and the bucket may have an older one.
        _process_unrecorded_newest(created, commit.current, settings, deps, request_id)
    return ProcessResult(commit.record, commit.repeated)


def _finish_superseded(
    created: ObjectCreated,
    record: Record,
    settings: Settings,
    deps: Dependencies,
    *,
    replaced: bool,
    by_bucket: bool,
) -> ProcessResult:
    """Store the record of an upload that met the output of a newer one.

    The event of the newer upload makes its record the current one of the key.
    """
    stored = records.put_superseded(deps.dynamodb, settings.table, record)
    if by_bucket or replaced:
        current = records.current_at(deps.dynamodb, settings.table, created.bucket, created.key)
        is_processed = by_bucket and _process_unrecorded_newest(
            created, current, settings, deps, record.request_id or ""
        )
        if not is_processed and current is not None:
            restore_newest_outputs(current, settings, deps)
    return ProcessResult(record, repeated=stored is not Supersession.NEW)


def _process_unrecorded_newest(
    created: ObjectCreated,
    current: CurrentRecord | None,
    settings: Settings,
    deps: Dependencies,
    request_id: str,
) -> bool:
    """Process the newest object of a key if it is neither this upload nor the current one.

    This upload was then deleted for good while it was processed. The event of the newest object
    may have been processed meanwhile, and have taken this upload for newer, as it was. Returns
    whether there is such an object.
    """
    try:
        newest = storage.newest(deps.s3, created.bucket, created.key)
    except storage.NewestEncrypted:
        return True
    known = (created.version_id, "" if current is None else current.version_id)
    is_unrecorded = newest is not None and newest.version_id not in ("", *known)
    if newest is not None and is_unrecorded and not is_folder_marker(newest.key, newest.size):
        process(newest, settings, deps, request_id)
        return True
    return False


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
            restore_newest_outputs(current, settings, deps)
        return ProcessResult(old, repeated=stored is Supersession.REPEATED)
    raise WriteConflict(f"concurrent changes of {created.key}")
