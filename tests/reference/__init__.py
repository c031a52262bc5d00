"""The reference pages, generated from the code: settings, JSON documents, options, help texts.

`python -m tests.reference` (or `make reference`) writes them; test_reference.py compares them.
"""

from collections.abc import Callable, Mapping
from pathlib import Path

from tests.reference import help_texts, json_page, options_page, settings_page

ROOT = Path(__file__).parents[2]

PAGES: Mapping[Path, Callable[[], str]] = {
    ROOT / "docs" / "reference" / "settings.md": settings_page.render,
    ROOT / "docs" / "reference" / "json.md": json_page.render,
    ROOT / "docs" / "reference" / "options.md": options_page.render,
    ROOT / "tests" / "cli" / "help.txt": help_texts.render,
}
"""Each generated file, and what renders its text."""
