from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from imgctl.core.formats import ImageFormat
from imgctl.core.geometry import ImageInfo, Size
from imgctl.core.record import (
    SHARD,
    SHARDS,
    STATUS_SHARD,
    Item,
    Record,
    Status,
    from_item,
    index_attributes,
    picture_fields,
    timestamp,
    to_item,
    to_plain,
)
from imgctl.core.recorded_renditions import RecordedOutput, RecordedRendition
from imgctl.core.result import ResizeResult

# An item as written by the original function: decimal numbers, a UUID, times without a zone.
ORIGINAL_ITEM = {
    "resource-id": {"S": "0d2c1f0e-8c2b-4e0b-9a53-0d1f3a5b7c9e"},
    "EventTime": {"S": "2025-05-02T14:03:21.123Z"},
    "EventType": {"S": "ObjectCreated:Put"},
    "OriginalBucket": {"S": "src-bucket-image-in"},
    "OriginalObjectKey": {"S": "cake.jpg"},
    "OriginalSize": {"N": "2483921"},
    "OriginalWidth": {"N": "4000"},
    "OriginalHeight": {"N": "3000"},
    "OriginalFormat": {"S": "JPEG"},
    "OriginalMode": {"S": "RGB"},
    "OriginalFileSize": {"N": "2483921"},
    "ResizedBucket": {"S": "dest-bucket-image-out"},
    "ResizedObjectKey": {"S": "resized-cake.jpg"},
    "ResizedWidth": {"N": "2000"},
    "ResizedHeight": {"N": "1500"},
    "ResizedFormat": {"S": "JPEG"},
    "ResizedMode": {"S": "RGB"},
    "ResizedFileSize": {"N": "401233"},
    "ProcessingTime": {"S": "2025-05-02T14:03:24.552311"},
    "ReductionPercentage": {"N": "83"},
    "DimensionReduction": {"S": "4000x3000 → 2000x1500"},
    "EventSource": {"S": "aws:s3"},
    "AWSRegion": {"S": "eu-west-2"},
    "EventVersion": {"S": "2.1"},
}

JPEG = ImageFormat.JPEG
RECORD = Record(
    resource_id="00ff",
    event_time="2026-11-23T15:25:08.123Z",
    original_object_key="a b/é.jpg",
    processing_time="2026-11-23T15:25:09.000Z",
    version_id="v1",
    **picture_fields(
        ResizeResult(
            b"",
            ImageInfo(Size(4000, 3000), JPEG, "RGB", 1, 1000),
            ImageInfo(Size(2000, 1500), JPEG, "RGB", 1, 334),
        )
    ),
)


def test_a_record_is_read_back_from_its_item() -> None:
    assert from_item(to_item(RECORD)) == RECORD


RENDITIONS = (
    RecordedRendition(
        name="half",
        key="é/resized-a",
        width=2,
        height=1,
        format="JPEG",
        file_bytes=9,
        settings="0a",
    ),
    RecordedRendition(
        name="web",
        key="web/a.webp",
        width=1,
        height=1,
        format="WEBP",
        file_bytes=8,
        settings="0b",
        quality=82,
        notes="XMP dropped",
    ),
)


def test_renditions_are_read_back_from_their_item() -> None:
    record = replace(RECORD, renditions=RENDITIONS)
    assert from_item(to_item(record)) == record
    assert to_item(record)["Renditions"]["L"][0]["M"]["bytes"] == {"N": "9"}
    assert to_plain(record)["Renditions"][0] == {
        "name": "half",
        "key": "é/resized-a",
        "width": 2,
        "height": 1,
        "format": "JPEG",
        "bytes": 9,
        "settings": "0a",
    }


@pytest.mark.parametrize(
    "stored",
    [
        {"S": "web"},
        {"L": None},
        {"L": ["web", None, {"S": "web"}, {"M": {}}, {"M": {"name": {"S": "web"}}}]},
        {"L": [{"M": {"name": {"S": "w"}, "key": {"S": "k"}, "width": {"N": "NaN"}}}]},
        {"L": [{"M": {"name": {"S": "w"}, "key": {"S": "k"}, "width": {"S": "wide"}}}]},
    ],
)
def test_malformed_renditions_are_left_out(stored: Any) -> None:
    assert not from_item({"resource-id": {"S": "x"}, "Renditions": stored}).renditions


def test_the_outputs_of_a_record_are_its_renditions_or_its_one_result() -> None:
    (half, web) = replace(RECORD, resized_object_key="r", renditions=RENDITIONS).outputs
    assert (half.name, half.key, half.notes) == ("half", "é/resized-a", None)
    assert web == RecordedOutput(
        name="web", key="web/a.webp", width=1, height=1, format="WEBP", file_bytes=8,
        notes="XMP dropped",
    )  # fmt: skip
    (one,) = replace(RECORD, resized_object_key="r", notes="GPS removed").outputs
    assert one == RecordedOutput(
        name="", key="r", width=2000, height=1500, format="JPEG", file_bytes=334,
        notes="GPS removed",
    )  # fmt: skip


def test_a_record_without_a_result_has_no_outputs() -> None:
    assert Record(resource_id="1", status=Status.FAILED).outputs == ()
    assert replace(RECORD, renditions=()).outputs == ()


def test_the_original_functions_record_has_one_output() -> None:
    (one,) = from_item(ORIGINAL_ITEM).outputs
    assert (one.key, one.width, one.file_bytes) == ("resized-cake.jpg", 2000, 401233)


def test_a_failed_record_is_read_back_too() -> None:
    failed = Record(resource_id="1", status=Status.FAILED, failure_code="too_large")
    assert from_item(to_item(failed)) == failed


def test_all_attributes_of_the_original_function_are_read() -> None:
    record = from_item(ORIGINAL_ITEM)
    assert record.status is Status.SUCCEEDED
    written_again = to_item(record)
    assert {name: written_again[name] for name in ORIGINAL_ITEM} == ORIGINAL_ITEM


def test_a_missing_or_malformed_attribute_is_none() -> None:
    item: Item = {
        "resource-id": {"S": "x"},
        "OriginalWidth": {"S": "wide"},
        "OriginalMode": {"NULL": True},
    }
    record = from_item(item)
    assert record.original_width is None
    assert record.original_mode is None


def test_attributes_have_the_types_of_the_original_function() -> None:
    item = to_item(RECORD)
    shared = set(item) & set(ORIGINAL_ITEM)
    assert len(shared) == 16
    assert {name: set(item[name]) for name in shared} == {
        name: set(ORIGINAL_ITEM[name]) for name in shared
    }
    assert item["DimensionReduction"] == {"S": "4000x3000 → 2000x1500"}
    assert item["ReductionPercentage"] == {"N": "66"}


def test_the_plain_form_has_attribute_names_and_no_empty_ones() -> None:
    plain = to_plain(RECORD)
    assert plain["resource-id"] == "00ff"
    assert plain["Status"] == "SUCCEEDED"
    assert plain["OriginalWidth"] == 4000
    assert "FailureCode" not in plain


def test_times_are_utc_and_sort_as_text() -> None:
    india = timezone(timedelta(hours=5, minutes=30))
    assert timestamp(datetime(2026, 1, 1, 3, 0, tzinfo=india)) == "2025-12-31T21:30:00.000Z"
    assert timestamp(datetime(2026, 1, 1, tzinfo=UTC)) > timestamp(
        datetime(2025, 12, 31, 23, 59, 59, 999000, tzinfo=UTC)
    )


def test_records_are_spread_over_the_shards() -> None:
    items = [index_attributes(Status.SUCCEEDED, f"{number:032x}") for number in range(200)]
    assert {item[SHARD]["S"] for item in items} == {str(shard) for shard in range(SHARDS)}


@pytest.mark.parametrize("status", Status)
def test_the_index_by_status_lists_what_did_not_succeed(status: Status) -> None:
    item = to_item(Record(resource_id="00ff", status=status, processing_time="2026-11-23"))
    listed = status in (Status.FAILED, Status.SUPERSEDED)
    expected = {"S": f"{status.value}#{item[SHARD]['S']}"} if listed else None
    assert item.get(STATUS_SHARD) == expected


def test_a_status_of_a_later_version_is_read_as_unknown() -> None:
    item: Item = {"resource-id": {"S": "x"}, "Status": {"S": "PAINTED"}}
    assert from_item(item).status is Status.UNKNOWN
