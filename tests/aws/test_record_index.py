"""Listings of the indexes: complete, in order, and no more of them read than is consumed."""

from collections.abc import Iterator
from itertools import count, islice
from typing import Any

import boto3
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from moto import mock_aws

from imgctl.aws.record_index import (
    BY_TIME,
    Partitions,
    Position,
    by_key,
    by_status,
    positions,
)
from imgctl.core.errors import InvalidInput
from imgctl.core.record import Record, Status, to_item
from tests.dynamodb_local import AVAILABLE, dynamodb_local
from tests.moto_aws import create_table

_names = count()
# Few, so that many records have the same one; some at the borders of days, months and years.
TIMES = (
    "2025-12-31T23:59:59.999Z",
    "2026-01-01T00:00:00.000Z",
    "2026-11-22T23:59:59.999Z",
    "2026-11-23T00:00:00.000Z",
    "2026-11-23T10:00:00.000Z",
)


def record(number: int, time: str, status: Status = Status.SUCCEEDED, key: str = "a") -> Record:
    return Record(
        resource_id=f"{number:032x}", original_object_key=key, processing_time=time, status=status
    )


@pytest.fixture(scope="module", params=["moto", *(["DynamoDB Local"] if AVAILABLE else [])])
def dynamodb(request: pytest.FixtureRequest) -> Iterator[Any]:
    """A client of each emulator, which do not agree on everything: moto accepts reversed ranges."""
    if request.param == "DynamoDB Local":
        with dynamodb_local() as client:
            yield client
    else:
        with mock_aws():
            yield boto3.client(
                "dynamodb",
                region_name="eu-west-2",
                aws_access_key_id="testing",
                aws_secret_access_key="testing",
            )


@pytest.fixture
def table(dynamodb: Any) -> str:
    return new_table(dynamodb)


def new_table(dynamodb: Any) -> str:
    return create_table(dynamodb, f"records-{next(_names)}")


def store(dynamodb: Any, table: str, *stored: Record) -> None:
    for item in map(to_item, stored):
        dynamodb.put_item(TableName=table, Item=item)


many_records = st.lists(
    st.builds(
        record,
        st.integers(0, 10_000),
        st.sampled_from(TIMES),
        st.sampled_from(Status),
        st.sampled_from("ab"),
    ),
    max_size=40,
    unique_by=lambda one: one.resource_id,
)


@settings(max_examples=12, deadline=None)
@given(stored=many_records, page=st.integers(1, 12), partitions=st.integers(0, 3))
def test_every_record_is_listed_once_in_order_whatever_the_pages(
    dynamodb: Any, stored: list[Record], page: int, partitions: int
) -> None:
    table = new_table(dynamodb)
    store(dynamodb, table, *stored)
    index, matching = (
        (BY_TIME, stored),
        (by_key("a"), [one for one in stored if one.original_object_key == "a"]),
        (by_status(Status.FAILED), [one for one in stored if one.status is Status.FAILED]),
        (by_status(Status.SUPERSEDED), [one for one in stored if one.status is Status.SUPERSEDED]),
    )[partitions]
    listed = list(positions(dynamodb, table, index, first_page=page))
    assert listed == sorted(map(Position.of, matching))
    times = [position.time for position in listed]
    assert times == sorted(times, reverse=True)


@settings(max_examples=12, deadline=None)
@given(
    stored=many_records,
    page=st.integers(1, 6),
    written=st.lists(st.tuples(st.integers(0, 45), st.integers(20_000, 30_000)), max_size=8),
    rewritten=st.lists(st.tuples(st.integers(0, 45), st.integers(0, 39)), max_size=8),
)
def test_records_written_meanwhile_cost_none_that_was_there(
    dynamodb: Any,
    stored: list[Record],
    page: int,
    written: list[tuple[int, int]],
    rewritten: list[tuple[int, int]],
) -> None:
    """New records come, and others are processed again, while the list is read."""
    table = new_table(dynamodb)
    store(dynamodb, table, *stored)
    touched: set[str] = set()
    listed = []
    for step, position in enumerate(positions(dynamodb, table, BY_TIME, first_page=page)):
        listed.append(position)
        for when, number in written:
            if when == step:
                store(dynamodb, table, record(number, "2026-11-24T00:00:00.000Z"))
        for when, place in rewritten:
            if when == step and place < len(stored):
                touched.add(stored[place].resource_id)
                again = int(stored[place].resource_id, 16)
                store(dynamodb, table, record(again, "2026-11-24T00:00:00.000Z"))
    ids = [position.resource_id for position in listed]
    assert len(set(ids)) == len(ids)
    assert listed == sorted(listed)
    before = {one.resource_id for one in stored}
    assert before - touched <= set(ids) <= before


class Counting:
    """A client that counts what it reads."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self.queries: list[int] = []
        self.entries = 0

    def query(self, **request: Any) -> Any:
        page = self._client.query(**request)
        self.queries.append(request["Limit"])
        self.entries += len(page["Items"])
        return page


def test_only_pages_that_are_consumed_are_read(dynamodb: Any, table: str) -> None:
    store(
        dynamodb, table, *(record(n, f"2026-11-{n % 28 + 1:02}T10:00:00.000Z") for n in range(160))
    )
    counting: Any = Counting(dynamodb)
    listed = positions(counting, table, BY_TIME, first_page=10)
    assert (len(list(islice(listed, 10))), counting.queries) == (10, [10] * 4)
    assert len(list(listed)) == 150
    assert counting.entries == 160
    assert counting.queries[4] == 20  # longer pages for those who read on
    assert len(counting.queries) < 16


@pytest.mark.parametrize("partitions", [BY_TIME, by_key("a")])
def test_a_time_range_is_inclusive_and_a_date_means_the_whole_day(
    dynamodb: Any, table: str, partitions: Partitions
) -> None:
    store(dynamodb, table, *(record(number, time) for number, time in enumerate(TIMES)))

    def times(since: str, until: str) -> Iterator[str]:
        found = positions(dynamodb, table, partitions, since=since, until=until)
        return (position.time for position in found)

    assert list(times("2026-11-22", "2026-11-22")) == [TIMES[2]]
    assert list(times("2025", "2026-01")) == [TIMES[1], TIMES[0]]
    assert list(times(TIMES[3], TIMES[4])) == [TIMES[4], TIMES[3]]


def test_a_span_without_a_time_is_answered_without_asking() -> None:
    client: Any = None
    for since, until in (("2026-11-23", "2026-11-22"), ("2026-11-22T10", "2026-11-21")):
        assert list(positions(client, "records", BY_TIME, since=since, until=until)) == []


def test_a_cursor_is_read_as_it_is_written() -> None:
    position = Position("2026-11-23T10:00:00.000Z", "00ff")
    assert Position.parse(str(position)) == position


@pytest.mark.parametrize("text", ["", "2026-11-22", "2026-11-22/", "x"])
def test_a_text_that_is_no_cursor_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput, match="Invalid cursor"):
        Position.parse(text)
