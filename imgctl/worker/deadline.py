"""The time limit of an invocation: no AWS call starts that could exceed it."""

from collections.abc import Callable
from typing import Any

from botocore.config import Config

ATTEMPTS = 2
CONNECT_TIMEOUT_S = 1
READ_TIMEOUT_S = 5
_BACKOFF_S = 1  # the longest delay before a second attempt in botocore's standard mode
CALL_S = ATTEMPTS * (CONNECT_TIMEOUT_S + READ_TIMEOUT_S) + _BACKOFF_S
"""The longest duration of one AWS call, including its retry."""

CLIENT_CONFIG = Config(
    connect_timeout=CONNECT_TIMEOUT_S,
    read_timeout=READ_TIMEOUT_S,
    retries={"mode": "standard", "total_max_attempts": ATTEMPTS},
)

_RESERVE_S = CALL_S + 2
"""What is kept of an invocation to record its outcome: `check` fails later than that."""


class DeadlineExceeded(RuntimeError):
    """Too little time is left for the next step; Lambda retries what is not done."""


class Deadline:
    """The time left for an invocation, measured by an injected stopwatch in seconds."""

    def __init__(self, stopwatch_s: Callable[[], float]) -> None:
        self._stopwatch_s = stopwatch_s
        self._begin_s, self._end_s = 0.0, float("inf")

    def begin(self, remaining_s: float) -> None:
        """Set the time left from now on."""
        self._begin_s = self._stopwatch_s()
        self._end_s = self._begin_s + remaining_s

    @property
    def whole_time_s(self) -> float:
        """How long an image may take that is the only one of its invocation."""
        return self._end_s - self._begin_s - _RESERVE_S

    def time_for_image_s(self) -> float:
        """Return how long the next image may take, so that its failure can still be recorded.

        Raises DeadlineExceeded where other images of the event have used more than half of the
        time: an image that is then too slow may not be if it is retried.
        """
        left_s = self._end_s - self._stopwatch_s() - _RESERVE_S
        if left_s < self.whole_time_s / 2:
            raise DeadlineExceeded(f"{max(left_s, 0):.1f} s left to resize an image")
        return left_s

    def check(self, **_event: Any) -> None:
        """Raise DeadlineExceeded if less time is left than a call can take."""
        left_s = self._end_s - self._stopwatch_s()
        if left_s < CALL_S:
            raise DeadlineExceeded(f"{max(left_s, 0):.1f} s left, but a call can take {CALL_S} s")

    def guard(self, client: Any) -> None:
        """Check the deadline before each call of a botocore client."""
        client.meta.events.register("before-call", self.check)
