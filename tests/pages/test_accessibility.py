"""What axe-core finds, what keys reach, how narrow a screen may be, and colors."""

from collections.abc import Callable
from typing import Any, Literal, TypeAlias

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from imgctl.pages.entries import Entry, Thumbnails
from tests.browser import PHONE, Reader, violations
from tests.pages.samples import AFTER, BEFORE, THUMBNAILS, failed, record, renditions

ENTRIES = [
    Entry(record(0, notes="GPS position removed"), THUMBNAILS),
    Entry(failed(1)),
    Entry(
        record(2, renditions=renditions({"small": 320, "large": 1920})),
        Thumbnails(before=BEFORE, after=AFTER, renditions={"small": AFTER, "large": BEFORE}),
    ),
    Entry(record(3, original_object_key=f"{'long' * 30}/{'name' * 30}.jpg"), THUMBNAILS),
]

Colors: TypeAlias = Literal["light", "dark"]
Keep: TypeAlias = Callable[[Page, str], None]


@pytest.mark.parametrize("colors", ["light", "dark"])
@pytest.mark.parametrize("size", [(1280, 900), PHONE], ids=["desktop", "phone"])
def test_axe_finds_nothing_and_nothing_is_wider_than_the_screen(
    reader: Reader,
    axe: Axe,
    screenshot: Keep,
    colors: Literal["light", "dark"],
    size: tuple[int, int],
) -> None:
    page = reader.report(ENTRIES, size=size, color_scheme=colors)
    page.click("#filters-toggle")
    page.locator("#charts").evaluate("charts => charts.open = true")
    page.locator("figure summary").first.click()
    found = violations(axe, page)
    fits = [_fits(page)]
    screenshot(page, f"report-{colors}-{size[0]}")
    for number in (1, 2) if size != PHONE else (2,):
        page.locator("#gallery button").nth(number).click()
        page.locator(".fields summary").click()
        found += violations(axe, page)
        fits.append(_fits(page))
        screenshot(page, f"details-{number}-{colors}-{size[0]}")
        page.keyboard.press("Escape")
    assert found == []
    assert all(fits)


def test_axe_finds_nothing_where_there_is_nothing_to_show(
    reader: Reader, axe: Axe, screenshot: Keep
) -> None:
    page = reader.report(ENTRIES)
    page.fill("[name=words]", "nothing")
    found = violations(axe, page)
    screenshot(page, "no-match")
    page = reader.report([])
    found += violations(axe, page)
    screenshot(page, "no-records")
    assert found == []


def _fits(page: Page) -> bool:
    """Whether neither the page nor the open dialog scrolls sideways."""
    return bool(
        page.evaluate(
            "[document.documentElement, document.querySelector('.sheet')]"
            ".every((box) => box.scrollWidth <= innerWidth)"
        )
    )


_FOCUSED = """() => {
  const element = document.activeElement;
  const style = getComputedStyle(element.closest('.segments label') ?? element);
  const isOutlined = style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2;
  return {
    is: element.name || element.id || element.className || element.tagName,
    outline: isOutlined || element.className === 'skip',  // which appears when it has the focus
  };
}"""


def test_the_keyboard_reaches_everything_in_order_and_each_focus_is_visible(reader: Reader) -> None:
    page = reader.report(ENTRIES)
    reached: list[dict[str, Any]] = []
    for _ in range(18):
        page.keyboard.press("Tab")
        reached.append(page.evaluate(_FOCUSED))
    order = [stop["is"] for stop in reached]
    assert order == [
        "skip", "theme", "failed-button", "SUMMARY", "SUMMARY", "SUMMARY", "words", "status",
        "filters-toggle", "sort", "BUTTON", "BUTTON", "BUTTON", "BUTTON", "BODY", *order[15:],
    ]  # fmt: skip
    assert all(stop["outline"] for stop in reached[:14])


def test_the_first_link_leads_past_the_controls(reader: Reader) -> None:
    page = reader.report(ENTRIES)
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    expect(page.locator("#gallery button").first).to_be_focused()


def _ground(page: Page) -> str:
    return str(page.evaluate("getComputedStyle(document.body).backgroundColor"))


def test_colors_follow_the_system_until_somebody_chooses(reader: Reader) -> None:
    page = reader.report(ENTRIES, color_scheme="light")
    light = _ground(page)
    page.emulate_media(color_scheme="dark")
    dark = _ground(page)
    assert light != dark
    page.focus("[name=theme]:checked")
    page.keyboard.press("ArrowRight")
    assert _ground(page) == light
    page.reload()
    assert _ground(page) == light
    page.get_by_label("Dark", exact=True).check()
    page.emulate_media(color_scheme="light")
    assert _ground(page) == dark


def test_charts_change_their_colors_with_the_theme(reader: Reader) -> None:
    page = reader.report(ENTRIES, color_scheme="light")
    page.wait_for_function("document.querySelector('canvas').getAttribute('aria-label')")
    pixels = "document.querySelector('canvas').toDataURL()"
    light = page.evaluate(pixels)
    page.get_by_label("Dark", exact=True).check()
    page.wait_for_function(f"light => {pixels} !== light", arg=light)


def test_nothing_moves_for_those_who_ask_for_less_motion(reader: Reader) -> None:
    page = reader.report(ENTRIES, reduced_motion="reduce")
    page.locator("#gallery button").first.click()
    page.get_by_role("slider").press("End")
    moving = "document.getAnimations({subtree: true}).length"
    assert page.evaluate(moving) == 0
    assert (
        page.get_by_role("slider").evaluate("slider => slider.shadowRoot.getAnimations().length")
        == 0
    )


def test_without_javascript_there_is_only_a_line_that_says_so(
    reader: Reader, browser: Browser
) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(reader.file(ENTRIES).as_uri())
    # Playwright turns scripts off so late that the browser has already left the line out.
    expect(page.locator("#page")).to_be_hidden()
    assert "It needs JavaScript, which is turned off.</p></noscript>" in page.content()
    context.close()
