import importlib.util
import stat
import webbrowser
from collections.abc import Callable
from pathlib import Path
from queue import SimpleQueue
from urllib.parse import unquote, urlsplit

import pytest

from imgctl.cli.app import make_ui
from imgctl.cli.browser import opened_page, should_open
from imgctl.cli.settings import Settings
from tests.cli_result import CliResult

URL = "http://127.0.0.1:8000/?token=secret&x"


def test_a_missing_server_is_one_clear_error(
    imgctl: Callable[..., CliResult], monkeypatch: pytest.MonkeyPatch
) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == "starlette" else find(name)
    )
    done = imgctl("gallery", "--json")
    assert (done.code, done.out) == (1, "")
    assert done.error == {
        "code": "not_installed",
        "message": "The gallery's server is not installed.",
        "hint": "Run `pip install 'imgctl[gallery]'`.",
    }


def test_the_browser_gets_a_private_file_instead_of_the_token(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    opened: SimpleQueue[str] = SimpleQueue()
    monkeypatch.setattr(webbrowser, "open", opened.put)
    with opened_page(URL):
        argument = opened.get(timeout=30)
        page = Path(unquote(urlsplit(argument).path))
        assert (argument.startswith("file:///"), "secret" in argument) == (True, False)
        assert 'content="0; url=http://127.0.0.1:8000/?token=secret&amp;x"' in page.read_text()
        assert stat.S_IMODE(page.stat().st_mode) == 0o600
        assert stat.S_IMODE(page.parent.stat().st_mode) == 0o700
    assert not page.parent.exists()


def test_a_page_opens_for_somebody_at_a_terminal_whose_browser_has_windows(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ui, in_json = make_ui(Settings()), make_ui(Settings(json=True))
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    for name in ("BROWSER", "DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    assert not should_open(ui, no_open=False)
    monkeypatch.setenv("DISPLAY", ":0")
    assert should_open(ui, no_open=False)
    assert not should_open(ui, no_open=True)
    assert not should_open(in_json, no_open=False)
    monkeypatch.setattr("sys.stdout.isatty", lambda: False)
    assert not should_open(ui, no_open=False)
