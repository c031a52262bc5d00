"""Events that functions have not finished: each is a file until its function has.

So they outlive the server, whether it is stopped or killed, and are delivered again by the next
start. An event may therefore be delivered twice, as in AWS.
"""

import json
import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FOLDER = "events"


@dataclass(frozen=True, slots=True)
class PendingEvent:
    """An asynchronous invocation of a function, and the file that keeps it."""

    path: Path
    function_arn: str
    event: Any


def count(folder: Path) -> int:
    """Return the number of events that are kept in a folder."""
    return sum(1 for _ in folder.glob("*.json"))


class PendingEvents:
    """The events of one server; delivery is a thread for each."""

    def __init__(self, folder: Path, deliver: Callable[[PendingEvent], bool]) -> None:
        """Deliver events with `deliver`, which returns whether the event is finished."""
        self._folder = folder
        self._deliver = deliver
        self._threads: set[threading.Thread] = set()
        self._lock = threading.Lock()
        self.closing = threading.Event()

    def keep(self, function_arn: str, event: Any) -> PendingEvent:
        """Write an event to disk; raises OSError if that is not possible."""
        # Sorted by name, files are in the order in which they were written.
        path = self._folder / f"{time.time_ns():020}-{uuid.uuid4().hex}.json"
        partial = path.with_suffix(".tmp")
        try:
            partial.write_text(
                json.dumps({"function": function_arn, "event": event}), encoding="utf-8"
            )
            partial.rename(path)
        except OSError:
            partial.unlink(missing_ok=True)
            raise
        return PendingEvent(path, function_arn, event)

    def forget(self, pending: PendingEvent) -> None:
        """Drop an event whose cause did not happen."""
        pending.path.unlink(missing_ok=True)

    def start(self, pending: PendingEvent) -> None:
        """Deliver an event in the background."""
        thread = threading.Thread(target=self._run, args=(pending,), daemon=True)
        with self._lock:
            self._threads.add(thread)
        thread.start()

    def resume(self) -> None:
        """Deliver the events that an earlier server left."""
        for path in sorted(self._folder.iterdir()):
            if path.suffix != ".json":
                path.unlink()
                continue
            stored = json.loads(path.read_text(encoding="utf-8"))
            self.start(PendingEvent(path, stored["function"], stored["event"]))

    def drain(self, timeout_s: float) -> None:
        """Wait until no event is pending, but not longer than the timeout; then deliver no more."""
        deadline_s = time.monotonic() + timeout_s
        while (thread := self._any_thread()) and (left_s := deadline_s - time.monotonic()) > 0:
            thread.join(left_s)
        self.closing.set()

    def _any_thread(self) -> threading.Thread | None:
        with self._lock:
            return next(iter(self._threads), None)

    def _run(self, pending: PendingEvent) -> None:
        try:
            if self._deliver(pending):
                pending.path.unlink()
        finally:
            with self._lock:
                self._threads.discard(threading.current_thread())
