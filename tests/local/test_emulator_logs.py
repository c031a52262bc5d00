"""Log events of the emulator have IDs and come in pages, as those of AWS."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from ministack.services import cloudwatch_logs

from imgctl.local.emulator_logs import patch_logs


@pytest.fixture
def group() -> Iterator[str]:
    before = cloudwatch_logs._append_log_events, cloudwatch_logs._filter_log_events
    patch_logs()
    cloudwatch_logs._create_log_group({"logGroupName": "g"})
    yield "g"
    cloudwatch_logs._append_log_events, cloudwatch_logs._filter_log_events = before
    cloudwatch_logs.reset()


def append(stream: str, *messages: str, at: int = 1000) -> None:
    cloudwatch_logs._create_log_stream({"logGroupName": "g", "logStreamName": stream})
    events = [{"timestamp": at, "message": text, "ingestionTime": at} for text in messages]
    cloudwatch_logs._append_log_events(cloudwatch_logs._log_groups["g"]["streams"][stream], events)


def pages(group: str, **request: Any) -> list[list[dict[str, Any]]]:
    found = []
    more: dict[str, str] = {}
    while True:
        asked = {"logGroupName": group, **request, **more}
        status, _, body = cloudwatch_logs._filter_log_events(asked)
        assert status == 200
        page = json.loads(body)
        found.append(page["events"])
        if "nextToken" not in page:
            return found
        more = {"nextToken": page["nextToken"]}


def test_equal_lines_of_one_moment_have_ids_in_their_order(group: str) -> None:
    append("a", "same", "same", "same")
    (events,) = pages(group)
    ids = [event["eventId"] for event in events]
    assert len(set(ids)) == 3
    assert ids == sorted(ids)


def test_what_does_not_fit_a_page_is_on_the_next(group: str) -> None:
    append("a", *map(str, range(4)), at=1000)
    append("b", *map(str, range(4, 7)), at=2000)
    found = pages(group, limit=3)
    assert [len(page) for page in found] == [3, 3, 1]
    assert [event["message"] for page in found for event in page] == list("0123456")
    assert pages(group, startTime=1001, endTime=1999) == [[]]
    assert [e["message"] for e in pages(group, filterPattern='"5"')[0]] == ["5"]


def test_a_group_that_does_not_exist_is_an_error(group: str) -> None:  # noqa: ARG001
    status, _, _ = cloudwatch_logs._filter_log_events({"logGroupName": "other"})
    assert status == 400
