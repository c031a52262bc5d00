"""Synchronous invocations of the deployed function, with events like those that S3 sends."""

import base64
import json
from collections import deque
from collections.abc import Callable, Generator, Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import quote_plus

from botocore.exceptions import BotoCoreError, ClientError

from imgctl.aws.errors import CredentialsMissing, CredentialsRefused, PermissionMissing, translate
from imgctl.aws.log_lines import LogLine, parse_line
from imgctl.core.record import Status, status_of

if TYPE_CHECKING:
    from mypy_boto3_lambda import LambdaClient

    from imgctl.aws.findings import SourceObject

MAX_EVENT_BYTES = 6 * 1024 * 1024
"""The largest event of a synchronous invocation (Lambda Developer Guide, "Lambda quotas")."""

_NOT_RETRYABLE = (CredentialsMissing, CredentialsRefused, PermissionMissing)


@dataclass(frozen=True, slots=True)
class ObjectResult:
    """The function's result for one object; `reason` is empty unless it failed."""

    key: str
    status: Status
    reason: str


@dataclass(frozen=True, slots=True)
class InvokeResult:
    """The outcome of each object in the event, or the invocation's error."""

    outcomes: tuple[ObjectResult, ...] = ()
    error: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoggedInvocation:
    """One invocation as Lambda answered it, with the end of its log.

    `answer` is the function's response as JSON has it, or Lambda's description of its `error`,
    which is empty if there was none. `version` is that of the function, `seconds` the time until
    the answer. `lines` are those in the last 4 KB of the log.
    """

    answer: Any
    error: str
    version: str
    request_id: str
    seconds: float
    lines: tuple[LogLine, ...]


class Invocation(NamedTuple):
    """An object that was sent to the function, and the function's response."""

    source: "SourceObject"
    result: InvokeResult


def s3_event_for(source: "SourceObject", bucket: str) -> dict[str, Any]:
    """Build the part of S3's event notification for an object that the function reads."""
    attributes = {
        "key": quote_plus(source.key),
        "size": source.size,
        "eTag": source.etag,
        "versionId": source.version_id,
        "sequencer": source.sequencer,
    }
    return {
        "Records": [
            {
                "eventSource": "imgctl",
                "eventName": "Reprocess",
                "eventTime": source.modified,
                "s3": {
                    "bucket": {"name": bucket},
                    "object": {name: value for name, value in attributes.items() if value != ""},
                },
            }
        ]
    }


def invoke(client: "LambdaClient", function: str, event: Mapping[str, Any]) -> InvokeResult:
    """Invoke the function (its alias's ARN) with an event and wait for its response.

    An invocation that AWS rejects, for example because of throttling, returns a result with an
    error. Missing credentials or permissions are raised instead.
    """
    try:
        response = client.invoke(
            FunctionName=function,
            InvocationType="RequestResponse",
            Payload=json.dumps(event).encode(),
        )
    except (ClientError, BotoCoreError) as error:
        if isinstance(translate(error), _NOT_RETRYABLE):
            raise  # every further invocation would fail the same way
        return InvokeResult(error=f"not invoked: {error}")
    payload = json.loads(response["Payload"].read() or b"null")
    if response.get("FunctionError"):
        return InvokeResult(error=error_in(payload))
    return InvokeResult(
        tuple(
            ObjectResult(outcome["key"], status_of(outcome["status"]), _reason(outcome))
            for outcome in (payload or {}).get("outcomes", [])
        )
    )


def invoke_and_log(
    client: "LambdaClient",
    function: str,
    event: object,
    *,
    now: datetime,
    stopwatch_s: Callable[[], float],
) -> LoggedInvocation:
    """Invoke the function (its alias's ARN) with an event, and read the end of its log.

    An invocation that AWS rejects raises botocore's ClientError.
    """
    started_s = stopwatch_s()
    response = client.invoke(
        FunctionName=function,
        InvocationType="RequestResponse",
        LogType="Tail",
        Payload=json.dumps(event).encode(),
    )
    answer = json.loads(response["Payload"].read() or b"null")
    tail = base64.b64decode(response.get("LogResult", "")).decode(errors="replace")
    milliseconds = round(now.timestamp() * 1000)
    lines = tuple(parse_line(milliseconds, text) for text in tail.splitlines() if text.strip())
    logged = (line.request_id for line in reversed(lines) if line.request_id)
    return LoggedInvocation(
        answer=answer,
        error=error_in(answer) if response.get("FunctionError") else "",
        version=response.get("ExecutedVersion", ""),
        request_id=next(logged, response["ResponseMetadata"]["RequestId"]),
        seconds=stopwatch_s() - started_s,
        lines=lines,
    )


def invoke_each(
    client: "LambdaClient",
    function: str,
    bucket: str,
    sources: Iterable["SourceObject"],
    *,
    jobs: int,
) -> Generator[Invocation]:
    """Invoke the function for each object, `jobs` in parallel, and yield the results in order.

    Reads at most `2 * jobs` objects ahead of the results.
    """
    pending: deque[tuple[SourceObject, Future[InvokeResult]]] = deque()
    pool = ThreadPoolExecutor(jobs)
    try:
        for source in sources:
            event = s3_event_for(source, bucket)
            pending.append((source, pool.submit(invoke, client, function, event)))
            while len(pending) >= 2 * jobs or (pending and pending[0][1].done()):
                first, future = pending.popleft()
                yield Invocation(first, future.result())
        for source, future in pending:
            yield Invocation(source, future.result())
    finally:  # cancel what has not started when the caller stops iterating
        pool.shutdown(cancel_futures=True)


def error_in(payload: Any) -> str:
    """Return the message of an error that Lambda reports."""
    message = payload.get("errorMessage") if isinstance(payload, dict) else None
    return str(message or payload)


def _reason(outcome: Mapping[str, str | None]) -> str:
    return f"{outcome['code']}: {outcome['reason']}" if outcome.get("code") else ""
