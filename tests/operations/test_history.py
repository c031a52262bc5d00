from datetime import UTC, datetime
from itertools import islice
from typing import Any

import pytest

from imgctl.aws.session import Aws
from imgctl.core.errors import InvalidInput
from imgctl.core.record import Record, Status, to_item
from imgctl.operations.history import Cursor, RecordQuery, find_records

NOW = datetime(2026, 11, 30, tzinfo=UTC)


@pytest.fixture
def stored(aws: Aws, table: str) -> str:
    for day, key, status in (
        (21, "a.png", Status.SUCCEEDED),
        (22, "b\u00e4r.png", Status.FAILED),
        (23, "a.png", Status.SUPERSEDED),
    ):
        item: Any = to_item(
            Record(
                resource_id=str(day),
                original_object_key=key,
                status=status,
                processing_time=f"2026-11-{day}T10:00:00.000Z",
            )
        )
        aws.dynamodb.put_item(TableName=table, Item=item)
    return table


@pytest.mark.parametrize(
    ("query", "days"),
    [
        (RecordQuery(since="2026-11"), ["23", "22", "21"]),
        (RecordQuery(since="2026-11-22"), ["23", "22"]),
        (RecordQuery(since="2026-11", until="2026-11-22"), ["22", "21"]),
        (RecordQuery(key="a.png"), ["23", "21"]),
        (RecordQuery(since="2026-11", status=Status.FAILED), ["22"]),
        (RecordQuery(scan=True), ["23", "22", "21"]),
        (RecordQuery(scan=True, key="b\u00e4r.png"), ["22"]),
        (RecordQuery(key="ba\u0308r.png"), ["22"]),  # typed decomposed
        (RecordQuery(scan=True, until="2026-11-21"), ["21"]),
    ],
)
def test_records_are_found_by_time_key_and_status_newest_first(
    aws: Aws, stored: str, query: RecordQuery, days: list[str]
) -> None:
    found = find_records(aws.dynamodb, stored, query, now=NOW)
    assert [record.resource_id for record in found] == days


class NoQueries:
    """A client that may be asked for nothing but the table's creation."""

    def describe_table(self, **_: object) -> Any:
        return {"Table": {"CreationDateTime": datetime(2026, 11, 1, tzinfo=UTC)}}


@pytest.mark.parametrize(
    "query",
    [
        RecordQuery(until="2026-10-31"),  # before the table was created
        RecordQuery(key="a.png", until="2005"),  # before there was S3
        RecordQuery(since="2026-12"),  # not yet
    ],
)
def test_a_span_that_can_hold_no_record_is_answered_without_asking(query: RecordQuery) -> None:
    client: Any = NoQueries()
    assert list(find_records(client, "records", query, now=NOW)) == []


@pytest.mark.parametrize(
    "arguments",
    [
        {"since": "2026-11-22T10", "until": "2026-11-21"},
        {"since": "2026-11", "until": "2026-10-31T23:59", "key": "a.png"},
        {"since": "2026-11", "until": "2026-10", "scan": True},
        {"key": ""},
    ],
)
def test_a_reversed_span_and_an_empty_key_are_refused(arguments: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput):
        RecordQuery(**arguments)


def test_a_span_of_one_day_is_not_reversed(aws: Aws, stored: str) -> None:
    query = RecordQuery(since="2026-11-22", until="2026-11-22")
    found = find_records(aws.dynamodb, stored, query, now=NOW)
    assert [record.resource_id for record in found] == ["22"]


@pytest.mark.parametrize("options", [{}, {"key": "k"}, {"scan": True}])
def test_pages_add_up_even_if_all_records_have_the_same_time(
    aws: Aws, table: str, options: dict[str, Any]
) -> None:
    for number in range(25):
        record = Record(
            resource_id=f"{number:02}",
            original_object_key="k",
            processing_time=f"2026-11-2{number // 10}T10:00:00.000Z",
        )
        item: Any = to_item(record)
        aws.dynamodb.put_item(TableName=table, Item=item)
    pages, after = [], None
    while True:
        query = RecordQuery(since="2026-11", after=after, **options)
        page = list(islice(find_records(aws.dynamodb, table, query, now=NOW), 7))
        if not page:
            break
        pages.append([record.resource_id for record in page])
        after = Cursor.parse(str(Cursor.of(page[-1])))
    assert [len(page) for page in pages] == [7, 7, 7, 4]
    expected = [*range(20, 25), *range(10, 20), *range(10)]
    assert [int(identity) for page in pages for identity in page] == expected


@pytest.mark.parametrize("text", ["", "2026-11-22", "2026-11-22/", "x"])
def test_a_text_that_is_no_cursor_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput, match="Invalid cursor"):
        Cursor.parse(text)
