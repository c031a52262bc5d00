"""Lines of a log, read into values: the function's, Lambda's own, and the API's.

Lambda reports an invocation in one of two forms (Lambda Developer Guide, "Working with Lambda
function logs"): JSON objects such as `platform.report`, or lines of text such as `REPORT`, which
the embedded AWS writes.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import unquote

from imgctl.core.record import timestamp

_PLATFORM_TEXT = re.compile(r"(START|END|REPORT) RequestId: (\S+)|(INIT_START|INIT_REPORT) ")
_ERROR_TEXT = re.compile(r"Task timed out after|Traceback \(most recent call last\)|\[ERROR\]")
_ERROR_LEVELS = ("ERROR", "CRITICAL", "FATAL")
_ERROR_OUTCOMES = ("FAILED", "RETRY", "UNREADABLE")
_LOST = ("fault", "logsDropped")  # of what Lambda reports besides invocations


@dataclass(frozen=True, slots=True)
class LogLine:
    """One line: its time (ISO 8601), its text, and the fields of its JSON object if it is one."""

    time: str
    text: str
    fields: Mapping[str, Any] = field(default_factory=dict)

    @property
    def platform_kind(self) -> str:
        """What Lambda itself reports, such as `start` or `report`; empty for any other line."""
        if match := _PLATFORM_TEXT.match(self.text):
            return (match[1] or match[3]).lower()
        kind = str(self.fields.get("type", ""))
        return kind.removeprefix("platform.") if kind.startswith("platform.") else ""

    @property
    def is_platform(self) -> bool:
        """Whether Lambda wrote it, and not the function."""
        return bool(self.platform_kind)

    @property
    def request_id(self) -> str:
        """The request ID of the invocation or of the API's request; empty if the line has none."""
        if match := _PLATFORM_TEXT.match(self.text):
            return match[2] or ""
        record = self.fields.get("record")
        of_record = record.get("requestId", "") if isinstance(record, Mapping) else ""
        return str(self.fields.get("requestId") or of_record)

    @property
    def key(self) -> str:
        """The key of the object that the line is about; empty if it names none."""
        if not self.is_access:
            return str(self.fields.get("key") or "")
        parts = str(self.fields["path"]).split("/", 3)  # /STAGE/BUCKET/KEY
        return unquote(parts[3]) if len(parts) == 4 else ""

    @property
    def is_access(self) -> bool:
        """Whether it is a line of the API's access log."""
        return {"method", "path", "status"} <= self.fields.keys()

    @property
    def is_error(self) -> bool:
        """Whether it reports a failure: of an object, an invocation or a request."""
        if self.is_access:
            return not str(self.fields["status"]).startswith(("1", "2", "3"))
        if self.is_platform:
            report = report_of(self)
            failed = report is not None and report.status not in ("", "success")
            return failed or self.platform_kind in _LOST
        if not self.fields:
            return bool(_ERROR_TEXT.search(self.text))
        is_failure = self.fields.get("outcome") in _ERROR_OUTCOMES
        return is_failure or self.fields.get("level") in _ERROR_LEVELS


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What Lambda reports at the end of an invocation. Durations are in ms, memory in MB.

    `status` is empty where none is reported. `init_ms` is set for a cold start: the time in which
    the function was initialized, or restored from a snapshot.
    """

    status: str = ""
    duration_ms: float | None = None
    billed_ms: float | None = None
    memory_mb: int | None = None
    max_memory_mb: int | None = None
    init_ms: float | None = None


def parse_line(milliseconds: int, message: str) -> LogLine:
    """Parse an event of the log; the time of a line is the function's own if it has one."""
    text = message.rstrip("\n")
    try:
        fields = json.loads(text)
    except (ValueError, RecursionError):
        fields = {}
    if not isinstance(fields, dict):
        fields = {}
    own = fields.get("timestamp", fields.get("time"))
    try:
        time = timestamp(datetime.fromisoformat(str(own)))
    except ValueError:
        time = event_time(milliseconds)
    return LogLine(time, text, fields)


def event_time(milliseconds: int) -> str:
    """Return the time of an event of CloudWatch Logs, which counts ms since 1970."""
    return timestamp(datetime.fromtimestamp(milliseconds / 1000, UTC))


def report_of(line: LogLine) -> Report | None:
    """Read what Lambda reports at the end of an invocation; None for any other line."""
    if line.platform_kind != "report":
        return None
    values = _report_values(line)
    memory_mb, used_mb = _number(values.get("memorySizeMB")), _number(values.get("maxMemoryUsedMB"))
    return Report(
        status=str(values.get("status", "")),
        duration_ms=_number(values.get("durationMs")),
        billed_ms=_number(values.get("billedDurationMs")),
        memory_mb=None if memory_mb is None else round(memory_mb),
        max_memory_mb=None if used_mb is None else round(used_mb),
        init_ms=_number(values.get("initDurationMs", values.get("restoreDurationMs"))),
    )


_TEXT_NAMES = {
    "Duration": "durationMs",
    "Billed Duration": "billedDurationMs",
    "Memory Size": "memorySizeMB",
    "Max Memory Used": "maxMemoryUsedMB",
    "Init Duration": "initDurationMs",
    "Restore Duration": "restoreDurationMs",
    "Status": "status",
}


def _report_values(line: LogLine) -> dict[str, Any]:
    """Return what a report says, under the names of its JSON form."""
    record = line.fields.get("record")
    if isinstance(record, Mapping):
        metrics = record.get("metrics")
        named = dict(metrics) if isinstance(metrics, Mapping) else {}
        return {**named, "status": record.get("status", "")}
    pairs = (part.partition(": ") for part in line.text.split("\t"))
    return {_TEXT_NAMES[name]: value.strip() for name, _, value in pairs if name in _TEXT_NAMES}


def _number(value: object) -> float | None:
    try:
        number = float(str(value).split(" ")[0])
    except ValueError:
        return None
    return number if number < float("inf") else None
