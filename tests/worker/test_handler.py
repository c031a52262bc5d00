import json
from dataclasses import replace
from typing import Any
from urllib.parse import quote_plus

import pytest
from botocore.stub import Stubber

from imgctl.core.keys import resource_id
from imgctl.core.record import Status
from imgctl.core.resize import resize
from imgctl.worker import pipeline
from imgctl.worker.deadline import CALL_S
from imgctl.worker.events import ObjectCreated
from imgctl.worker.handler import RetryableFailures, handle
from tests.pictures import PHOTOS
from tests.worker.conftest import Cloud

ROCKET = (PHOTOS / "rocket.jpg").read_bytes()


def s3_event_for(*created: ObjectCreated) -> dict[str, Any]:
    return {
        "Records": [
            {
                "eventName": one.event_name,
                "s3": {
                    "bucket": {"name": one.bucket},
                    "object": {
                        "key": quote_plus(one.key),
                        "versionId": one.version_id,
                        "eTag": one.etag,
                        "sequencer": one.sequencer,
                    },
                },
            }
            for one in created
        ]
    }


def test_the_answer_is_the_seeds(cloud: Cloud) -> None:
    event = s3_event_for(cloud.put("one.jpg", ROCKET), cloud.put("two.jpg", ROCKET))
    answer = handle(event, cloud.invocation)
    assert answer["statusCode"] == 200
    assert json.loads(answer["body"]) == {
        "message": "Image processing completed successfully",
        "processed_count": 2,
    }
    assert [(one["key"], one["status"]) for one in answer["outcomes"]] == [
        ("one.jpg", "SUCCEEDED"),
        ("two.jpg", "SUCCEEDED"),
    ]


def test_each_picture_is_one_line_of_the_log(cloud: Cloud) -> None:
    created = cloud.put("one.jpg", ROCKET)
    handle(s3_event_for(created, cloud.put("bad.jpg", b"no")), cloud.invocation)
    one, bad = cloud.lines
    half = len(cloud.output("resized-one.jpg"))
    assert one == {
        "level": "INFO",
        "outcome": "SUCCEEDED",
        "requestId": "request-1",
        "bucket": created.bucket,
        "key": "one.jpg",
        "version": created.version_id,
        "sequencer": "",
        "record": resource_id(created.bucket, "one.jpg", version_id=created.version_id),
        "coldStart": False,
        "format": "JPEG",
        "original": "640x427",
        "resized": "320x214",
        "originalBytes": len(ROCKET),
        "resizedBytes": half,
        "bytesSaved": len(ROCKET) - half,
        "fetchMs": 125,
        "resizeMs": 125,
        "storeMs": 125,
        "durationMs": one["durationMs"],
    }
    assert (bad["outcome"], bad["code"]) == ("FAILED", "not_an_image")
    assert json.dumps(cloud.lines)


def test_a_repeated_event_is_counted_once(cloud: Cloud) -> None:
    event = s3_event_for(cloud.put("one.jpg", ROCKET))
    handle(event, cloud.invocation)
    handle(event, cloud.invocation)
    assert [line["outcome"] for line in cloud.lines] == ["SUCCEEDED", "REPEATED"]
    assert ["bytesSaved" in line for line in cloud.lines] == [True, False]


def test_only_the_first_picture_of_an_environment_is_a_cold_start(cloud: Cloud) -> None:
    event = s3_event_for(cloud.put("one.jpg", ROCKET), cloud.put("two.jpg", ROCKET))
    handle(event, replace(cloud.invocation, cold=True))
    assert [line["coldStart"] for line in cloud.lines] == [True, False]


def test_near_its_time_limit_it_begins_nothing_and_is_tried_again(cloud: Cloud) -> None:
    event = s3_event_for(cloud.put("one.jpg", ROCKET), cloud.put("two.jpg", ROCKET))
    deadline = cloud.effects.deadline
    deadline.guard(cloud.s3)
    deadline.guard(cloud.dynamodb)
    deadline.begin(CALL_S + 0.2)  # the stopwatch goes on by 1/8 s at each look
    with pytest.raises(
        RetryableFailures, match=r"one\.jpg: DeadlineExceeded.*two\.jpg: DeadlineExceeded"
    ):
        handle(event, cloud.invocation)
    deadline.begin(1000)
    assert (cloud.records(), cloud.outputs()) == ([], [])
    handle(event, cloud.invocation)
    assert len(cloud.records()) == 2


def batch_event(*created: ObjectCreated, schema: str = "2.0") -> dict[str, Any]:
    """Make an event of S3 Batch Operations."""
    bucket = {"1.0": "s3BucketArn", "2.0": "s3Bucket"}[schema]
    prefix = {"1.0": "arn:aws:s3:::", "2.0": ""}[schema]
    return {
        "invocationSchemaVersion": schema,
        "invocationId": "invocation-1",
        "job": {"id": "job-1"},
        "tasks": [
            {
                "taskId": f"task-{index}",
                "s3Key": quote_plus(one.key),
                "s3VersionId": one.version_id or None,
                bucket: prefix + one.bucket,
            }
            for index, one in enumerate(created)
        ],
    }


@pytest.mark.parametrize("schema", ["1.0", "2.0"])
def test_a_job_of_batch_operations_is_told_of_each_task(cloud: Cloud, schema: str) -> None:
    good, bad = cloud.put("a b+c.jpg", ROCKET), cloud.put("bad.jpg", b"no")
    answer = handle(batch_event(good, bad, schema=schema), cloud.invocation)
    assert answer["invocationSchemaVersion"] == schema
    assert answer["invocationId"] == "invocation-1"
    assert [(one["taskId"], one["resultCode"]) for one in answer["results"]] == [
        ("task-0", "Succeeded"),
        ("task-1", "Succeeded"),  # it is recorded; many failures would stop the job
    ]
    assert answer["results"][1]["resultString"].startswith("not_an_image: ")
    assert cloud.outputs() == ["resized-a b+c.jpg"]


def test_a_task_that_met_a_passing_fault_is_tried_again_by_the_job(cloud: Cloud) -> None:
    event = batch_event(cloud.put("one.jpg", ROCKET))
    with Stubber(cloud.s3) as stub:
        stub.add_client_error("get_object", "SlowDown", http_status_code=503)
        (result,) = handle(event, cloud.invocation)["results"]
    assert result["resultCode"] == "TemporaryFailure"
    assert "SlowDown" in result["resultString"]


def test_a_task_of_what_an_event_has_told_writes_the_same_record(cloud: Cloud) -> None:
    created = replace(cloud.put("one.jpg", ROCKET), sequencer="0A")
    handle(s3_event_for(created), cloud.invocation)
    handle(batch_event(created), cloud.invocation)
    assert [line["outcome"] for line in cloud.lines] == ["SUCCEEDED", "REPEATED"]
    assert len(cloud.records()) == 1
    assert cloud.currents()[0].sequencer == "0A"


def test_a_fault_that_may_pass_is_raised_after_every_object_was_tried(cloud: Cloud) -> None:
    first, last = cloud.put("one.jpg", ROCKET), cloud.put("last.jpg", ROCKET)
    with Stubber(cloud.s3) as stub:
        stub.add_client_error("get_object", "SlowDown", http_status_code=503)
        stub.add_client_error("get_object", "InternalError", http_status_code=500)
        with pytest.raises(RetryableFailures, match=r"SlowDown.*InternalError"):
            handle(s3_event_for(first, last), cloud.invocation)
    assert [line["outcome"] for line in cloud.lines] == ["RETRY", "RETRY"]
    assert cloud.records() == []


def test_a_missing_permission_is_recorded_by_its_action_and_raised(cloud: Cloud) -> None:
    created = cloud.put("cake.jpg", ROCKET)
    denied = "User: lambda-image-role is not authorized to perform: s3:GetObject"
    with Stubber(cloud.s3) as stub:
        stub.add_client_error("get_object", "AccessDenied", denied, 403)
        with pytest.raises(RetryableFailures, match="s3:GetObject"):
            handle(s3_event_for(created), cloud.invocation)
    (record,) = cloud.records()
    assert (record.status, record.failure_code) == (Status.FAILED, "access_denied")
    assert "s3:GetObject" in (record.failure_reason or "")


def test_the_retry_after_a_mended_role_replaces_the_failure(cloud: Cloud) -> None:
    created = cloud.put("cake.jpg", ROCKET)
    with Stubber(cloud.s3) as stub:
        stub.add_client_error("get_object", "AccessDenied", "no", 403)
        with pytest.raises(RetryableFailures):
            handle(s3_event_for(created), cloud.invocation)
    handle(s3_event_for(created), cloud.invocation)
    (record,) = cloud.records()
    assert record.status is Status.SUCCEEDED


def test_a_mistake_of_ours_in_one_picture_does_not_cost_the_others(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = iter([True, False])

    def mistaken(*arguments: Any) -> Any:
        if next(calls):
            raise ZeroDivisionError
        return resize(*arguments)

    monkeypatch.setattr(pipeline, "resize", mistaken)
    event = s3_event_for(cloud.put("one.jpg", ROCKET), cloud.put("two.jpg", ROCKET))
    with pytest.raises(RetryableFailures, match=r"one\.jpg: ZeroDivisionError"):
        handle(event, cloud.invocation)
    assert [record.original_object_key for record in cloud.records()] == ["two.jpg"]
