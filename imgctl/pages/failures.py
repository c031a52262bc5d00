"""What each failure code means: `failures.json`, which the built page contains too."""

import json
from collections.abc import Mapping
from functools import cache
from importlib import resources


@cache
def failure_meanings() -> Mapping[str, str]:
    """Return one or two sentences per failure code; docs/reference/records.md lists the codes."""
    text = (resources.files("imgctl.pages") / "failures.json").read_text(encoding="utf-8")
    meanings: dict[str, str] = json.loads(text)
    return meanings
