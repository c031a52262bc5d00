"""Records as they come, kept for pages that ask what is new since they last asked."""

import asyncio
import secrets
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from imgctl.core.errors import ImgctlError
from imgctl.core.record import Record

_MOST_KEPT = 2_000
_MOST_TOLD = 50  # at once: their thumbnails have to be made


@dataclass(frozen=True, slots=True)
class News:
    """Records that came, each in its newest form, the last one first; and the place after them."""

    records: tuple[Record, ...]
    place: str


class Feed:
    """What came since the server started. To be used on the event loop only.

    A place is where a page has read to. One of an earlier server, or that is no longer kept, stands
    for the beginning of what is kept: a page gets a record again rather than never.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._name = secrets.token_hex(4)
        self._first = 0
        self._records: list[Record] = []
        self._error: ImgctlError | None = None
        self._changed = asyncio.Event()
        self._is_ready = self._is_stopped = False
        self.asked_s = clock()
        """When a page last asked for news, by the clock."""

    def add(self, records: Sequence[Record]) -> None:
        """Add what came; a record that is kept already is left out, unless it was written again."""
        known = {(one.resource_id, one.processing_time) for one in self._records}
        new = [one for one in records if (one.resource_id, one.processing_time) not in known]
        self._append(new)
        if new or self._error is not None or not self._is_ready:
            self._error, self._is_ready = None, True
            self._wake()

    def add_again(self, record: Record) -> None:
        """Add a record of which more can be shown by now, whether it is kept or not."""
        self._append([record])
        self._wake()

    def fail(self, error: ImgctlError) -> None:
        """Raise an error where news are asked for, until some come."""
        self._error, self._is_ready = error, True
        self._wake()

    def stop(self) -> None:
        """Answer those who wait."""
        self._is_stopped = True
        self._wake()

    async def since(self, place: str | None, timeout_s: float) -> News:
        """Return what came after a place, as soon as there is something, or after a time.

        Without a place there is nothing to wait for, but that the feed has begun.
        """
        deadline_s = self._clock() + timeout_s
        index = self._index(place)
        while not self._is_stopped:
            self.asked_s = self._clock()
            if self._error is not None:
                raise self._error
            if self._is_ready and (place is None or index < self._end):
                break
            try:
                async with asyncio.timeout(deadline_s - self._clock()):
                    await self._changed.wait()
            except TimeoutError:
                break
        start = self._end if place is None else max(index, self._first)
        newest: dict[str, Record] = {}
        told = self._records[start - self._first :][:_MOST_TOLD]
        for one in told:
            newest.pop(one.resource_id, None)  # an earlier form, whose place it does not take
            newest[one.resource_id] = one
        return News(tuple(newest.values())[::-1], f"{self._name}-{start + len(told)}")

    @property
    def _end(self) -> int:
        return self._first + len(self._records)

    def _index(self, place: str | None) -> int:
        name, _, number = (place or "").partition("-")
        if name != self._name or not number.isdecimal():
            return 0
        return min(int(number[:18]), self._end)

    def _append(self, records: Sequence[Record]) -> None:
        self._records += records
        surplus = max(0, len(self._records) - _MOST_KEPT)
        del self._records[:surplus]
        self._first += surplus

    def _wake(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()
