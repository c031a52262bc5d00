"""A browser for the tests of the page: Debian's Chromium, driven by Playwright."""

import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Literal

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import (
    Browser,
    BrowserContext,
    Dialog,
    Page,
    Request,
    ViewportSize,
    expect,
    sync_playwright,
)

from imgctl.pages.entries import Entry
from imgctl.pages.report import ReportHeading, write_report
from tests.pages.samples import HEADING

SCREENSHOTS = os.environ.get("SCREENSHOTS", "")
"""The folder that screenshots are written to; empty for none. Chromium then has to be there."""

DESKTOP = (1280, 800)
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


class Reader:
    """Opens pages as somebody reads them, and collects what is wrong with them.

    All tests of a process share one tab, because a new one costs more than most tests do.
    """

    def __init__(self, context: BrowserContext) -> None:
        self.problems: list[str] = []
        self.expected_problems: tuple[str, ...] = ()
        self.folder = Path()
        self._context = context
        self._address = ""
        context.set_default_timeout(_TIMEOUT_MS)
        self._page = self._watch(context.new_page())

    def report(
        self,
        entries: Sequence[Entry],
        heading: ReportHeading = HEADING,
        *,
        size: tuple[int, int] = DESKTOP,
        color_scheme: Literal["light", "dark"] = "light",
        reduced_motion: Literal["reduce"] | None = None,
    ) -> Page:
        """Open a report as a file, without a network."""
        self._page.emulate_media(color_scheme=color_scheme, reduced_motion=reduced_motion)
        self._context.set_offline(True)
        return self._open(self.file(entries, heading).as_uri(), size)

    def written(self, file: Path) -> Page:
        """Open a report that was written already, without a network."""
        self._context.set_offline(True)
        return self._open(file.as_uri(), DESKTOP)

    def live(
        self,
        address: str,
        query: str,
        *,
        size: tuple[int, int] = DESKTOP,
        color_scheme: Literal["light", "dark"] = "light",
    ) -> Page:
        """Open a page of a server, which may ask for nothing but what begins with the address."""
        self._page.emulate_media(color_scheme=color_scheme, reduced_motion=None)
        self._context.set_offline(False)
        return self._open(address, size, query)

    def file(self, entries: Sequence[Entry], heading: ReportHeading = HEADING) -> Path:
        """Write a report to a file."""
        file = self.folder / "report.html"
        with file.open("wb") as output:
            write_report(output, heading, entries)
        return file

    def leave(self) -> None:
        """Leave the page, and let it forget what it stored."""
        if self._address:
            self._page.evaluate("localStorage.clear(); sessionStorage.clear()")
        self._page.goto("about:blank")
        self._address = ""

    def _open(self, address: str, size: tuple[int, int], query: str = "") -> Page:
        self._page.set_viewport_size(ViewportSize(width=size[0], height=size[1]))
        self._address = address
        self._page.goto(address + query)
        return self._page

    def _watch(self, page: Page) -> Page:
        page.on("console", lambda message: self._note(f"console: {message.text}"))
        page.on("pageerror", lambda error: self._note(f"error: {error}"))
        page.on("dialog", self._dismiss)
        page.on("request", self._check)
        page.add_init_script(
            "addEventListener('securitypolicyviolation',"
            " (event) => console.error('violation', event.violatedDirective, event.blockedURI))"
        )
        return page

    def _dismiss(self, dialog: Dialog) -> None:
        self._note(f"dialog: {dialog.message}")
        dialog.accept()

    def _note(self, problem: str) -> None:
        if not any(expected in problem for expected in self.expected_problems):
            self.problems.append(problem)

    def _check(self, request: Request) -> None:
        if not request.url.startswith((self._address or "about:", "data:", "blob:")):
            self._note(f"request: {request.url}")


@pytest.fixture(scope="session")
def shared_reader(browser: Browser) -> Iterator[Reader]:
    context = browser.new_context(timezone_id="UTC", service_workers="block")
    yield Reader(context)
    context.close()


@pytest.fixture
def reader(shared_reader: Reader, tmp_path: Path) -> Iterator[Reader]:
    """Provide the reader; whatever goes wrong in its pages fails the test."""
    shared_reader.folder = tmp_path
    yield shared_reader
    shared_reader.leave()
    problems = list(shared_reader.problems)
    shared_reader.problems.clear()
    shared_reader.expected_problems = ()
    assert problems == []


@pytest.fixture
def screenshot() -> Callable[[Page, str], None]:
    """Return a function that keeps a screenshot, if they are wanted."""

    def keep(page: Page, name: str) -> None:
        if SCREENSHOTS:
            folder = Path(__file__).parents[1] / SCREENSHOTS
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
    # Only what is wrong is asked for: all of axe-core's results take longer to send than to find.
    page.evaluate(axe.axe_script)
    found = page.evaluate("axe.run({ resultTypes: ['violations'] }).then((all) => all.violations)")
    return [f"{rule['id']}: {[node['html'] for node in rule['nodes']]}" for rule in found]
