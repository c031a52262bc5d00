"""The page in live mode, against a small server."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import FilePayload, Page, expect

from imgctl.pages.entries import Entry
from tests.browser import PHONE, Reader, names, violations
from tests.pages.gallery_server import MAX_BYTES, TOKEN, GalleryServer, gallery_server
from tests.pages.samples import THUMBNAILS, failed, record

Keep = Callable[[Page, str], None]


@pytest.fixture
def server() -> Iterator[GalleryServer]:
    with gallery_server() as server:
        yield server


def entry(number: int, **changes: object) -> Entry:
    return Entry(record(number, **changes), THUMBNAILS)


def result(name: str, **changes: object) -> Entry:
    """The entry of an upload of that name."""
    return entry(900, original_object_key=name, version_id=f"version of {name}", **changes)


def visit(reader: Reader, server: GalleryServer, token: str = TOKEN, **options: Any) -> Page:
    return reader.live(server.url, f"?token={token}", **options)


def choose(page: Page, *files: tuple[str, bytes]) -> None:
    """Choose files as the keyboard does: by the button, and then in the system's dialog."""
    with page.expect_file_chooser() as chooser:
        page.get_by_role("button", name="Choose files").press("Enter")
    chooser.value.set_files(
        [FilePayload(name=name, mimeType="", buffer=data) for name, data in files]
    )


def drop(page: Page, *files: tuple[str, bytes]) -> None:
    """Drop files somewhere on the page."""
    page.evaluate(
        """files => {
          const data = new DataTransfer();
          for (const [name, length] of files) {
            data.items.add(new File([new Uint8Array(length)], name));
          }
          const options = { dataTransfer: data, bubbles: true, cancelable: true };
          for (const type of ['dragover', 'drop']) {
            const event = new DragEvent(type, options);
            if (document.querySelector('h1').dispatchEvent(event)) throw new Error(type);
          }
        }""",
        [[name, len(data)] for name, data in files],
    )


def lines(page: Page) -> list[str]:
    return page.locator("#uploads .state").all_text_contents()


def test_records_are_there_older_ones_can_be_loaded_and_new_ones_appear(
    server: GalleryServer, reader: Reader
) -> None:
    server.entries = [entry(number) for number in range(7)]
    page = visit(reader, server)
    expect(page.locator("#gallery > li")).to_have_count(5)
    page.get_by_role("button", name="Load older images").press("Enter")
    expect(page.locator("#gallery > li")).to_have_count(7)
    expect(page.get_by_role("button", name="Load older images")).to_be_hidden()
    page.locator("#gallery button").nth(2).focus()
    server.publish(entry(100, original_object_key="new.jpg"))
    expect(page.locator("#shown")).to_have_text("8 images")
    assert names(page) == ["new.jpg", *(f"IMG_{number:04}.jpg" for number in range(7))]
    expect(page.locator("#gallery button").nth(3)).to_be_focused()
    # A newer form of a record takes its place, and a filter is applied to what comes.
    server.publish(entry(0, original_object_key="renamed.jpg"))
    expect(page.locator("#gallery .name").nth(1)).to_have_text("renamed.jpg")
    page.fill("[name=words]", "renamed")
    server.publish(entry(101, original_object_key="other.jpg"))
    expect(page.locator("#shown")).to_have_text("1 of 9 images")


def test_the_token_leaves_the_address_and_lasts_for_a_reload(
    server: GalleryServer, reader: Reader
) -> None:
    server.entries = [entry(0)]
    page = visit(reader, server)
    expect(page.locator("#gallery > li")).to_have_count(1)
    assert page.url == server.url
    page.reload()
    expect(page.locator("#gallery > li")).to_have_count(1)
    assert set(server.tokens) == {TOKEN}


def test_a_wrong_or_missing_token_is_explained_and_not_tried_again(
    server: GalleryServer, reader: Reader
) -> None:
    reader.expected_problems = ("403",)
    page = visit(reader, server, token="wrong")
    expect(page.locator("#connection")).to_have_text(
        "The token is wrong. Open the URL that `imgctl gallery` printed."
    )
    assert server.tokens == ["wrong"]
    page.evaluate("sessionStorage.clear()")
    page.goto(server.url)
    expect(page.locator("#connection")).to_contain_text("The token is missing.")
    expect(page.get_by_role("button", name="Choose files")).to_be_disabled()
    assert server.tokens == ["wrong"]


def test_a_lost_connection_is_told_and_nothing_is_missed(
    server: GalleryServer, reader: Reader
) -> None:
    reader.expected_problems = ("ERR_EMPTY_RESPONSE",)
    server.entries = [entry(0)]
    page = visit(reader, server)
    expect(page.locator("#gallery > li")).to_have_count(1)
    server.lose()
    expect(page.locator("#connection")).to_contain_text("Connection lost")
    server.publish(entry(1))
    server.is_lost = False
    expect(page.locator("#connection")).to_have_text("Connected again.")
    expect(page.locator("#gallery > li")).to_have_count(2)


def test_chosen_and_dropped_files_are_uploaded_and_their_results_appear(
    server: GalleryServer, reader: Reader, axe: Axe, screenshot: Keep
) -> None:
    server.entries = [entry(number) for number in range(3)]
    page = visit(reader, server)
    choose(page, ("a b&c#.jpg", b"pixels"), ("paper.pdf", b"%PDF"))
    drop(page, ("e\u0301t\u00e9.jpg", b"123"))
    expect(page.locator("#uploads .state")).to_have_text(["Uploaded, being processed…"] * 3)
    expect(page.locator("#uploads-state")).to_have_text("0 of 3 uploads ready")
    assert server.uploads == {
        "a b&c#.jpg": b"pixels", "paper.pdf": b"%PDF", "e\u0301t\u00e9.jpg": b"\0\0\0",
    }  # fmt: skip
    server.publish(
        result("a b&c#.jpg", resource_id="a"),
        Entry(failed(901, original_object_key="paper.pdf", version_id="version of paper.pdf")),
        # of the same key, but of another upload
        entry(902, original_object_key="e\u0301t\u00e9.jpg", version_id="earlier"),
    )
    expect(page.locator("#uploads-state")).to_have_text("1 of 3 uploads ready, 1 failed")
    assert lines(page) == [
        "Ready · 70% smaller",
        "Unrecognized image format. Use a JPEG, PNG, WebP, GIF, TIFF, BMP, AVIF or HEIC file.",
        "Uploaded, being processed…",
    ]
    screenshot(page, "live-uploads")
    assert violations(axe, page) == []
    page.get_by_role("button", name="Details of a b&c#.jpg").press("Enter")
    expect(page.locator("#details-title")).to_have_text("a b&c#.jpg")
    page.keyboard.press("Escape")
    expect(page.get_by_role("button", name="Details of a b&c#.jpg")).to_be_focused()
    page.get_by_role("button", name="Clear finished").press("Enter")
    assert lines(page) == ["Uploaded, being processed…"]
    expect(page.get_by_role("button", name="Choose files")).to_be_focused()


def test_a_record_that_comes_before_the_answer_to_its_upload_is_found(
    server: GalleryServer, reader: Reader
) -> None:
    server.entries = [result("fast.jpg")]
    page = visit(reader, server)
    expect(page.locator("#gallery > li")).to_have_count(1)
    choose(page, ("fast.jpg", b"1"))
    expect(page.locator("#uploads .state")).to_have_text("Ready · 70% smaller")


def test_an_upload_that_is_refused_says_why(server: GalleryServer, reader: Reader) -> None:
    reader.expected_problems = ("status of 4",)
    error = {"code": "usage", "message": "<b>No</b> such key.", "hint": "Rename it."}
    server.refusals["key.jpg"] = (400, error)
    page = visit(reader, server, size=PHONE)
    choose(page, ("key.jpg", b"1"), ("empty.jpg", b""))
    drop(page, ("large.jpg", b"0" * (MAX_BYTES + 1)))
    expect(page.locator("#uploads-state")).to_have_text("0 of 3 uploads ready, 3 failed")
    assert lines(page) == [
        "<b>No</b> such key. Rename it.",
        "The file is empty.",
        "The file has 100 kB, more than the 100 kB that an upload may have.",
    ]
    assert server.uploads == {}
    assert page.evaluate("document.documentElement.scrollWidth") == PHONE[0]


def test_an_upload_that_is_interrupted_can_be_tried_again(
    server: GalleryServer, reader: Reader
) -> None:
    reader.expected_problems = ("status of 503",)
    error = {"code": "throttled", "message": "S3 asks to slow down.", "hint": ""}
    server.refusals["a.jpg"] = (503, error)
    page = visit(reader, server)
    choose(page, ("a.jpg", b"1"))
    expect(page.locator("#uploads .state")).to_have_text("S3 asks to slow down.")
    server.refusals.clear()
    page.get_by_role("button", name="Try again to upload a.jpg").press("Enter")
    expect(page.locator("#uploads .state")).to_have_text("Uploaded, being processed…")
    assert server.uploads == {"a.jpg": b"1"}


def test_hostile_names_of_files_and_of_records_stay_text(
    server: GalleryServer, reader: Reader
) -> None:
    name = "<img src=x onerror=\"document.title='executed'\">\u202e.jpg"
    page = visit(reader, server)
    drop(page, (name, b"1"))
    expect(page.locator("#uploads .name")).to_have_text(name.replace("\u202e", "\\u202e"))
    server.publish(result(name))
    expect(page.locator("#uploads .state")).to_have_text("Ready · 70% smaller")
    assert page.locator("img[src=x]").count() == 0
    assert page.title() == "photos-prod · imgctl"


def test_a_gallery_without_records_invites_to_drop_one(
    server: GalleryServer, reader: Reader, axe: Axe, screenshot: Keep
) -> None:
    page = visit(reader, server, color_scheme="dark")
    expect(page.locator("#empty")).to_contain_text("Drop a photograph on this page.")
    screenshot(page, "live-empty")
    assert violations(axe, page) == []
