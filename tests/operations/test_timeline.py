from typing import Any

import pytest

from imgctl.aws.dead_letters import DeadLetter
from imgctl.aws.log_lines import LogLine
from imgctl.aws.logs import Invocation
from imgctl.core.record import Record, Status
from imgctl.core.recorded_renditions import RecordedOutput
from imgctl.operations.timeline import Entry, Step, elapsed_s, timeline
from imgctl.operations.trace import Output, Trace, Upload

UPLOAD = Upload("v1", '"etag"', 2_000_000, "image/jpeg", at := "2026-11-23T15:25:07.000Z")
RECORD = Record(
    resource_id="id1",
    event_time="2026-11-23T15:25:07.400Z",
    event_type="ObjectCreated:Put",
    sequencer="0055",
    processing_time="2026-11-23T15:25:08.500Z",
)
LINE = LogLine("2026-11-23T15:25:08.510Z", '{"outcome": "SUCCEEDED"}')
INVOCATION = Invocation(
    request_id="r1",
    started="2026-11-23T15:25:07.900Z",
    ended="2026-11-23T15:25:08.520Z",
    status="success",
    duration_ms=620.0,
    memory_mb=1769,
    max_memory_mb=210,
    cold_start=True,
    lines=(LINE,),
)


def traced(**changes: Any) -> Trace:
    values: dict[str, Any] = {
        "key": "a.jpg",
        "upload": UPLOAD,
        "record": RECORD,
        "outputs": (
            Output(
                RecordedOutput(name="web", key="web/a.jpg", width=200, height=100, file_bytes=5000)
            ),
        ),
        "invocations": (INVOCATION,),
    }
    return Trace(**(values | changes))


def texts(trace: Trace) -> list[tuple[Step, str]]:
    return [(entry.step, entry.text) for entry in timeline(trace)]


def test_a_success_is_told_from_the_upload_to_the_report() -> None:
    assert texts(traced()) == [
        (Step.UPLOAD, "version v1, 2,000,000 bytes, image/jpeg"),
        (Step.EVENT, "ObjectCreated:Put, sequencer 0055"),
        (Step.INVOCATION, "request r1, cold start"),
        (Step.OUTPUT, "web: web/a.jpg, 200x100, 5,000 bytes"),
        (Step.RECORD, "SUCCEEDED, id1"),
        (Step.LOG, '{"outcome": "SUCCEEDED"}'),
        (Step.REPORT, "620 ms, 210 of 1769 MB of memory"),
    ]


def test_retries_are_numbered_and_end_in_the_dead_letter() -> None:
    attempts = tuple(
        Invocation(request_id="r1", started=f"2026-11-23T15:2{minute}:00.000Z", status="timeout",
                   ended=f"2026-11-23T15:2{minute}:30.000Z", duration_ms=30_000.0)
        for minute in (6, 7, 9)
    )  # fmt: skip
    letter = DeadLetter("receipt", "r1", "2026-11-23T15:30:00.000Z", ("a.jpg",), "timed out", {})
    told = texts(traced(record=None, outputs=(), invocations=attempts, dead_letters=(letter,)))
    assert [text for _, text in told[1:]] == [
        "request r1, warm start",
        "timeout, 30000 ms",
        "request r1, warm start, attempt 2",
        "timeout, 30000 ms",
        "request r1, warm start, attempt 3",
        "timeout, 30000 ms",
        "request r1: timed out",
    ]
    assert told[-1][0] is Step.DEAD_LETTER


def test_what_happened_at_the_same_time_is_in_the_order_of_the_steps() -> None:
    record = Record(resource_id="id1", event_time=at, processing_time=at)
    invocation = Invocation(
        request_id="r1", started=at, ended=at, lines=(LogLine(at, "one"), LogLine(at, "two"))
    )
    steps = [step for step, _ in texts(traced(record=record, invocations=(invocation,)))]
    assert steps == sorted(steps, key=list(Step).index)
    assert steps[0] is Step.UPLOAD


@pytest.mark.parametrize(
    ("record", "text"),
    [
        (
            Record(resource_id="id1", status=Status.FAILED, failure_code="damaged",
                   failure_reason="No data."),
            "FAILED, id1, damaged: No data.",
        ),
        (
            Record(resource_id="id1", status=Status.SUPERSEDED, superseded_by="id2"),
            "SUPERSEDED, id1, by id2",
        ),
    ],
)  # fmt: skip
def test_a_record_says_why_there_is_no_output(record: Record, text: str) -> None:
    assert (Step.RECORD, text) in texts(traced(record=record, outputs=()))


def test_an_output_that_is_gone_is_told() -> None:
    gone = Output(RecordedOutput(name="", key="resized-a.jpg"), "is gone")
    assert (Step.OUTPUT, "resized-a.jpg, which is gone") in texts(traced(outputs=(gone,)))


def test_an_object_that_is_gone_is_told() -> None:
    told = texts(traced(upload=None))
    assert told[0] == (Step.UPLOAD, "the object is gone")


@pytest.mark.parametrize(
    ("time", "seconds"),
    [("2026-11-23T15:25:08.500Z", 1.5), ("", None), ("2026-11-23T15:25:08", None), ("x", None)],
)
def test_later_entries_are_told_by_what_has_elapsed(time: str, seconds: float | None) -> None:
    first = Entry(at, Step.UPLOAD, "")
    assert elapsed_s(Entry(time, Step.RECORD, ""), first) == seconds
