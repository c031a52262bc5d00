import pytest

from imgctl.core import current_record
from imgctl.core.current_record import (
    CurrentRecord,
    EventOrder,
    Upload,
    current_id,
    current_of,
    order,
    order_of,
    upload_of,
)
from imgctl.core.keys import resource_id
from imgctl.core.record import Record, Status


@pytest.mark.parametrize(
    ("sequencer", "other", "expected"),
    [
        ("0055AED6DCD90281E6", "0055AED6DCD90281E5", EventOrder.NEWER),
        ("0055AED6DCD90281E5", "0055AED6DCD90281E6", EventOrder.OLDER),
        ("0F", "0E1", EventOrder.NEWER),
        ("0E", "0E1", EventOrder.OLDER),
        ("0E01", "0E", EventOrder.NEWER),
        ("0A", "9", EventOrder.OLDER),  # as text: padded on the right, not on the left
        ("0b", "0A", EventOrder.NEWER),
        ("", "0A", EventOrder.UNKNOWN),
        ("0A", "", EventOrder.UNKNOWN),
    ],
)
def test_sequencers_are_compared_padded_on_the_right(
    sequencer: str, other: str, expected: EventOrder
) -> None:
    assert order("id-1", sequencer, "id-2", other) is expected


def test_the_same_upload_is_the_same_whatever_its_sequencer() -> None:
    assert order("id-1", "0A", "id-1", "") is EventOrder.SAME


def test_the_item_of_a_key_is_read_back_as_written() -> None:
    written = CurrentRecord(
        bucket="b", key="käse.jpg", record_id="0" * 32, status=Status.FAILED, sequencer="0A"
    )
    item = current_record.to_item(written)
    assert current_record.from_item(item) == written
    assert item["resource-id"] == {"S": current_id("b", "käse.jpg")}


def test_a_current_record_is_not_mistaken_for_a_record() -> None:
    item = current_record.to_item(
        current_record.current_of(Record(resource_id="1", original_object_key="k"))
    )
    assert current_record.MARK in item
    assert not {"OriginalObjectKey", "TimeBucket", "ProcessingTime", "Status"} & set(item)


def test_a_status_of_a_later_version_is_unknown_and_not_an_error() -> None:
    item = current_record.to_item(
        CurrentRecord(bucket="b", key="k", record_id="1", status=Status.FAILED)
    )
    item["CurrentStatus"] = {"S": "PAUSED"}
    assert current_record.from_item(item).status is Status.UNKNOWN


def record_of(sequencer: str, *, etag: str = "e", status: Status = Status.SUCCEEDED) -> Record:
    return Record(
        resource_id=resource_id("b", "k", etag=etag, sequencer=sequencer),
        status=status,
        original_bucket="b",
        original_object_key="k",
        etag=etag,
        sequencer=sequencer or None,
    )


@pytest.mark.parametrize(
    ("record", "other", "expected"),
    [
        (record_of(""), record_of("0A"), EventOrder.OLDER),
        (record_of("0A"), record_of(""), EventOrder.NEWER),
        (record_of("0B"), record_of("0A"), EventOrder.NEWER),
        (record_of(""), record_of(""), EventOrder.SAME),
        (record_of(""), record_of("0A", etag="other"), EventOrder.UNKNOWN),
    ],
)
def test_of_the_same_bytes_an_event_without_a_sequencer_is_the_oldest(
    record: Record, other: Record, expected: EventOrder
) -> None:
    assert order_of(record, other.resource_id, other.sequencer or "") is expected


def test_a_failed_upload_keeps_the_last_good_one_which_is_read_back_as_written() -> None:
    good = record_of("0A")
    failed = current_of(record_of("0B", status=Status.FAILED), current_of(good))
    assert failed.last_good == upload_of(good)
    again = current_of(record_of("0C", status=Status.FAILED), failed)
    assert again.last_good == upload_of(good)
    assert current_record.from_item(current_record.to_item(again)) == again


def test_an_item_without_a_good_upload_names_none() -> None:
    failed = CurrentRecord(bucket="b", key="k", record_id="1", status=Status.FAILED)
    assert current_record.from_item(current_record.to_item(failed)).last_good is None


def test_the_current_upload_is_the_last_good_one_if_it_succeeded() -> None:
    succeeded = current_of(record_of("0B"), current_of(record_of("0A")))
    assert isinstance(succeeded.last_good, Upload)
    assert succeeded.last_good.sequencer == "0B"
    assert succeeded.good_before is None
