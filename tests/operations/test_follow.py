"""Records as they come: each once, in order, although an index shows them late."""

from collections.abc import Callable
from dataclasses import replace
from itertools import count, islice
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imgctl.aws.record_index import Position
from imgctl.aws.session import Aws
from imgctl.core.record import Record, Status, to_item
from imgctl.operations.arrivals import POLL_S, Arrivals
from imgctl.operations.follow import WINDOW_S, follow
from imgctl.operations.history import RecordQuery


def time_text(second: float) -> str:
    minutes, seconds = divmod(second, 60)
    return f"2026-11-23T10:{int(minutes):02}:{seconds:06.3f}Z"


def position_arrivals() -> Arrivals[Position]:
    return Arrivals(time_text(0), WINDOW_S, lambda position: position.resource_id)


def released(delays: list[tuple[float, float]], polls: int) -> list[Position]:
    """Follow records that are written at some second, and appear in the index a while later."""
    written = [
        (second, second + delay, Position(time_text(second), f"{number:02}"))
        for number, (second, delay) in enumerate(delays)
    ]
    arrivals = position_arrivals()
    shown: list[Position] = []
    for poll in range(polls):
        now = poll * POLL_S
        visible = [place for _, appears, place in written if appears <= now]
        shown += arrivals.release(place for place in visible if place.time >= arrivals.since)
    return shown


seconds = st.floats(0, 100).map(lambda second: round(second, 1))


@given(st.lists(st.tuples(seconds, st.floats(0, POLL_S - 0.01)), max_size=30))
def test_records_that_appear_soon_are_shown_once_in_the_order_of_their_times(
    delays: list[tuple[float, float]],
) -> None:
    shown = released(delays, polls=60)
    assert len(shown) == len(set(shown)) == len(delays)
    assert shown == sorted(shown, key=lambda place: (place.time, place.resource_id))


@given(st.lists(st.tuples(seconds, st.floats(0, WINDOW_S - 1)), max_size=30))
def test_records_that_appear_late_are_shown_once(delays: list[tuple[float, float]]) -> None:
    shown = released(delays, polls=90)
    assert len(shown) == len(set(shown)) == len(delays)


def test_what_is_remembered_is_bounded() -> None:
    arrivals = position_arrivals()
    for second in range(3000):
        arrivals.release([Position(time_text(second), str(second))])
    assert len(arrivals._seen) <= WINDOW_S + 2


@pytest.fixture
def put(aws: Aws, table: str) -> Callable[..., Record]:
    numbers = count()

    def store(second: int, status: Status = Status.SUCCEEDED, key: str = "a.jpg") -> Record:
        record = Record(
            resource_id=f"{next(numbers):032x}",
            original_object_key=key,
            status=status,
            processing_time=time_text(second),
        )
        item: Any = to_item(record)
        aws.dynamodb.put_item(TableName=table, Item=item)
        return record

    return store


def test_only_new_records_are_shown_unless_a_time_is_given(
    aws: Aws, table: str, put: Callable[..., Record]
) -> None:
    old = put(1)
    between: list[Callable[[], Any]] = [lambda: put(5), lambda: put(3), lambda: None, lambda: None]

    def sleep(_: float) -> None:
        between.pop(0)()

    polls = follow(aws.dynamodb, table, RecordQuery(), sleep)
    seen = [record.processing_time for found in islice(polls, 5) for record in found]
    assert seen == [time_text(3), time_text(5)]  # the one that came late is in its place
    everything = follow(aws.dynamodb, table, RecordQuery(since="2026-11-23"), lambda _: None)
    assert next(found for found in everything if found)[0] == old


def test_a_table_without_records_is_followed_from_its_first(
    aws: Aws, table: str, put: Callable[..., Record]
) -> None:
    polls = follow(aws.dynamodb, table, RecordQuery(), lambda _: None)
    assert next(polls) == []
    first = put(1)
    assert [*next(polls), *next(polls)] == [first]


def test_a_key_and_a_status_are_followed_alone(
    aws: Aws, table: str, put: Callable[..., Record]
) -> None:
    by_status = follow(aws.dynamodb, table, RecordQuery(status=Status.FAILED), lambda _: None)
    by_key = follow(aws.dynamodb, table, RecordQuery(key="b.jpg"), lambda _: None)
    assert [next(by_status), next(by_key)] == [[], []]
    put(1)
    failed, other = put(2, Status.FAILED), put(3, key="b.jpg")
    assert [*next(by_status), *next(by_status)] == [failed]
    assert [*next(by_key), *next(by_key)] == [other]


def test_a_record_that_is_written_again_is_shown_again_at_its_new_time(
    aws: Aws, table: str, put: Callable[..., Record]
) -> None:
    polls = follow(aws.dynamodb, table, RecordQuery(), lambda _: None)
    next(polls)
    record = put(1)
    assert [*next(polls), *next(polls)] == [record]
    again = replace(record, processing_time=time_text(30))
    item: Any = to_item(again)
    aws.dynamodb.put_item(TableName=table, Item=item)
    assert [*next(polls), *next(polls), *next(polls)] == [again]


def test_a_poll_costs_one_query_for_each_partition(
    aws: Aws, table: str, put: Callable[..., Record]
) -> None:
    for second in range(40):
        put(second)
    calls: list[str] = []

    class Counting:
        def __getattr__(self, name: str) -> Any:
            calls.append(name)
            return getattr(aws.dynamodb, name)

    client: Any = Counting()
    polls = follow(client, table, RecordQuery(), lambda _: None)
    next(polls)
    calls.clear()
    next(polls)
    assert calls == ["query"] * 4
