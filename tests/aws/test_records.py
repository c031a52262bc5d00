import pytest
from botocore.stub import Stubber

from imgctl.aws import records
from imgctl.aws.record_index import BY_TIME, Position
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
def test_a_listing_has_whole_records_and_leaves_out_those_that_are_gone(aws: Aws) -> None:
    stored = [record(n, f"2026-11-{n + 1:02}T10:00:00.000Z") for n in range(20)]
    store(aws, *stored)
    listed = records.listed(aws.dynamodb, TABLE, BY_TIME, first_page=5)
    assert next(listed) == stored[19]
    # Deleted after the index was read, and before the record is.
    aws.dynamodb.delete_item(TableName=TABLE, Key={"resource-id": {"S": f"{3:032x}"}})
    assert list(listed) == [*stored[4:19][::-1], *stored[:3][::-1]]


@pytest.mark.usefixtures("table")
def test_a_listing_continues_after_a_position(aws: Aws) -> None:
    stored = [record(n, f"2026-11-{n + 1:02}T10:00:00.000Z") for n in range(9)]
    store(aws, *stored)
    after = Position.of(stored[4])
    listed = records.listed(aws.dynamodb, TABLE, BY_TIME, after=after)
    assert list(listed) == stored[:4][::-1]
    day = records.listed(aws.dynamodb, TABLE, BY_TIME, until="2026-11-03", after=after)
    assert list(day) == stored[:3][::-1]


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
    assert list(records.listed(aws.dynamodb, TABLE, BY_TIME)) == []


@pytest.mark.usefixtures("table")
def test_a_scan_continues_after_an_id_until_every_item_was_read(aws: Aws) -> None:
    store(aws, *(record(number, "2026-11-01T10:00:00.000Z") for number in range(9)))
    (whole,) = records.scan_pages(aws.dynamodb, TABLE)
    assert whole.last is None
    middle = whole.items[3]["resource-id"]["S"]
    (rest,) = records.scan_pages(aws.dynamodb, TABLE, after=middle)
    assert rest.items == whole.items[4:]


@pytest.mark.usefixtures("table")
def test_no_listing_includes_current_records(aws: Aws) -> None:
    stored = record(1, "2026-11-01T10:00:00.000Z")
    store(aws, stored)
    aws.dynamodb.put_item(
        TableName=TABLE, Item=current_record.to_item(current_record.current_of(stored))
    )
    assert list(records.scan(aws.dynamodb, TABLE)) == [stored]
    assert list(records.of_key(aws.dynamodb, TABLE, "cake.jpg")) == [stored]
    assert list(records.listed(aws.dynamodb, TABLE, BY_TIME)) == [stored]


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
