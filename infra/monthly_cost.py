"""What a month of work costs, item by item: the prices of AWS, times what one upload takes."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from decimal import Decimal
from math import ceil

from infra import prices
from infra.prices import KMS_KEY_PRICE, RESOURCE_PRICES, UPLOADS_ALARM_PRICE, UnitPrice
from infra.rollout import parse_rollout
from infra.settings import StackSettings
from infra.template import stack_template

MONTH_S = 30 * 24 * 3600
_GB = 10**9

ASSUMED_MB = Decimal(4)
"""The size of an original where none is known: a photograph of 12 megapixels."""
OUTPUT_SHARE = Decimal("0.25")
"""Of an output in the bytes of the original, where none is known: half the width and height."""
FIXED_MS, MS_PER_MB = 150, 60
"""The duration of an invocation where none is known: to begin with, and for each MB."""
UNMEASURED_MS = 50
"""What an invocation takes besides the steps that a record has: above all to store the record."""

RESTORED_SHARE = Decimal("0.01")
"""Of the invocations, those for which a new environment is restored from a snapshot."""

GETS_PER_UPLOAD = READ_UNITS_PER_UPLOAD = 1
LOG_BYTES_PER_UPLOAD = 2200
"""The function's line and Lambda's three, with the 26 bytes that are added to each."""
LOG_BYTES_PER_RENDITION = 350
RECORD_BYTES, RENDITION_BYTES = 1400, 300  # of an item, as DynamoDB counts
CURRENT_BYTES = 700
INDEX_WRITES = 2  # by-time and by-key; by-status lists only failures
INDEX_BYTES = 350  # of an entry in both, with the 100 bytes that are added to each
_KB = 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """A month of uploads. Sizes are averages in bytes; `output_bytes` are of all outputs of one.

    `by_api` says whether they come through the REST API.
    """

    images: int
    original_bytes: Decimal
    output_bytes: Decimal
    duration_ms: Decimal
    by_api: bool = False


@dataclass(frozen=True, slots=True)
class CostItem:
    """What something costs in a month, how much of it there is, and in which unit, if any."""

    service: str
    name: str
    quantity: Decimal
    unit: str
    usd: Decimal


@dataclass(frozen=True, slots=True)
class MonthlyCost:
    """The items, in US dollars."""

    items: tuple[CostItem, ...]

    @property
    def usd(self) -> Decimal:
        """The sum."""
        return sum((item.usd for item in self.items), Decimal(0))


def assumed_workload(
    images: int, outputs: int, megabytes: Decimal | None = None, *, by_api: bool = False
) -> Workload:
    """Return a month of uploads of which only the number is known, and perhaps the size in MB."""
    size_mb = ASSUMED_MB if megabytes is None else megabytes
    size = size_mb * 10**6
    return Workload(
        images=images,
        original_bytes=size,
        output_bytes=size * OUTPUT_SHARE * outputs,
        duration_ms=FIXED_MS + MS_PER_MB * size_mb,
        by_api=by_api,
    )


def scaled_workload(average: Workload, megabytes: Decimal | None) -> Workload:
    """Return a workload with originals of another size in MB; None changes nothing.

    Results and durations are in proportion.
    """
    if megabytes is None or not average.original_bytes:
        return average
    size = megabytes * 10**6
    factor = size / average.original_bytes
    return replace(
        average,
        original_bytes=size,
        output_bytes=average.output_bytes * factor,
        duration_ms=average.duration_ms * factor,
    )


def monthly_cost(work: Workload, settings: StackSettings) -> MonthlyCost:
    """Estimate a month with these uploads, each of which succeeds at the first attempt.

    Storage is that of one month's images for one month. Left out are free tiers, data transfer to
    the internet, earlier versions of objects, access logs, requests to KMS, and what reads results.
    """
    outputs = len(settings.rendition_set.renditions)
    is_named = settings.renditions is not None
    items = [
        *_function(work, settings),
        *_storage(work, outputs),
        *_records(work, outputs if is_named else 0),
        *_monitoring(work, settings, outputs if is_named else 0),
    ]
    if work.by_api:
        items.append(_item("API Gateway", "requests", work.images, prices.API_REQUEST))
    if settings.kms_key is not None:
        items.append(CostItem("KMS", "customer managed key", Decimal(1), "", KMS_KEY_PRICE.usd))
    return MonthlyCost(tuple(items))


def snapshot_gb_seconds(settings: StackSettings) -> Decimal:
    """Return what is charged for one version's snapshot in a month: all memory that it may use."""
    return Decimal(settings.memory_mb) / 1024 * MONTH_S


def _function(work: Workload, settings: StackSettings) -> Iterator[CostItem]:
    yield _item("Lambda", "requests", work.images, prices.LAMBDA_REQUEST)
    gb_seconds = work.images * work.duration_ms / 1000 * settings.memory_mb / 1024
    price = prices.LAMBDA_GB_SECOND[settings.architecture]
    yield _item("Lambda", "duration", gb_seconds, price, "GB-s")
    if settings.snap_start:
        cached, price = snapshot_gb_seconds(settings), prices.LAMBDA_SNAPSHOT_GB_SECOND
        yield _item("Lambda", "snapshot of one version", cached, price, "GB-s")
        restored = work.images * RESTORED_SHARE * settings.memory_mb / 1024
        name = "restores, of 1 in 100 invocations"
        yield _item("Lambda", name, restored, prices.LAMBDA_RESTORED_GB, "GB")


def _storage(work: Workload, outputs: int) -> Iterator[CostItem]:
    yield _item("S3", "PUT requests", work.images * (1 + outputs), prices.S3_PUT)
    yield _item("S3", "GET requests", work.images * GETS_PER_UPLOAD, prices.S3_GET)
    for name, size in (("originals", work.original_bytes), ("results", work.output_bytes)):
        gigabytes = work.images * size / _GB
        yield _item("S3", f"storage of {name}, for a month", gigabytes, prices.S3_GB_MONTH, "GB")


def _records(work: Workload, renditions: int) -> Iterator[CostItem]:
    """Return what one transaction of two items costs, and their entries in the indexes.

    A transaction costs twice the units of the same writes without one.
    """
    record = RECORD_BYTES + RENDITION_BYTES * renditions
    units = 2 * (ceil(record / _KB) + ceil(CURRENT_BYTES / _KB)) + INDEX_WRITES
    write, read = prices.DYNAMODB_WRITE_UNIT, prices.DYNAMODB_READ_UNIT
    yield _item("DynamoDB", "write units", work.images * units, write)
    yield _item("DynamoDB", "read units", work.images * READ_UNITS_PER_UPLOAD, read)
    stored = Decimal(work.images) * (record + CURRENT_BYTES + INDEX_BYTES) / _GB
    price = UnitPrice(prices.DYNAMODB_GB_MONTH.usd + prices.DYNAMODB_RECOVERY_GB_MONTH.usd)
    yield _item("DynamoDB", "storage with recovery, for a month", stored, price, "GB")


def _monitoring(work: Workload, settings: StackSettings, renditions: int) -> Iterator[CostItem]:
    lines = LOG_BYTES_PER_UPLOAD + LOG_BYTES_PER_RENDITION * renditions
    logged = Decimal(work.images) * lines / _GB
    price = UnitPrice(prices.LOG_GB.usd + prices.LOG_GB_MONTH.usd)
    yield _item("CloudWatch", "logs, kept for a month", logged, price, "GB")
    types = re.findall(r"^    Type: (\S+)$", stack_template(), re.MULTILINE)
    metrics = types.count("AWS::Logs::MetricFilter") - 1 + renditions
    yield _item("CloudWatch", "metrics", metrics if work.images else 0, prices.METRIC_MONTH)
    for type_, resource in RESOURCE_PRICES.items():
        count = types.count(type_)
        if resource.name == "alarm":
            # The template's alarm of `rollout`, and the one of `watch_uploads`, which costs more.
            count -= 1 + (parse_rollout(settings.rollout) is None)
        name = f"{resource.name}s" if count > 1 else resource.name
        yield CostItem("CloudWatch", name, Decimal(count), "", resource.usd * count)
    if settings.watch_uploads:
        yield CostItem(
            "CloudWatch", UPLOADS_ALARM_PRICE.name, Decimal(1), "", UPLOADS_ALARM_PRICE.usd
        )
    yield _item("X-Ray", "traces", _traces(work.images), prices.TRACE)


def _traces(images: int) -> int:
    """Return how many requests are traced at most: one in each second, and 5% of the others."""
    reservoir = min(images, MONTH_S)
    return reservoir + (images - reservoir) // 20


def _item(
    service: str, name: str, quantity: Decimal | int, price: UnitPrice, unit: str = ""
) -> CostItem:
    return CostItem(service, name, Decimal(quantity), unit, quantity * price.usd / price.per)
