"""What pages show: records with their thumbnails, which are kept for the next page that asks."""

import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from threading import Lock

from imgctl.aws.record_index import Position
from imgctl.core.record import Record
from imgctl.operations.history import RecordQuery
from imgctl.operations.thumbnails import PendingEntry
from imgctl.pages.entries import Entry

PAGE_WAIT_S, NEWS_WAIT_S = 3, 15
"""How long an answer waits for its thumbnails. Those that take longer come later, as news."""

_MOST_KEPT = 2_000  # of about 10 kB


@dataclass(frozen=True, slots=True)
class Page:
    """Some entries, and where the next ones begin; None if there are no more."""

    entries: list[Entry]
    next: str | None


@dataclass(frozen=True, slots=True)
class Sources:
    """Where entries come from.

    `find` lists the records of a query, of which so many will be read. `begin` begins to make the
    thumbnails of a record, and `begin_now` those that somebody waits for; None shows none.
    `on_late` is called by any thread with a record whose thumbnails were not ready for an answer,
    and are now.
    """

    find: Callable[[RecordQuery, int], Iterator[Record]]
    begin: Callable[[Record], PendingEntry] | None
    begin_now: Callable[[Record], PendingEntry] | None
    on_late: Callable[[Record], None]


class EntryReader:
    """Reads entries; may be called by several threads. Each thumbnail is made once."""

    def __init__(self, sources: Sources, clock: Callable[[], float] = time.monotonic) -> None:
        self._sources = sources
        self._clock = clock
        self._keeping = Lock()
        self._kept: OrderedDict[tuple[str, str | None], PendingEntry] = OrderedDict()

    def page(self, query: RecordQuery, limit: int) -> Page:
        """Return the first entries that a query finds, newest first."""
        found = self._sources.find(query, limit)
        records = list(islice(found, limit))
        more = next(found, None) is not None
        entries = self._entries(records, self._sources.begin, PAGE_WAIT_S)
        return Page(entries, str(Position.of(records[-1])) if more else None)

    def news(self, records: Iterable[Record]) -> list[Entry]:
        """Return records that have come, in their order: before the rest of a page is ready."""
        return self._entries(records, self._sources.begin_now, NEWS_WAIT_S)

    def _entries(
        self,
        records: Iterable[Record],
        begin: Callable[[Record], PendingEntry] | None,
        wait_s: float,
    ) -> list[Entry]:
        if begin is None:
            return list(map(Entry, records))
        deadline_s = self._clock() + wait_s
        pending = [self._pending(record, begin) for record in records]
        return [self._entry(one, max(0.0, deadline_s - self._clock())) for one in pending]

    def _pending(self, record: Record, begin: Callable[[Record], PendingEntry]) -> PendingEntry:
        identity = _identity(record)
        with self._keeping:
            if identity not in self._kept:
                self._kept[identity] = begin(record)
            self._kept.move_to_end(identity)
            while len(self._kept) > _MOST_KEPT:
                self._kept.popitem(last=False)
            return self._kept[identity]

    def _entry(self, pending: PendingEntry, timeout_s: float) -> Entry:
        is_whole = pending.wait(timeout_s)
        try:
            entry = pending.entry()
        except Exception:
            with self._keeping:  # the next page tries again
                self._kept.pop(_identity(pending.record), None)
            raise
        if not is_whole:
            pending.when_done(lambda: self._sources.on_late(pending.record))
        return entry


def _identity(record: Record) -> tuple[str, str | None]:
    """Return what changes when a record is written again."""
    return record.resource_id, record.processing_time
