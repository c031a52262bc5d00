"""The dialog about one record: by pointer and by keyboard."""

import json
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

import imgctl.pages
from imgctl.core.record import Status
from imgctl.pages.entries import Entry, Thumbnails
from tests.browser import Reader
from tests.pages.samples import AFTER, BEFORE, THUMBNAILS, failed, record, renditions, thumbnail

SMALL = thumbnail((0, 200, 0))
ENTRIES = [
    Entry(record(0, notes="GPS position removed; gain map dropped", frames=3), THUMBNAILS),
    Entry(
        record(1, renditions=renditions({"small": 320, "large": 1920})),
        Thumbnails(before=BEFORE, renditions={"small": SMALL, "large": AFTER}),
    ),
    Entry(failed(2)),
    Entry(record(3, status=Status.SUPERSEDED, superseded_by=record(0).resource_id)),
]


@pytest.fixture
def page(reader: Reader) -> Page:
    return reader.report(ENTRIES)


def card(page: Page, number: int) -> Locator:
    return page.locator("#gallery button").nth(number)


def open_by_key(page: Page, number: int) -> Locator:
    card(page, number).press("Enter")
    dialog = page.get_by_role("dialog")
    expect(dialog).to_be_visible()
    return dialog


def test_the_divider_is_moved_by_each_key_of_a_slider(page: Page) -> None:
    slider = open_by_key(page, 0).get_by_role("slider")
    slider.focus()
    positions = []
    for key in ("ArrowRight", "ArrowUp", "ArrowLeft", "Shift+ArrowRight", "PageDown", "Home",
                "ArrowDown", "End"):  # fmt: skip
        page.keyboard.press(key)
        positions.append(slider.get_attribute("aria-valuenow"))
    assert positions == ["52", "54", "52", "62", "52", "0", "0", "100"]
    expect(slider).to_have_attribute("aria-valuetext", "100% before, 0% after")
    expect(page.locator("#details-position")).to_have_text("1 of 4")  # the keys did nothing else


def test_the_divider_is_dragged(page: Page) -> None:
    slider = open_by_key(page, 0).get_by_role("slider")
    box = slider.bounding_box()
    assert box
    middle = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + box["width"] / 2, middle)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] / 4, middle)
    page.mouse.up()
    expect(slider).to_have_attribute("aria-valuenow", "25")


def test_a_click_beside_the_dialog_closes_it_but_a_drag_that_ends_there_does_not(
    page: Page,
) -> None:
    card(page, 0).click()
    dialog = page.get_by_role("dialog")
    box = dialog.get_by_role("slider").bounding_box()
    assert box
    page.mouse.move(box["x"] + 50, box["y"] + 50)
    page.mouse.down()
    page.mouse.move(5, 300)
    page.mouse.up()
    expect(dialog.get_by_role("slider")).to_have_attribute("aria-valuenow", "0")
    expect(dialog).to_be_visible()
    page.mouse.click(5, 300)
    expect(dialog).to_be_hidden()


def test_the_dialog_keeps_the_focus_and_returns_it(page: Page) -> None:
    dialog = open_by_key(page, 1)
    expect(page.locator("#details-title")).to_be_focused()
    within = set()
    for key in ["Tab"] * 8 + ["Shift+Tab"] * 9:
        page.keyboard.press(key)
        within.add(
            dialog.evaluate(
                "dialog => document.activeElement === document.body"  # the browser's own controls
                " || dialog.contains(document.activeElement)"
            )
        )
    assert within == {True}
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    expect(card(page, 1)).to_be_focused()


def test_arrow_keys_walk_through_the_images_that_are_shown(page: Page) -> None:
    page.select_option("[name=sort]", "oldest")
    dialog = open_by_key(page, 0)
    seen = [dialog.get_by_role("heading").first.text_content()]
    for key in ("ArrowRight", "ArrowRight", "ArrowLeft", "ArrowRight", "ArrowRight", "ArrowRight"):
        page.keyboard.press(key)
        seen.append(dialog.get_by_role("heading").first.text_content())
    assert [name and name[7:8] for name in seen] == ["3", "2", "1", "2", "1", "0", "0"]
    expect(page.get_by_role("button", name="Next image")).to_have_attribute("aria-disabled", "true")
    page.get_by_role("button", name="Close").press("Enter")
    expect(card(page, 3)).to_be_focused()  # the card of the last one


def test_a_failure_says_why_and_what_to_do(page: Page) -> None:
    expect(card(page, 2)).to_contain_text("Unrecognized image format.")
    failure = open_by_key(page, 2).locator(".failure")
    expect(failure).to_contain_text("Unrecognized image format.")
    expect(failure).to_contain_text("The content is not in any known image format.")
    expect(failure).to_contain_text("What to do: Use a JPEG, PNG, WebP, GIF,")
    expect(failure).to_contain_text("not_an_image")


def test_each_rendition_is_listed_and_can_be_compared(page: Page) -> None:
    dialog = open_by_key(page, 1)
    expect(dialog.locator(".renditions li")).to_contain_text(
        [
            "small320\u00d7240 · 96 kB · WEBP · quality 80",
            "large1920\u00d71440 · 576 kB · WEBP · quality 80",
        ]
    )
    after = dialog.locator("img[slot=second]")
    expect(after).to_have_attribute("src", SMALL)
    dialog.get_by_role("button", name="large").press("Enter")
    expect(after).to_have_attribute("src", AFTER)
    expect(dialog.get_by_role("button", name="large")).to_have_attribute("aria-pressed", "true")
    expect(dialog.get_by_role("button", name="small")).to_have_attribute("aria-pressed", "false")


def test_every_field_is_there_with_its_meaning(page: Page) -> None:
    source = Path(str(imgctl.pages.__file__)).parent / "web" / "src" / "fields.json"
    meanings = {field["name"]: field["meaning"] for field in json.loads(source.read_text())}
    dialog = open_by_key(page, 0)
    dialog.get_by_text("All fields, and what they mean").click()
    shown = {
        field.locator("dt").text_content(): field.locator("dd").all_text_contents()
        for field in dialog.locator(".fields dl > div").all()
    }
    assert shown["FetchMs"] == ["40", meanings["FetchMs"]]
    assert shown["Notes"] == ["GPS position removed; gain map dropped", meanings["Notes"]]
    assert all(texts[1] == meanings[name or ""] for name, texts in shown.items())
    expect(dialog.locator(".notes li")).to_have_text(["GPS position removed", "gain map dropped"])


def test_a_superseded_upload_leads_to_the_newer_one(page: Page) -> None:
    open_by_key(page, 3).get_by_role("button", name="Show the newer upload").press("Enter")
    expect(page.locator("#details-title")).to_have_text("IMG_0000.jpg")
