"""Text for one line: names, sizes, times. Importing it is cheap: no rich."""

import re
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.text import Text

# C0 and C1 controls, and the marks that change the direction of text.
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")


def printable(text: str) -> str:
    """Make a user's text safe for a terminal: control characters are escaped."""
    safe = _UNPRINTABLE.sub(lambda match: match[0].encode("unicode_escape").decode(), text)
    return safe.encode("utf-8", errors="backslashreplace").decode()


def printable_json(text: str) -> str:
    """Escape control characters in JSON text; JSON itself escapes only the C0 controls."""
    return (
        _UNPRINTABLE.sub(
            lambda match: match[0] if match[0] in "\n" else f"\\u{ord(match[0]):04x}", text
        )
        .encode("utf-8", errors="backslashreplace")
        .decode()
    )


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a result: a colored word, and the rest."""

    word: str
    style: str
    rest: str
    faint: str = ""

    def table(self) -> "Text":
        """Return the form for a terminal."""
        from rich.text import Text

        return Text.assemble((f"{self.word:<10}", self.style), self.rest, (self.faint, "dim"))

    def lines(self) -> str:
        """Return the form for a pipe."""
        return f"{self.word:<10}{self.rest}{self.faint}"


def skipped_text(count: int) -> str:
    """Format how many files of the input folders were skipped."""
    return f"Skipped {count} unsupported file{'' if count == 1 else 's'}."


def size_text(count: int) -> str:
    """Format a number of bytes: `812 B`, `4.2 kB`, `18.0 MB`."""
    if count < 1000:
        return f"{count} B"
    size = float(count)
    for unit in ("kB", "MB", "GB"):
        size /= 1000
        if size < 999.95 or unit == "GB":
            break
    return f"{size:.1f} {unit}"


def duration_text(seconds: float) -> str:
    """Format a duration: `0.4 s`, `12 s`, `3 min 5 s`."""
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def local_time(time: str | None) -> str:
    """Format a record's time in the local time zone."""
    if not time:
        return ""
    try:
        moment = datetime.fromisoformat(time)
    except ValueError:
        return printable(time)
    if moment.tzinfo is None:  # the original function wrote UTC without an offset
        moment = datetime.fromisoformat(f"{time}+00:00")
    return moment.astimezone().strftime("%Y-%m-%d %H:%M:%S")
