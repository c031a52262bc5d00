"""The function's own time limit: no call is begun that could outlast it."""

from collections.abc import Callable
from typing import Any

from botocore.config import Config

ATTEMPTS = 2
CONNECT_TIMEOUT_S = 1
READ_TIMEOUT_S = 5
_BACKOFF_S = 1  # the longest before a second attempt in botocore's standard mode
CALL_S = ATTEMPTS * (CONNECT_TIMEOUT_S + READ_TIMEOUT_S) + _BACKOFF_S
"""What one call to AWS can take at most, its retry included."""

CLIENT_CONFIG = Config(
    connect_timeout=CONNECT_TIMEOUT_S,
    read_timeout=READ_TIMEOUT_S,
    retries={"mode": "standard", "total_max_attempts": ATTEMPTS},
)


class DeadlineExceeded(RuntimeError):
    """The time left might not do for the next step; what is undone is tried again."""


class Deadline:
    """How long the invocation may still take, in seconds, by a stopwatch that is given."""

    def __init__(self, stopwatch_s: Callable[[], float]) -> None:
        self._stopwatch_s = stopwatch_s
        self._end_s = float("inf")

    def begin(self, remaining_s: float) -> None:
        """Set the time that is left from now on."""
        self._end_s = self._stopwatch_s() + remaining_s

    def check(self, **_event: Any) -> None:
        """Raise DeadlineExceeded where less is left than a call can take."""
        left_s = self._end_s - self._stopwatch_s()
        if left_s < CALL_S:
            raise DeadlineExceeded(f"{max(left_s, 0):.1f} s are left, and a call can take {CALL_S}")

    def guard(self, client: Any) -> None:
        """Check before each call of a boto3 client."""
        client.meta.events.register("before-call", self.check)
