import itertools
from collections.abc import Callable, Iterator, Sequence
from queue import SimpleQueue
from threading import Event
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from imgctl.aws.session import Aws
from imgctl.core.record import Record, to_item
from imgctl.gallery import arrivals as arrivals_module
from imgctl.gallery.arrivals import Arrivals, Follow, Receivers
from tests.moto_aws import aws, moto_account, table

if TYPE_CHECKING:
    from imgctl.core.errors import ImgctlError

__all__ = ["aws", "moto_account", "table"]

ONE, TWO = Record(resource_id="1"), Record(resource_id="2")
THROTTLED: Any = {"Error": {"Code": "ThrottlingException", "Message": "slow down"}}


class Received:
    """What the receivers were told, and arrivals that tell them."""

    def __init__(self) -> None:
        self.records: SimpleQueue[Sequence[Record]] = SimpleQueue()
        self.errors: SimpleQueue[ImgctlError] = SimpleQueue()
        self.asked_s = 0.0
        self.begun: list[Arrivals] = []

    def start(
        self, follow: Follow, *, clock: Callable[[], float], dynamodb: Any = None
    ) -> Arrivals:
        receivers = Receivers(self.records.put, self.errors.put, lambda: self.asked_s)
        arrivals = Arrivals(dynamodb, "hala-db", receivers, clock=clock, follow=follow)
        self.begun.append(arrivals)
        arrivals.start()
        return arrivals


@pytest.fixture
def received(monkeypatch: pytest.MonkeyPatch) -> Iterator[Received]:
    monkeypatch.setattr(arrivals_module, "_PAUSE_S", 0.0)
    monkeypatch.setattr(arrivals_module, "_CHECK_S", 0.0)
    received = Received()
    yield received
    for arrivals in received.begun:
        arrivals.stop()


def test_the_records_of_each_poll_are_passed_on(received: Received) -> None:
    def follow(sleep: Callable[[float], None]) -> Iterator[Sequence[Record]]:
        for records in ([], [ONE], [TWO]):
            yield records
            sleep(0)
        Event().wait(0.01)

    received.start(follow, clock=lambda: 0)
    assert [received.records.get(timeout=30) for _ in range(3)] == [[], [ONE], [TWO]]


def test_a_poll_that_fails_is_told_and_tried_again(received: Received) -> None:
    failures = iter([ClientError(THROTTLED, "Query"), None])

    def follow(_: Callable[[float], None]) -> Iterator[Sequence[Record]]:
        if (failure := next(failures, None)) is not None:
            raise failure
        yield [ONE]
        Event().wait(0.01)

    received.start(follow, clock=lambda: 0)
    assert received.records.get(timeout=30) == [ONE]
    assert "slow down" in received.errors.get(timeout=30).message


def test_nothing_is_read_while_no_page_is_there(received: Received) -> None:
    polls = itertools.count(1)

    def follow(sleep: Callable[[float], None]) -> Iterator[Sequence[Record]]:
        for number in polls:
            yield [Record(resource_id=str(number))]
            sleep(0)

    times = itertools.count(0, 30)  # the third is beyond the minute
    received.asked_s = 0.0
    reached = Event()

    def clock() -> float:
        time = next(times)
        if time > 300:
            reached.set()
        return float(time)

    received.start(follow, clock=clock)
    assert reached.wait(30)
    assert next(polls) <= 6
    received.asked_s = float("inf")  # a page is back
    seen = [received.records.get(timeout=30)[0].resource_id for _ in range(8)]
    assert seen[:3] == ["1", "2", "3"]


def test_an_upload_of_the_gallery_is_found_by_its_id(
    received: Received, aws: Aws, table: str
) -> None:
    item: Any = to_item(ONE)
    aws.dynamodb.put_item(TableName=table, Item=item)

    def nothing(sleep: Callable[[float], None]) -> Iterator[Sequence[Record]]:
        sleep(30)
        yield []

    times = itertools.count()
    arrivals = received.start(nothing, clock=lambda: next(times), dynamodb=aws.dynamodb)
    arrivals.expect("1")
    arrivals.expect("1")  # which DynamoDB would refuse to read at once
    assert received.records.get(timeout=30) == [ONE]


def test_both_threads_end(received: Received) -> None:
    ended = Event()

    def follow(sleep: Callable[[float], None]) -> Iterator[Sequence[Record]]:
        try:
            yield []
            sleep(3_600)
        finally:
            ended.set()

    received.start(follow, clock=lambda: 0).stop()
    assert ended.wait(30) or received.records.empty()
