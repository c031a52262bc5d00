"""What invokes the function, read into values.

S3's event notifications (S3 User Guide, "Event message structure"); what the seed's own test event
leaves out (time, size, ETag, version, sequencer) may be absent. And S3 Batch Operations' tasks (S3
User Guide, "Invoke AWS Lambda function").
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from imgctl.core.keys import decode_event_key, version_id_of


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectCreated:
    """One object that arrived; `size` in bytes, texts empty where the event has none."""

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
    """One object of a job of S3 Batch Operations, and the name that its result goes by."""

    task_id: str
    created: ObjectCreated


def objects_created(event: Mapping[str, Any]) -> list[ObjectCreated]:
    """List the objects that an event tells of, in its order.

    An `s3:TestEvent`, which S3 sends when a notification is set up, tells of none. Raises
    ValueError for an event that is not of S3.
    """
    if event.get("Event") == "s3:TestEvent":
        return []
    records = event.get("Records")
    if not isinstance(records, list):
        raise ValueError(f"not an S3 event: it has no Records, only {sorted(event)}")
    return list(_read(records))


def batch_tasks(event: Mapping[str, Any]) -> list[BatchTask] | None:
    """List the tasks of S3 Batch Operations; None for any other event.

    Version 1.0 of the schema names the bucket by its ARN, 2.0 by its name.
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


def _read(records: Iterable[Mapping[str, Any]]) -> Iterable[ObjectCreated]:
    for record in records:
        try:
            bucket = record["s3"]["bucket"]["name"]
            item = record["s3"]["object"]
            key = decode_event_key(item["key"])
        except (KeyError, TypeError) as error:
            raise ValueError(f"not an S3 event record: {error} is missing") from error
        yield ObjectCreated(
            bucket=bucket,
            key=key,
            version_id=version_id_of(item.get("versionId")),
            etag=item.get("eTag", "").strip('"'),
            sequencer=item.get("sequencer", ""),
            size=item.get("size"),
            event_name=record.get("eventName", ""),
            event_time=record.get("eventTime", ""),
            event_source=record.get("eventSource", ""),
            event_version=record.get("eventVersion", ""),
            region=record.get("awsRegion", ""),
        )
