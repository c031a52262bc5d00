"""Events to try the function with, as the function reads them."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from imgctl.aws.findings import SourceObject
from imgctl.aws.session import Aws
from imgctl.operations.sample_events import (
    SAMPLE_KEY,
    EventObject,
    batch_event,
    effect_on_data,
    event_of,
    objects_in,
    sample_event,
)
from imgctl.worker.events import ObjectCreated, batch_tasks, parse_event
from tests.stack_outputs import OUTPUTS

SEED = Path(__file__).parents[1] / "events" / "seed-test-event.json"
KEY = "Käse +1%.jpg"
SOURCE = SourceObject(key=KEY, version_id="v1", etag="e1", size=7, modified="2026", sequencer="")


def test_the_test_event_is_that_of_the_original_project() -> None:
    assert sample_event("src-bucket-image-in", "eu-west-2") == json.loads(SEED.read_text())


def test_a_batch_event_is_read_by_the_function() -> None:
    (task,) = batch_tasks(event_of(SOURCE, "bucket", is_batch=True)) or []
    assert isinstance(task.record, ObjectCreated)
    assert (task.record.bucket, task.record.key, task.record.version_id) == ("bucket", KEY, "v1")
    (task,) = batch_tasks(batch_event("bucket", SAMPLE_KEY)) or []
    assert isinstance(task.record, ObjectCreated)
    assert (task.record.key, task.record.version_id) == (SAMPLE_KEY, "")


def test_an_event_about_an_object_is_read_by_the_function() -> None:
    (created,) = parse_event(event_of(SOURCE, "bucket", is_batch=False))
    assert isinstance(created, ObjectCreated)
    assert (created.bucket, created.key, created.version_id) == ("bucket", KEY, "v1")


EVENTBRIDGE = {"detail": {"bucket": {"name": "bucket"}, "object": {"key": KEY}}}


@pytest.mark.parametrize(
    "event",
    [event_of(SOURCE, "bucket", is_batch=batch) for batch in (True, False)] + [EVENTBRIDGE],
)
def test_an_event_says_what_it_is_about(event: dict[str, Any]) -> None:
    assert objects_in(event) == [EventObject("bucket", KEY)]


@pytest.mark.parametrize(
    "event",
    [
        None, 7, "x", [], {}, {"Records": 1}, {"Records": [1]}, {"Records": [{"s3": {}}]},
        {"tasks": [{}]}, {"tasks": None}, {"detail": []},
        {"Records": [{"s3": {"object": {"key": 1}}}]},
    ],
)  # fmt: skip
def test_an_event_of_another_form_says_nothing(event: object) -> None:
    assert objects_in(event) is None


def test_only_an_event_that_adds_a_record_has_an_effect(aws: Aws) -> None:
    outputs = replace(OUTPUTS, source_bucket="originals")
    aws.s3.create_bucket(
        Bucket="originals", CreateBucketConfiguration={"LocationConstraint": "eu-west-2"}
    )
    aws.s3.put_object(Bucket="originals", Key=KEY, Body=b"")

    def effect(event: object) -> str:
        return effect_on_data(aws, outputs, event)

    assert effect(event_of(SOURCE, "originals", is_batch=False)) == ""
    assert "no object cake.jpg" in effect(sample_event("originals", "eu-west-2"))
    assert "another bucket, elsewhere" in effect(batch_event("elsewhere", KEY))
    assert "not known" in effect({"Type": "Notification"})
