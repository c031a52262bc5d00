"""The record of an object's outcome, and its form as a DynamoDB item.

The attributes from EventTime to DimensionReduction have the names and types of the original
function's table, so that the same code reads the items that it wrote.
"""

import zlib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from typing import Any, TypeAlias

from imgctl.core.errors import ImgctlError
from imgctl.core.formats import ImageFormat
from imgctl.core.recorded_renditions import (
    RecordedOutput,
    RecordedRendition,
    from_attribute,
    to_attribute,
)
from imgctl.core.recorded_renditions import to_plain as rendition_to_plain
from imgctl.core.result import ResizeResult

SHARDS = 4
"""Partitions of the index by time: each takes about 1,000 writes per second."""

AttributeValue: TypeAlias = Mapping[str, Any]  # DynamoDB's {"S": ...}, {"N": ...}, {"NULL": ...}
Item: TypeAlias = dict[str, AttributeValue]


class Status(StrEnum):
    """The outcome of processing an object."""

    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    SUPERSEDED = "SUPERSEDED"  # by a newer upload of the same key
    UNKNOWN = "UNKNOWN"  # written by a later version of imgctl


INDEXED_STATUSES = frozenset({Status.FAILED, Status.SUPERSEDED})
"""The statuses of the records that the index by status lists."""
SHARD = "Shard"
STATUS_SHARD = "StatusShard"


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """The record of one object. Times are ISO 8601 in UTC, sizes pixels or bytes, durations ms.

    An unknown field is None and has no attribute in the item. The fields of the resized image are
    those of the first of the `renditions`, if the stack has any.
    """

    resource_id: str
    status: Status = Status.SUCCEEDED
    event_time: str | None = None
    event_type: str | None = None
    event_source: str | None = None
    event_version: str | None = None
    aws_region: str | None = None
    original_bucket: str | None = None
    original_object_key: str | None = None
    original_size: int | None = None
    original_width: int | None = None
    original_height: int | None = None
    original_format: str | None = None
    original_mode: str | None = None
    original_file_size: int | None = None
    resized_bucket: str | None = None
    resized_object_key: str | None = None
    resized_width: int | None = None
    resized_height: int | None = None
    resized_format: str | None = None
    resized_mode: str | None = None
    resized_file_size: int | None = None
    processing_time: str | None = None
    reduction_percentage: int | None = None
    dimension_reduction: str | None = None
    frames: int | None = None
    notes: str | None = None
    failure_code: str | None = None
    failure_reason: str | None = None
    failure_hint: str | None = None
    version_id: str | None = None
    etag: str | None = None
    sequencer: str | None = None
    superseded_by: str | None = None  # the newer record's resource-id
    source_sha256: str | None = None
    fetch_ms: int | None = None
    resize_ms: int | None = None
    store_ms: int | None = None
    request_id: str | None = None
    renditions: tuple[RecordedRendition, ...] | None = None

    @property
    def source_format(self) -> ImageFormat | None:
        """The format of the original; None if it is not recorded."""
        return ImageFormat.__members__.get(self.original_format or "")

    @property
    def outputs(self) -> tuple[RecordedOutput, ...]:
        """What was made of the original: its renditions, or its one result; none of a failure."""
        if self.renditions:
            return tuple(rendition.output for rendition in self.renditions)
        if self.resized_object_key is None:
            return ()
        return (
            RecordedOutput(
                name="",
                key=self.resized_object_key,
                width=self.resized_width,
                height=self.resized_height,
                format=self.resized_format,
                file_bytes=self.resized_file_size,
                notes=self.notes,
            ),
        )


_SPECIAL_NAMES = {"resource_id": "resource-id", "aws_region": "AWSRegion", "etag": "ETag"}
_ATTRIBUTES = {
    field.name: _SPECIAL_NAMES.get(field.name, field.name.title().replace("_", ""))
    for field in fields(Record)
}
ATTRIBUTE_NAMES = tuple(_ATTRIBUTES.values())
"""The attributes of an item, in the order of the fields of `Record`."""

_INTEGERS = frozenset(field.name for field in fields(Record) if field.type == (int | None))


def timestamp(time: datetime) -> str:
    """Format a time as in the records: `2026-11-23T15:25:08.123Z`, which sorts as text."""
    return time.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


PICTURE_FIELDS = frozenset(
    (
        *(f"original_{name}" for name in ("width", "height", "format", "mode", "file_size")),
        *(f"resized_{name}" for name in ("width", "height", "format", "mode", "file_size")),
        *("reduction_percentage", "dimension_reduction", "frames", "notes"),
    )
)
"""The fields that `picture_fields` returns."""


def picture_fields(result: ResizeResult) -> dict[str, Any]:
    """Return the fields of a Record that describe the original and the resized image."""
    original, resized = result.original, result.resized
    return {
        "original_width": original.size.width,
        "original_height": original.size.height,
        "original_format": original.format.value,
        "original_mode": original.mode,
        "original_file_size": original.file_bytes,
        "resized_width": resized.size.width,
        "resized_height": resized.size.height,
        "resized_format": resized.format.value,
        "resized_mode": resized.mode,
        "resized_file_size": resized.file_bytes,
        "reduction_percentage": reduction_percentage(original.file_bytes, resized.file_bytes),
        "dimension_reduction": f"{original.size} → {resized.size}",
        "frames": original.frames,
        "notes": "; ".join(result.notes) or None,
    }


def failure_fields(error: ImgctlError) -> dict[str, Any]:
    """Return the fields of a Record that describe a failure."""
    return {
        "status": Status.FAILED,
        "failure_code": error.code,
        "failure_reason": error.message,
        "failure_hint": error.hint,
    }


def reduction_percentage(original_bytes: int, resized_bytes: int) -> int:
    """Return the percentage of bytes saved, truncated to an integer as in the original function."""
    return int(round((1 - resized_bytes / original_bytes) * 100, 2))


def shard(resource_id: str) -> str:
    """Return the record's partition in the index by time: a digit."""
    return str(zlib.crc32(resource_id.encode()) % SHARDS)


def status_shard(status: Status, shard: str) -> str:
    """Return a partition in the index by status, such as `FAILED#3`."""
    return f"{status.value}#{shard}"


def index_attributes(status: Status, resource_id: str) -> Item:
    """Return the attributes that place a record in the indexes by time and by status.

    Nearly all records are SUCCEEDED, and the index by time lists these, so that the index by
    status leaves them out.
    """
    number = shard(resource_id)
    attributes: Item = {SHARD: {"S": number}}
    if status in INDEXED_STATUSES:
        attributes[STATUS_SHARD] = {"S": status_shard(status, number)}
    return attributes


def to_item(record: Record) -> Item:
    """Return the record as a DynamoDB item, with the attributes for its indexes."""
    item: Item = {}
    for name, attribute in _ATTRIBUTES.items():
        value = getattr(record, name)
        if isinstance(value, tuple):
            item[attribute] = to_attribute(value)
        elif value is not None:
            item[attribute] = {"N": str(value)} if name in _INTEGERS else {"S": str(value)}
    if record.processing_time is not None:
        item |= index_attributes(record.status, record.resource_id)
    return item


def from_item(item: Mapping[str, AttributeValue]) -> Record:
    """Read a DynamoDB item; an attribute that is missing or of an unexpected type becomes None.

    An item without Status was written by the original function, which recorded only successes.
    """
    values: dict[str, Any] = {}
    for name, attribute in _ATTRIBUTES.items():
        stored = item.get(attribute, {})
        text = stored.get("S", stored.get("N"))
        if text is not None:
            values[name] = _integer(text) if name in _INTEGERS else str(text)
    values["renditions"] = from_attribute(item.get(_ATTRIBUTES["renditions"], {}))
    values["status"] = status_of(values.get("status", Status.SUCCEEDED.value))
    return Record(**values)


def status_of(text: str) -> Status:
    """Return the status, or UNKNOWN for one that a later version wrote."""
    known = {status.value for status in Status}
    return Status(text) if text in known else Status.UNKNOWN


def to_plain(record: Record) -> dict[str, Any]:
    """Return the record for JSON, by attribute name, without fields that are None."""
    values = ((attribute, getattr(record, name)) for name, attribute in _ATTRIBUTES.items())
    return {attribute: _plain(value) for attribute, value in values if value is not None}


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return [rendition_to_plain(rendition) for rendition in value]
    return value.value if isinstance(value, Status) else value


def _integer(text: str) -> int | None:
    try:
        return int(Decimal(text))
    except (InvalidOperation, ValueError, OverflowError):
        return None
