"""Waiting for what happens in another process."""

import time
from collections.abc import Callable
from typing import TypeVar

_LIMIT_S = 60

T = TypeVar("T")


def until(happened: Callable[[], T]) -> T:
    """Return the first true value of `happened`; the limit only ends a test that fails."""
    deadline_s = time.monotonic() + _LIMIT_S
    while not (value := happened()):
        assert time.monotonic() < deadline_s, "it did not happen"
        time.sleep(0.02)
    return value
