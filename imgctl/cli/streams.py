"""Standard streams that are closed, or that cannot be written any more."""

import os
import sys


def open_missing_streams() -> None:
    """Discard what is written to a stream that the caller has closed; Python sets it to None."""
    for name in ("stdin", "stdout", "stderr"):
        if getattr(sys, name) is None:
            mode = "r" if name == "stdin" else "w"
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: PTH123, SIM115


def is_stdout_closed() -> bool:
    """Return whether the caller has closed stdout, so that what is written to it is lost."""
    return getattr(sys.stdout, "name", None) == os.devnull


def discard_stdout() -> None:
    """Discard what is still written to stdout, such as its buffer when the process ends."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
