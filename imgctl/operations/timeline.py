"""What happened to one upload, in order: the pure part of `imgctl trace`."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from imgctl.aws.logs import Invocation
from imgctl.core.record import Record
from imgctl.operations.trace import Output, Trace


class Step(StrEnum):
    """A kind of entry, in the order of what happened at the same time."""

    UPLOAD = "upload"
    EVENT = "event"
    INVOCATION = "invocation"
    LOG = "log"
    OUTPUT = "output"
    RECORD = "record"
    REPORT = "report"
    DEAD_LETTER = "dead letter"


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the timeline; `time` is ISO 8601 in UTC, empty if it is not known."""

    time: str
    step: Step
    text: str


def timeline(traced: Trace) -> list[Entry]:
    """Return what happened in order; what happened at the same time in the order of the steps."""
    entries = list(_entries(traced))
    order = {step: number for number, step in enumerate(Step)}
    return sorted(entries, key=lambda entry: (entry.time, order[entry.step]))


def elapsed_s(entry: Entry, first: Entry) -> float | None:
    """Return the seconds between two entries; None if the time of one is not known."""
    try:
        times = [datetime.fromisoformat(one.time) for one in (first, entry)]
        return (times[1] - times[0]).total_seconds()
    except (ValueError, TypeError):  # the original function wrote times without an offset
        return None


def _entries(traced: Trace) -> Iterator[Entry]:
    record = traced.record
    yield _upload_entry(traced)
    if record is not None and record.event_time:
        sequencer = f", sequencer {record.sequencer}" if record.sequencer else ""
        event = f"{record.event_type or 'ObjectCreated'}{sequencer}"
        yield Entry(record.event_time, Step.EVENT, event)
    for number, attempt in enumerate(traced.invocations, start=1):
        yield from _attempt_entries(attempt, number)
    if record is not None:
        # S3 has the time of an object in whole seconds; the record is written after the outputs.
        time = record.processing_time or ""
        for output in traced.outputs:
            yield Entry(time, Step.OUTPUT, _output_text(output))
        yield Entry(time, Step.RECORD, _record_text(record))
    for letter in traced.dead_letters:
        text = f"request {letter.request_id}: {letter.cause}"
        yield Entry(letter.sent, Step.DEAD_LETTER, text)


def _upload_entry(traced: Trace) -> Entry:
    upload, record = traced.upload, traced.record
    if upload is None:
        time = "" if record is None else record.event_time or record.processing_time or ""
        return Entry(time, Step.UPLOAD, "the object is gone")
    version = f"version {upload.version_id}" if upload.version_id else f"ETag {upload.etag}"
    size = f"{upload.size_bytes:,} bytes, {upload.content_type}"
    return Entry(upload.time, Step.UPLOAD, f"{version}, {size}")


def _attempt_entries(attempt: Invocation, number: int) -> Iterator[Entry]:
    start = "cold start" if attempt.cold_start else "warm start"
    retry = f", attempt {number}" if number > 1 else ""
    yield Entry(attempt.started, Step.INVOCATION, f"request {attempt.request_id}, {start}{retry}")
    for line in attempt.lines:
        yield Entry(line.time, Step.LOG, line.text)
    if attempt.ended is not None:
        yield Entry(attempt.ended, Step.REPORT, _report_text(attempt))


def _report_text(attempt: Invocation) -> str:
    parts = [] if attempt.status in ("", "success") else [attempt.status]
    if attempt.duration_ms is not None:
        parts.append(f"{attempt.duration_ms:.0f} ms")
    if attempt.init_ms is not None:
        parts.append(f"after {attempt.init_ms:.0f} ms of initialization")
    if attempt.memory_mb is not None and attempt.max_memory_mb:  # not measured by the embedded AWS
        parts.append(f"{attempt.max_memory_mb} of {attempt.memory_mb} MB of memory")
    return ", ".join(parts)


def _output_text(output: Output) -> str:
    one = output.recorded
    name = f"{one.name}: " if one.name else ""
    size = f", {one.width}x{one.height}" if one.width and one.height else ""
    count = "" if one.file_bytes is None else f", {one.file_bytes:,} bytes"
    problem = f", which {output.problem}" if output.problem else ""
    return f"{name}{one.key}{size}{count}{problem}"


def _record_text(record: Record) -> str:
    failure = f"{record.failure_code}: {record.failure_reason}" if record.failure_code else ""
    newer = f"by {record.superseded_by}" if record.superseded_by else ""
    details = ", ".join(part for part in (record.resource_id, failure, newer) if part)
    return f"{record.status.value}, {details}"
