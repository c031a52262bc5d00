"""Which record of a key is the current one.

An item of its own for each key, in the records' table: its `resource-id` begins with `current#`. It
holds what the function compares with before it writes, and what makes an audit exact. It carries
neither `OriginalObjectKey` nor `TimeBucket`, so that no index and no reader takes it for a record.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from enum import StrEnum
from typing import Any

from imgctl.core.record import AttributeValue, Item, Record, Status, status_of

MARK = "CurrentRecord"
"""The attribute that only these items have."""


class EventOrder(StrEnum):
    """How one event of a key stands to another."""

    OLDER = "older"
    SAME = "same"
    NEWER = "newer"
    UNKNOWN = "unknown"  # one of them has no sequencer: only the bucket can tell


@dataclass(frozen=True, slots=True, kw_only=True)
class CurrentRecord:
    """The newest processed upload of a key; texts are empty where there is none."""

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
    """Give the `resource-id` of a key's item."""
    return "current#" + hashlib.sha256(f"{bucket}/{key}".encode()).hexdigest()[:32]


def order(record_id: str, sequencer: str, than_id: str, than_sequencer: str) -> EventOrder:
    """Tell how an event stands to another of the same key.

    Sequencers are hexadecimal; the shorter is padded with zeros on its right, then they compare as
    text (S3 User Guide, "Event message structure").
    """
    if record_id == than_id:
        return EventOrder.SAME
    if not (sequencer and than_sequencer):
        return EventOrder.UNKNOWN
    width = max(len(sequencer), len(than_sequencer))
    ours = sequencer.upper().ljust(width, "0")
    theirs = than_sequencer.upper().ljust(width, "0")
    return EventOrder.NEWER if ours > theirs else EventOrder.OLDER


def current_of(record: Record) -> CurrentRecord:
    """Give what makes a record the current one of its key."""
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
    """Give it as a DynamoDB item."""
    item: Item = {"resource-id": {"S": current_id(current.bucket, current.key)}}
    for name, attribute in _ATTRIBUTES.items():
        if value := getattr(current, name):
            item[attribute] = {"S": str(value)}
    return item


def from_item(item: Mapping[str, AttributeValue]) -> CurrentRecord:
    """Read a DynamoDB item that has the mark."""
    values: dict[str, Any] = {
        name: item[attribute]["S"] for name, attribute in _ATTRIBUTES.items() if attribute in item
    }
    return CurrentRecord(**{**values, "status": status_of(values["status"])})
