"""Requests to a service that says that it is too much: how many at once, and when to try again."""

import random
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Condition

MAX_ATTEMPTS = 6
BUSY_STATUSES = frozenset({429, 500, 502, 503, 504})
"""HTTP statuses with which a service refuses what it may accept later."""


def backoff_s(attempt: int) -> float:
    """Return how many seconds to wait after an attempt (1 is the first): about 12 s in all.

    A random part keeps requests that failed together from coming again together.
    """
    return 0.25 * 2.0**attempt * random.uniform(0.5, 1)  # noqa: S311 (not a secret)


class AdaptiveLimit:
    """A limit on parallel work that halves when a service throttles, and grows as it recovers.

    Additive increase, multiplicative decrease, as TCP does it: one more after each round of
    successes. Requests that were begun before the limit was cut do not cut it again.
    """

    def __init__(self, maximum: int) -> None:
        self.current = maximum
        self._maximum = maximum
        self._active = 0
        self._successes = 0
        self._cuts = 0
        self._changed = Condition()

    @contextmanager
    def slot(self) -> Iterator[int]:
        """Wait for a place; yields what `throttled` has to be called with."""
        with self._changed:
            while self._active >= self.current:
                self._changed.wait()
            self._active += 1
            cuts = self._cuts
        try:
            yield cuts
        finally:
            with self._changed:
                self._active -= 1
                self._changed.notify()

    def succeeded(self) -> None:
        """Report a request that was not throttled."""
        if self.current == self._maximum:
            return
        with self._changed:
            self._successes += 1
            if self._successes >= self.current:
                self._successes = 0
                self.current = min(self._maximum, self.current + 1)
                self._changed.notify()

    def throttled(self, cuts: int) -> None:
        """Report a request that was throttled, with the number that its slot was given."""
        with self._changed:
            if cuts == self._cuts:
                self._cuts += 1
                self._successes = 0
                self.current = max(1, self.current // 2)
