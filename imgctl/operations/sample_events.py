"""Events to try the function with, and what they are about."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, unquote, unquote_plus

from imgctl.aws.audit import head_source_object
from imgctl.aws.findings import SourceObject
from imgctl.aws.invoke import s3_event_for
from imgctl.aws.session import Aws
from imgctl.aws.stack import StackOutputs

SAMPLE_KEY = "cake.jpg"
"""The object of the original project's test event."""


@dataclass(frozen=True, slots=True)
class EventObject:
    """An object that an event is about."""

    bucket: str
    key: str


def sample_event(bucket: str, region: str) -> dict[str, Any]:
    """Return the original project's test event, with the name of this stack's bucket."""
    s3 = {"bucket": {"name": bucket}, "object": {"key": SAMPLE_KEY}}
    record = {
        "eventVersion": "2.0",
        "eventSource": "aws:s3",
        "awsRegion": region,
        "eventName": "ObjectCreated:Put",
        "s3": s3,
    }
    return {"Records": [record]}


def event_of(source: SourceObject, bucket: str, *, is_batch: bool) -> dict[str, Any]:
    """Return an event about one version of an object, from S3 or from S3 Batch Operations."""
    if is_batch:
        return batch_event(bucket, source.key, source.version_id)
    return s3_event_for(source, bucket)


def batch_event(bucket: str, key: str, version_id: str = "") -> dict[str, Any]:
    """Return an event of S3 Batch Operations with one task, in version 2.0 of its schema."""
    return {
        "invocationSchemaVersion": "2.0",
        "invocationId": "imgctl-invoke",
        "job": {"id": "imgctl-invoke", "userArguments": {}},
        "tasks": [
            {
                "taskId": "1",
                "s3Bucket": bucket,
                "s3Key": quote(key),
                "s3VersionId": version_id or None,
            }
        ],
    }


def objects_in(event: object) -> list[EventObject] | None:
    """List the objects that an event is about; None if it has another form than S3's own.

    Those are the forms that S3 sends by itself, by EventBridge and by Batch Operations.
    """
    try:
        return list(_objects_in(event))
    except (KeyError, TypeError, AttributeError):
        return None


def _objects_in(event: Any) -> Iterator[EventObject]:
    if "tasks" in event:
        for task in event["tasks"]:
            bucket = task.get("s3Bucket") or task["s3BucketArn"].rpartition(":::")[2]
            yield EventObject(bucket, unquote(task["s3Key"]))
    elif "detail" in event:
        detail = event["detail"]
        yield EventObject(detail["bucket"]["name"], detail["object"]["key"])
    else:
        for record in event["Records"]:
            described: Mapping[str, Any] = record["s3"]
            key = unquote_plus(described["object"]["key"])
            yield EventObject(described["bucket"]["name"], key)


def effect_on_data(aws: Aws, outputs: StackOutputs, event: object) -> str:
    """Return what an event would add that is not there, as a sentence; empty for nothing.

    An event about objects of the source bucket has them processed again, as `reprocess` does. The
    function records a failure of any other object.
    """
    objects = objects_in(event)
    if objects is None:
        return "It is not known what the function does with an event of this form."
    for one in objects:
        if one.bucket != outputs.source_bucket:
            return (
                f"The event is about another bucket, {one.bucket}: the function will store a"
                f" FAILED record of {one.key}."
            )
        if head_source_object(aws.s3, one.bucket, one.key) is None:
            return (
                f"There is no object {one.key} in {one.bucket}: the function will store a FAILED"
                " record of it."
            )
    return ""
