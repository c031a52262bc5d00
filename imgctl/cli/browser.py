"""Opening a page in the user's browser, without showing its URL to other users of the machine."""

import html
import os
import sys
import tempfile
import webbrowser
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from imgctl.cli.ui import Ui


def should_open(ui: "Ui", *, no_open: bool) -> bool:
    """Return whether to open a page: for somebody at a terminal, and in a browser with windows."""
    return not no_open and not ui.json_wanted and sys.stdout.isatty() and _has_browser()


def _has_browser() -> bool:
    """Return whether a browser would open in a window, and not in this terminal or nowhere."""
    return sys.platform == "darwin" or any(
        os.environ.get(name) for name in ("BROWSER", "DISPLAY", "WAYLAND_DISPLAY")
    )


@contextmanager
def opened_page(url: str) -> Iterator[None]:
    """Open a page; what that needs is removed when the block ends.

    The browser's arguments are visible to every user of the machine. They name a file that only
    this user can read, and that leads to the URL.
    """
    target = html.escape(url, quote=True)
    with tempfile.TemporaryDirectory(prefix="imgctl-gallery-") as folder:
        page = Path(folder, "gallery.html")
        page.touch(mode=0o600)
        page.write_text(
            f'<!doctype html>\n<meta charset="utf-8">\n<title>imgctl</title>\n'
            f'<meta http-equiv="refresh" content="0; url={target}">\n'
            f'<p><a href="{target}">Open the gallery</a></p>\n'
        )
        # Some browsers only return when they are closed.
        Thread(target=webbrowser.open, args=(page.as_uri(),), daemon=True).start()
        yield
