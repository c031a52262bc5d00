import json
from dataclasses import replace
from typing import Any

import pytest
from botocore.stub import Stubber

from imgctl.core.keys import resource_id
from imgctl.core.record import Status
from imgctl.core.resize import resize
from imgctl.worker import pipeline
from imgctl.worker.deadline import CALL_S
from imgctl.worker.handler import RetryableFailures, handle
from tests.pictures import PHOTOS
from tests.worker.cloud import Cloud, batch_event_for, s3_event_for

ROCKET = (PHOTOS / "rocket.jpg").read_bytes()


def test_the_response_is_that_of_the_original_function(cloud: Cloud) -> None:
    event = s3_event_for(cloud.put("one.jpg", ROCKET), cloud.put("two.jpg", ROCKET))
    response = handle(event, cloud.invocation)
    assert response["statusCode"] == 200
    assert json.loads(response["body"]) == {
        "message": "Image processing completed successfully",
        "processed_count": 2,
    }
    assert [(outcome["key"], outcome["status"]) for outcome in response["outcomes"]] == [
        ("one.jpg", "SUCCEEDED"),
        ("two.jpg", "SUCCEEDED"),
    ]


def test_each_image_is_logged_as_one_line(cloud: Cloud) -> None:
    created = cloud.put("one.jpg", ROCKET)
    handle(s3_event_for(created, cloud.put("bad.jpg", b"no")), cloud.invocation)
    good, bad = cloud.lines
    half = len(cloud.output("resized-one.jpg"))
    assert good == {
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
        "durationMs": good["durationMs"],
    }
    assert (bad["outcome"], bad["code"]) == ("FAILED", "not_an_image")
    assert json.dumps(cloud.lines)


def test_a_repeated_event_is_counted_only_once(cloud: Cloud) -> None:
    event = s3_event_for(cloud.put("one.jpg", ROCKET))
    handle(event, cloud.invocation)
    handle(event, cloud.invocation)
    assert [line["outcome"] for line in cloud.lines] == ["SUCCEEDED", "REPEATED"]
    assert ["bytesSaved" in line for line in cloud.lines] == [True, False]


def test_only_the_first_image_in_an_environment_is_a_cold_start(cloud: Cloud) -> None:
    event = s3_event_for(cloud.put("one.jpg", ROCKET), cloud.put("two.jpg", ROCKET))
    handle(event, replace(cloud.invocation, cold=True))
    assert [line["coldStart"] for line in cloud.lines] == [True, False]


def test_near_the_time_limit_nothing_is_started_and_the_event_is_retried(cloud: Cloud) -> None:
    event = s3_event_for(cloud.put("one.jpg", ROCKET), cloud.put("two.jpg", ROCKET))
    deadline = cloud.deps.deadline
    deadline.guard(cloud.s3)
    deadline.guard(cloud.dynamodb)
    deadline.begin(CALL_S + 0.2)  # the stopwatch advances by 1/8 s each time
    with pytest.raises(
        RetryableFailures, match=r"one\.jpg: DeadlineExceeded.*two\.jpg: DeadlineExceeded"
    ):
        handle(event, cloud.invocation)
    deadline.begin(1000)
    assert (cloud.records(), cloud.output_keys()) == ([], [])
    handle(event, cloud.invocation)
    assert len(cloud.records()) == 2


@pytest.mark.parametrize("schema", ["1.0", "2.0"])
def test_batch_operations_get_a_result_for_each_task(cloud: Cloud, schema: str) -> None:
    good, bad = cloud.put("a b+c.jpg", ROCKET), cloud.put("bad.jpg", b"no")
    response = handle(batch_event_for(good, bad, schema=schema), cloud.invocation)
    assert response["invocationSchemaVersion"] == schema
    assert response["invocationId"] == "invocation-1"
    assert [(result["taskId"], result["resultCode"]) for result in response["results"]] == [
        ("task-0", "Succeeded"),
        ("task-1", "Succeeded"),  # the failure is recorded; many failed tasks would stop the job
    ]
    assert response["results"][1]["resultString"].startswith("not_an_image: ")
    assert cloud.output_keys() == ["resized-a b+c.jpg"]


def test_a_task_that_met_a_transient_error_is_retried_by_the_job(cloud: Cloud) -> None:
    event = batch_event_for(cloud.put("one.jpg", ROCKET))
    with Stubber(cloud.s3) as stub:
        stub.add_client_error("get_object", "SlowDown", http_status_code=503)
        (result,) = handle(event, cloud.invocation)["results"]
    assert result["resultCode"] == "TemporaryFailure"
    assert "SlowDown" in result["resultString"]


def test_a_task_for_an_object_of_an_earlier_event_writes_the_same_record(cloud: Cloud) -> None:
    created = replace(cloud.put("one.jpg", ROCKET), sequencer="0A")
    handle(s3_event_for(created), cloud.invocation)
    handle(batch_event_for(created), cloud.invocation)
    assert [line["outcome"] for line in cloud.lines] == ["SUCCEEDED", "REPEATED"]
    assert len(cloud.records()) == 1
    assert cloud.current_records()[0].sequencer == "0A"


def test_a_transient_error_is_raised_after_every_object_was_tried(cloud: Cloud) -> None:
    first, last = cloud.put("one.jpg", ROCKET), cloud.put("last.jpg", ROCKET)
    with Stubber(cloud.s3) as stub:
        stub.add_client_error("get_object", "SlowDown", http_status_code=503)
        stub.add_client_error("get_object", "InternalError", http_status_code=500)
        with pytest.raises(RetryableFailures, match=r"SlowDown.*InternalError"):
            handle(s3_event_for(first, last), cloud.invocation)
    assert [line["outcome"] for line in cloud.lines] == ["RETRY", "RETRY"]
    assert cloud.records() == []


def test_a_missing_permission_is_recorded_with_its_action_and_raised(cloud: Cloud) -> None:
    created = cloud.put("cake.jpg", ROCKET)
    denied = "User: lambda-image-role is not authorized to perform: s3:GetObject"
    with Stubber(cloud.s3) as stub:
        stub.add_client_error("get_object", "AccessDenied", denied, 403)
        with pytest.raises(RetryableFailures, match="s3:GetObject"):
            handle(s3_event_for(created), cloud.invocation)
    (record,) = cloud.records()
    assert (record.status, record.failure_code) == (Status.FAILED, "access_denied")
    assert "s3:GetObject" in (record.failure_reason or "")


def test_a_retry_after_the_role_was_fixed_replaces_the_failure(cloud: Cloud) -> None:
    created = cloud.put("cake.jpg", ROCKET)
    with Stubber(cloud.s3) as stub:
        stub.add_client_error("get_object", "AccessDenied", "no", 403)
        with pytest.raises(RetryableFailures):
            handle(s3_event_for(created), cloud.invocation)
    handle(s3_event_for(created), cloud.invocation)
    (record,) = cloud.records()
    assert record.status is Status.SUCCEEDED


def test_a_programming_error_with_one_image_does_not_affect_the_others(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = iter([True, False])

    def fail_once(*arguments: Any) -> Any:
        if next(calls):
            raise ZeroDivisionError
        return resize(*arguments)

    monkeypatch.setattr(pipeline, "resize", fail_once)
    event = s3_event_for(cloud.put("one.jpg", ROCKET), cloud.put("two.jpg", ROCKET))
    with pytest.raises(RetryableFailures, match=r"one\.jpg: ZeroDivisionError"):
        handle(event, cloud.invocation)
    assert [record.original_object_key for record in cloud.records()] == ["two.jpg"]
