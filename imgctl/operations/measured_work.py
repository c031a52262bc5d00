"""How much work a stack does in a month, measured by its newest records."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import TYPE_CHECKING

from imgctl.core.record import Record, Status, timestamp
from imgctl.operations.history import RecordQuery, find_records
from imgctl.operations.stats import Group

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

MONTH = timedelta(days=30)
SAMPLE = 1000
"""The most records that are read: of more, the rate is that of the newest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasuredWork:
    """What `records` of the last month say of a month. Sizes and durations are averages.

    `images` is an estimate if there are more records than were read. `duration_ms` is from the
    download to the last output, without what Lambda itself takes.
    """

    records: int
    images: int
    original_bytes: float
    output_bytes: float
    duration_ms: float


def measure_work(dynamodb: "DynamoDBClient", table: str, now: datetime) -> MeasuredWork | None:
    """Measure the work of the last month; None if no image was processed in it."""
    query = RecordQuery(since=timestamp(now - MONTH))
    found = find_records(dynamodb, table, query)
    sample = list(islice(found, SAMPLE))
    group = Group()
    for record in sample:
        group.add(record)
    succeeded, mean_ms = group.statuses[Status.SUCCEEDED], group.durations.mean_ms
    if not succeeded or mean_ms is None:
        return None
    is_whole = next(found, None) is None
    return MeasuredWork(
        records=len(sample),
        images=len(sample) if is_whole else _extrapolated(sample, now),
        original_bytes=group.original_bytes / succeeded,
        output_bytes=group.output_bytes / succeeded,
        duration_ms=mean_ms,
    )


def _extrapolated(sample: list[Record], now: datetime) -> int:
    oldest = datetime.fromisoformat(sample[-1].processing_time or timestamp(now))
    aware = oldest if oldest.tzinfo else oldest.replace(tzinfo=UTC)
    return round(len(sample) * (MONTH / max(now - aware, timedelta(seconds=1))))
