"""Storing the outputs of an upload, unless those of a newer one exist."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from imgctl.core.current_record import EventOrder
from imgctl.core.record import Record, timestamp
from imgctl.core.result import ResizeResult
from imgctl.worker import storage
from imgctl.worker.records import WriteConflict

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_ATTEMPTS = 5


@dataclass(frozen=True, slots=True)
class StoreResult:
    """How an output was stored.

    `newer` is the output of a newer upload if one exists, which is then kept. `replaced` is true if
    an output existed before: this invocation may have been slower, and have replaced a newer one.
    """

    newer: storage.Output | None = None
    replaced: bool = False


@dataclass(frozen=True, slots=True)
class NewOutput:
    """A result to store. Without renditions, `marks` are empty."""

    bucket: str
    key: str
    result: ResizeResult
    marks: storage.RenditionMarks
    cache_control: str


def store_all(
    s3: "S3Client",
    outputs: Sequence[NewOutput],
    record: Record,
    now: datetime,
    compare: Callable[[storage.Output], EventOrder],
) -> StoreResult:
    """Write the outputs of a record, unless those of a newer upload exist.

    The first output decides for all: an upload writes the others while the first one is its own.
    Otherwise two uploads whose order only the bucket knows could each take what the other left, as
    the bucket changes meanwhile. `compare` returns the record's order relative to an existing first
    output. Raises WriteConflict.
    """
    first, *others = outputs
    replaced = False

    def first_is_ours(_other: storage.Output) -> EventOrder:
        held = storage.head_output(s3, first.bucket, first.key)
        ours = held is not None and held.record_id == record.resource_id
        return EventOrder.NEWER if ours else EventOrder.OLDER

    for _ in range(_ATTEMPTS):
        stored = _store(s3, first, record, now, compare)
        replaced = replaced or stored.replaced
        if stored.newer is not None:
            return StoreResult(stored.newer, replaced)
        for output in others:
            stored = _store(s3, output, record, now, first_is_ours)
            replaced = replaced or stored.replaced
            if stored.newer is not None:
                break
        else:
            return StoreResult(replaced=replaced)
    raise WriteConflict(f"concurrent writes of the outputs beside {first.key}")


def _store(
    s3: "S3Client",
    output: NewOutput,
    record: Record,
    now: datetime,
    compare: Callable[[storage.Output], EventOrder],
) -> StoreResult:
    """Write one output unless that of a newer upload exists.

    The same bytes of the same upload are not written again. An output of another key, which was
    made with earlier settings, is replaced: their uploads have no order.
    """
    result, bucket, key = output.result, output.bucket, output.key
    sha256 = hashlib.sha256(result.data).hexdigest()
    filename = (record.original_object_key or "").rpartition("/")[2]
    wanted = (record.resource_id, sha256, output.marks, output.cache_control)
    metadata = {
        "original_filename": filename,
        "original_bucket": record.original_bucket or "",
        "resized_dimensions": str(result.resized.size),
        "processing_time": timestamp(now),
        "record_id": record.resource_id,
        "sequencer": record.sequencer or "",
        "sha256": sha256,
        **output.marks.metadata(),
    }
    existing = None  # most outputs are new: the first attempt saves the request to read it
    for _ in range(_ATTEMPTS):
        if existing is not None:
            found = (existing.record_id, existing.sha256, existing.marks, existing.cache_control)
            if found == wanted:
                return StoreResult(replaced=True)
            if existing.is_of(filename) and compare(existing) is EventOrder.OLDER:
                return StoreResult(newer=existing)
        try:
            storage.put_output(
                s3,
                bucket,
                key,
                result.data,
                result.resized.format,
                metadata,
                cache_control=output.cache_control,
                replaces=existing,
            )
        except storage.PreconditionFailed:
            existing = storage.head_output(s3, bucket, key)
        else:
            return StoreResult(replaced=existing is not None)
    raise WriteConflict(f"concurrent writes of the output {key}")
