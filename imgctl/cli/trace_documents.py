"""The JSON document of `imgctl trace`; see `documents`."""

from typing import TYPE_CHECKING, Annotated, Literal, TypedDict

from imgctl.cli.image_documents import RecordDocument, record_document
from imgctl.cli.operating_documents import LambdaReportDocument, lambda_report_document

if TYPE_CHECKING:
    from imgctl.aws.logs import Invocation
    from imgctl.operations.timeline import Entry
    from imgctl.operations.trace import Trace


class TracedInvocation(LambdaReportDocument):
    """One attempt of an invocation of the function."""

    request_id: Annotated[str, "the same for all attempts of one event"]
    started: Annotated[str, "ISO 8601, UTC"]
    ended: Annotated[str | None, "null if it has not ended, or its end is not in the log"]
    status: Annotated[str, "such as `timeout`; empty if Lambda reported none"]
    cold_start: bool
    lines: Annotated[list[str], "the function's log lines about the object"]


class TraceEntry(TypedDict):
    """One line of a timeline."""

    time: Annotated[str, "ISO 8601, UTC; empty if it is not known"]
    step: Literal[
        "upload", "event", "invocation", "log", "output", "record", "report", "dead letter"
    ]
    text: str


class TraceDocument(TypedDict):
    """`imgctl trace`."""

    key: str
    version_id: Annotated[str | None, "of the object; null if it is gone"]
    record: Annotated[RecordDocument | None, "null if there is none yet"]
    invocations: list[TracedInvocation]
    timeline: Annotated[list[TraceEntry], "oldest first"]
    missing: Annotated[list[str], "what could not be read, and why"]


def trace_document(traced: "Trace", entries: "list[Entry]") -> TraceDocument:
    """Return a trace for --json."""
    record = traced.record
    return TraceDocument(
        key=traced.key,
        version_id=None if traced.upload is None else traced.upload.version_id,
        record=None if record is None else record_document(record),
        invocations=[_invocation_document(one) for one in traced.invocations],
        timeline=[{"time": e.time, "step": e.step.value, "text": e.text} for e in entries],
        missing=list(traced.missing),
    )


def _invocation_document(invocation: "Invocation") -> TracedInvocation:
    """Return an attempt of an invocation for --json."""
    return {
        "request_id": invocation.request_id,
        "started": invocation.started,
        "ended": invocation.ended,
        "status": invocation.status,
        "cold_start": invocation.cold_start,
        **lambda_report_document(invocation),
        "lines": [line.text for line in invocation.lines],
    }
