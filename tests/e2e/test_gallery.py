"""`imgctl gallery` as a person uses it, in Chromium; and `imgctl history --html`."""

import base64
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser import Reader
from tests.e2e.conftest import Local
from tests.pictures import PHOTOS, encoded, photo


@pytest.fixture(scope="module")
def url(shared: Local) -> Iterator[str]:
    """Run `imgctl gallery` for the tests of this module; provide the URL that it prints."""
    with subprocess.Popen(
        [sys.executable, "-m", "imgctl", "gallery"],
        env=shared.environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            assert process.stdout is not None
            url = process.stdout.readline().strip()
            assert url.startswith("http://127.0.0.1:"), url
            yield url
        finally:
            process.send_signal(signal.SIGINT)
            _, said = process.communicate(timeout=60)
    assert (process.returncode, said) == (0, "Press Ctrl-C to stop.\nStopped.\n")


def drop(page: Page, file: Path) -> None:
    """Drop a file on the page."""
    page.evaluate(
        """([name, data]) => {
          const bytes = Uint8Array.from(atob(data), (character) => character.charCodeAt(0));
          const dataTransfer = new DataTransfer();
          dataTransfer.items.add(new File([bytes], name));
          const options = { dataTransfer, bubbles: true, cancelable: true };
          for (const type of ['dragover', 'drop']) {
            document.body.dispatchEvent(new DragEvent(type, options));
          }
        }""",
        [file.name, base64.b64encode(file.read_bytes()).decode()],
    )


def opened(reader: Reader, url: str) -> Page:
    """Open the gallery as a person does who clicks on its URL."""
    address, *query = url.partition("?")
    page = reader.live(address, "".join(query))
    assert page.url == address  # without the token
    return page


def test_a_photograph_that_is_dropped_appears_halved(
    url: str, reader: Reader, screenshot: Callable[[Page, str], None]
) -> None:
    page = opened(reader, url)
    drop(page, PHOTOS / "chelsea.png")
    expect(page.locator("#uploads .state")).to_contain_text("Ready", timeout=60_000)
    expect(page.locator("#uploads img")).to_have_js_property("naturalWidth", 226)
    expect(page.locator("#gallery .name").first).to_have_text("chelsea.png")
    screenshot(page, "gallery-upload")
    page.locator("#uploads button").click()
    expect(page.locator("dialog")).to_contain_text("226")


def test_what_others_upload_appears_and_a_file_that_is_no_image_is_refused(
    url: str, shared: Local, reader: Reader, album: Path
) -> None:
    reader.expected_problems = ("415",)
    paper, cake = album / "paper.jpg", album / "from the shell.jpg"
    paper.write_bytes(b"%PDF-1.7")
    cake.write_bytes(encoded(photo(300, 200), "JPEG"))
    page = opened(reader, url)
    drop(page, paper)
    expect(page.locator("#uploads .failed .state")).to_contain_text("not supported")
    shared.imgctl("upload", str(cake)).succeeded()
    expect(page.locator("#gallery .name").first).to_have_text(cake.name, timeout=60_000)


def test_a_report_of_the_history_shows_its_images(
    shared: Local, reader: Reader, album: Path
) -> None:
    cake = album / "reported cake.png"
    cake.write_bytes(encoded(photo(301, 200), "PNG"))
    shared.imgctl("upload", str(cake)).succeeded()
    report = album / "my report.html"
    written = shared.imgctl("history", "--key", cake.name, "--html", str(report)).succeeded()
    assert written.out == f"{report}\n"
    page = reader.written(report)
    expect(page.locator("#gallery .name")).to_have_text(cake.name)
    expect(page.locator("#gallery img").first).to_have_js_property("complete", value=True)
    again = shared.imgctl("history", "--html", str(report), "--json")
    assert (again.code, again.error["code"]) == (1, "exists")
