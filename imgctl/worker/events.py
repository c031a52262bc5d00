"""Parsing of the events that invoke the function.

These are S3 event notifications (S3 User Guide, "Event message structure"), in which time, size,
ETag, version and sequencer may be missing, as in the original project's test event; and tasks of S3
Batch Operations (S3 User Guide, "Invoke AWS Lambda function").
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from imgctl.core.keys import decode_event_key, version_id_of


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectCreated:
    """One uploaded object; `size` in bytes. Strings that the event lacks are empty."""

    bucket: str
    key: str
    version_id: str = ""
    etag: str = ""
    sequencer: str = ""
    size: int | None = None
    event_name: str = ""
    event_time: str = ""
    event_source: str = ""
    event_version: str = ""
    region: str = ""


@dataclass(frozen=True, slots=True)
class BatchTask:
    """One object of an S3 Batch Operations job, and the ID for its result."""

    task_id: str
    created: ObjectCreated


def objects_created(event: Mapping[str, Any]) -> list[ObjectCreated]:
    """Return the objects that an S3 event reports, in its order.

    An `s3:TestEvent`, which S3 sends when a notification is set up, reports none. Raises ValueError
    for any other event.
    """
    if event.get("Event") == "s3:TestEvent":
        return []
    records = event.get("Records")
    if not isinstance(records, list):
        raise ValueError(f"not an S3 event: it has no Records, only {sorted(event)}")
    return list(_read_records(records))


def batch_tasks(event: Mapping[str, Any]) -> list[BatchTask] | None:
    """Return the tasks of an S3 Batch Operations event; None for any other event.

    Version 1.0 of the schema identifies the bucket by its ARN, version 2.0 by its name.
    """
    if "invocationSchemaVersion" not in event:
        return None
    return [
        BatchTask(
            task["taskId"],
            ObjectCreated(
                bucket=task.get("s3Bucket") or task["s3BucketArn"].rpartition(":::")[2],
                key=decode_event_key(task["s3Key"]),
                version_id=version_id_of(task.get("s3VersionId")),
                event_name="BatchOperations",
                event_source="aws:s3",
            ),
        )
        for task in event["tasks"]
    ]


def _read_records(records: Iterable[Mapping[str, Any]]) -> Iterable[ObjectCreated]:
    for record in records:
        try:
            bucket = record["s3"]["bucket"]["name"]
            s3_object = record["s3"]["object"]
            key = decode_event_key(s3_object["key"])
        except (KeyError, TypeError) as error:
            raise ValueError(f"not an S3 event record: {error} is missing") from error
        yield ObjectCreated(
            bucket=bucket,
            key=key,
            version_id=version_id_of(s3_object.get("versionId")),
            etag=s3_object.get("eTag", "").strip('"'),
            sequencer=s3_object.get("sequencer", ""),
            size=s3_object.get("size"),
            event_name=record.get("eventName", ""),
            event_time=record.get("eventTime", ""),
            event_source=record.get("eventSource", ""),
            event_version=record.get("eventVersion", ""),
            region=record.get("awsRegion", ""),
        )
