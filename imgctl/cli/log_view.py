"""Log lines as text and as JSON, and which of Lambda's own are worth a line."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from imgctl.aws.log_lines import report_of
from imgctl.cli.layout import Line
from imgctl.cli.text import local_time, printable, sentences, size_text

if TYPE_CHECKING:
    from rich.text import Text

    from imgctl.aws.log_lines import LogLine, Report
    from imgctl.aws.logs import LogEvent
    from imgctl.cli.operating_documents import LogLineDocument

_STYLES = {
    "SUCCEEDED": "green",
    "SUPERSEDED": "dim",
    "REPEATED": "dim",
    "RENDITION": "dim",
    "SKIPPED": "dim",
    "IGNORED": "dim",
    "REPORT": "dim",
    "WARN": "yellow",
    "WARNING": "yellow",
}
_WORD_CELLS = len("SUPERSEDED")
_STEPS = {"fetchMs": "download", "resizeMs": "resize", "storeMs": "store"}


def is_detail(line: "LogLine") -> bool:
    """Return whether a line only says that something of Lambda's began or ended normally."""
    return line.is_platform and line.platform_kind != "report" and not line.is_error


@dataclass(frozen=True, slots=True)
class LogRow:
    """A line of a log: what it is, when, about what, and how it went."""

    word: str
    style: str
    values: tuple[str, ...]

    def rendered(self, width: int) -> "Text":
        """Return the form for a terminal: as many lines as it takes, broken between words."""
        text = "  ".join(self.values)
        return Line(self.word, self.style, (text,), word_cells=_WORD_CELLS).rendered(width)

    def lines(self) -> str:
        """Return the form for a pipe: tabs between the values."""
        return "\t".join((self.word, *self.values))


def log_row(event: "LogEvent") -> LogRow:
    """Return a line for people."""
    line = event.line
    word = _word(line)
    style = "red" if line.is_error else _STYLES.get(word, "")
    subject, details, reason = _content(line)
    texts = (_on_one_line(text) for text in (subject, *details, reason))
    values = (local_time(event.time), *(text for text in texts if text))
    return LogRow(_on_one_line(word), style, values)


def log_document(event: "LogEvent") -> "LogLineDocument":
    """Return a line for --json."""
    line = event.line
    return {
        "time": event.time,
        "id": event.event_id,
        "stream": event.stream,
        "level": _level(line),
        "outcome": None if "outcome" not in line.fields else str(line.fields["outcome"]),
        "key": line.key or None,
        "request_id": line.request_id or None,
        "error": line.is_error,
        "message": line.text,
    }


def report_text(report: "Report") -> str:
    """Format what Lambda reports of an invocation: durations and memory."""
    parts = [] if report.status in ("", "success") else [report.status]
    if report.duration_ms is not None:
        parts.append(f"{report.duration_ms:.0f} ms")
    if report.billed_ms is not None:
        parts.append(f"billed {report.billed_ms:.0f} ms")
    if report.init_ms is not None:
        parts.append(f"cold start {report.init_ms:.0f} ms")
    if report.memory_mb is not None:  # what was used is not measured by the embedded AWS
        used = f"{report.max_memory_mb} of " if report.max_memory_mb else ""
        parts.append(f"{used}{report.memory_mb} MB of memory")
    return ", ".join(parts)


def _word(line: "LogLine") -> str:
    if line.is_access:
        return str(line.fields["status"])
    if line.is_platform:
        return line.platform_kind.upper()
    return str(line.fields.get("outcome") or _level(line) or "LOG")


def _level(line: "LogLine") -> str | None:
    level = line.fields.get("level")
    return None if level is None else str(level)


def _content(line: "LogLine") -> tuple[str, tuple[str, ...], str]:
    """Return what a line is about, how it went, and why it failed or what it says."""
    fields = line.fields
    if line.is_access:
        error = _set(fields, "error")
        latency = f"{fields.get('latencyMs')} ms" if _set(fields, "latencyMs") else ""
        return (
            f"{fields['method']} {line.key or fields['path']}",
            (latency, _set(fields, "ip")),
            error,
        )
    if (report := report_of(line)) is not None:
        return report_text(report), (f"request {line.request_id}",), ""
    if line.is_platform or not fields:
        return "", (), line.text
    if line.key:
        return line.key, (_sizes(fields), _durations(fields)), _reason(fields)
    return "", (), _reason(fields) or line.text


def _sizes(fields: Mapping[str, object]) -> str:
    """Format what became of an image: both sizes in pixels, and in bytes."""
    pixels = " → ".join(
        _set(fields, name) for name in ("original", "resized") if _set(fields, name)
    )
    numbers = [fields.get(name) for name in ("originalBytes", "resizedBytes", "bytes")]
    count = " → ".join(size_text(number) for number in numbers if isinstance(number, int))
    return ", ".join(part for part in (_set(fields, "rendition"), pixels, count) if part)


def _durations(fields: Mapping[str, object]) -> str:
    if not _set(fields, "durationMs"):
        return ""
    steps = [f"{name} {fields[field]}" for field, name in _STEPS.items() if field in fields]
    return f"{fields['durationMs']} ms" + (f" ({', '.join(steps)})" if steps else "")


def _reason(fields: Mapping[str, object]) -> str:
    """Return why something failed: the function's reason, or Lambda's report of an exception."""
    code, reason = _set(fields, "code"), _set(fields, "reason")
    if reason:
        return f"{code}: {reason}" if code else reason
    named = (_set(fields, name) for name in ("errorType", "errorMessage", "message", "notes"))
    return sentences(*named)


def _set(fields: Mapping[str, object], name: str) -> str:
    """Return a field as text; empty without a value, which the API writes as a hyphen."""
    value = fields.get(name)
    return "" if value in (None, "", "-") else str(value)


def _on_one_line(text: str) -> str:
    """Make a text safe for a terminal, and one line of it: no line can pretend to be two."""
    return " ↵ ".join(printable(line.strip()) for line in text.split("\n") if line.strip())
