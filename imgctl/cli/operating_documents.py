"""The JSON documents about a stack at work: status, logs, invocations, cost; see `documents`."""

from typing import TYPE_CHECKING, Annotated, TypedDict

if TYPE_CHECKING:
    from imgctl.aws.log_lines import Report


class OutputsDocument(TypedDict):
    """`imgctl outputs`."""

    stack: str
    outputs: Annotated[dict[str, str], "values by name; only one if a name was given"]


class DriftDocument(TypedDict):
    """What CloudFormation found when it last looked for drift."""

    status: Annotated[str, "`IN_SYNC`, `DRIFTED` or `UNKNOWN`"]
    checked: Annotated[str, "ISO 8601, UTC"]


class AlarmDocument(TypedDict):
    """An alarm."""

    name: str
    state: Annotated[str, "`OK`, `ALARM` or `INSUFFICIENT_DATA`"]
    since: Annotated[str, "ISO 8601, UTC"]
    description: str
    reason: Annotated[str, "of the state, as CloudWatch gives it"]


class TodayDocument(TypedDict):
    """What the function did since midnight, local time."""

    processed: int
    failed: int
    saved_bytes: Annotated[int, "negative if the results are larger"]
    complete: Annotated[bool, "false if only the newest images were counted"]


class CanaryDocument(TypedDict):
    """A version that takes a part of the invocations beside the live one."""

    version: str
    percent: Annotated[int, "of the invocations"]


class StatusDocument(TypedDict):
    """`imgctl status`."""

    stack: str
    state: Annotated[str, "as CloudFormation names it, such as `UPDATE_COMPLETE`"]
    reason: Annotated[str, "of the state; may be empty"]
    problem: Annotated[str | None, "why the stack cannot be updated; null if it can"]
    hint: Annotated[str | None, "what to do about the problem"]
    changed: Annotated[str, "ISO 8601, UTC"]
    api_endpoint: str | None
    source_bucket: str | None
    destination_bucket: str | None
    live_version: Annotated[str | None, "a number, or `$LATEST`"]
    canary: Annotated[list[CanaryDocument] | None, "null unless a gradual release is under way"]
    live_since: Annotated[str | None, "ISO 8601, UTC"]
    drift: Annotated[DriftDocument | None, "null if nobody has looked for it"]
    alarms: list[AlarmDocument] | None
    dead_letters: Annotated[int | None, "messages in the queue, approximately"]
    today: TodayDocument | None
    unknown: Annotated[dict[str, str], "why a part is null: `not permitted`, or an error"]


class LogLineDocument(TypedDict):
    """`imgctl logs`, one object per line."""

    time: Annotated[str, "ISO 8601, UTC"]
    id: Annotated[str, "of the event in CloudWatch Logs"]
    stream: Annotated[str, "log stream"]
    level: Annotated[str | None, "such as `INFO`; null for lines of Lambda's and of the API"]
    outcome: Annotated[str | None, "of an object, such as `SUCCEEDED`"]
    key: Annotated[str | None, "object key that the line is about"]
    request_id: str | None
    error: Annotated[bool, "whether the line reports a failure"]
    message: Annotated[str, "the line as it was written"]


class LambdaReportDocument(TypedDict):
    """What Lambda reports at the end of an invocation."""

    duration_ms: float | None
    billed_ms: float | None
    init_ms: Annotated[float | None, "of a cold start's initialization or restore; null for none"]
    memory_mb: Annotated[int | None, "memory of the function"]
    max_memory_mb: Annotated[int | None, "memory used at most"]


class InvokeDocument(LambdaReportDocument):
    """`imgctl invoke`."""

    version: Annotated[str, "of the function"]
    request_id: str
    answer: Annotated[object, "any JSON: the function's response, or Lambda's error"]
    error: Annotated[str | None, "null if the function did not fail"]
    seconds: Annotated[float, "until the answer arrived"]
    log: Annotated[list[str], "the last lines of the log"]


class DashboardDocument(TypedDict):
    """`imgctl dashboard`."""

    name: str
    url: str


class CostItemDocument(TypedDict):
    """One item of an estimate."""

    service: str
    name: str
    quantity: float
    unit: Annotated[str | None, "`GB` or `GB-s`; null for a number"]
    usd: Annotated[float, "per month"]


class CostDocument(TypedDict):
    """`imgctl cost`."""

    usd_per_month: float
    items: list[CostItemDocument]
    images: Annotated[int, "uploads in a month"]
    original_bytes: Annotated[int, "average"]
    output_bytes: Annotated[int, "average, of all outputs of an upload"]
    duration_ms: Annotated[int, "average"]
    measured_records: Annotated[int | None, "records that were measured; null for assumptions"]
    region: Annotated[str, "of the prices"]
    prices_as_of: Annotated[str, "month of the prices, such as 2026-03"]
    sources: Annotated[dict[str, str], "AWS's pages on prices, by service"]
    excluded: list[str]


def lambda_report_document(report: "Report") -> LambdaReportDocument:
    """Return Lambda's report for --json."""
    return {
        "duration_ms": report.duration_ms,
        "billed_ms": report.billed_ms,
        "init_ms": report.init_ms,
        "memory_mb": report.memory_mb,
        "max_memory_mb": report.max_memory_mb,
    }
