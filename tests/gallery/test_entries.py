from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from imgctl.core.record import Record
from imgctl.gallery import entries as entries_module
from imgctl.gallery.entries import EntryReader
from imgctl.operations.history import RecordQuery
from imgctl.pages.entries import Entry, Thumbnails

RECORDS = [Record(resource_id=str(n), processing_time=f"2026-11-23T1{n}") for n in range(5)]


class Maker:
    """Makes thumbnails that say when they were made."""

    def __init__(self) -> None:
        self.made = 0

    def entries(self, records: Iterable[Record]) -> Iterator[Entry]:
        for record in records:
            self.made += 1
            yield Entry(record, Thumbnails(before=str(self.made)))


@pytest.fixture
def maker() -> Maker:
    return Maker()


@pytest.fixture
def reader(maker: Maker) -> EntryReader:
    any_maker: Any = maker
    return EntryReader(lambda query, _: iter(RECORDS[int(query.key or 0) :]), any_maker)


def test_a_page_says_where_the_next_one_begins(reader: EntryReader) -> None:
    page = reader.page(RecordQuery(), 3)
    assert [entry.record for entry in page.entries] == RECORDS[:3]
    assert page.next == "2026-11-23T12/2"
    assert reader.page(RecordQuery(key="2"), 3).next is None
    assert reader.page(RecordQuery(key="5"), 3).entries == []


def test_thumbnails_are_made_once_for_each_form_of_a_record(
    reader: EntryReader, maker: Maker
) -> None:
    first = reader.of(RECORDS[:2])
    again = reader.of([RECORDS[1], RECORDS[2], RECORDS[0]])
    assert [again[2], again[0]] == first
    assert maker.made == 3
    (changed,) = reader.of([replace(RECORDS[0], processing_time="later")])
    assert changed.thumbnails.before == "4"


def test_only_some_are_kept(
    reader: EntryReader, maker: Maker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(entries_module, "_MOST_KEPT", 2)
    reader.of(RECORDS[:3])
    reader.of([RECORDS[2], RECORDS[0]])
    assert maker.made == 4
