"""Log groups: the events of a time span, and the invocations that wrote the lines of an object."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from imgctl.aws.log_lines import LogLine, Report, event_time, parse_line, report_of
from imgctl.core.record import timestamp

if TYPE_CHECKING:
    from mypy_boto3_logs import CloudWatchLogsClient

_SPECIAL = re.compile(r"[^\w./-]+", re.ASCII)
_REQUEST_ID = re.compile(r"[\w-]+", re.ASCII)
_MAX_PATTERN = 1024  # characters (CloudWatch Logs API Reference, FilterLogEvents)


@dataclass(frozen=True, slots=True)
class LogEvent:
    """One event of a log group: a line, the stream that has it, and its ID.

    `time` (ISO 8601, UTC, in ms) is the one that CloudWatch Logs sorts by, which for a line of the
    function is when Lambda received it.
    """

    time: str
    event_id: str
    stream: str
    line: LogLine


@dataclass(frozen=True, slots=True, kw_only=True)
class Invocation(Report):
    """One attempt of an invocation; the attempts of one event share its request ID.

    `ended` and what Lambda reports at the end are None until then.
    """

    request_id: str
    started: str
    ended: str | None = None
    cold_start: bool = False
    lines: tuple[LogLine, ...] = ()


def read_events(
    logs: "CloudWatchLogsClient",
    group: str,
    *,
    since: str,
    until: str | None = None,
    pattern: str = "",
) -> Iterator[LogEvent]:
    """List the events of a time span (ISO 8601, inclusive) from all streams, oldest first.

    What `pattern` filters out is filtered in AWS, which then returns pages without any event. Only
    the pages that are consumed are read.
    """
    request: dict[str, Any] = {"logGroupName": group, "startTime": _milliseconds(since)}
    if until is not None:
        request["endTime"] = _milliseconds(until)
    if pattern:
        request["filterPattern"] = pattern
    for page in logs.get_paginator("filter_log_events").paginate(**request):
        for event in page["events"]:
            milliseconds, stream = event["timestamp"], event.get("logStreamName", "")
            yield LogEvent(
                time=event_time(milliseconds),
                event_id=event.get("eventId") or f"{stream}/{event['message']}",
                stream=stream,
                line=parse_line(milliseconds, event["message"]),
            )


def key_pattern(keys: Iterable[str]) -> str:
    """Return the pattern of the function's lines about any of these keys.

    It also matches others: whoever uploads an image chooses its key, so that what could mean
    something in a pattern is a wildcard there. The lines have to be compared with the keys.
    """
    texts = [_SPECIAL.sub("*", key) for key in dict.fromkeys(keys)]
    longest = _MAX_PATTERN // len(texts) - len('{ $.key = "*" } || ')
    cut = (text if len(text) <= longest else f"{text[:longest]}*" for text in texts)
    conditions = [f'$.key = "{text}"' for text in dict.fromkeys(cut)]
    return f"{{ {' || '.join(conditions)} }}"


def request_pattern(request_id: str) -> str | None:
    """Return the pattern of the lines that contain a request ID; None if it cannot be one."""
    return f'"{request_id}"' if _REQUEST_ID.fullmatch(request_id) else None


def of_key(
    logs: "CloudWatchLogsClient", group: str, key: str, *, since: str, until: str
) -> list[LogLine]:
    """List the function's lines about one object key, in a time span (ISO 8601), oldest first."""
    pattern = key_pattern([key])
    found = read_events(logs, group, since=since, until=until, pattern=pattern)
    return [event.line for event in found if event.line.fields.get("key") == key]


def of_request(
    logs: "CloudWatchLogsClient", group: str, request_id: str, *, since: str, until: str
) -> list[LogLine]:
    """List the lines of one request ID, Lambda's own among them, oldest first."""
    pattern = request_pattern(request_id)
    if pattern is None:
        return []
    found = read_events(logs, group, since=since, until=until, pattern=pattern)
    return [event.line for event in found if event.line.request_id == request_id]


def invocations(lines: Iterable[LogLine]) -> list[Invocation]:
    """Group the lines of one request ID, oldest first, into its attempts.

    An attempt that Lambda's lines do not delimit, because they are not logged, has its lines alone.
    """
    attempts: list[Invocation] = []
    for line in lines:
        if (
            line.platform_kind == "start"
            or not attempts
            or (attempts[-1].ended is not None and not line.is_platform)
        ):
            attempts.append(Invocation(request_id=line.request_id, started=line.time))
        attempts[-1] = _with_line(attempts[-1], line)
    return attempts


def _with_line(attempt: Invocation, line: LogLine) -> Invocation:
    report = report_of(line)
    if report is not None:
        started = attempt.started
        if report.duration_ms is not None:  # the embedded AWS writes all lines at the end
            earlier = datetime.fromisoformat(line.time) - timedelta(milliseconds=report.duration_ms)
            started = min(started, timestamp(earlier))
        return replace(
            attempt,
            started=started,
            ended=line.time,
            cold_start=attempt.cold_start or report.init_ms is not None,
            **asdict(report),
        )
    if line.is_platform:
        return attempt
    cold = attempt.cold_start or line.fields.get("coldStart") is True
    return replace(attempt, lines=(*attempt.lines, line), cold_start=cold)


def _milliseconds(time: str) -> int:
    return round(datetime.fromisoformat(time).timestamp() * 1000)
