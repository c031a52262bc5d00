"""The outputs of one upload: download, resize, store; and the newest ones, stored again."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING

from imgctl.core.current_record import CurrentRecord, EventOrder, is_same_content
from imgctl.core.errors import PictureError, TooSlow
from imgctl.core.keys import is_folder_marker
from imgctl.core.record import Record, Status, failure_fields, picture_fields
from imgctl.core.recorded_renditions import recorded_renditions
from imgctl.core.rendition_tables import settings_digest
from imgctl.core.renditions import RenditionSet
from imgctl.sandbox.process import Resize
from imgctl.worker import ordering, outputs, records, storage
from imgctl.worker.deadline import Deadline, DeadlineExceeded
from imgctl.worker.events import ObjectCreated
from imgctl.worker.identity import created_again, new_record, with_content, with_known_sequencer
from imgctl.worker.ordering import Compare
from imgctl.worker.outputs import NewOutput, StoreResult
from imgctl.worker.records import WriteConflict
from imgctl.worker.settings import Settings
from imgctl.worker.storage import RenditionMarks

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
class ResizeOutcome:
    """A record of what was resized and stored, and whether another output was in place of one.

    `superseded_by_bucket` is true if only the bucket says that the upload is superseded.
    """

    record: Record
    replaced: bool = False
    superseded_by_bucket: bool = False


class FolderMarker(Exception):
    """The object is a folder: there is nothing to resize and nothing to record."""


def resize_and_store(
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
        renditions=recorded_renditions(
            settings.renditions,
            keys,
            [(picture_fields(result), result.quality) for result in results],
        ),
        **picture_fields(results[0]),
    )
    new_outputs = [
        NewOutput(settings.destination_bucket, key, result, marks, settings.cache_control)
        for key, result, marks in zip(keys, results, _marks(settings.renditions), strict=True)
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


def _marks(renditions: RenditionSet) -> list[RenditionMarks]:
    return [
        RenditionMarks(one.name, settings_digest(one)) if one.name else RenditionMarks()
        for one in renditions.renditions
    ]


def _store(
    new_outputs: Sequence[NewOutput], record: Record, deps: Dependencies, compare: Compare
) -> StoreResult:
    return outputs.store_all(
        deps.s3, new_outputs, record, deps.now(), lambda other: compare(record, other, deps.s3)
    )


def restore_newest_outputs(
    current: CurrentRecord,
    settings: Settings,
    deps: Dependencies,
    known: Record | None = None,
) -> bool:
    """Write the newest outputs again if one is missing, or if a slower invocation replaced it.

    Returns False if they have to be written, but their original is gone.

    A record that is `known` need not be read for the format that decides the keys of its outputs.

    S3 compares only ETags: a conditional write also succeeds if the output that was read has been
    replaced by a newer one with the same bytes. Therefore an invocation that replaced an output
    checks it once more after its record is stored: the last of two concurrent ones sees both. What
    it restores is checked against the key's item as it is then, for the same reason.
    """
    for _ in range(_ATTEMPTS):
        good = current.last_good
        if good is None:
            return True
        if known is None or (known.resource_id, known.status) != (good.record_id, Status.SUCCEEDED):
            known = records.record_at(deps.dynamodb, settings.table, good.record_id)
        created = created_again(good, current.bucket, current.key)
        record = new_record(created, "")
        source_format = None if known is None else known.source_format
        keys = settings.renditions.output_keys(current.key, source_format)
        if not _are_older(keys, record, settings, deps):
            return True
        try:
            outcome = resize_and_store(created, settings, deps, record, ordering.by_bucket)
        except PictureError:  # the original was deleted in the meantime
            return False
        if outcome.record.status is Status.FAILED:  # under limits that were lowered since
            return True
        changed = records.current_at(deps.dynamodb, settings.table, current.bucket, current.key)
        current = changed or current
    raise WriteConflict(f"concurrent writes of the outputs of {current.key}")


def _are_older(keys: Sequence[str], record: Record, settings: Settings, deps: Dependencies) -> bool:
    """Return whether outputs are missing, or those of an older upload or of other settings.

    The first one decides. Those of a newer upload are left to its own event.
    """
    heads = [storage.head_output(deps.s3, settings.destination_bucket, key) for key in keys]
    first = heads[0]
    if first is None:
        return True
    filename = (record.original_object_key or "").rpartition("/")[2]
    if first.record_id != record.resource_id and not first.is_of(filename):
        return True  # it is one of another key
    order = ordering.by_bucket(record, first, deps.s3)
    are_mixed = any(
        head is None or (head.record_id, head.marks) != (first.record_id, marks)
        for head, marks in zip(heads, _marks(settings.renditions), strict=True)
    )
    return order is EventOrder.NEWER or (order is EventOrder.SAME and are_mixed)


def _ms(seconds: float) -> int:
    return round(seconds * 1000)
