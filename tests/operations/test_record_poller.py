"""Many uploads are followed with few reads, and none is forgotten."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from threading import Thread

import pytest

from imgctl.core.record import Record
from imgctl.operations.record_poller import Awaited, AwaitedRecords, RecordPoller
from tests.waiting import until


@dataclass
class Table:
    """Records that appear at given seconds of a clock that only `sleep` advances."""

    appears_s: Mapping[str, float]
    now_s: float = 0.0
    reads: list[int] = field(default_factory=list)

    def read(self, ids: Sequence[str]) -> dict[str, Record]:
        assert 0 < len(ids) <= 100
        self.reads.append(len(ids))
        return {i: Record(resource_id=i) for i in ids if self.appears_s.get(i, 1e9) <= self.now_s}


def follow(table: Table, uploads: Mapping[str, float]) -> dict[str, tuple[float, bool]]:
    """Follow uploads with their timeouts; return when each was known, and whether it was found."""
    awaited, known = AwaitedRecords[str](), dict[str, tuple[float, bool]]()
    for name, timeout_s in uploads.items():
        awaited.add(Awaited(name, name, timeout_s))
    while awaited:
        batch = awaited.take(table.now_s)
        found = table.read([one.record_id for one in batch])
        for name, record in awaited.settle(batch, found, table.now_s):
            known[name] = (table.now_s, record is not None)
        table.now_s += awaited.pause_s(table.now_s)
    return known


def test_one_record_is_found_soon_after_it_is_written() -> None:
    table = Table({"a": 0.5})
    (known,) = follow(table, {"a": 60}).values()
    assert known[1]
    assert 0.5 <= known[0] < 1


def test_a_record_that_is_there_takes_one_read() -> None:
    table = Table({"a": 0})
    follow(table, {"a": 60})
    assert table.reads == [1]


def test_a_thousand_records_that_are_there_take_ten_reads() -> None:
    names = [f"{number:04}" for number in range(1000)]
    table = Table(dict.fromkeys(names, 0.0))
    assert len(follow(table, dict.fromkeys(names, 60.0))) == 1000
    assert table.reads == [100] * 10


@pytest.mark.parametrize("per_second", [20, 100, 400, 2000])
def test_a_thousand_records_take_few_reads_however_fast_the_function_is(per_second: int) -> None:
    names = [f"{number:04}" for number in range(1000)]
    table = Table({name: 1 + n / per_second for n, name in enumerate(names)})
    known = follow(table, dict.fromkeys(names, 600.0))
    assert all(found for _, found in known.values())
    assert len(table.reads) <= max(30, 1.2 * 1000 / per_second)
    last = known[names[-1]][0]
    assert last <= 1 + 1000 / per_second + 4


def test_one_that_never_comes_does_not_hold_up_the_others() -> None:
    names = [f"{number:04}" for number in range(1000)]
    stuck = set(names[:150])  # more than a read has
    table = Table({name: 1.0 for name in names if name not in stuck})
    known = follow(table, dict.fromkeys(names, 100.0))
    assert {name for name, (_, found) in known.items() if not found} == stuck
    assert all(time < 15 for name, (time, _) in known.items() if name not in stuck)
    assert {time for name, (time, _) in known.items() if name in stuck} == {100.0}


def test_what_times_out_is_read_once_more_before_that_is_said() -> None:
    names = [f"{number:04}" for number in range(300)]
    table = Table(dict.fromkeys(names, 5.0))
    known = follow(table, dict.fromkeys(names, 5.0))
    assert all(found for _, found in known.values())


def test_no_time_to_wait_means_one_read() -> None:
    table = Table({"there": 0.0})
    assert follow(table, {"there": 0, "missing": 0}) == {"there": (0, True), "missing": (0, False)}
    assert table.reads == [2]


def test_the_poller_follows_what_is_added_while_it_reads_and_stops() -> None:
    table, known = Table({"a": 0.0, "b": 1.0}), list[str]()

    def sleep(seconds: float) -> None:
        table.now_s += seconds

    poller = RecordPoller[str](
        table.read, lambda upload, record: known.append(f"{upload} {record is not None}"),
        clock=lambda: table.now_s, sleep=sleep,
    )  # fmt: skip
    thread = Thread(target=poller.run)
    thread.start()
    poller.follow("first", "a", 10)
    until(lambda: known == ["first True"])
    poller.follow("second", "b", 10)
    poller.follow("third", "never", 20)
    until(lambda: len(known) == 3)
    poller.stop()
    thread.join(10)
    assert not thread.is_alive()
    assert known == ["first True", "second True", "third False"]
