"""Statistics about records: one pass, in memory that does not grow with their number."""

import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from imgctl.core.record import Record, Status


class Grouping(StrEnum):
    """What the records are grouped by."""

    DAY = "day"
    FORMAT = "format"
    STATUS = "status"


PERCENTILES = (50, 90, 99)
_PRECISION = 1.02


class Durations:
    """A distribution of durations in ms, of which each percentile is exact to 2 percent.

    They are counted in buckets whose bounds grow by 2 percent, as in an HDR histogram: 700 buckets
    reach from 1 ms to the 15 minutes that a function may run.
    """

    def __init__(self) -> None:
        self._counts: Counter[int] = Counter()
        self._sum_ms = 0

    def add(self, duration_ms: int) -> None:
        """Count a duration."""
        self._sum_ms += duration_ms
        self._counts[math.ceil(math.log(max(duration_ms, 1), _PRECISION))] += 1

    @property
    def mean_ms(self) -> float | None:
        """The mean; None without any."""
        return self._sum_ms / self._counts.total() if self._counts else None

    def percentile(self, percent: int) -> int | None:
        """Return the duration that `percent` of 100 do not exceed, in ms; None without any."""
        rank = math.ceil(self._counts.total() * percent / 100)
        for bucket in sorted(self._counts):
            rank -= self._counts[bucket]
            if rank <= 0:
                return round(_PRECISION**bucket)
        return None


@dataclass(slots=True)
class Group:
    """What is counted of a group of records. Sizes are in bytes, of those that SUCCEEDED.

    `output_bytes` are those of all renditions, where the stack has any.
    """

    statuses: Counter[Status] = field(default_factory=Counter)
    failures: Counter[str] = field(default_factory=Counter)
    original_bytes: int = 0
    output_bytes: int = 0
    durations: Durations = field(default_factory=Durations)

    @property
    def total(self) -> int:
        """The number of records."""
        return self.statuses.total()

    @property
    def saved_bytes(self) -> int:
        """How much smaller the outputs are than the originals; negative if they are larger."""
        return self.original_bytes - self.output_bytes

    def add(self, record: Record) -> None:
        """Count a record."""
        self.statuses[record.status] += 1
        if record.status is Status.FAILED:
            self.failures[record.failure_code or "unknown"] += 1
        if record.status is not Status.SUCCEEDED:
            return
        self.original_bytes += record.original_file_size or 0
        self.output_bytes += sum(output.file_bytes or 0 for output in record.outputs)
        steps = (record.fetch_ms, record.resize_ms, record.store_ms)
        if record.resize_ms is not None:
            self.durations.add(sum(step or 0 for step in steps))


@dataclass(frozen=True, slots=True)
class Statistics:
    """All records together, by format, and by day or status if that was asked for."""

    all: Group
    groups: Mapping[str, Group]


def collect(
    records: Iterable[Record], by: Grouping, day_of: Callable[[str | None], str]
) -> Statistics:
    """Count records. `day_of` returns the day of a record's time, in the user's time zone.

    Groups of days are in the order of time, the others begin with the largest. There are as many
    as the records have days, formats or statuses.
    """
    everything = Group()
    groups: dict[str, Group] = {}
    for record in records:
        everything.add(record)
        groups.setdefault(_group_of(record, by, day_of), Group()).add(record)
    if by is Grouping.DAY:
        ordered = sorted(groups.items())
    else:
        ordered = sorted(groups.items(), key=lambda item: (-item[1].total, item[0]))
    return Statistics(everything, dict(ordered))


def _group_of(record: Record, by: Grouping, day_of: Callable[[str | None], str]) -> str:
    if by is Grouping.DAY:
        return day_of(record.processing_time) or "unknown"
    if by is Grouping.STATUS:
        return record.status.value
    return record.original_format or "unknown"
