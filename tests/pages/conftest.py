"""A browser for the tests of the page: Debian's Chromium, driven by Playwright."""

import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, ViewportSize, expect, sync_playwright

from imgctl.pages.entries import Entry
from imgctl.pages.report import ReportHeading, write_report
from tests.pages.samples import HEADING

SCREENSHOTS = os.environ.get("SCREENSHOTS", "")
"""The folder that screenshots are written to; empty for none. Chromium then has to be there."""

PHONE = (390, 844)
_TIMEOUT_MS = 20_000  # for a machine that is busy with other tests

expect.set_options(timeout=_TIMEOUT_MS)


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """Start Chromium once for all tests of a process."""
    executable = shutil.which("chromium")
    if executable is None:
        if SCREENSHOTS:
            pytest.fail("Chromium is not installed.")
        pytest.skip("Chromium is not installed")
    home = tmp_path_factory.mktemp("chromium")
    environment: dict[str, str | float | bool] = dict(os.environ)
    environment |= {"HOME": str(home), "XDG_CONFIG_HOME": str(home)}
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=executable, env=environment, args=["--disable-gpu"]
        )
        yield browser
        browser.close()


@dataclass
class Reader:
    """Opens pages as somebody reads them, and collects what is wrong with them."""

    browser: Browser
    folder: Path
    problems: list[str] = field(default_factory=list)
    expected_problems: tuple[str, ...] = ()

    def report(
        self, entries: Sequence[Entry], heading: ReportHeading = HEADING, **options: Any
    ) -> Page:
        """Open a report as a file, without a network."""
        file = self.folder / "report.html"
        with file.open("wb") as output:
            write_report(output, heading, entries)
        page = self.page(file.as_uri(), **options)
        page.context.set_offline(True)
        page.goto(file.as_uri())
        return page

    def page(self, address: str, *, size: tuple[int, int] = (1280, 800), **options: Any) -> Page:
        """Return an empty page that may ask for nothing but what begins with the address."""
        viewport = ViewportSize(width=size[0], height=size[1])
        context = self.browser.new_context(
            viewport=viewport, timezone_id="UTC", service_workers="block", **options
        )
        context.set_default_timeout(_TIMEOUT_MS)
        page = context.new_page()
        page.on("console", lambda message: self._note(f"console: {message.text}"))
        page.on("pageerror", lambda error: self._note(f"error: {error}"))
        page.on("dialog", lambda dialog: self._note(f"dialog: {dialog.message}"))
        page.on("request", lambda request: self._check(request.url, address))
        page.add_init_script(
            "addEventListener('securitypolicyviolation',"
            " (event) => console.error('violation', event.violatedDirective, event.blockedURI))"
        )
        return page

    def _note(self, problem: str) -> None:
        if not any(expected in problem for expected in self.expected_problems):
            self.problems.append(problem)

    def _check(self, url: str, address: str) -> None:
        if not url.startswith((address, "data:", "blob:")):
            self.problems.append(f"request: {url}")


@pytest.fixture
def reader(browser: Browser, tmp_path: Path) -> Iterator[Reader]:
    """Provide a reader; whatever goes wrong in its pages fails the test."""
    reader = Reader(browser, tmp_path)
    yield reader
    for context in browser.contexts:
        context.close()
    assert reader.problems == []


@pytest.fixture
def screenshot() -> Callable[[Page, str], None]:
    """Return a function that keeps a screenshot, if they are wanted."""

    def keep(page: Page, name: str) -> None:
        if SCREENSHOTS:
            folder = Path(__file__).parents[2] / SCREENSHOTS
            folder.mkdir(parents=True, exist_ok=True)
            page.screenshot(path=folder / f"{name}.png")

    return keep


@pytest.fixture(scope="session")
def axe() -> Axe:
    """Provide axe-core."""
    return Axe()


def names(page: Page) -> list[str]:
    """Return the names on the cards, in their order."""
    return page.locator("#gallery .name").all_text_contents()


def violations(axe: Axe, page: Page) -> list[str]:
    """Return what axe-core finds wrong, each rule with the elements."""
    found = axe.run(page).response["violations"]
    return [f"{rule['id']}: {[node['html'] for node in rule['nodes']]}" for rule in found]
