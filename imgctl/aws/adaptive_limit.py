"""How many requests may be under way at once, while the service says that it is too much."""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Condition


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
