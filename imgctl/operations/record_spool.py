"""Records that are read once and kept on disk, so that their number is known before their use."""

import json
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from typing import BinaryIO

from imgctl.core.record import Record, from_item, to_item
from imgctl.operations.thumbnails import Download


@dataclass(frozen=True, slots=True)
class RecordSpool:
    """Records in a temporary file, and what their thumbnails need.

    `last` is the last of them, if there are more than the limit.
    """

    count: int
    last: Record | None
    download: Download
    _file: BinaryIO

    def records(self) -> Iterator[Record]:
        """Read the records one by one."""
        self._file.seek(0)
        return (from_item(json.loads(line)) for line in self._file)


@contextmanager
def spooled(records: Iterable[Record], limit: int | None) -> Iterator[RecordSpool]:
    """Read at most `limit` records, and keep them until the block ends."""
    remaining = iter(records)
    count, download = 0, Download()
    record: Record | None = None
    with tempfile.TemporaryFile() as file:
        for record in islice(remaining, limit):
            file.write(json.dumps(to_item(record)).encode() + b"\n")
            download = download.plus(record)
            count += 1
        more = next(remaining, None) is not None
        yield RecordSpool(count, record if more else None, download, file)
