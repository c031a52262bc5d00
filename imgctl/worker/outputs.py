"""Storing an output, unless that of a newer upload exists."""

import hashlib
from collections.abc import Callable
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
    an output existed before: a slower invocation may have replaced a newer one.
    """

    newer: storage.Output | None = None
    replaced: bool = False


def store(
    s3: "S3Client",
    result: ResizeResult,
    record: Record,
    now: datetime,
    compare: Callable[[storage.Output], EventOrder],
) -> StoreResult:
    """Write the output of a record unless that of a newer upload exists.

    `compare` returns the record's order relative to an existing output. The same bytes of the same
    upload are not written again. Raises WriteConflict.
    """
    bucket, key = record.resized_bucket or "", record.resized_object_key or ""
    sha256 = hashlib.sha256(result.data).hexdigest()
    metadata = {
        "original_filename": (record.original_object_key or "").rpartition("/")[2],
        "original_bucket": record.original_bucket or "",
        "resized_dimensions": str(result.resized.size),
        "processing_time": timestamp(now),
        "record_id": record.resource_id,
        "sequencer": record.sequencer or "",
        "sha256": sha256,
    }
    existing = None  # most outputs are new: the first attempt saves the request to read it
    for _ in range(_ATTEMPTS):
        if existing is not None:
            if (existing.record_id, existing.sha256) == (record.resource_id, sha256):
                return StoreResult(replaced=True)
            if compare(existing) is EventOrder.OLDER:
                return StoreResult(newer=existing)
        try:
            storage.put_output(
                s3,
                bucket,
                key,
                result.data,
                result.resized.format,
                metadata,
                replaces=existing,
            )
        except storage.PreconditionFailed:
            existing = storage.head_output(s3, bucket, key)
        else:
            return StoreResult(replaced=existing is not None)
    raise WriteConflict(f"concurrent writes of the output {key}")
