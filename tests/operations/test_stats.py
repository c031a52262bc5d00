"""Statistics over records of known sizes and durations."""

import random
from typing import Any

import pytest

from imgctl.core.record import Record, Status
from imgctl.core.recorded_renditions import RecordedRendition
from imgctl.operations.stats import Durations, Grouping, Statistics, collect


def done(day: int, image_format: str, before: int, after: int, ms: int) -> Record:
    return Record(
        resource_id=f"{day}{image_format}{before}",
        processing_time=f"2026-11-{day:02}T10:00:00.000Z",
        original_format=image_format,
        original_file_size=before,
        resized_object_key="resized",
        resized_file_size=after,
        fetch_ms=1,
        resize_ms=ms,
        store_ms=2,
    )


def failed(day: int, code: str) -> Record:
    return Record(
        resource_id=code,
        status=Status.FAILED,
        processing_time=f"2026-11-{day:02}T10:00:00.000Z",
        failure_code=code,
        original_file_size=10**9,
    )


RECORDS = [
    done(21, "JPEG", 1000, 400, 100),
    done(22, "JPEG", 3000, 600, 300),
    done(22, "PNG", 500, 700, 50),
    failed(22, "damaged"),
    failed(23, "damaged"),
    failed(23, "gone"),
]


def statistics(by: Grouping, records: Any = RECORDS) -> Statistics:
    return collect(records, by, lambda time: (time or "")[:10])


def test_totals_count_statuses_failures_and_the_bytes_of_what_succeeded() -> None:
    everything = statistics(Grouping.FORMAT).all
    assert everything.total == 6
    assert everything.statuses == {Status.SUCCEEDED: 3, Status.FAILED: 3}
    assert everything.failures == {"damaged": 2, "gone": 1}
    assert (everything.original_bytes, everything.output_bytes) == (4500, 1700)
    assert everything.saved_bytes == 2800


@pytest.mark.parametrize(
    ("by", "expected"),
    [
        (Grouping.FORMAT, {"unknown": 3, "JPEG": 2, "PNG": 1}),
        (Grouping.DAY, {"2026-11-21": 1, "2026-11-22": 3, "2026-11-23": 2}),
        (Grouping.STATUS, {"FAILED": 3, "SUCCEEDED": 3}),
    ],
)
def test_days_are_in_order_and_other_groups_begin_with_the_largest(
    by: Grouping, expected: dict[str, int]
) -> None:
    groups = statistics(by).groups
    assert {name: group.total for name, group in groups.items()} == expected
    assert list(groups) == list(expected)


def test_a_group_whose_results_are_larger_saved_less_than_nothing() -> None:
    assert statistics(Grouping.FORMAT).groups["PNG"].saved_bytes == -200


def test_the_bytes_of_all_renditions_count() -> None:
    renditions = tuple(
        RecordedRendition(
            name=name, key=name, width=1, height=1, format="WEBP", file_bytes=size, settings="s"
        )
        for name, size in (("web", 40), ("thumb", 2))
    )
    record = Record(resource_id="1", original_file_size=100, renditions=renditions)
    assert statistics(Grouping.FORMAT, [record]).all.output_bytes == 42


def test_no_records_are_no_error() -> None:
    empty = statistics(Grouping.DAY, [])
    assert (empty.all.total, empty.groups) == (0, {})
    assert empty.all.durations.percentile(50) is None


@pytest.mark.parametrize("percent", [1, 50, 90, 99, 100])
def test_a_percentile_is_exact_to_two_percent_in_bounded_memory(percent: int) -> None:
    exact = [round(random.Random(n).lognormvariate(6, 1.5)) + 1 for n in range(2000)]
    durations = Durations()
    for duration in [*exact, 0, 900_000]:
        durations.add(duration)
    ordered = sorted([*exact, 1, 900_000])
    true = ordered[-(-len(ordered) * percent // 100) - 1]
    assert durations.percentile(percent) == pytest.approx(true, rel=0.02, abs=1)
    assert len(durations._counts) < 700
