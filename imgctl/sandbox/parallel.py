"""Several child processes at work, each with one image at a time."""

from collections.abc import Callable, Generator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from queue import SimpleQueue
from typing import BinaryIO, TypeVar

from imgctl.core.limits import Limits
from imgctl.core.result import ResizeResult
from imgctl.core.spec import ResizeSpec
from imgctl.sandbox.child import spawn
from imgctl.sandbox.process import Resize, ResizeProcess

T = TypeVar("T")


class ResizeProcesses:
    """A number of child processes, each started when it is first needed."""

    def __init__(self, count: int) -> None:
        self._processes = [ResizeProcess(spawn) for _ in range(count)]
        self._idle: SimpleQueue[ResizeProcess] = SimpleQueue()
        for process in self._processes:
            self._idle.put(process)

    def resize(
        self,
        source: BinaryIO,
        specs: Sequence[ResizeSpec],
        limits: Limits,
        *,
        timeout_s: float | None = None,
    ) -> list[ResizeResult]:
        """Resize an image in the first process that is idle; may be called by many threads.

        Raises what `ResizeProcess.resize` raises.
        """
        process = self._idle.get()
        try:
            return process.resize(source, specs, limits, timeout_s=timeout_s)
        finally:
            self._idle.put(process)

    def interrupt(self) -> None:
        """Make calls of `resize` in other threads fail, and start no process any more."""
        for process in self._processes:
            process.interrupt()

    def close(self) -> None:
        """End the processes, none of which is at work any more."""
        for process in self._processes:
            process.close()


def run_in_processes(tasks: Sequence[Callable[[Resize], T]], count: int) -> Generator[T]:
    """Run tasks in parallel, each with a `resize` of its own; yields results as they come.

    Processes that a task occupies are killed when the generator is closed or interrupted.
    """
    count = max(1, min(count, len(tasks)))
    processes = ResizeProcesses(count)
    threads = ThreadPoolExecutor(count)
    try:
        for future in as_completed([threads.submit(task, processes.resize) for task in tasks]):
            yield future.result()
    finally:
        processes.interrupt()
        threads.shutdown(cancel_futures=True)
        processes.close()
