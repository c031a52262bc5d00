"""What comes, each once and in the order of the times, read from a source that shows some late."""

from collections import deque
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from typing import Generic, Protocol, TypeVar

from imgctl.core.record import timestamp

POLL_S = 2.0


class Timed(Protocol):
    """Something with a time (ISO 8601), all in the same form, so that they sort as texts."""

    @property
    def time(self) -> str:
        """The time."""


T = TypeVar("T", bound=Timed)


class Arrivals(Generic[T]):
    """What has appeared since the beginning, poll after poll; `id_of` tells those of a time apart.

    An item is released `held_polls` after it was found, because an older one may appear meanwhile.
    One may appear up to `window_s` after newer ones and still be released. Memory is bounded by
    what arrives within that time.
    """

    def __init__(
        self, since: str, window_s: float, id_of: Callable[[T], str], *, held_polls: int = 1
    ) -> None:
        self.since = since
        """The time from which to read in the next poll."""
        self._window_s = window_s
        self._id_of = id_of
        self._seen: set[tuple[str, str]] = set()
        self._held: deque[list[T]] = deque([[] for _ in range(held_polls)])

    def skip(self, found: Iterable[T]) -> None:
        """Take note of what was there before, and is not to be released."""
        self._seen.update(map(self._identity, found))
        self._move_window()

    def release(self, found: Iterable[T]) -> list[T]:
        """Take what a poll has found since `self.since`; return what is due, oldest first."""
        new = {self._identity(one): one for one in found if self._identity(one) not in self._seen}
        self._seen.update(new)
        self._held.append(list(new.values()))
        due = self._held.popleft()
        last = max((one.time for one in due), default="")
        due += [one for found_at_once in self._held for one in found_at_once if one.time <= last]
        self._held = deque([one for one in held if one.time > last] for held in self._held)
        self._move_window()
        return sorted(due, key=self._identity)

    def _identity(self, one: T) -> tuple[str, str]:
        return one.time, self._id_of(one)

    def _move_window(self) -> None:
        latest = max((time for time, _ in self._seen), default="")
        self.since = max(self.since, earlier(latest, self._window_s))
        self._seen = {identity for identity in self._seen if identity[0] >= self.since}


def earlier(time: str, seconds: float) -> str:
    """Return the time that is so much earlier; the beginning of all times for one that is none."""
    try:
        moment = datetime.fromisoformat(time)
    except ValueError:
        return ""
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return timestamp(moment - timedelta(seconds=seconds))
