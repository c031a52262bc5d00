import json
from dataclasses import replace
from typing import Any
from urllib.parse import quote, quote_plus

import pytest
from botocore.exceptions import ClientError
from botocore.stub import Stubber

from imgctl.core.errors import TooSlow
from imgctl.core.keys import resource_id
from imgctl.core.record import Status
from imgctl.worker.deadline import CALL_S, Deadline
from imgctl.worker.events import ObjectCreated
from imgctl.worker.handler import RetryableFailures, handle
from tests.pictures import PHOTOS
from tests.worker.cloud import Cloud, batch_event_for, resize_here, s3_event_for

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
    cloud: Cloud,
) -> None:
    calls = iter([True, False])

    def fail_once(*arguments: Any, **options: Any) -> Any:
        if next(calls):
            raise ZeroDivisionError
        return resize_here(*arguments, **options)

    deps = replace(cloud.deps, resize=fail_once)
    event = s3_event_for(cloud.put("one.jpg", ROCKET), cloud.put("two.jpg", ROCKET))
    with pytest.raises(RetryableFailures, match=r"one\.jpg: ZeroDivisionError"):
        handle(event, replace(cloud.invocation, deps=deps))
    assert [record.original_object_key for record in cloud.records()] == ["two.jpg"]


def test_a_failed_image_is_not_called_a_success(cloud: Cloud) -> None:
    event = s3_event_for(cloud.put("one.jpg", ROCKET), cloud.put("bad.jpg", b"no"))
    body = json.loads(handle(event, cloud.invocation)["body"])
    assert body == {"message": "Image processing completed, 1 failed", "processed_count": 2}


def test_what_cannot_be_read_is_logged_and_counted_and_the_rest_is_processed(cloud: Cloud) -> None:
    event = s3_event_for(cloud.put("one.jpg", ROCKET))
    event["Records"] += [None, {"s3": {}}, {"eventName": "ObjectRemoved:Delete", "s3": {}}]
    body = json.loads(handle(event, cloud.invocation)["body"])
    assert (body["processed_count"], body["unreadable_count"]) == (1, 2)
    outcomes = [line["outcome"] for line in cloud.lines]
    assert outcomes == ["UNREADABLE", "UNREADABLE", "IGNORED", "SUCCEEDED"]
    assert cloud.output_keys() == ["resized-one.jpg"]


def test_a_removal_does_not_replace_the_record_of_what_was_processed(cloud: Cloud) -> None:
    created = replace(cloud.put("one.jpg", ROCKET), sequencer="0A")
    handle(s3_event_for(created), cloud.invocation)
    removed = replace(created, event_name="ObjectRemoved:Delete", sequencer="0B")
    response = handle(s3_event_for(removed), cloud.invocation)
    assert response["outcomes"] == []
    assert [record.status for record in cloud.records()] == [Status.SUCCEEDED]


@pytest.mark.parametrize("size", [0, None])
def test_a_folder_of_the_console_is_skipped_without_a_record(
    cloud: Cloud, size: int | None
) -> None:
    created = replace(cloud.put("album/", b""), size=size)
    assert handle(s3_event_for(created), cloud.invocation)["outcomes"] == []
    (result,) = handle(batch_event_for(created), cloud.invocation)["results"]
    assert (result["resultCode"], result["resultString"]) == ("Succeeded", "SKIPPED")
    assert cloud.records() == []
    assert [line["outcome"] for line in cloud.lines] == ["SKIPPED", "SKIPPED"]


def test_an_image_whose_key_ends_in_a_slash_is_no_folder(cloud: Cloud) -> None:
    handle(s3_event_for(cloud.put("album/", ROCKET)), cloud.invocation)
    assert [record.status for record in cloud.records()] == [Status.SUCCEEDED]


def test_an_object_with_a_key_of_its_uploaders_fails_with_that_reason(cloud: Cloud) -> None:
    created = cloud.put("secret.jpg", ROCKET)
    message = "The object was stored using a form of Server Side Encryption. The correct parameters"
    with Stubber(cloud.s3) as stub:
        stub.add_client_error("get_object", "InvalidRequest", message, http_status_code=400)
        (outcome,) = handle(s3_event_for(created), cloud.invocation)["outcomes"]
    assert (outcome["status"], outcome["code"]) == ("FAILED", "customer_encrypted")


def test_another_invalid_request_is_retried(cloud: Cloud) -> None:
    event = s3_event_for(cloud.put("one.jpg", ROCKET))
    with Stubber(cloud.s3) as stub:
        stub.add_client_error("get_object", "InvalidRequest", "Something else")
        with pytest.raises(RetryableFailures):
            handle(event, cloud.invocation)


@pytest.mark.parametrize("stored", ["a b.jpg", "a+b.jpg", "a%2Bb.jpg", "a%20b.jpg"])
def test_the_key_of_a_task_is_the_one_that_exists_however_it_is_encoded(
    cloud: Cloud, stored: str
) -> None:
    created = cloud.put(stored, ROCKET)
    for encoded in {quote(stored), quote_plus(stored), stored}:
        event = batch_event_for(created)
        event["tasks"][0]["s3Key"] = encoded
        (result,) = handle(event, cloud.invocation)["results"]
        assert result["resultString"] == "SUCCEEDED", encoded
    assert cloud.output_keys() == [f"resized-{stored}"]


def test_of_two_different_uploads_with_one_sequencer_the_bucket_says_which_is_newer(
    cloud: Cloud,
) -> None:
    first = replace(cloud.put("one.jpg", ROCKET), sequencer="0A")
    second = replace(cloud.put("one.jpg", ROCKET + b"newer"), sequencer="0A")
    handle(s3_event_for(second), cloud.invocation)
    handle(s3_event_for(first), cloud.invocation)
    statuses = {record.version_id: record.status for record in cloud.records()}
    assert statuses == {
        first.version_id: Status.SUPERSEDED,
        second.version_id: Status.SUCCEEDED,
    }
    handle(s3_event_for(first, second), cloud.invocation)
    (current,) = cloud.current_records()
    assert current.version_id == second.version_id


def too_slow(*_: Any, **__: Any) -> Any:
    raise TooSlow("Resizing took longer than 45 s.")


@pytest.mark.parametrize(("used_s", "retried"), [(0, False), (5, False), (15, True), (30, True)])
def test_an_image_that_is_too_slow_is_only_retried_if_others_took_its_time(
    cloud: Cloud, used_s: float, retried: bool
) -> None:
    now_s = [0.0]
    deadline = Deadline(lambda: now_s[0])
    deadline.begin(60)
    now_s[0] = used_s
    invocation = replace(
        cloud.invocation, deps=replace(cloud.deps, resize=too_slow, deadline=deadline)
    )
    event = s3_event_for(cloud.put("slow.jpg", ROCKET))
    if retried:
        with pytest.raises(RetryableFailures, match="DeadlineExceeded"):
            handle(event, invocation)
        assert cloud.records() == []
    else:
        (outcome,) = handle(event, invocation)["outcomes"]
        assert (outcome["status"], outcome["code"]) == ("FAILED", "too_slow")


class CustomerKeyS3:
    """S3 that refuses to read one upload, and to describe its key while it is the newest."""

    def __init__(self, cloud: Cloud, encrypted: ObjectCreated) -> None:
        self._s3, self._encrypted = cloud.s3, encrypted

    def __getattr__(self, name: str) -> Any:
        return getattr(self._s3, name)

    def get_object(self, **request: Any) -> Any:
        if request.get("VersionId") == self._encrypted.version_id:
            raise client_error("InvalidRequest", "a form of Server Side Encryption", "GetObject")
        return self._s3.get_object(**request)

    def head_object(self, **request: Any) -> Any:
        if request["Bucket"] == self._encrypted.bucket:
            raise client_error("400", "Bad Request", "HeadObject")
        return self._s3.head_object(**request)


def client_error(code: str, message: str, operation: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": message}}, operation)


def test_without_a_sequencer_an_object_with_a_key_of_its_uploader_is_the_newest(
    cloud: Cloud,
) -> None:
    older = cloud.put("a.jpg", ROCKET)
    handle(batch_event_for(older), cloud.invocation)
    encrypted = cloud.put("a.jpg", ROCKET)
    s3: Any = CustomerKeyS3(cloud, encrypted)
    invocation = replace(cloud.invocation, deps=replace(cloud.deps, s3=s3))
    for created in (encrypted, older):  # the older one once more does not change the order
        (result,) = handle(batch_event_for(created), invocation)["results"]
        assert result["resultCode"] == "Succeeded"
        (current,) = cloud.current_records()
        assert (current.version_id, current.status) == (encrypted.version_id, Status.FAILED)
