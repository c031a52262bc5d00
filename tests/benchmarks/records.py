"""What reading records costs at 1,000, 100,000 and 1,000,000 of them, on DynamoDB Local.

`DYNAMODB_LOCAL=FOLDER python -m tests.benchmarks.records` prints a table (see
tests/dynamodb_local.py). Requests and capacity units are exact and do not depend on the machine;
times compare within one run only. Filling the largest table takes tens of minutes.
"""

import argparse
import random
import statistics
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any

from imgctl.aws import records
from imgctl.core.record import Record, Status, timestamp, to_item
from imgctl.operations.follow import follow
from imgctl.operations.history import RecordQuery, find_records
from tests.dynamodb_local import AVAILABLE, dynamodb_local
from tests.moto_aws import create_table

SIZES = (1_000, 100_000, 1_000_000)
TABLE = "records"
_ROUNDS = 9
_NEWEST = datetime(2026, 11, 23, tzinfo=UTC)


def made_records(start: int, end: int) -> Iterator[Record]:
    """Yield records of the function's size, one a minute; 1 percent failed, 20 of one key."""
    for number in range(start, end):
        chosen = random.Random(number)
        failed = number % 100 == 0
        size = chosen.randrange(10**5, 10**7)
        key = "one.jpg" if number < 20 else f"holiday/{number:07}.jpg"
        yield Record(
            resource_id=f"{chosen.getrandbits(128):032x}",
            status=Status.FAILED if failed else Status.SUCCEEDED,
            processing_time=timestamp(_NEWEST - timedelta(minutes=number)),
            event_time=timestamp(_NEWEST - timedelta(minutes=number)),
            event_type="ObjectCreated:Put",
            original_bucket="src-bucket-image-in-123456789012-eu-west-2",
            original_object_key=key,
            original_file_size=size,
            original_format="JPEG",
            resized_object_key=f"resized-{key}",
            resized_file_size=size // 4,
            resize_ms=chosen.randrange(50, 900),
            source_sha256=f"{chosen.getrandbits(256):064x}",
        )


def fill(dynamodb: Any, start: int, end: int) -> None:
    """Write records in batches of 25, several at a time."""
    made = made_records(start, end)

    def write(batch: list[Record]) -> None:
        requests: Any = [{"PutRequest": {"Item": to_item(record)}} for record in batch]
        while requests:
            answer = dynamodb.batch_write_item(RequestItems={TABLE: requests})
            requests = answer["UnprocessedItems"].get(TABLE, [])

    with ThreadPoolExecutor(4) as pool:
        while chunk := [b for _ in range(200) if (b := list(islice(made, 25)))]:
            list(pool.map(write, chunk))


class Meter:
    """Counts the requests of a client and the capacity units that each consumed."""

    def __init__(self, dynamodb: Any) -> None:
        self.requests: Counter[str] = Counter()
        self.units = 0.0
        for operation in ("Query", "BatchGetItem", "GetItem", "Scan"):
            dynamodb.meta.events.register(f"provide-client-params.dynamodb.{operation}", self._ask)
            dynamodb.meta.events.register(f"after-call.dynamodb.{operation}", self._count)

    def _ask(self, params: dict[str, Any], **_: Any) -> dict[str, Any]:
        return {**params, "ReturnConsumedCapacity": "TOTAL"}

    def _count(self, parsed: dict[str, Any], model: Any, **_: Any) -> None:
        self.requests[model.name] += 1
        consumed = parsed.get("ConsumedCapacity", [])
        for one in consumed if isinstance(consumed, list) else [consumed]:
            self.units += one["CapacityUnits"]

    def of(self, work: Callable[[], int]) -> tuple[int, str, float]:
        """Run the work; return how many records it found, its requests, and its units."""
        self.requests.clear()
        self.units = 0.0
        found = work()
        requests = " + ".join(f"{count} {name}" for name, count in sorted(self.requests.items()))
        return found, requests, self.units


def readings(dynamodb: Any) -> dict[str, Callable[[], int]]:
    """Return each reading by its name; it returns the number of records."""

    def page(query: RecordQuery, limit: int = 20) -> Callable[[], int]:
        return lambda: len(list(islice(find_records(dynamodb, TABLE, query, limit=limit), limit)))

    polls = follow(dynamodb, TABLE, RecordQuery(), lambda _: None)
    next(polls)
    old = timestamp(_NEWEST - timedelta(minutes=900))
    return {
        "history": page(RecordQuery()),
        "history --until (900 records ago)": page(RecordQuery(until=old)),
        "history --status failed": page(RecordQuery(status=Status.FAILED), 10),
        "history --key": page(RecordQuery(key="one.jpg")),
        "show KEY": lambda: len(list(islice(records.of_key(dynamodb, TABLE, "one.jpg"), 1))),
        "one poll of history --follow": lambda: len(next(polls)),
    }


def measure(sizes: tuple[int, ...]) -> None:
    """Print the table."""
    print("| Records | Reading | Found | Requests | Capacity units | Median, ms |")
    print("|---|---|---|---|---|---|")
    with dynamodb_local() as dynamodb:
        create_table(dynamodb, TABLE)
        filled = 0
        for size in sizes:
            fill(dynamodb, filled, size)
            filled = size
            meter = Meter(dynamodb)
            for name, work in readings(dynamodb).items():
                found, requests, units = meter.of(work)
                times = []
                for _ in range(_ROUNDS):
                    started = time.perf_counter()
                    work()
                    times.append((time.perf_counter() - started) * 1000)
                median = statistics.median(times)
                row = (f"{size:,}", f"`{name}`", found, requests, units, f"{median:.1f}")
                print(f"| {' | '.join(map(str, row))} |", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES)
    if not AVAILABLE:
        parser.error("DYNAMODB_LOCAL names no folder with DynamoDB Local, or there is no Java.")
    measure(tuple(parser.parse_args().sizes))
