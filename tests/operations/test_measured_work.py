"""How much a stack does in a month, by its newest records."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from imgctl.aws.session import Aws
from imgctl.core.record import Record, Status, timestamp, to_item
from imgctl.operations import measured_work
from imgctl.operations.measured_work import MeasuredWork, measure_work

NOW = datetime(2026, 11, 23, 15, tzinfo=UTC)


def put(aws: Aws, table: str, number: int, age: timedelta, **fields: Any) -> None:
    record = Record(
        resource_id=f"{number:032x}",
        processing_time=timestamp(NOW - age),
        original_file_size=1000 * number,
        resized_file_size=100 * number,
        resized_bucket="results",
        resized_object_key=f"{number}.jpg",
        fetch_ms=10,
        resize_ms=20,
        store_ms=number,
    )
    item: Any = to_item(record if not fields else Record(resource_id=record.resource_id, **fields))
    aws.dynamodb.put_item(TableName=table, Item=item)


def test_sizes_and_durations_are_averages_of_the_last_month(aws: Aws, table: str) -> None:
    put(aws, table, 2, timedelta(days=1))
    put(aws, table, 4, timedelta(days=29))
    put(aws, table, 90, timedelta(days=31))
    recently = timestamp(NOW - timedelta(hours=1))
    put(aws, table, 5, timedelta(), status=Status.FAILED, processing_time=recently)
    assert measure_work(aws.dynamodb, table, NOW) == MeasuredWork(
        records=3, images=3, original_bytes=3000, output_bytes=300, duration_ms=33
    )


def test_of_many_records_the_newest_tell_the_rate(
    aws: Aws, table: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(measured_work, "SAMPLE", 2)
    for number in range(1, 5):
        put(aws, table, number, timedelta(days=number))
    work = measure_work(aws.dynamodb, table, NOW)
    assert work is not None
    assert (work.records, work.images) == (2, 30)  # two in two days


def test_without_an_image_there_is_nothing_to_measure(aws: Aws, table: str) -> None:
    assert measure_work(aws.dynamodb, table, NOW) is None
