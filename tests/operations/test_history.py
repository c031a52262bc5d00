from datetime import UTC, datetime
from typing import Any

import pytest

from imgctl.aws.session import Aws
from imgctl.core.record import Record, Status, to_item
from imgctl.operations.history import RecordQuery, find_records

NOW = datetime(2026, 11, 30, tzinfo=UTC)


@pytest.fixture
def stored(aws: Aws, table: str) -> str:
    for day, key, status in (
        (21, "a.png", Status.SUCCEEDED),
        (22, "b.png", Status.FAILED),
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
        (RecordQuery(scan=True, key="b.png"), ["22"]),
        (RecordQuery(scan=True, until="2026-11-21"), ["21"]),
    ],
)
def test_records_are_found_by_time_key_and_status_newest_first(
    aws: Aws, stored: str, query: RecordQuery, days: list[str]
) -> None:
    found = find_records(aws.dynamodb, stored, query, now=NOW)
    assert [record.resource_id for record in found] == days
