"""Several child processes at work, each with one task at a time."""

from collections.abc import Callable, Generator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from queue import SimpleQueue
from typing import TypeVar

from imgctl.sandbox.child import spawn
from imgctl.sandbox.process import Resize, ResizeProcess

T = TypeVar("T")


def run_in_processes(tasks: Sequence[Callable[[Resize], T]], count: int) -> Generator[T]:
    """Run tasks in parallel, each with a `resize` of its own; yields results as they come.

    Processes that a task occupies are killed when the generator is closed or interrupted.
    """
    processes = [ResizeProcess(spawn) for _ in range(min(count, len(tasks)))]
    idle: SimpleQueue[ResizeProcess] = SimpleQueue()
    for process in processes:
        idle.put(process)

    def run(task: Callable[[Resize], T]) -> T:
        process = idle.get_nowait()  # there is one for each thread
        try:
            return task(process.resize)
        finally:
            idle.put(process)

    threads = ThreadPoolExecutor(max(1, len(processes)))
    try:
        for future in as_completed([threads.submit(run, task) for task in tasks]):
            yield future.result()
    finally:
        for process in processes:
            process.interrupt()
        threads.shutdown(cancel_futures=True)
        for process in processes:
            process.close()
