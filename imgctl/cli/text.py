"""Text for one line: names, sizes, times. Importing it is cheap: no rich."""

import json
import re
from datetime import datetime

# What a terminal obeys, or what hides or reorders text: controls, line and paragraph separators,
# marks and overrides of direction, invisible characters and tags. The joiners U+200C and U+200D are
# not among them: Persian and emoji are written with them.
_UNPRINTABLE = re.compile(
    "[\x00-\x1f\x7f-\x9f\xad\u061c\u115f\u1160\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f"
    "\u3164\ufeff\ufff9-\ufffb\U0001d173-\U0001d17a\U000e0000-\U000e007f]"
)


def printable(text: str) -> str:
    """Make a user's text safe for a terminal: control characters are escaped."""
    safe = _UNPRINTABLE.sub(lambda match: match[0].encode("unicode_escape").decode(), text)
    return safe.encode("utf-8", errors="backslashreplace").decode()


def printable_lines(text: str) -> str:
    """Make a text of several lines safe for a terminal."""
    return "\n".join(map(printable, text.split("\n")))


def printable_json(text: str) -> str:
    """Escape control characters in JSON text; JSON itself escapes only the C0 controls."""
    escaped = _UNPRINTABLE.sub(
        lambda match: match[0] if match[0] == "\n" else json.dumps(match[0])[1:-1], text
    )
    return escaped.encode("utf-8", errors="backslashreplace").decode()


def sentences(*parts: str) -> str:
    """Join texts that are not empty; one before another ends in a full stop."""
    texts = [part for part in parts if part]
    ended = [text if text.endswith((".", "!", "?")) else f"{text}." for text in texts[:-1]]
    return " ".join([*ended, *texts[-1:]])


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
    """Format a duration: `0.4 s`, `12 s`, `3 min 5 s`, `1 h 2 min`."""
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min" if minutes else f"{hours} h"
    if minutes:
        return f"{minutes} min {rest} s" if rest else f"{minutes} min"
    return f"{rest} s"


def shortened(text: str, length: int | None) -> str:
    """Cut a text to at most `length` characters, with an ellipsis; None leaves it whole."""
    return text if length is None or len(text) <= length else f"{text[: length - 1]}…"


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
