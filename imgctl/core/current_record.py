"""The current record of each key: the record of its newest processed upload.

Each key has one item in the records table that names its current record; the item's `resource-id`
begins with `current#`. The function compares an event with it before it writes, and an audit reads
it. It has neither `OriginalObjectKey` nor `TimeBucket`, so that indexes and readers skip it.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from enum import StrEnum
from typing import Any

from imgctl.core.record import AttributeValue, Item, Record, Status, status_of

MARK = "CurrentRecord"
"""The attribute that distinguishes these items from records."""


class EventOrder(StrEnum):
    """The order of one event of a key relative to another."""

    OLDER = "older"
    SAME = "same"
    NEWER = "newer"
    UNKNOWN = "unknown"  # one of them has no sequencer: only the bucket knows


@dataclass(frozen=True, slots=True, kw_only=True)
class CurrentRecord:
    """The newest processed upload of a key; a missing string is empty."""

    bucket: str
    key: str
    record_id: str
    status: Status
    version_id: str = ""
    etag: str = ""
    sequencer: str = ""


_ATTRIBUTES = {
    "bucket": "CurrentBucket",
    "key": "CurrentKey",
    "record_id": MARK,
    "status": "CurrentStatus",
    "version_id": "CurrentVersion",
    "etag": "CurrentETag",
    "sequencer": "CurrentSequencer",
}
assert set(_ATTRIBUTES) == {field.name for field in fields(CurrentRecord)}


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


def current_of(record: Record) -> CurrentRecord:
    """Return a record as the current one of its key."""
    return CurrentRecord(
        bucket=record.original_bucket or "",
        key=record.original_object_key or "",
        record_id=record.resource_id,
        status=record.status,
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
    return item


def from_item(item: Mapping[str, AttributeValue]) -> CurrentRecord:
    """Read a DynamoDB item that has the attribute `MARK`."""
    values: dict[str, Any] = {
        name: item[attribute]["S"] for name, attribute in _ATTRIBUTES.items() if attribute in item
    }
    return CurrentRecord(**{**values, "status": status_of(values["status"])})
