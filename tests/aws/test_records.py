from collections.abc import Iterator
from itertools import islice

import pytest
from botocore.stub import Stubber

from imgctl.aws import records
from imgctl.aws.session import Aws
from imgctl.core import current_record
from imgctl.core.record import Record, to_item
from tests.aws.conftest import TABLE


def record(number: int, time: str, key: str = "cake.jpg") -> Record:
    return Record(resource_id=f"{number:032x}", original_object_key=key, processing_time=time)


def store(aws: Aws, *stored: Record) -> None:
    for item in map(to_item, stored):
        aws.dynamodb.put_item(TableName=TABLE, Item=item)


@pytest.mark.usefixtures("table")
def test_the_newest_come_first_across_shards_and_months(aws: Aws) -> None:
    times = [f"2026-{month:02}-{day:02}T10:00:00.000Z" for month in (9, 11) for day in range(1, 21)]
    expected = [record(number, time) for number, time in enumerate(times)]
    store(aws, *expected)
    listed = records.newest(aws.dynamodb, TABLE, now="2026-11-23T00:00:00.000Z", since="2026-01-01")
    assert list(listed) == expected[::-1]


@pytest.mark.usefixtures("table")
def test_older_months_are_queried_only_when_needed(
    aws: Aws, monkeypatch: pytest.MonkeyPatch
) -> None:
    store(aws, *(record(n, f"2026-11-{n + 1:02}T10:00:00.000Z") for n in range(20)))
    queried: list[str] = []

    def months(latest: str, earliest: str) -> Iterator[str]:
        assert (latest[:7], earliest) == ("2026-11", "2006-03")
        for month in ("2026-11", "2026-10", "2026-09"):
            queried.append(month)
            yield month

    monkeypatch.setattr(records, "months_back", months)
    listed = records.newest(aws.dynamodb, TABLE, now="2026-11-23", since="2006-03")
    assert len(list(islice(listed, 5))) == 5
    assert queried == ["2026-11"]


@pytest.mark.usefixtures("table")
def test_a_time_range_is_inclusive_and_a_date_means_the_whole_day(aws: Aws) -> None:
    times = ["2026-11-21T23:59:59.999Z", "2026-11-22T00:00:00.000Z", "2026-11-22T23:59:59.999Z"]
    times.append("2026-11-23T00:00:00.000Z")
    store(aws, *(record(number, time) for number, time in enumerate(times)))
    listed = records.newest(
        aws.dynamodb, TABLE, now="2026-11-30", since="2026-11-22", until="2026-11-22"
    )
    assert [item.processing_time for item in listed] == [times[2], times[1]]


@pytest.mark.usefixtures("table")
def test_only_the_records_of_a_key_are_listed(aws: Aws) -> None:
    store(
        aws,
        record(1, "2026-10-01T10:00:00.000Z"),
        record(2, "2026-11-01T10:00:00.000Z"),
        record(3, "2026-11-02T10:00:00.000Z", key="other.jpg"),
    )
    listed = records.of_key(aws.dynamodb, TABLE, "cake.jpg")
    assert [item.resource_id[-1] for item in listed] == ["2", "1"]


@pytest.mark.usefixtures("table")
def test_a_scan_includes_records_of_the_original_function(aws: Aws) -> None:
    aws.dynamodb.put_item(
        TableName=TABLE,
        Item={"resource-id": {"S": "uuid"}, "ProcessingTime": {"S": "2025-05-02T14:03:24.552311"}},
    )
    assert [item.resource_id for item in records.scan(aws.dynamodb, TABLE)] == ["uuid"]
    assert list(records.newest(aws.dynamodb, TABLE, now="2025-06", since="2025-01")) == []


@pytest.mark.usefixtures("table")
def test_no_listing_includes_current_records(aws: Aws) -> None:
    stored = record(1, "2026-11-01T10:00:00.000Z")
    store(aws, stored)
    aws.dynamodb.put_item(
        TableName=TABLE, Item=current_record.to_item(current_record.current_of(stored))
    )
    assert list(records.scan(aws.dynamodb, TABLE)) == [stored]
    assert list(records.of_key(aws.dynamodb, TABLE, "cake.jpg")) == [stored]
    assert list(records.newest(aws.dynamodb, TABLE, now="2026-11-30", since="2026-11")) == [stored]


@pytest.mark.usefixtures("table")
def test_many_records_are_read_at_once_without_those_that_do_not_exist(aws: Aws) -> None:
    stored = [record(number, "2026-11-01T10:00:00.000Z") for number in range(100)]
    store(aws, *stored[:60])
    found = records.get_many(aws.dynamodb, TABLE, [one.resource_id for one in stored])
    assert found == {one.resource_id: one for one in stored[:60]}


def test_what_a_read_did_not_process_is_read_again(aws: Aws) -> None:
    keys = [{"resource-id": {"S": str(number)}} for number in range(2)]
    with Stubber(aws.dynamodb) as stub:
        for wanted, rest in ((keys, keys[1:]), (keys[1:], [])):
            stub.add_response(
                "batch_get_item",
                {
                    "Responses": {
                        TABLE: [to_item(Record(resource_id=wanted[0]["resource-id"]["S"]))]
                    },
                    "UnprocessedKeys": {TABLE: {"Keys": rest}} if rest else {},
                },
            )
        assert set(records.get_many(aws.dynamodb, TABLE, ["0", "1"])) == {"0", "1"}
        stub.assert_no_pending_responses()
