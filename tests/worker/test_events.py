import json
from pathlib import Path

import pytest

from imgctl.worker.events import ObjectCreated, objects_created

EVENTS = Path(__file__).parents[1] / "events"


def event(name: str) -> dict[str, object]:
    loaded: dict[str, object] = json.loads((EVENTS / name).read_text())
    return loaded


def test_all_fields_of_an_s3_event_are_read() -> None:
    assert objects_created(event("object-created.json")) == [
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
    (created,) = objects_created(event("seed-test-event.json"))
    assert (created.bucket, created.key) == ("src-bucket-image-in", "cake.jpg")
    assert (created.version_id, created.size) == ("", None)


def test_the_test_event_of_a_new_notification_reports_no_objects() -> None:
    assert objects_created({"Service": "Amazon S3", "Event": "s3:TestEvent"}) == []


@pytest.mark.parametrize("other", [{}, {"detail": {}}, {"Records": [{"Sns": {}}]}])
def test_an_event_of_another_source_is_rejected(other: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="not an S3 event"):
        objects_created(other)
