from itertools import islice
from typing import Any

import pytest

from imgctl.aws.record_index import Position
from imgctl.aws.session import Aws
from imgctl.core.errors import InvalidInput
from imgctl.core.record import Record, Status, to_item
from imgctl.operations import history
from imgctl.operations.history import RecordQuery, find_records


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
        (RecordQuery(scan=True, key="ba\u0308r.png"), ["22"]),
        (RecordQuery(scan=True, until="2026-11-21"), ["21"]),
        (RecordQuery(status=Status.SUPERSEDED), ["23"]),
        (RecordQuery(key="a.png", status=Status.SUCCEEDED), ["21"]),
    ],
)
def test_records_are_found_by_time_key_and_status_newest_first(
    aws: Aws, stored: str, query: RecordQuery, days: list[str]
) -> None:
    found = find_records(aws.dynamodb, stored, query)
    assert [record.resource_id for record in found] == days


def test_a_cursor_older_than_the_time_span_is_answered_without_asking() -> None:
    client: Any = None
    query = RecordQuery(since="2026-11-22", after=Position("2026-11-21T00:00:00.000Z", "1"))
    assert list(find_records(client, "records", query)) == []


def test_failures_are_found_without_reading_other_records(aws: Aws, table: str) -> None:
    statuses = [Status.FAILED, *[Status.SUCCEEDED] * 300]
    for number, status in enumerate(statuses):
        item: Any = to_item(
            Record(
                resource_id=f"{number:03}",
                original_object_key=f"{number}.jpg",
                status=status,
                processing_time="2026-11-23T10:00:00.000Z",
            )
        )
        aws.dynamodb.put_item(TableName=table, Item=item)
    calls: list[str] = []

    class Counting:
        def __getattr__(self, name: str) -> Any:
            def call(**request: Any) -> Any:
                calls.append(name)
                return getattr(aws.dynamodb, name)(**request)

            return call

    client: Any = Counting()
    (found,) = find_records(client, table, RecordQuery(status=Status.FAILED))
    assert found.resource_id == "000"
    assert calls == [*["query"] * 4, "batch_get_item"]


def test_an_index_entry_older_than_its_record_is_not_listed(aws: Aws, stored: str) -> None:
    """As if the index by status had not yet followed a change of the record."""
    aws.dynamodb.update_item(
        TableName=stored,
        Key={"resource-id": {"S": "22"}},
        UpdateExpression="SET #status = :s",
        ExpressionAttributeNames={"#status": "Status"},
        ExpressionAttributeValues={":s": {"S": "SUCCEEDED"}},
    )
    assert list(find_records(aws.dynamodb, stored, RecordQuery(status=Status.FAILED))) == []


def test_a_scan_finds_the_newest_up_to_its_limit(
    aws: Aws, stored: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(history, "SCAN_LIMIT", 2)
    first = list(find_records(aws.dynamodb, stored, RecordQuery(scan=True)))
    assert [record.resource_id for record in first] == ["23", "22"]
    rest = RecordQuery(scan=True, after=Position.of(first[-1]))
    assert [record.resource_id for record in find_records(aws.dynamodb, stored, rest)] == ["21"]


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
    found = find_records(aws.dynamodb, stored, query)
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
        page = list(islice(find_records(aws.dynamodb, table, query), 7))
        if not page:
            break
        pages.append([record.resource_id for record in page])
        after = Position.parse(str(Position.of(page[-1])))
    assert [len(page) for page in pages] == [7, 7, 7, 4]
    expected = [*range(20, 25), *range(10, 20), *range(10)]
    assert [int(identity) for page in pages for identity in page] == expected
