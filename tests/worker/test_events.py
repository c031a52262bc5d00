import json
from pathlib import Path

import pytest

from imgctl.worker.events import (
    Ignored,
    ObjectCreated,
    UnknownEvent,
    Unreadable,
    batch_tasks,
    parse_event,
)

EVENTS = Path(__file__).parents[1] / "events"


def event(name: str) -> dict[str, object]:
    loaded: dict[str, object] = json.loads((EVENTS / name).read_text())
    return loaded


def test_all_fields_of_an_s3_event_are_read() -> None:
    assert parse_event(event("object-created.json")) == [
        ObjectCreated(
            bucket="src-bucket-image-in",
            key="trips/Köln + Bonn.jpg",
            version_id="096fKKXTRTtl3on89fVO.nfljtsv6qko",
            etag="d41d8cd98f00b204e9800998ecf8427e",
            sequencer="0055AED6DCD90281E5",
            size=1024,
            event_name="ObjectCreated:CompleteMultipartUpload",
            event_time="2026-11-23T15:25:08.123Z",
            event_source="aws:s3",
            event_version="2.1",
            region="eu-west-2",
        )
    ]


def test_the_test_event_of_the_original_project_is_accepted() -> None:
    (created,) = parse_event(event("seed-test-event.json"))
    assert isinstance(created, ObjectCreated)
    assert (created.bucket, created.key) == ("src-bucket-image-in", "cake.jpg")
    assert (created.version_id, created.size) == ("", None)


def test_the_test_event_of_a_new_notification_reports_no_objects() -> None:
    assert parse_event({"Service": "Amazon S3", "Event": "s3:TestEvent"}) == []


NOTIFICATION = {
    "eventSource": "aws:s3",
    "eventName": "ObjectCreated:Put",
    "s3": {"bucket": {"name": "in"}, "object": {"key": "a+b.jpg", "size": 3}},
}
S3_EVENT = {"Records": [NOTIFICATION]}


@pytest.mark.parametrize(
    "other",
    [
        {},
        [],
        None,
        7,
        "text",
        {"detail": {}},
        {"Records": None},
        {"Records": {"s3": {}}},
        {"Records": [None, 1, "x", []]},
        {"Records": [{"EventSource": "aws:sns"}]},
        {"Records": [{"EventSource": "aws:sns", "Sns": {"Message": "hello"}}]},
        {"Records": [{"eventSource": "aws:sqs", "body": "[]"}]},
        {"Records": [{"eventSource": "aws:kinesis", "kinesis": {}}]},
        {"source": "aws.ec2", "detail-type": "State Change", "detail": {}},
        {"source": "aws.s3", "detail-type": "Object Created", "detail": {"object": {"key": 1}}},
    ],
)
def test_an_event_in_which_nothing_can_be_read_is_rejected(other: object) -> None:
    with pytest.raises(UnknownEvent, match="not an event of S3"):
        parse_event(other)


@pytest.mark.parametrize(
    "record",
    [
        None,
        [],
        {"s3": None},
        {"s3": {"bucket": None, "object": {"key": "k"}}},
        {"s3": {"bucket": {"name": "in"}, "object": {"key": 12}}},
        {"s3": {"bucket": {"name": "in"}, "object": {"key": ""}}},
        {"eventName": "ObjectCreated:Put", "s3": {"object": ["key"]}},
    ],
)
def test_a_malformed_record_does_not_hide_its_neighbors(record: object) -> None:
    first, unreadable, last = parse_event({"Records": [NOTIFICATION, record, NOTIFICATION]})
    assert isinstance(unreadable, Unreadable)
    assert first == last
    assert isinstance(first, ObjectCreated)
    assert (first.key, first.size) == ("a b.jpg", 3)


@pytest.mark.parametrize(
    ("field", "value"),
    [("eTag", None), ("sequencer", 5), ("versionId", []), ("size", "big"), ("size", -1)],
)
def test_a_field_of_another_type_counts_as_missing(field: str, value: object) -> None:
    s3_object = {"key": "a.jpg", field: value}
    record = {"s3": {"bucket": {"name": "in"}, "object": s3_object}}
    assert parse_event({"Records": [record]}) == [ObjectCreated(bucket="in", key="a.jpg")]


SNS_ENVELOPE = {"Type": "Notification", "Message": json.dumps(S3_EVENT)}


@pytest.mark.parametrize(
    "forwarded",
    [
        {"Records": [{"EventSource": "aws:sns", "Sns": {"Message": json.dumps(S3_EVENT)}}]},
        {"Records": [{"eventSource": "aws:sqs", "body": json.dumps(S3_EVENT)}]},
        {"Records": [{"eventSource": "aws:sqs", "body": json.dumps(SNS_ENVELOPE)}]},
    ],
    ids=["SNS", "SQS", "SNS and SQS"],
)
def test_an_event_that_was_forwarded_is_read_as_if_it_came_directly(forwarded: object) -> None:
    assert parse_event(forwarded) == parse_event(S3_EVENT)


def test_messages_that_contain_each_other_are_not_followed_forever() -> None:
    event: object = S3_EVENT
    for _ in range(20):
        event = {"Type": "Notification", "Message": json.dumps(event)}
    with pytest.raises(UnknownEvent, match="nested too deeply"):
        parse_event(event)


def test_an_event_of_eventbridge_has_a_key_that_is_not_encoded() -> None:
    event = {
        "version": "0",
        "detail-type": "Object Created",
        "source": "aws.s3",
        "time": "2026-11-25T12:00:00Z",
        "region": "eu-west-2",
        "detail": {
            "bucket": {"name": "in"},
            "object": {
                "key": "a+b %20.jpg",
                "size": 3,
                "etag": "e",
                "version-id": "v1",
                "sequencer": "0A",
            },
            "reason": "PutObject",
        },
    }
    assert parse_event(event) == [
        ObjectCreated(
            bucket="in",
            key="a+b %20.jpg",
            version_id="v1",
            etag="e",
            sequencer="0A",
            size=3,
            event_name="ObjectCreated:PutObject",
            event_time="2026-11-25T12:00:00Z",
            event_source="aws.s3",
            event_version="0",
            region="eu-west-2",
        )
    ]
    assert parse_event({**event, "detail-type": "Object Deleted"}) == [Ignored("Object Deleted")]


@pytest.mark.parametrize(
    "name",
    [
        "ObjectRemoved:Delete",
        "ObjectRemoved:DeleteMarkerCreated",
        "ObjectRestore:Completed",
        "ObjectTagging:Put",
        "ObjectAcl:Put",
        "LifecycleExpiration:Delete",
        "Replication:OperationFailedReplication",
    ],
)
def test_a_record_of_anything_but_a_new_object_is_ignored(name: str) -> None:
    assert parse_event({"Records": [{**NOTIFICATION, "eventName": name}]}) == [Ignored(name)]


@pytest.mark.parametrize("tasks", [None, {}, [], [1], [{"s3Key": "a"}], [{"taskId": 3}]])
def test_a_batch_without_tasks_is_rejected(tasks: object) -> None:
    with pytest.raises(UnknownEvent, match="no tasks"):
        batch_tasks({"invocationSchemaVersion": "2.0", "tasks": tasks})


def test_a_task_that_cannot_be_read_keeps_its_place_in_the_results() -> None:
    good = {"taskId": "1", "s3Bucket": "in", "s3Key": "a%20b+c.jpg"}
    tasks = batch_tasks({"invocationSchemaVersion": "2.0", "tasks": [good, {"taskId": "2"}]})
    assert tasks is not None
    first, second = (task.record for task in tasks)
    assert isinstance(first, ObjectCreated)
    assert (first.key, first.other_keys) == ("a b c.jpg", ("a b+c.jpg", "a%20b+c.jpg"))
    assert isinstance(second, Unreadable)
