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


class DeadlineExceeded(RuntimeError):
    """Too little time is left for the next step; Lambda retries what is not done."""


class Deadline:
    """The time left for an invocation, measured by an injected stopwatch in seconds."""

    def __init__(self, stopwatch_s: Callable[[], float]) -> None:
        self._stopwatch_s = stopwatch_s
        self._end_s = float("inf")

    def begin(self, remaining_s: float) -> None:
        """Set the time left from now on."""
        self._end_s = self._stopwatch_s() + remaining_s

    def check(self, **_event: Any) -> None:
        """Raise DeadlineExceeded if less time is left than a call can take."""
        left_s = self._end_s - self._stopwatch_s()
        if left_s < CALL_S:
            raise DeadlineExceeded(f"{max(left_s, 0):.1f} s left, but a call can take {CALL_S} s")

    def guard(self, client: Any) -> None:
        """Check the deadline before each call of a botocore client."""
        client.meta.events.register("before-call", self.check)
