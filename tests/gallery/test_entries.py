from collections.abc import Iterator
from concurrent.futures import Future
from dataclasses import replace
from typing import Any

import pytest

from imgctl.core.record import Record
from imgctl.gallery import entries as entries_module
from imgctl.gallery.entries import EntryReader, Sources
from imgctl.operations.history import RecordQuery
from imgctl.operations.thumbnails import PendingEntry, RecordImages, StoredImage
from imgctl.pages.entries import Thumbnails

RECORDS = [Record(resource_id=str(n), processing_time=f"2026-11-23T1{n}") for n in range(5)]


class Maker:
    """Makes thumbnails that say when they were made; or does not, until it is let."""

    def __init__(self) -> None:
        self.made: list[Future[str | None]] = []
        self.is_slow = False
        self.late: list[Record] = []

    def begin(self, record: Record) -> PendingEntry:
        image = StoredImage("originals", record.resource_id, 1)
        future: Future[str | None] = Future()
        self.made.append(future)
        if not self.is_slow:
            future.set_result(str(len(self.made)))
        return PendingEntry(record, RecordImages(image, None, ()), {image: future})


def find(query: RecordQuery, _: int) -> Iterator[Record]:
    return iter(RECORDS[int(query.key or 0) :])


@pytest.fixture
def maker(monkeypatch: pytest.MonkeyPatch) -> Maker:
    monkeypatch.setattr(entries_module, "NEWS_WAIT_S", 0)
    return Maker()


@pytest.fixture
def reader(maker: Maker) -> EntryReader:
    return EntryReader(Sources(find, maker.begin, maker.begin, maker.late.append))


def test_a_page_says_where_the_next_one_begins(reader: EntryReader) -> None:
    page = reader.page(RecordQuery(), 3)
    assert [entry.record for entry in page.entries] == RECORDS[:3]
    assert page.next == "2026-11-23T12/2"
    assert reader.page(RecordQuery(key="2"), 3).next is None
    assert reader.page(RecordQuery(key="5"), 3).entries == []


def test_thumbnails_are_made_once_for_each_form_of_a_record(
    reader: EntryReader, maker: Maker
) -> None:
    first = reader.news(RECORDS[:2])
    again = reader.news([RECORDS[1], RECORDS[2], RECORDS[0]])
    assert [again[2], again[0]] == first
    assert len(maker.made) == 3
    (changed,) = reader.news([replace(RECORDS[0], processing_time="later")])
    assert changed.thumbnails.before == "4"


def test_an_answer_does_not_wait_for_what_takes_long_which_comes_later(
    reader: EntryReader, maker: Maker
) -> None:
    maker.is_slow = True
    (entry,) = reader.news(RECORDS[:1])
    assert (entry.thumbnails, maker.late) == (Thumbnails(), [])
    reader.news(RECORDS[:1])
    assert len(maker.made) == 1  # it is being made
    maker.made[0].set_result("ready")
    assert maker.late == [RECORDS[0]] * 2
    assert reader.news(RECORDS[:1])[0].thumbnails.before == "ready"


def test_what_failed_is_tried_again(reader: EntryReader, maker: Maker) -> None:
    maker.is_slow = True
    reader.news(RECORDS[:1])
    maker.made[0].set_exception(ZeroDivisionError())
    with pytest.raises(ZeroDivisionError):
        reader.news(RECORDS[:1])
    maker.is_slow = False
    assert reader.news(RECORDS[:1])[0].thumbnails.before == "2"


def test_only_some_are_kept(
    reader: EntryReader, maker: Maker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(entries_module, "_MOST_KEPT", 2)
    reader.news(RECORDS[:3])
    reader.news([RECORDS[2], RECORDS[0]])
    assert len(maker.made) == 4


def test_without_thumbnails_there_are_only_records(maker: Maker) -> None:
    any_late: Any = maker.late.append
    (entry,) = EntryReader(Sources(find, None, None, any_late)).news(RECORDS[:1])
    assert (entry.record, entry.thumbnails) == (RECORDS[0], Thumbnails())
