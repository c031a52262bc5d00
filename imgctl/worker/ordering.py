"""The order of two uploads of a key, by their events and by the bucket."""

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeAlias

from imgctl.core.current_record import EventOrder, Upload, is_same_content, order_of
from imgctl.core.record import Record
from imgctl.worker import storage

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

Compare: TypeAlias = Callable[[Record, Upload | storage.Output, "S3Client"], EventOrder]
"""Returns the order of a record's upload relative to another one of its key."""


def by_event(record: Record, other: Upload | storage.Output, s3: "S3Client") -> EventOrder:
    """Return the order by sequencers; where they do not tell, the bucket's newest upload is newer.

    For an upload that S3's own event reports.
    """
    known = order_of(record, other.record_id, other.sequencer)
    if known is not EventOrder.UNKNOWN:
        return known
    return EventOrder.NEWER if _is_newest(record, s3) else EventOrder.OLDER


def by_bucket(record: Record, other: Upload | storage.Output, s3: "S3Client") -> EventOrder:
    """Return the order as `by_event` does, but trust the bucket more than the sequencers.

    After a newer version was deleted for good, an older upload is the newest. This is for an upload
    that is processed because it was found in the bucket: nothing reports it as new.
    """
    known = order_of(record, other.record_id, other.sequencer)
    if known in (EventOrder.SAME, EventOrder.NEWER):
        return known
    if is_same_content(record, other.record_id, other.sequencer):
        return known
    return EventOrder.NEWER if _is_newest(record, s3) else EventOrder.OLDER


def bucket_decides(record: Record, other: Upload | storage.Output) -> bool:
    """Return whether the events of two uploads do not tell their order."""
    return order_of(record, other.record_id, other.sequencer) is EventOrder.UNKNOWN


def _is_newest(record: Record, s3: "S3Client") -> bool:
    try:
        return storage.is_latest(
            s3,
            record.original_bucket or "",
            record.original_object_key or "",
            version_id=record.version_id or "",
            etag=record.etag or "",
        )
    except storage.NewestEncrypted:  # then nobody can tell which version it is
        return record.failure_code == storage.ObjectEncrypted.code
