"""Parsing of the events that invoke the function.

These are S3 event notifications (S3 User Guide, "Event message structure"), in which time, size,
ETag, version and sequencer may be missing, as in the original project's test event; the same
notifications forwarded by SNS or SQS, and those of EventBridge; and tasks of S3 Batch Operations
(S3 User Guide, "Invoke AWS Lambda function").
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias
from urllib.parse import unquote, unquote_plus

from imgctl.core.keys import decode_event_key, version_id_of

REPROCESS = "Reprocess"
"""The event name of `imgctl reprocess`."""

_MAX_DEPTH = 4  # S3 to SNS to SQS is 3


class UnknownEvent(ValueError):
    """Nothing in the event can be read; Lambda retries it, and then stores it as a dead letter."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectCreated:
    """One uploaded object; `size` in bytes. Strings that the event lacks are empty.

    `other_keys` are further readings of the key, if the event does not say how it is encoded.
    """

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
    other_keys: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Ignored:
    """A record that does not report a new object, such as a deletion."""

    event_name: str


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A record that cannot be read, and why."""

    reason: str


EventRecord: TypeAlias = ObjectCreated | Ignored | Unreadable


@dataclass(frozen=True, slots=True)
class BatchTask:
    """One object of an S3 Batch Operations job, and the ID for its result."""

    task_id: str
    record: ObjectCreated | Unreadable


def parse_event(event: object) -> list[EventRecord]:
    """Return the records of an event, in its order; each is read independently of the others.

    An `s3:TestEvent`, which S3 sends when a notification is set up, has none. Raises UnknownEvent
    if there are records, or something else, and none of it can be read.
    """
    records = list(_parse(event, 0))
    unreadable = [record.reason for record in records if isinstance(record, Unreadable)]
    if unreadable and len(unreadable) == len(records):
        raise UnknownEvent(f"not an event of S3: {'; '.join(dict.fromkeys(unreadable))}")
    return records


def batch_tasks(event: object) -> list[BatchTask] | None:
    """Return the tasks of an S3 Batch Operations event; None for any other event.

    Version 1.0 of the schema identifies the bucket by its ARN, version 2.0 by its name. Raises
    UnknownEvent if there are no tasks with an ID, to which a result could be given.
    """
    if not isinstance(event, Mapping) or "invocationSchemaVersion" not in event:
        return None
    tasks = event.get("tasks")
    readable = [
        BatchTask(_text(task, "taskId"), _parse_task(task))
        for task in (tasks if isinstance(tasks, list) else [])
        if isinstance(task, Mapping) and _text(task, "taskId")
    ]
    if not readable:
        raise UnknownEvent("not an event of S3 Batch Operations: it has no tasks with a taskId")
    return readable


def _parse(event: object, depth: int) -> Iterator[EventRecord]:
    if isinstance(event, str):
        try:
            event = json.loads(event)
        except ValueError:
            yield Unreadable("a message is not JSON")
            return
    if not isinstance(event, Mapping):
        yield Unreadable(f"an object was expected, not {type(event).__name__}")
    elif depth > _MAX_DEPTH:
        yield Unreadable("messages are nested too deeply")
    elif event.get("Event") == "s3:TestEvent":
        return
    elif event.get("Type") == "Notification":  # of SNS, delivered to SQS
        yield from _parse(event.get("Message"), depth + 1)
    elif "detail-type" in event:
        yield _parse_eventbridge(event)
    elif isinstance(records := event.get("Records"), list):
        for record in records:
            yield from _parse_record(record, depth)
    else:
        yield Unreadable(f"it has no Records, only {sorted(map(str, event))}")


def _parse_record(record: object, depth: int) -> Iterator[EventRecord]:
    if not isinstance(record, Mapping):
        yield Unreadable(f"a record is {type(record).__name__}, not an object")
    elif record.get("eventSource") == "aws:sqs":
        yield from _parse(record.get("body"), depth + 1)
    elif record.get("EventSource") == "aws:sns":
        yield from _parse(_mapping(record, "Sns").get("Message"), depth + 1)
    else:
        yield _parse_notification(record)


def _parse_notification(record: Mapping[str, Any]) -> EventRecord:
    name = _text(record, "eventName")
    if name and name != REPROCESS and not name.startswith("ObjectCreated:"):
        return Ignored(name)
    described = _mapping(record, "s3")
    s3_object = _mapping(described, "object")
    bucket, key = _text(_mapping(described, "bucket"), "name"), _text(s3_object, "key")
    if not bucket or not key:
        return Unreadable("a record has no s3.bucket.name or no s3.object.key")
    return ObjectCreated(
        bucket=bucket,
        key=decode_event_key(key),
        version_id=version_id_of(_text(s3_object, "versionId")),
        etag=_text(s3_object, "eTag").strip('"'),
        sequencer=_text(s3_object, "sequencer"),
        size=_size(s3_object),
        event_name=name,
        event_time=_text(record, "eventTime"),
        event_source=_text(record, "eventSource"),
        event_version=_text(record, "eventVersion"),
        region=_text(record, "awsRegion"),
    )


def _parse_eventbridge(event: Mapping[str, Any]) -> EventRecord:
    """Parse an event of EventBridge, in which the key is not encoded (S3 User Guide)."""
    kind, detail = _text(event, "detail-type"), _mapping(event, "detail")
    if event.get("source") != "aws.s3":
        return Unreadable(f"an event of EventBridge from {event.get('source')!r}")
    if kind != "Object Created":
        return Ignored(kind)
    s3_object = _mapping(detail, "object")
    bucket, key = _text(_mapping(detail, "bucket"), "name"), _text(s3_object, "key")
    if not bucket or not key:
        return Unreadable("an event of EventBridge has no bucket name or no object key")
    return ObjectCreated(
        bucket=bucket,
        key=key,
        version_id=version_id_of(_text(s3_object, "version-id")),
        etag=_text(s3_object, "etag").strip('"'),
        sequencer=_text(s3_object, "sequencer"),
        size=_size(s3_object),
        event_name=f"ObjectCreated:{_text(detail, 'reason')}".rstrip(":"),
        event_time=_text(event, "time"),
        event_source="aws.s3",
        event_version=_text(event, "version"),
        region=_text(event, "region"),
    )


def _parse_task(task: Mapping[str, Any]) -> ObjectCreated | Unreadable:
    """Parse a task. Its key is encoded as the manifest's writer did it, which cannot be known."""
    bucket = _text(task, "s3Bucket") or _text(task, "s3BucketArn").rpartition(":::")[2]
    encoded = _text(task, "s3Key")
    if not bucket or not encoded:
        return Unreadable("the task has no bucket or no key")
    key, *others = dict.fromkeys((unquote_plus(encoded), unquote(encoded), encoded))
    return ObjectCreated(
        bucket=bucket,
        key=key,
        version_id=version_id_of(_text(task, "s3VersionId")),
        event_name="BatchOperations",
        event_source="aws:s3",
        other_keys=tuple(others),
    )


def _text(mapping: Mapping[str, Any], name: str) -> str:
    """Return a string, empty if it is missing or something else."""
    value = mapping.get(name)
    return value if isinstance(value, str) else ""


def _mapping(mapping: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = mapping.get(name)
    return value if isinstance(value, Mapping) else {}


def _size(s3_object: Mapping[str, Any]) -> int | None:
    size = s3_object.get("size")
    return size if isinstance(size, int) and not isinstance(size, bool) and size >= 0 else None
