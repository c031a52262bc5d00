"""One object's way through the function: the seed's eight processing steps."""

import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from imgctl.core.errors import PictureError
from imgctl.core.keys import output_key, resource_id
from imgctl.core.pixels import resize
from imgctl.core.record import Record, failure_fields, picture_fields, timestamp
from imgctl.worker import storage
from imgctl.worker.events import ObjectCreated
from imgctl.worker.settings import Settings

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_s3 import S3Client


@dataclass(frozen=True, slots=True)
class Effects:
    """What the pipeline may touch: the two services, the wall clock, and a stopwatch in seconds."""

    s3: "S3Client"
    dynamodb: "DynamoDBClient"
    now: Callable[[], datetime]
    stopwatch_s: Callable[[], float]


def process(
    created: ObjectCreated, settings: Settings, effects: Effects, request_id: str = ""
) -> Record:
    """Halve one object and record it; a picture at fault is recorded as FAILED with its reason.

    The output is written before the record, so a record never tells of an output that is not
    there, and running again writes the same two things. Raises what S3 and DynamoDB raise.
    """
    record = _new_record(created, request_id)
    try:
        record = _halve(created, settings, effects, record)
    except PictureError as error:
        record = replace(record, processing_time=timestamp(effects.now()), **failure_fields(error))
    storage.put_record(effects.dynamodb, settings.table, record)
    return record


def record_denied(
    created: ObjectCreated,
    settings: Settings,
    effects: Effects,
    reason: str,
    request_id: str = "",
) -> None:
    """Record that a permission is missing, so that whoever waits for the picture sees why."""
    record = replace(
        _new_record(created, request_id),
        **failure_fields(Denied(reason, hint="Mend the role, then send the picture again.")),
        processing_time=timestamp(effects.now()),
    )
    storage.put_record(effects.dynamodb, settings.table, record)


class Denied(PictureError):
    """AWS refused the function an action; retried, because a role can be mended."""

    code = "access_denied"


def _new_record(created: ObjectCreated, request_id: str) -> Record:
    return Record(
        resource_id=resource_id(
            created.bucket,
            created.key,
            version_id=created.version_id,
            etag=created.etag,
            sequencer=created.sequencer,
        ),
        event_time=created.event_time or None,
        event_type=created.event_name or None,
        event_source=created.event_source or None,
        event_version=created.event_version or None,
        aws_region=created.region or None,
        original_bucket=created.bucket,
        original_object_key=created.key,
        original_size=created.size,
        version_id=created.version_id or None,
        etag=created.etag or None,
        sequencer=created.sequencer or None,
        request_id=request_id or None,
    )


def _halve(created: ObjectCreated, settings: Settings, effects: Effects, record: Record) -> Record:
    started_s = effects.stopwatch_s()
    key = output_key(created.key, settings.output_prefix)
    # A folder of its own, removed with everything in it whatever happens inside.
    with tempfile.TemporaryDirectory(prefix="imgctl-") as folder:
        path = Path(folder, "original")
        sha256 = storage.fetch(effects.s3, created, path, settings.limits)
        fetched_s = effects.stopwatch_s()
        with path.open("rb") as source:
            result = resize(source, settings.spec, settings.limits)
    resized_s = effects.stopwatch_s()
    processing_time = timestamp(effects.now())
    storage.put_output(
        effects.s3,
        settings.destination_bucket,
        key,
        result.data,
        result.resized.format,
        {
            "original_filename": created.key.rpartition("/")[2],
            "original_bucket": created.bucket,
            "resized_dimensions": str(result.resized.size),
            "processing_time": processing_time,
        },
    )
    return replace(
        record,
        resized_bucket=settings.destination_bucket,
        resized_object_key=key,
        processing_time=processing_time,
        source_sha256=sha256,
        fetch_ms=_ms(fetched_s - started_s),
        resize_ms=_ms(resized_s - fetched_s),
        store_ms=_ms(effects.stopwatch_s() - resized_s),
        **picture_fields(result.original, result.resized, result.notes),
    )


def _ms(seconds: float) -> int:
    return round(seconds * 1000)
