"""What pages show: records with their thumbnails, which are kept for the next page that asks."""

from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from threading import Lock

from imgctl.aws.record_index import Position
from imgctl.core.record import Record
from imgctl.operations.history import RecordQuery
from imgctl.operations.thumbnails import ThumbnailMaker
from imgctl.pages.entries import Entry

_MOST_KEPT = 2_000  # of about 10 kB


@dataclass(frozen=True, slots=True)
class Page:
    """Some entries, and where the next ones begin; None if there are no more."""

    entries: list[Entry]
    next: str | None


class EntryReader:
    """Reads entries; may be called by several threads."""

    def __init__(
        self, find: Callable[[RecordQuery, int], Iterator[Record]], maker: ThumbnailMaker
    ) -> None:
        """`find` lists the records of a query, of which so many will be read."""
        self._find = find
        self._maker = maker
        self._keeping = Lock()
        self._kept: OrderedDict[tuple[str, str | None], Entry] = OrderedDict()

    def page(self, query: RecordQuery, limit: int) -> Page:
        """Return the first entries that a query finds, newest first."""
        found = self._find(query, limit)
        records = list(islice(found, limit))
        more = next(found, None) is not None
        return Page(self.of(records), str(Position.of(records[-1])) if more else None)

    def of(self, records: Iterable[Record]) -> list[Entry]:
        """Return records with their thumbnails, in their order."""
        records = list(records)
        with self._keeping:
            known = {id(one): self._kept.get(_identity(one)) for one in records}
        made = iter(list(self._maker.entries(one for one in records if known[id(one)] is None)))
        entries = [known[id(one)] or next(made) for one in records]
        with self._keeping:
            for entry in entries:
                self._kept[_identity(entry.record)] = entry
                self._kept.move_to_end(_identity(entry.record))
            while len(self._kept) > _MOST_KEPT:
                self._kept.popitem(last=False)
        return entries


def _identity(record: Record) -> tuple[str, str | None]:
    """Return what changes when a record is written again."""
    return record.resource_id, record.processing_time
