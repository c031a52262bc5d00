"""Log lines as they come: each once and in order, although CloudWatch Logs shows some late."""

import json
import random
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imgctl.aws.log_lines import LogLine, event_time
from imgctl.aws.logs import LogEvent
from imgctl.aws.session import Aws
from imgctl.core.errors import InvalidInput
from imgctl.operations.arrivals import POLL_S, Arrivals
from imgctl.operations.log_reading import HELD_POLLS, WINDOW_S, LogQuery, find_lines, follow_lines

GROUP = "/aws/lambda/f"
START_MS = 1_790_000_000_000


def event(number: int, ms: int) -> LogEvent:
    time = event_time(START_MS + ms)
    return LogEvent(time, f"{number:08}", f"stream {number % 3}", LogLine(time, str(number)))


def released(delays: list[tuple[int, int]]) -> list[LogEvent]:
    """Follow lines that are logged at some ms, and appear a while later."""
    written = [(ms + delay, event(number, ms)) for number, (ms, delay) in enumerate(delays)]
    arrivals = Arrivals[LogEvent](
        event_time(START_MS), WINDOW_S, lambda one: one.event_id, held_polls=HELD_POLLS
    )
    shown: list[LogEvent] = []
    last = max((appears for appears, _ in written), default=0)
    for poll in range(round(last / POLL_S / 1000) + HELD_POLLS + 2):
        now = poll * POLL_S * 1000
        found = [one for appears, one in written if appears <= now and one.time >= arrivals.since]
        shown += arrivals.release(found)
    return shown


# Few different times, so that many lines have the same millisecond.
moments = st.integers(0, 100).map(lambda number: number * 250)


HELD_MS = round(HELD_POLLS * POLL_S * 1000)


@given(st.lists(st.tuples(moments, st.integers(0, HELD_MS - 1)), max_size=60))
def test_lines_that_appear_while_newer_ones_are_held_back_are_shown_once_in_order(
    delays: list[tuple[int, int]],
) -> None:
    shown = released(delays)
    assert sorted(one.event_id for one in shown) == [f"{n:08}" for n in range(len(delays))]
    assert [one.time for one in shown] == sorted(one.time for one in shown)


@given(st.lists(st.tuples(moments, st.integers(0, (WINDOW_S - 26) * 1000)), max_size=40))
def test_lines_that_appear_late_are_shown_once(delays: list[tuple[int, int]]) -> None:
    shown = released(delays)
    assert sorted(one.event_id for one in shown) == [f"{n:08}" for n in range(len(delays))]


class Pages:
    """CloudWatch Logs as it answers: pages of events, some of them empty."""

    def __init__(self, events: list[dict[str, Any]]) -> None:
        self.events = events
        self.requests: list[dict[str, Any]] = []

    def get_paginator(self, _: str) -> "Pages":
        return self

    def paginate(self, **request: Any) -> list[dict[str, Any]]:
        self.requests.append(request)
        found = [one for one in self.events if one["timestamp"] >= request["startTime"]]
        pages = [{"events": found[i : i + 3], "nextToken": "x"} for i in range(0, len(found), 3)]
        empty = {"events": [], "nextToken": "x"}
        return [empty, *(page for one in pages for page in (one, empty)), {"events": []}]


def query(**chosen: Any) -> LogQuery:
    return LogQuery(group=GROUP, since=event_time(START_MS), **chosen)


def written(ms: int, number: int, **fields: object) -> dict[str, Any]:
    message = json.dumps({"requestId": "r1", **fields})
    return {
        "timestamp": START_MS + ms, "message": message, "eventId": str(number),
        "logStreamName": f"s{number % 2}",
    }  # fmt: skip


def test_pages_without_events_end_nothing() -> None:
    logs: Any = Pages([written(n, n) for n in range(8)])
    assert [one.event_id for one in find_lines(logs, query())] == list("01234567")


def test_each_poll_reads_again_what_may_still_appear_and_no_more() -> None:
    events = [written(0, 0), written(600_000, 1)]
    logs: Any = Pages(events)
    polls = follow_lines(logs, query(), lambda _: events.append(written(599_000, len(events))))
    shown = [one.event_id for found in islice(polls, 6) for one in found]
    assert shown[:4] == ["0", "2", "3", "1"]  # those that appeared late are in their place
    assert {one["startTime"] for one in logs.requests[1:]} == {START_MS + 600_000 - WINDOW_S * 1000}


def test_lines_are_chosen_by_key_request_and_failure() -> None:
    composed, decomposed = "K\u00e4se.jpg", "Ka\u0308se.jpg"
    logs: Any = Pages(
        [
            written(0, 0, key=composed, outcome="SUCCEEDED"),
            written(1, 1, key=composed, outcome="FAILED"),
            written(2, 2, key="other.jpg", outcome="RETRY", level="ERROR"),
            written(3, 3, requestId="r2"),
        ]
    )

    def ids(**chosen: Any) -> str:
        return "".join(one.event_id for one in find_lines(logs, query(**chosen)))

    assert ids(key=decomposed) == "01"
    assert ids(key=composed, only_errors=True) == "1"
    assert ids(only_errors=True) == "12"
    assert ids(request_id="r2") == "3"


@pytest.mark.parametrize("chosen", [{"key": ""}, {"request_id": '" ?x "'}, {"request_id": ""}])
def test_what_cannot_be_looked_for_is_refused(chosen: dict[str, str]) -> None:
    with pytest.raises(InvalidInput):
        query(**chosen)


@pytest.mark.parametrize("since", ["2026-11", "2026-11-01"])
def test_a_date_begins_in_utc(since: str) -> None:
    assert LogQuery(group=GROUP, since=since).beginning == "2026-11-01T00:00:00.000Z"


def test_two_thousand_lines_of_several_streams_are_shown_once_in_order(aws: Aws) -> None:
    """2,000 lines of 10 seconds, which are there only after up to 3.9 seconds."""
    now = datetime.now(UTC).replace(microsecond=0)
    aws.logs.create_log_group(logGroupName=GROUP)
    chance = random.Random(1)
    late: list[tuple[float, str, dict[str, Any]]] = []
    for stream in "abcd":
        aws.logs.create_log_stream(logGroupName=GROUP, logStreamName=stream)
        for number in range(500):
            second = number / 50
            ms = round((now.timestamp() + second) * 1000)
            line = {"timestamp": ms, "message": f"{stream}{number}"}
            late.append((second + chance.uniform(0, HELD_MS / 1000 - 0.1), stream, line))
    clock = 0.0

    def sleep(seconds: float) -> None:
        nonlocal clock
        clock += seconds
        for stream in "abcd":
            due: Any = [line for at, of, line in late if of == stream and at <= clock]
            if due:
                due.sort(key=lambda line: line["timestamp"])
                aws.logs.put_log_events(logGroupName=GROUP, logStreamName=stream, logEvents=due)
        late[:] = [one for one in late if one[0] > clock]

    since = (now - timedelta(minutes=1)).isoformat()
    polls = follow_lines(aws.logs, LogQuery(group=GROUP, since=since), sleep)
    shown = [one for found in islice(polls, 11) for one in found]
    assert len(shown) == len({one.line.text for one in shown}) == 2000
    assert [one.time for one in shown] == sorted(one.time for one in shown)
