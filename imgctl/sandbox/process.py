"""Resizing in a child process that is replaced when it dies, and the reason why it died."""

import signal
import time
from collections.abc import Callable, Sequence
from typing import BinaryIO, Protocol

from imgctl.core.errors import Damaged, OutOfMemory, PictureError, TooSlow
from imgctl.core.limits import Limits
from imgctl.core.result import ResizeResult
from imgctl.core.spec import ResizeSpec
from imgctl.sandbox.child import Child, ChildDied, ChildNotStarted


class Resize(Protocol):
    """Resizes the image in an open file in several ways; the results are in the order of `specs`.

    Raises PictureError if one of them is impossible. `timeout_s` limits the time that passes, and
    `limits.max_cpu_seconds` the processor time.
    """

    def __call__(  # noqa: D102
        self,
        source: BinaryIO,
        specs: Sequence[ResizeSpec],
        limits: Limits,
        *,
        timeout_s: float | None = None,
    ) -> list[ResizeResult]: ...


class Interrupted(RuntimeError):
    """Resizing was interrupted by another thread."""


class ResizeProcess:
    """Resizes one image at a time in a child process; a new one replaces one that died."""

    def __init__(self, start: Callable[[], Child]) -> None:
        """`start` starts a child when one is needed: `child.fork` or `child.spawn`."""
        self._start = start
        self._child: Child | None = None
        self._is_interrupted = False

    def start(self) -> None:
        """Start the child now; it imports Pillow while this process goes on."""
        self._child = self._start()

    def wait_until_ready(self) -> None:
        """Return when the child that was started has loaded all. Raises ChildNotStarted."""
        if self._child is not None:
            self._child.wait_until_ready()

    def resize(
        self,
        source: BinaryIO,
        specs: Sequence[ResizeSpec],
        limits: Limits,
        *,
        timeout_s: float | None = None,
    ) -> list[ResizeResult]:
        """Resize the image in an open file, which must have a descriptor, in several ways.

        Raises PictureError, also if the child dies of the image: OutOfMemory, TooSlow or Damaged.
        An image that is too much for a used child is given to a new one: the result does not
        depend on earlier images. Raises ChildNotStarted if no child can be started, and Interrupted
        after a call of `interrupt`.
        """
        deadline_s = None if timeout_s is None else time.monotonic() + timeout_s
        while True:
            self._check_interrupted()
            child = self._child = self._child or self._start()
            self._check_interrupted()  # while it was started
            is_new = not child.is_used
            try:
                return child.resize(source, specs, limits, deadline_s)
            except ChildNotStarted:
                self._child = None
                raise
            except (ChildDied, OutOfMemory) as error:
                self._child = None
                if isinstance(error, OutOfMemory):
                    child.end()
                cause = _cause_of(error, limits, timeout_s)
                is_final = is_new or isinstance(cause, TooSlow)
                if is_final and not self._is_interrupted:
                    raise cause from error

    def _check_interrupted(self) -> None:
        if self._is_interrupted:
            raise Interrupted

    def interrupt(self) -> None:
        """Make a call of `resize` in another thread fail, and start no child any more."""
        self._is_interrupted = True
        if self._child is not None:
            self._child.interrupt()

    def close(self) -> None:
        """End the child."""
        child, self._child = self._child, None
        if child is not None:
            child.end()


def _cause_of(
    error: ChildDied | OutOfMemory, limits: Limits, timeout_s: float | None
) -> PictureError:
    """Return what was wrong with the image that a child died of."""
    if isinstance(error, OutOfMemory):
        return error
    if error.timed_out or error.exit_code == -signal.SIGXCPU:
        limit_s = timeout_s if error.timed_out else limits.max_cpu_seconds
        return TooSlow(
            f"Resizing took longer than {limit_s:.0f} s.",
            hint="Reduce the image's size or its number of frames or pages first.",
        )
    if error.exit_code == -signal.SIGKILL:  # by the kernel: memory ran out
        return OutOfMemory()
    ending = (
        signal.Signals(-error.exit_code).name
        if error.exit_code < 0
        else f"exit code {error.exit_code}"
    )
    return Damaged(
        f"The decoder crashed ({ending}).",
        hint="Export it again from the program that created it.",
    )
