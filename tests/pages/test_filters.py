"""Search, filters and order of the page."""

import pytest
from playwright.sync_api import Page, expect

from imgctl.core.record import Record, Status
from imgctl.pages.entries import Entry
from tests.browser import Reader, names
from tests.pages.samples import THUMBNAILS, failed, record

RECORDS = [
    record(0, original_object_key="cats/Zoe.png", original_format="PNG", notes="GPS dropped"),
    record(
        1, original_object_key="cats/kittens/a10.jpg", resized_file_size=1_900_000, fetch_ms=9000
    ),
    record(2, original_object_key="cats/kittens/a9.jpg", original_file_size=90_000_000),
    record(3, original_object_key="top.jpg", resized_file_size=2_500_000, resize_ms=1),
    record(4, original_object_key="dogs/old.jpg", status=Status.SUPERSEDED, processing_time=None),
    failed(5, original_object_key="dogs/letter.pdf"),
    failed(6, original_object_key="dogs/half.jpg", failure_code="truncated"),
    # NFD, as macOS writes it
    record(60 * 24 * 3, original_object_key="cafe\u0301/Cre\u0300me.jpg", original_format="HEIC"),
]
ALL = [
    "Zoe.png",
    "a10.jpg",
    "a9.jpg",
    "top.jpg",
    "old.jpg",
    "letter.pdf",
    "half.jpg",
    "Cre\u0300me.jpg",
]


@pytest.fixture
def page(reader: Reader) -> Page:
    return reader.report([Entry(known, THUMBNAILS) for known in RECORDS])


def choose(page: Page, name: str, value: str) -> None:
    if page.locator("#filters").is_hidden():
        page.click("#filters-toggle")
    field = page.locator(f"[name={name}]")
    if field.evaluate("field => field.tagName") == "SELECT":
        field.select_option(value)
    else:
        field.fill(value)


def test_a_search_finds_all_words_in_any_order_and_in_any_spelling(page: Page) -> None:
    assert names(page) == ALL
    found = {}
    for words in (
        "KITTENS a1",
        "a1 kittens",
        "caf\u00e9",
        "cr\u00e8me",
        "gps",
        "unrecognized",
        "no such",
    ):
        page.fill("[name=words]", words)
        found[words] = names(page)
    assert found == {
        "KITTENS a1": ["a10.jpg"],
        "a1 kittens": ["a10.jpg"],
        "caf\u00e9": ["Cre\u0300me.jpg"],
        "cr\u00e8me": ["Cre\u0300me.jpg"],
        "gps": ["Zoe.png"],
        "unrecognized": ["letter.pdf", "half.jpg"],
        "no such": [],
    }


def test_each_filter_selects(page: Page) -> None:
    cases = [
        ("folder", "cats/", ["Zoe.png", "a10.jpg", "a9.jpg"]),
        ("folder", "cats/kittens/", ["a10.jpg", "a9.jpg"]),
        ("format", "HEIC", ["Cre\u0300me.jpg"]),
        ("reason", "truncated", ["half.jpg"]),
        ("from", "2026-11-30T11:59", ["Zoe.png", "a10.jpg"]),
        ("to", "2026-11-29T00:00", ["Cre\u0300me.jpg"]),
        ("smallest", "2.5", ["a9.jpg"]),
        ("largest", "2", [name for name in ALL if name != "a9.jpg"]),
    ]
    for name, value, expected in cases:
        choose(page, name, value)
        assert (name, value, names(page)) == (name, value, expected)
        expect(page.locator("#filters-toggle")).to_have_text("Filters (1)")
        page.click("#clear")
    assert names(page) == ALL


def test_status_is_chosen_with_the_arrow_keys(page: Page) -> None:
    page.focus("[name=status]:checked")
    shown = []
    for _ in range(3):
        page.keyboard.press("ArrowRight")
        shown.append(names(page))
    assert shown == [
        ["Zoe.png", "a10.jpg", "a9.jpg", "top.jpg", "Cre\u0300me.jpg"],
        ["letter.pdf", "half.jpg"],
        ["old.jpg"],
    ]


def test_filters_work_together_and_are_counted_aloud(page: Page) -> None:
    choose(page, "folder", "dogs/")
    page.click("text=Show failures")
    page.fill("[name=words]", "half")
    assert names(page) == ["half.jpg"]
    expect(page.get_by_role("status").filter(has_text="1 of 8 images")).to_be_visible()
    expect(page.locator("#failed-button")).to_be_hidden()


def test_each_order_sorts_and_stays_when_filters_are_cleared(page: Page) -> None:
    first = {}
    for name in ("newest", "oldest", "name", "largest", "most", "least", "slowest"):
        page.select_option("[name=sort]", name)
        first[name] = names(page)[:2]
    assert first == {
        "newest": ["Zoe.png", "a10.jpg"],
        "oldest": ["Cre\u0300me.jpg", "half.jpg"],
        "name": ["Cre\u0300me.jpg", "a9.jpg"],
        "largest": ["a9.jpg", "Zoe.png"],
        "most": ["a9.jpg", "Zoe.png"],
        "least": ["top.jpg", "a10.jpg"],
        "slowest": ["a10.jpg", "Zoe.png"],
    }
    page.fill("[name=words]", "jpg")
    page.click("#clear")
    expect(page.locator("[name=sort]")).to_have_value("slowest")


def test_what_nothing_matches_can_be_undone(page: Page) -> None:
    page.fill("[name=words]", "nothing like it")
    expect(page.locator("#empty")).to_contain_text("No image matches")
    page.locator("#empty").get_by_role("button", name="Clear filters").press("Enter")
    assert names(page) == ALL
    expect(page.locator("#shown")).to_be_focused()


def test_figures_and_charts_are_those_of_the_images_that_are_shown(page: Page) -> None:
    choose(page, "folder", "cats/kittens/")
    expect(page.locator("#images")).to_have_text("2")
    expect(page.locator("#sizes")).to_have_text("92 MB → 2.5 MB")
    expect(page.locator("#saved")).to_have_text("97% smaller")
    page.locator("figure summary").first.click()
    rows = page.locator("figure").first.locator("tbody tr")
    expect(rows).to_have_count(11)
    numbers = dict(row.split("\t") for row in rows.all_inner_texts())
    assert {label: number for label, number in numbers.items() if number != "0"} == {
        "0\u201310%": "1",
        "90\u2013100%": "1",
    }
    expect(page.locator("canvas").last).to_have_attribute(
        "aria-label", "Images per 10 seconds. At most 1 per 10 seconds, from Nov 30, 2026, 11:58"
        " to Nov 30, 2026, 11:59. The numbers are in the table below."
    )  # fmt: skip


def test_a_report_without_records_says_so(reader: Reader) -> None:
    page = reader.report([])
    expect(page.locator("#empty")).to_contain_text("Nothing was uploaded yet.")
    expect(page.locator("#controls")).to_be_hidden()


def many(count: int) -> list[Entry]:
    return [Entry(known) for known in map(record, range(count))]


def test_many_cards_come_in_batches_by_scrolling_or_by_a_button(reader: Reader) -> None:
    page = reader.report(many(400))
    cards = page.locator("#gallery > li")
    more = page.locator("#show-more")
    shown = cards.count()
    assert shown < 400
    more.evaluate("button => button.click()")  # as a screen reader does it, without scrolling
    expect(cards.nth(shown).locator("button")).to_be_focused()
    page.evaluate("""async () => {
      const more = document.querySelector('#show-more');
      while (!more.hidden) {
        scrollTo(0, document.documentElement.scrollHeight);
        await new Promise(requestAnimationFrame);
      }
    }""")
    assert names(page) == [f"IMG_{number:04}.jpg" for number in range(400)]


def test_a_large_screen_is_filled(reader: Reader) -> None:
    page = reader.report(many(300), size=(3840, 2160))
    page.wait_for_function(
        "document.querySelector('#show-more').getBoundingClientRect().top > innerHeight"
    )


def test_records_of_any_age_and_form_are_shown(reader: Reader) -> None:
    bare = [Record(resource_id="original-1", processing_time="2024-05-01T10:00:00.123456"),
            Record(resource_id="later", status=Status.UNKNOWN, processing_time="soon")]  # fmt: skip
    page = reader.report([Entry(known) for known in bare])
    assert names(page) == ["original-1", "later"]
    page.locator("#gallery button").first.click()
    expect(page.get_by_role("dialog")).to_contain_text("May 1, 2024, 10:00")
