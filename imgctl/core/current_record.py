"""The current record of each key: the record of its newest processed upload.

Each key has one item in the records table that names its current record; the item's `resource-id`
begins with `current#`. The function compares an event with it before it writes, and an audit reads
it. It has neither `OriginalObjectKey` nor `TimeBucket`, so that indexes and readers skip it.

The item also names the last good upload: the newest one whose output was stored. That is the
current one, unless it failed. A failure that somebody has acknowledged is named as well.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from enum import StrEnum
from typing import Any

from imgctl.core.keys import resource_id
from imgctl.core.record import AttributeValue, Item, Record, Status, status_of

MARK = "CurrentRecord"
"""The attribute that distinguishes these items from records."""


ACKNOWLEDGED_MARK = "AcknowledgedRecord"
"""The attribute that names the record about which an audit is to be silent."""


class EventOrder(StrEnum):
    """The order of one event of a key relative to another."""

    OLDER = "older"
    SAME = "same"
    NEWER = "newer"
    UNKNOWN = "unknown"  # one of them has no sequencer: only the bucket knows


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """An upload of a known key; a missing string is empty."""

    record_id: str
    version_id: str = ""
    etag: str = ""
    sequencer: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CurrentRecord(Upload):
    """The newest processed upload of a key.

    `good_before` is the newest upload whose output was stored, if the current one failed. It is
    None if there is none, or if it is not known: earlier versions of imgctl did not store it.
    `acknowledged` is the ID of a record about which an audit is to be silent; empty if there is
    none.
    """

    bucket: str
    key: str
    status: Status
    good_before: Upload | None = None
    acknowledged: str = ""

    @property
    def is_acknowledged(self) -> bool:
        """Whether an audit is to be silent about the current record."""
        return self.acknowledged == self.record_id

    @property
    def last_good(self) -> Upload | None:
        """Return the newest upload whose output was stored; None if there is none."""
        return self if self.status is Status.SUCCEEDED else self.good_before


_ATTRIBUTES = {
    "bucket": "CurrentBucket",
    "key": "CurrentKey",
    "record_id": MARK,
    "status": "CurrentStatus",
    "version_id": "CurrentVersion",
    "etag": "CurrentETag",
    "sequencer": "CurrentSequencer",
    "acknowledged": ACKNOWLEDGED_MARK,
}
GOOD_MARK = "GoodRecord"
"""The attribute that names the record of `good_before`."""
_GOOD_ATTRIBUTES = {
    "record_id": GOOD_MARK,
    "version_id": "GoodVersion",
    "etag": "GoodETag",
    "sequencer": "GoodSequencer",
}
assert {*_ATTRIBUTES, "good_before"} == {field.name for field in fields(CurrentRecord)}
assert set(_GOOD_ATTRIBUTES) == {field.name for field in fields(Upload)}


def current_id(bucket: str, key: str) -> str:
    """Return the `resource-id` of a key's item."""
    return "current#" + hashlib.sha256(f"{bucket}/{key}".encode()).hexdigest()[:32]


def order(record_id: str, sequencer: str, other_id: str, other_sequencer: str) -> EventOrder:
    """Return the order of an event relative to another one of the same key.

    Sequencers are hexadecimal; the shorter one is padded with zeros on its right, and then they
    compare as text (S3 User Guide, "Event message structure").
    """
    if record_id == other_id:
        return EventOrder.SAME
    if not (sequencer and other_sequencer):
        return EventOrder.UNKNOWN
    width = max(len(sequencer), len(other_sequencer))
    if _padded(sequencer, width) == _padded(other_sequencer, width):
        return EventOrder.UNKNOWN  # of two different uploads: they do not tell which came later
    newer = _padded(sequencer, width) > _padded(other_sequencer, width)
    return EventOrder.NEWER if newer else EventOrder.OLDER


def _padded(sequencer: str, width: int) -> str:
    return sequencer.upper().ljust(width, "0")


def order_of(record: Record, other_id: str, other_sequencer: str) -> EventOrder:
    """Return the order of a record's upload relative to another one of its key.

    Of the same bytes without versions, an event without a sequencer counts as the oldest: S3's own
    event knows more about the upload.
    """
    sequencer = record.sequencer or ""
    known = order(record.resource_id, sequencer, other_id, other_sequencer)
    if known is EventOrder.UNKNOWN and is_same_content(record, other_id, other_sequencer):
        return EventOrder.NEWER if sequencer > other_sequencer else EventOrder.OLDER
    return known


def is_same_content(record: Record, other_id: str, other_sequencer: str) -> bool:
    """Return whether both are without versions, and have the same ETag.

    They are about one upload, or about several of the same bytes. The bucket cannot tell.
    """
    return (
        record.version_id is None
        and record.etag is not None
        and other_id == _unversioned_id(record, other_sequencer)
    )


def _unversioned_id(record: Record, sequencer: str) -> str:
    return resource_id(
        record.original_bucket or "",
        record.original_object_key or "",
        etag=record.etag or "",
        sequencer=sequencer,
    )


def current_of(record: Record, before: CurrentRecord | None = None) -> CurrentRecord:
    """Return a record as the current one of its key, after another one."""
    return CurrentRecord(
        bucket=record.original_bucket or "",
        key=record.original_object_key or "",
        record_id=record.resource_id,
        status=record.status,
        version_id=record.version_id or "",
        etag=record.etag or "",
        sequencer=record.sequencer or "",
        good_before=None if record.status is Status.SUCCEEDED else _good_before(before),
        acknowledged="" if before is None else before.acknowledged,
    )


def _good_before(before: CurrentRecord | None) -> Upload | None:
    good = None if before is None else before.last_good
    if not isinstance(good, CurrentRecord):
        return good
    return Upload(**{field.name: getattr(good, field.name) for field in fields(Upload)})


def upload_of(record: Record) -> Upload:
    """Return the upload that a record describes."""
    return Upload(
        record_id=record.resource_id,
        version_id=record.version_id or "",
        etag=record.etag or "",
        sequencer=record.sequencer or "",
    )


def to_item(current: CurrentRecord) -> Item:
    """Return the current record as a DynamoDB item."""
    item: Item = {"resource-id": {"S": current_id(current.bucket, current.key)}}
    for name, attribute in _ATTRIBUTES.items():
        if value := getattr(current, name):
            item[attribute] = {"S": str(value)}
    for name, attribute in _GOOD_ATTRIBUTES.items():
        if value := getattr(current.good_before, name, ""):
            item[attribute] = {"S": value}
    return item


def from_item(item: Mapping[str, AttributeValue]) -> CurrentRecord:
    """Read a DynamoDB item that has the attribute `MARK`."""
    values: dict[str, Any] = _texts(item, _ATTRIBUTES)
    good = _texts(item, _GOOD_ATTRIBUTES)
    return CurrentRecord(
        **{**values, "status": status_of(values["status"])},
        good_before=Upload(**good) if "record_id" in good else None,
    )


def _texts(item: Mapping[str, AttributeValue], attributes: Mapping[str, str]) -> dict[str, str]:
    return {
        name: item[attribute]["S"] for name, attribute in attributes.items() if attribute in item
    }
