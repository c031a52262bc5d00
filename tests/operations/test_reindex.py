"""Records that the indexes do not list get what they lack, and nothing else."""

from typing import Any

import pytest

from imgctl.aws import records
from imgctl.aws.session import Aws
from imgctl.core.record import SHARD, STATUS_SHARD, Record, Status, to_item
from imgctl.operations.history import RecordQuery, find_records
from imgctl.operations.reindex import reindex

ORIGINAL = {
    "resource-id": {"S": "0d2c1f0e-8c2b-4e0b-9a53-0d1f3a5b7c9e"},
    "OriginalObjectKey": {"S": "cake.jpg"},
    "ProcessingTime": {"S": "2025-05-02T14:03:24.552311"},
}
FAILED = Record(
    resource_id="00ff",
    status=Status.FAILED,
    failure_code="damaged",
    original_object_key="b.jpg",
    processing_time="2026-11-23T10:00:00.000Z",
)
CURRENT = {"resource-id": {"S": "current#1"}, "CurrentRecord": {"S": "00ff"}}


def put(aws: Aws, table: str, *items: Any) -> None:
    for item in items:
        aws.dynamodb.put_item(TableName=table, Item=item)


def without_index_attributes(record: Record) -> dict[str, Any]:
    lacking = {**to_item(record), "TimeBucket": {"S": "2026-11#3"}}  # of an earlier version
    return {name: value for name, value in lacking.items() if name not in (SHARD, STATUS_SHARD)}


def items(aws: Aws, table: str) -> dict[str, Any]:
    return {item["resource-id"]["S"]: item for item in aws.dynamodb.scan(TableName=table)["Items"]}


def test_records_that_no_index_lists_are_listed_afterwards(aws: Aws, table: str) -> None:
    put(aws, table, ORIGINAL, without_index_attributes(FAILED), CURRENT)
    assert list(find_records(aws.dynamodb, table, RecordQuery())) == []
    (page,) = reindex(aws.dynamodb, table)
    assert (page.added, page.unchanged, page.timeless, page.last) == (2, 0, 0, None)
    found = find_records(aws.dynamodb, table, RecordQuery())
    assert [record.original_object_key for record in found] == ["b.jpg", "cake.jpg"]
    assert list(find_records(aws.dynamodb, table, RecordQuery(status=Status.FAILED))) == [FAILED]
    stored = items(aws, table)
    assert stored["current#1"] == CURRENT
    assert {name: stored[ORIGINAL["resource-id"]["S"]][name] for name in ORIGINAL} == ORIGINAL


def test_it_can_be_repeated(aws: Aws, table: str) -> None:
    put(aws, table, ORIGINAL, to_item(FAILED))
    list(reindex(aws.dynamodb, table))
    before = items(aws, table)
    (page,) = reindex(aws.dynamodb, table)
    assert (page.added, page.unchanged) == (0, 2)
    assert items(aws, table) == before


def test_it_continues_after_an_id(aws: Aws, table: str) -> None:
    put(aws, table, *({**ORIGINAL, "resource-id": {"S": str(n)}} for n in range(9)))
    (whole,) = records.scan_pages(aws.dynamodb, table)
    (page,) = reindex(aws.dynamodb, table, after=whole.items[5]["resource-id"]["S"])
    assert page.added == 3


def test_a_record_without_a_time_is_left_as_it_is_and_counted(aws: Aws, table: str) -> None:
    item = {"resource-id": {"S": "1"}}
    put(aws, table, item)
    (page,) = reindex(aws.dynamodb, table)
    assert (page.added, page.timeless) == (0, 1)
    assert items(aws, table)["1"] == item


def test_a_record_that_changes_meanwhile_keeps_its_new_status(
    aws: Aws, table: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(aws, table, without_index_attributes(FAILED))
    stale = records.scan_pages(aws.dynamodb, table)

    def pages(*_: Any, **__: Any) -> Any:
        (page,) = stale
        again = Record(
            resource_id=FAILED.resource_id,
            status=Status.SUPERSEDED,
            processing_time=FAILED.processing_time,
        )
        put(aws, table, without_index_attributes(again))
        yield page

    monkeypatch.setattr(records, "scan_pages", pages)
    list(reindex(aws.dynamodb, table))
    item = items(aws, table)[FAILED.resource_id]
    assert item["Status"] == {"S": "SUPERSEDED"}
    assert item[STATUS_SHARD]["S"].startswith("SUPERSEDED#")
