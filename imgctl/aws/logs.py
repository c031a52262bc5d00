"""The function's log group: the lines about one object, and the invocations that wrote them.

Lambda reports an invocation in one of two forms (Lambda Developer Guide, "Working with Lambda
function logs"): JSON objects such as `platform.report`, or lines of text such as `REPORT`, which
the embedded AWS writes.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from imgctl.core.record import timestamp

if TYPE_CHECKING:
    from mypy_boto3_logs import CloudWatchLogsClient

_SPECIAL = re.compile(r"[^\w./-]+", re.ASCII)
_REQUEST_ID = re.compile(r"[\w-]+", re.ASCII)
_MAX_PATTERN = 500  # CloudWatch Logs API Reference, FilterLogEvents: at most 1,024 characters
_PLATFORM_TEXT = re.compile(r"(START|END|REPORT) RequestId: (\S+)")


@dataclass(frozen=True, slots=True)
class LogLine:
    """One line: its time (ISO 8601), its text, and the fields of its JSON object if it is one."""

    time: str
    text: str
    fields: Mapping[str, Any] = field(default_factory=dict)

    @property
    def is_platform(self) -> bool:
        """Whether Lambda wrote it, and not the function."""
        return bool(_PLATFORM_TEXT.match(self.text)) or str(self.fields.get("type", "")).startswith(
            "platform."
        )

    @property
    def request_id(self) -> str:
        """The invocation's request ID; empty if the line has none."""
        if match := _PLATFORM_TEXT.match(self.text):
            return match[2]
        record = self.fields.get("record")
        of_record = record.get("requestId", "") if isinstance(record, Mapping) else ""
        return str(self.fields.get("requestId") or of_record)


@dataclass(frozen=True, slots=True, kw_only=True)
class Invocation:
    """One attempt of an invocation; the attempts of one event share its request ID.

    `ended` and what Lambda reports at the end are None until then. Durations are in ms, memory in
    MB; `init_ms` is set for a cold start.
    """

    request_id: str
    started: str
    ended: str | None = None
    status: str = ""
    duration_ms: float | None = None
    billed_ms: float | None = None
    memory_mb: int | None = None
    max_memory_mb: int | None = None
    init_ms: float | None = None
    cold_start: bool = False
    lines: tuple[LogLine, ...] = ()


def of_key(
    logs: "CloudWatchLogsClient", group: str, key: str, *, since: str, until: str
) -> list[LogLine]:
    """List the function's lines about one object key, in a time span (ISO 8601), oldest first."""
    # Whoever uploads an image chooses its key: what could mean something in a pattern is a
    # wildcard there, and the lines are compared with the key here.
    text = _SPECIAL.sub("*", key)
    if len(text) > _MAX_PATTERN:
        text = f"{text[:_MAX_PATTERN]}*"
    pattern = f'{{ $.key = "{text}" }}'
    return [
        line
        for line in _filtered(logs, group, pattern, since, until)
        if line.fields.get("key") == key
    ]


def of_request(
    logs: "CloudWatchLogsClient", group: str, request_id: str, *, since: str, until: str
) -> list[LogLine]:
    """List the lines of one request ID, Lambda's own among them, oldest first."""
    if not _REQUEST_ID.fullmatch(request_id):
        return []
    return [
        line
        for line in _filtered(logs, group, f'"{request_id}"', since, until)
        if line.request_id == request_id
    ]


def _filtered(
    logs: "CloudWatchLogsClient", group: str, pattern: str, since: str, until: str
) -> Iterator[LogLine]:
    pages = logs.get_paginator("filter_log_events").paginate(
        logGroupName=group,
        filterPattern=pattern,
        startTime=_milliseconds(since),
        endTime=_milliseconds(until),
    )
    for page in pages:
        for event in page["events"]:
            yield parse_line(event["timestamp"], event["message"])


def parse_line(milliseconds: int, message: str) -> LogLine:
    """Parse an event of the log; the time of a line is the function's own if it has one."""
    text = message.rstrip("\n")
    try:
        fields = json.loads(text)
    except ValueError:
        fields = {}
    if not isinstance(fields, dict):
        fields = {}
    own = fields.get("timestamp", fields.get("time"))
    try:
        time = timestamp(datetime.fromisoformat(str(own)))
    except ValueError:
        time = timestamp(datetime.fromtimestamp(milliseconds / 1000, UTC))
    return LogLine(time, text, fields)


def invocations(lines: Iterable[LogLine]) -> list[Invocation]:
    """Group the lines of one request ID, oldest first, into its attempts.

    An attempt that Lambda's lines do not delimit, because they are not logged, has its lines alone.
    """
    attempts: list[Invocation] = []
    for line in lines:
        kind = _kind(line)
        if (
            kind == "start"
            or not attempts
            or (attempts[-1].ended is not None and not line.is_platform)
        ):
            attempts.append(Invocation(request_id=line.request_id, started=line.time))
        attempts[-1] = _with_line(attempts[-1], line, kind)
    return attempts


def _kind(line: LogLine) -> str:
    """Return `start`, `report` or, for any other line, an empty text."""
    match = _PLATFORM_TEXT.match(line.text)
    kind = match[1].lower() if match else str(line.fields.get("type", ""))
    kind = kind.removeprefix("platform.")
    return kind if kind in ("start", "report") else ""


def _with_line(attempt: Invocation, line: LogLine, kind: str) -> Invocation:
    if kind == "report":
        return _reported(attempt, line)
    if line.is_platform:
        return attempt
    cold = attempt.cold_start or line.fields.get("coldStart") is True
    return replace(attempt, lines=(*attempt.lines, line), cold_start=cold)


def _reported(attempt: Invocation, line: LogLine) -> Invocation:
    values = _report_of(line)
    duration_ms, init_ms = _number(values.get("durationMs")), _number(values.get("initDurationMs"))
    memory_mb, used_mb = _number(values.get("memorySizeMB")), _number(values.get("maxMemoryUsedMB"))
    started = attempt.started
    if duration_ms is not None:  # the embedded AWS writes all lines of an attempt at its end
        earlier = datetime.fromisoformat(line.time) - timedelta(milliseconds=duration_ms)
        started = min(started, timestamp(earlier))
    return replace(
        attempt,
        started=started,
        ended=line.time,
        status=str(values.get("status", "")),
        duration_ms=duration_ms,
        billed_ms=_number(values.get("billedDurationMs")),
        memory_mb=None if memory_mb is None else round(memory_mb),
        max_memory_mb=None if used_mb is None else round(used_mb),
        init_ms=init_ms,
        cold_start=attempt.cold_start or init_ms is not None,
    )


_TEXT_NAMES = {
    "Duration": "durationMs",
    "Billed Duration": "billedDurationMs",
    "Memory Size": "memorySizeMB",
    "Max Memory Used": "maxMemoryUsedMB",
    "Init Duration": "initDurationMs",
    "Status": "status",
}


def _report_of(line: LogLine) -> dict[str, Any]:
    """Return what a report says, under the names of its JSON form."""
    record = line.fields.get("record")
    if isinstance(record, Mapping):
        metrics = record.get("metrics")
        named = dict(metrics) if isinstance(metrics, Mapping) else {}
        return {**named, "status": record.get("status", "")}
    pairs = (part.partition(": ") for part in line.text.split("\t"))
    return {_TEXT_NAMES[name]: value for name, _, value in pairs if name in _TEXT_NAMES}


def _number(value: object) -> float | None:
    try:
        return float(str(value).split(" ")[0])
    except ValueError:
        return None


def _milliseconds(time: str) -> int:
    return round(datetime.fromisoformat(time).timestamp() * 1000)
