"""The threads that read records as they come, and pass them to a feed.

An upload of the gallery itself is followed by its record's ID, which takes a fraction of a second.
Records of other uploads are found in the index by time, which costs a query for each partition,
and so only while a page is there.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from threading import Event, Lock, Thread
from typing import TYPE_CHECKING, TypeAlias

from botocore.exceptions import BotoCoreError, ClientError

from imgctl.aws import records
from imgctl.aws.errors import translate
from imgctl.core.errors import ImgctlError
from imgctl.core.record import Record
from imgctl.operations.follow import follow
from imgctl.operations.history import RecordQuery
from imgctl.operations.record_poller import RecordPoller

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

Follow: TypeAlias = Callable[[Callable[[float], None]], Iterator[Sequence[Record]]]
"""Yields the records of each poll; calls its argument with how many seconds to wait between two."""

UPLOAD_TIMEOUT_S = 120
_LISTENING_S = 60  # after a page asked, it is taken to be there still
_PAUSE_S = 5.0  # after an error
_CHECK_S = 1.0


class _Stopped(Exception):
    """Ends a thread between two polls."""


@dataclass(frozen=True, slots=True)
class Receivers:
    """Who is told of what comes, by any thread; `asked_s` is when a page last asked."""

    add: Callable[[Sequence[Record]], None]
    fail: Callable[[ImgctlError], None]
    asked_s: Callable[[], float]


class Arrivals:
    """Both threads, from `start` to `stop`."""

    def __init__(
        self,
        dynamodb: "DynamoDBClient",
        table: str,
        receivers: Receivers,
        *,
        clock: Callable[[], float] = time.monotonic,
        follow: Follow | None = None,
    ) -> None:
        self._dynamodb = dynamodb
        self._table = table
        self._receivers = receivers
        self._clock = clock
        self._follow = follow or self._follow_index
        self._stopping = Event()
        self._expecting = Lock()
        self._expected: set[str] = set()
        self._poller = RecordPoller[str](
            lambda ids: records.get_many(dynamodb, table, ids),
            self._settle,
            clock=clock,
            sleep=lambda seconds: _raise_if(self._stopping.wait(seconds)),
        )

    def start(self) -> None:
        """Start reading."""
        for work in (self._read_index, self._read_expected):
            Thread(target=self._guarded, args=(work,), daemon=True).start()

    def stop(self) -> None:
        """End both threads when they are done with what they are reading."""
        self._stopping.set()
        self._poller.stop()

    def expect(self, record_id: str) -> None:
        """Look for the record of an upload."""
        with self._expecting:
            is_new = record_id not in self._expected
            self._expected.add(record_id)
        if is_new:  # DynamoDB refuses to read an item twice at once
            self._poller.follow(record_id, record_id, UPLOAD_TIMEOUT_S)

    def _settle(self, record_id: str, record: Record | None) -> None:
        with self._expecting:
            self._expected.discard(record_id)
        if record is not None:
            self._receivers.add([record])

    def _guarded(self, work: Callable[[], None]) -> None:
        """Repeat work that fails, which is told."""
        while not self._stopping.is_set():
            try:
                work()
            except _Stopped:
                return
            except (ClientError, BotoCoreError, ImgctlError) as error:
                known = error if isinstance(error, ImgctlError) else translate(error)
                self._receivers.fail(known or ImgctlError(str(error)))
                self._stopping.wait(_PAUSE_S)

    def _read_expected(self) -> None:
        try:
            self._poller.run()
        except Exception:
            with self._expecting:  # they are found in the index
                self._expected.clear()
            raise

    def _read_index(self) -> None:
        for found in self._follow(self._wait):
            self._receivers.add(found)

    def _follow_index(self, sleep: Callable[[float], None]) -> Iterator[Sequence[Record]]:
        return follow(self._dynamodb, self._table, RecordQuery(), sleep)

    def _wait(self, seconds: float) -> None:
        """Wait for the next poll, and for a page that wants it."""
        _raise_if(self._stopping.wait(seconds))
        while self._clock() - self._receivers.asked_s() > _LISTENING_S:
            _raise_if(self._stopping.wait(_CHECK_S))


def _raise_if(stopping: bool) -> None:  # noqa: FBT001 (what an Event's wait returns)
    if stopping:
        raise _Stopped
