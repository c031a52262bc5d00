"""Following many uploads to their records: one poller for all, a hundred records a read."""

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from queue import SimpleQueue
from threading import Event
from typing import Generic, TypeVar

from imgctl.aws.records import MAX_MANY
from imgctl.core.record import Record

_FIRST_PAUSE_S, _MAX_PAUSE_S = 0.1, 2.0
_READS_IN_FRONT = 4

T = TypeVar("T")


@dataclass(slots=True)
class Awaited(Generic[T]):
    """An upload whose record is waited for until a time of the poller's clock."""

    upload: T
    record_id: str
    deadline_s: float
    reads: int = 0


class AwaitedRecords(Generic[T]):
    """Decides which records to read, and when.

    Uploads are processed roughly in their order, so that the oldest are read: while these are not
    there yet, the others are not either. One that stays missing lets the others go first.
    """

    def __init__(self) -> None:
        self._waiting: deque[Awaited[T]] = deque()
        self._pause_s = _FIRST_PAUSE_S

    def __len__(self) -> int:
        return len(self._waiting)

    def add(self, awaited: Awaited[T]) -> None:
        """Wait for one more."""
        self._waiting.append(awaited)

    def take(self, now_s: float) -> list[Awaited[T]]:
        """Remove what to read now: what is about to time out, then the oldest."""
        late = [one for one in self._waiting if one.deadline_s <= now_s][:MAX_MANY]
        if late:
            taken = set(map(id, late))
            self._waiting = deque(one for one in self._waiting if id(one) not in taken)
        while self._waiting and len(late) < MAX_MANY:
            late.append(self._waiting.popleft())
        return late

    def settle(
        self, batch: Sequence[Awaited[T]], found: Mapping[str, Record], now_s: float
    ) -> list[tuple[T, Record | None]]:
        """Return what became known of a batch: a record, or None for one that timed out."""
        known: list[tuple[T, Record | None]] = []
        missing: list[Awaited[T]] = []
        for one in batch:
            record = found.get(one.record_id)
            if record is not None or one.deadline_s <= now_s:
                known.append((one.upload, record))
            else:
                missing.append(one)
        for one in reversed(missing):
            one.reads += 1
            if one.reads % _READS_IN_FRONT:
                self._waiting.appendleft(one)
            else:
                self._waiting.append(one)
        self._pause_s = next_pause_s(self._pause_s, read=len(batch), known=len(known))
        return known

    def pause_s(self, now_s: float) -> float:
        """Return how long to wait before the next read: not beyond the next deadline."""
        deadline_s = min((one.deadline_s for one in self._waiting), default=now_s + _MAX_PAUSE_S)
        return min(self._pause_s, max(0.0, deadline_s - now_s))


def next_pause_s(pause_s: float, *, read: int, known: int) -> float:
    """Return the pause after a read of so many uploads, of which so many became known.

    None after a full read that found all: more are probably there. While most are missing the
    pauses grow to 2 s, and while few are waited for to 1 s, so that reads do not come one by one.
    """
    if read == MAX_MANY and known == read:
        return 0
    pause_s = max(pause_s, _FIRST_PAUSE_S)
    if 2 * known < read:
        return min(_MAX_PAUSE_S, pause_s * 1.5)
    return pause_s / 1.5 if read == MAX_MANY else min(_MAX_PAUSE_S / 2, pause_s * 1.3)


class RecordPoller(Generic[T]):
    """Reads records in a thread, and passes on what becomes known.

    `on_known` is called with an upload and its record, or None if it timed out.
    """

    def __init__(
        self,
        read: Callable[[Sequence[str]], Mapping[str, Record]],
        on_known: Callable[[T, Record | None], None],
        *,
        clock: Callable[[], float],
        sleep: Callable[[float], None],
    ) -> None:
        self._read = read
        self._on_known = on_known
        self._clock = clock
        self._sleep = sleep
        self._incoming: SimpleQueue[Awaited[T] | None] = SimpleQueue()
        self._stopping = Event()

    def follow(self, upload: T, record_id: str, timeout_s: float) -> None:
        """Wait for the record of an upload, for at most `timeout_s` seconds from now."""
        self._incoming.put(Awaited(upload, record_id, self._clock() + timeout_s))

    def stop(self) -> None:
        """End `run` within a pause."""
        self._stopping.set()
        self._incoming.put(None)

    def run(self) -> None:
        """Read until `stop` is called."""
        awaited = AwaitedRecords[T]()
        while not self._stopping.is_set():
            while not awaited or not self._incoming.empty():
                new = self._incoming.get()
                if new is None:
                    return
                awaited.add(new)
            batch = awaited.take(self._clock())
            found = self._read([one.record_id for one in batch])
            for upload, record in awaited.settle(batch, found, self._clock()):
                self._on_known(upload, record)
            self._sleep(awaited.pause_s(self._clock()))
