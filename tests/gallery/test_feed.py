import asyncio
from collections.abc import Awaitable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TypeVar

import pytest

from imgctl.core.errors import ImgctlError
from imgctl.core.record import Record
from imgctl.gallery import feed as feed_module
from imgctl.gallery.feed import Feed, News

ONE, TWO, THREE = (
    Record(resource_id=name, processing_time=f"2026-11-23T10:0{name}:00.000Z") for name in "123"
)
T = TypeVar("T")


async def news(feed: Feed, place: str | None, timeout_s: float = 0) -> News:
    return await feed.since(place, timeout_s)


def run(test: Awaitable[T]) -> T:
    async def whole() -> T:
        return await asyncio.wait_for(test, 10)

    with ThreadPoolExecutor(1) as threads:  # the main one may have Playwright's loop
        return threads.submit(lambda: asyncio.run(whole())).result()


async def begun(*records: Record) -> tuple[Feed, str]:
    """Return a feed in which these are, and the place before them."""
    feed = Feed()
    feed.add([])
    place = (await news(feed, None)).place
    feed.add(records)
    return feed, place


def test_what_came_since_a_place_is_told_the_last_one_first() -> None:
    async def test() -> None:
        feed, place = await begun(ONE, TWO)
        first = await news(feed, place)
        assert first.records == (TWO, ONE)
        feed.add([THREE])
        assert (await news(feed, first.place)).records == (THREE,)

    run(test())


def test_a_new_page_begins_with_what_comes_next() -> None:
    async def test() -> None:
        feed, _ = await begun(ONE)
        now = await news(feed, None, timeout_s=100)
        assert now.records == ()
        feed.add([TWO])
        assert (await news(feed, now.place)).records == (TWO,)

    run(test())


def test_a_new_page_waits_until_the_feed_has_begun() -> None:
    async def test() -> None:
        feed = Feed()
        waiting = asyncio.create_task(news(feed, None, timeout_s=100))
        await asyncio.sleep(0)
        assert not waiting.done()
        feed.add([])
        assert (await waiting).records == ()

    run(test())


def test_who_waits_is_told_at_once() -> None:
    async def test() -> None:
        feed, place = await begun()
        waiting = [asyncio.create_task(news(feed, place, timeout_s=100)) for _ in range(2)]
        await asyncio.sleep(0)
        feed.add([])
        await asyncio.sleep(0)
        assert not any(task.done() for task in waiting)
        feed.add([ONE])
        assert [(await task).records for task in waiting] == [(ONE,), (ONE,)]

    run(test())


def test_nothing_new_is_told_after_a_while() -> None:
    async def test() -> None:
        feed, place = await begun()
        assert await news(feed, place, timeout_s=0.01) == News((), place)

    run(test())


def test_a_record_comes_once_and_again_when_it_was_written_again() -> None:
    async def test() -> None:
        feed, place = await begun(ONE, TWO)
        feed.add([ONE])
        assert (await news(feed, place)).records == (TWO, ONE)
        again = replace(ONE, processing_time="2026-11-23T11:00:00.000Z")
        feed.add([again])
        assert (await news(feed, place)).records == (again, TWO)

    run(test())


@pytest.mark.parametrize("place", ["", "x", "x-0", "another-5", "-", "1-1e9", "x--1"])
def test_a_place_of_another_server_is_the_beginning(place: str) -> None:
    async def test() -> None:
        feed, _ = await begun(ONE)
        assert (await news(feed, place)).records == (ONE,)

    run(test())


def test_a_place_beyond_the_end_waits_for_the_next() -> None:
    async def test() -> None:
        feed, place = await begun(ONE)
        name = place.partition("-")[0]
        assert (await news(feed, f"{name}-{10**30}", timeout_s=0.01)).records == ()

    run(test())


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feed_module, "_MOST_KEPT", 2)

    async def test() -> None:
        feed, place = await begun(ONE, TWO, THREE)
        assert (await news(feed, place)).records == (THREE, TWO)
        now = (await news(feed, None)).place
        feed.add([replace(ONE, resource_id="4")])
        assert [one.resource_id for one in (await news(feed, now)).records] == ["4"]

    run(test())


def test_an_error_is_told_until_records_can_be_read_again() -> None:
    async def test() -> None:
        feed, place = await begun(ONE)
        feed.fail(ImgctlError("AWS cannot be reached."))
        with pytest.raises(ImgctlError, match="cannot be reached"):
            await news(feed, place)
        feed.add([])
        assert (await news(feed, place)).records == (ONE,)

    run(test())


def test_a_stop_answers_those_who_wait() -> None:
    async def test() -> None:
        feed, place = await begun()
        waiting = asyncio.create_task(news(feed, place, timeout_s=100))
        await asyncio.sleep(0)
        feed.stop()
        assert (await waiting).records == ()

    run(test())


def test_much_that_is_new_is_told_bit_by_bit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feed_module, "_MOST_TOLD", 2)

    async def test() -> None:
        feed, place = await begun(ONE, TWO, THREE)
        first = await news(feed, place)
        assert first.records == (TWO, ONE)
        assert (await news(feed, first.place)).records == (THREE,)

    run(test())


def test_a_record_is_told_again_when_more_of_it_can_be_shown() -> None:
    async def test() -> None:
        feed, place = await begun(ONE, TWO)
        now = (await news(feed, place)).place
        feed.add_again(ONE)
        assert (await news(feed, now)).records == (ONE,)

    run(test())
