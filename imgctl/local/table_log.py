"""A write-ahead log of the emulator's DynamoDB items.

Writing a whole table for each item would take ever longer. So each request that may change items
is appended to a file before it is executed, and executed again when the server starts. A request
depends only on the items, so its repetition has the same result, whether it failed or succeeded.
From time to time a snapshot of all tables starts a new file.
"""

import json
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

ITEM_ACTIONS = frozenset(
    {
        "PutItem",
        "UpdateItem",
        "DeleteItem",
        "BatchWriteItem",
        "TransactWriteItems",
        "ExecuteStatement",
        "BatchExecuteStatement",
        "ExecuteTransaction",
    }
)
MAX_BYTES = 16 * 2**20
"""The size from which on a snapshot is due, so that a start does not take long."""


@dataclass(frozen=True, slots=True)
class LoggedRequest:
    """A request to DynamoDB, and the account and region that it was for."""

    account_id: str
    region: str
    target: str
    body: str


class TableLog:
    """The log that belongs to one snapshot; the snapshot contains its number."""

    def __init__(self, folder: Path, number: int) -> None:
        """Open or create the log, to read what it contains and then to append to it."""
        self.number = number
        self.path = folder / f"dynamodb.{number}.log"
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC
        self._descriptor = os.open(self.path, flags, 0o600)
        self.size_bytes = 0

    def read(self) -> Iterator[LoggedRequest]:
        """Read all requests. A last one that is incomplete was not acknowledged: it is skipped."""
        with self.path.open("rb") as file:
            for line in file:
                if not line.endswith(b"\n"):
                    break
                yield LoggedRequest(**json.loads(line))
                self.size_bytes += len(line)

    def append(self, request: LoggedRequest) -> None:
        """Write a request; raises OSError if there is no space, and then it is not in the log."""
        line = json.dumps(asdict(request)).encode() + b"\n"
        written = 0
        # At a fixed position: what a failed call has written is overwritten by the next.
        while written < len(line):
            written += os.pwrite(self._descriptor, line[written:], self.size_bytes + written)
        self.size_bytes += len(line)

    def close(self) -> None:
        """Close the file."""
        os.close(self._descriptor)


def delete_others(folder: Path, number: int) -> None:
    """Delete the logs of other snapshots than the one with this number."""
    for path in folder.glob("dynamodb.*.log"):
        if path.name != f"dynamodb.{number}.log":
            path.unlink()
