import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from botocore.stub import Stubber

from imgctl.core.pixels import resize
from imgctl.core.record import Status
from imgctl.worker import pipeline
from imgctl.worker.events import ObjectCreated
from imgctl.worker.handler import Unfinished, handle
from tests.pictures import PHOTOS
from tests.worker.conftest import Cloud

if TYPE_CHECKING:
    from collections.abc import Mapping

ROCKET = (PHOTOS / "rocket.jpg").read_bytes()


def event_of(*created: ObjectCreated) -> dict[str, Any]:
    return {
        "Records": [
            {
                "eventName": one.event_name,
                "s3": {
                    "bucket": {"name": one.bucket},
                    "object": {"key": one.key, "versionId": one.version_id, "eTag": one.etag},
                },
            }
            for one in created
        ]
    }


def test_the_answer_is_the_seeds(cloud: Cloud) -> None:
    event = event_of(cloud.put("one.jpg", ROCKET), cloud.put("two.jpg", ROCKET))
    answer = handle(event, cloud.settings, cloud.effects, request_id="r", log=lambda _: None)
    assert answer["statusCode"] == 200
    assert json.loads(answer["body"]) == {
        "message": "Image processing completed successfully",
        "processed_count": 2,
    }


def test_each_picture_is_one_line_of_the_log(cloud: Cloud) -> None:
    lines: list[Mapping[str, Any]] = []
    event = event_of(cloud.put("one.jpg", ROCKET), cloud.put("bad.jpg", b"no"))
    handle(event, cloud.settings, cloud.effects, request_id="r", log=lines.append)
    assert [(line["OriginalObjectKey"], line["outcome"]) for line in lines] == [
        ("one.jpg", "SUCCEEDED"),
        ("bad.jpg", "FAILED"),
    ]
    assert json.dumps(lines)


def test_a_fault_that_may_pass_is_raised_after_every_object_was_tried(cloud: Cloud) -> None:
    first, last = cloud.put("one.jpg", ROCKET), cloud.put("last.jpg", ROCKET)
    failing = replace(first, bucket="not-there-but-403")
    lines: list[Mapping[str, Any]] = []
    with Stubber(cloud.s3) as stub:
        stub.add_client_error("get_object", "SlowDown", http_status_code=503)
        stub.add_client_error("get_object", "InternalError", http_status_code=500)
        with pytest.raises(Unfinished, match=r"SlowDown.*InternalError"):
            handle(
                event_of(failing, last),
                cloud.settings,
                cloud.effects,
                request_id="r",
                log=lines.append,
            )
    assert [line["outcome"] for line in lines] == ["RETRY", "RETRY"]
    assert cloud.records() == []


def test_a_missing_permission_is_recorded_by_its_action_and_raised(cloud: Cloud) -> None:
    created = cloud.put("cake.jpg", ROCKET)
    denied = "User: lambda-image-role is not authorized to perform: s3:GetObject"
    with Stubber(cloud.s3) as stub:
        stub.add_client_error("get_object", "AccessDenied", denied, 403)
        with pytest.raises(Unfinished, match="s3:GetObject"):
            handle(
                event_of(created), cloud.settings, cloud.effects, request_id="r", log=lambda _: None
            )
    (record,) = cloud.records()
    assert (record.status, record.failure_code) == (Status.FAILED, "access_denied")
    assert "s3:GetObject" in (record.failure_reason or "")


def test_the_retry_after_a_mended_role_replaces_the_failure(cloud: Cloud) -> None:
    created = cloud.put("cake.jpg", ROCKET)
    with Stubber(cloud.s3) as stub:
        stub.add_client_error("get_object", "AccessDenied", "no", 403)
        with pytest.raises(Unfinished):
            handle(
                event_of(created), cloud.settings, cloud.effects, request_id="r", log=lambda _: None
            )
    handle(event_of(created), cloud.settings, cloud.effects, request_id="r", log=lambda _: None)
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
    event = event_of(cloud.put("one.jpg", ROCKET), cloud.put("two.jpg", ROCKET))
    with pytest.raises(Unfinished, match=r"one\.jpg: ZeroDivisionError"):
        handle(event, cloud.settings, cloud.effects, request_id="r", log=lambda _: None)
    assert [record.original_object_key for record in cloud.records()] == ["two.jpg"]
