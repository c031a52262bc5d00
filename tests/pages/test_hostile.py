"""Names and texts that want to be more than text."""

from dataclasses import fields, replace
from typing import Any

import pytest
from playwright.sync_api import expect

from imgctl.core.record import Record
from imgctl.pages.entries import Entry, Thumbnails
from tests.browser import Reader, names
from tests.pages.samples import BEFORE, HEADING, THUMBNAILS, failed, record, renditions

IMAGE = "<img src=x onerror=\"document.title='executed'\">"
TEXTS = [
    IMAGE,
    "</script><script>document.title='executed'</script>",
    "<!--<script>",
    "\"'><svg onload=document.title='executed'>",
    "javascript:document.title='executed'",
    "__proto__",
    "constructor",
    "{{7*7}}${7*7}",
    "a" * 5000,
    "👩‍👩‍👧 Cre\u0300me \u0645\u0631\u062d\u0628\u0627",
    "line\nbreak\tand \x00 null",
]


def hostile(number: int, text: str) -> Entry:
    """Return an entry with the text in every field that can have any."""
    texts: dict[str, Any] = {
        field.name: f"{text}/{text}" if field.name.endswith("_key") else text
        for field in fields(Record)
        if field.type in (str, str | None) and field.name not in ("resource_id", "processing_time")
    }
    known = failed(number) if number % 2 else record(number)
    made = replace(known, **texts, renditions=renditions({text: 100}, text))
    return Entry(made, replace(THUMBNAILS, renditions={text: BEFORE}))


OPEN_EACH = """async () => {
  const texts = [];
  for (const button of document.querySelectorAll('#gallery button')) {
    button.click();
    const dialog = document.querySelector('dialog');
    dialog.querySelector('.fields').open = true;
    await new Promise(requestAnimationFrame);
    const intruders = 'img[src=x], svg[onload], dialog script, main script';
    texts.push([dialog.textContent, document.querySelectorAll(intruders).length]);
    dialog.close();
  }
  return texts;
}"""


def test_hostile_texts_in_every_field_are_shown_as_text(reader: Reader) -> None:
    entries = [hostile(number, text) for number, text in enumerate(TEXTS)]
    heading = replace(HEADING, stack=IMAGE, region=IMAGE, account=IMAGE, key=IMAGE, since=IMAGE)
    page = reader.report(entries, heading)
    expect(page.locator("h1")).to_have_text(IMAGE)
    opened = page.evaluate(OPEN_EACH)
    assert [intruders for _, intruders in opened] == [0] * len(TEXTS)
    for (shown, _), text in zip(opened, TEXTS, strict=True):
        escaped = text.replace("\n", "\\x0a").replace("\t", "\\x09").replace("\x00", "\\x00")
        assert shown.count(escaped) >= 25  # the fields of a record that are texts
    page.click("#filters-toggle")
    expect(page.locator("[name=format]")).to_contain_text(IMAGE)
    page.fill("[name=words]", TEXTS[1])
    assert len(names(page)) == 1
    assert page.title() == f"{IMAGE} · imgctl"


def test_what_hides_or_reorders_text_is_escaped(reader: Reader) -> None:
    shown = {
        "cod\u202egpj.exe": "cod\\u202egpj.exe",
        "zero\u200bwidth": "zero\\u200bwidth",
        "nul\x00": "nul\\x00",
        "mark\u200f": "mark\\u200f",
        "half\ud800": "half\\ud800",
        "tag\U000e0041": "tag\\U000e0041",
    }
    records = [record(at, original_object_key=key) for at, key in enumerate(shown)]
    assert names(reader.report(list(map(Entry, records)))) == list(shown.values())


def test_very_long_names_do_not_widen_a_page(reader: Reader) -> None:
    key = f"{'folder' * 100}/{'W' * 900}.jpg"
    page = reader.report(
        [Entry(record(0, original_object_key=key, notes="x" * 2000), THUMBNAILS)], size=(390, 700)
    )
    page.locator("#gallery button").click()
    page.locator(".fields summary").click()
    page.wait_for_function("document.querySelector('#details').open")
    for box in ("document.documentElement", "document.querySelector('.sheet')"):
        assert page.evaluate(f"{box}.scrollWidth <= 390")


@pytest.mark.parametrize(
    "url",
    [
        "https://example.com/tracker.png",
        "javascript:document.title='executed'",
        "data:text/html,<script>document.title='executed'</script>",
        "data:image/svg+xml,<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>",
        "//example.com/x.png",
    ],
)
def test_a_thumbnail_is_only_an_embedded_image(reader: Reader, url: str) -> None:
    page = reader.report([Entry(record(0), Thumbnails(before=url, after=url))])
    page.locator("#gallery button").click()
    expect(page.get_by_role("dialog")).to_contain_text("There is no preview.")
    assert page.locator("img").count() == 0
