"""The deployed function, invoked as S3 would, and waited for."""

import json
from collections import deque
from collections.abc import Generator, Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote_plus

from botocore.exceptions import BotoCoreError, ClientError

from imgctl.aws.errors import CredentialsMissing, CredentialsRefused, PermissionMissing, translate
from imgctl.core.record import Status, status_of

if TYPE_CHECKING:
    from mypy_boto3_lambda import LambdaClient

    from imgctl.aws.audit import SourceObject


_FINAL = (CredentialsMissing, CredentialsRefused, PermissionMissing)


@dataclass(frozen=True, slots=True)
class ObjectResult:
    """What became of one object, as the function answers; `reason` is set where it failed."""

    key: str
    status: Status
    reason: str


@dataclass(frozen=True, slots=True)
class InvokeResult:
    """What an invocation came to: an outcome for each object, or the error that it raised."""

    outcomes: tuple[ObjectResult, ...] = ()
    error: str = ""


def s3_event_for(source: "SourceObject", bucket: str) -> dict[str, Any]:
    """Make the event that S3 sends for an object, in as far as the function reads it."""
    described = {
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
                    "object": {name: value for name, value in described.items() if value != ""},
                },
            }
        ]
    }


def invoke(client: "LambdaClient", function: str, event: Mapping[str, Any]) -> InvokeResult:
    """Send the function (its alias's ARN) an event, and wait for its answer.

    Where it cannot be invoked now, because of too many invocations for one, that is the answer's
    error; a missing permission is raised.
    """
    try:
        answer = client.invoke(
            FunctionName=function,
            InvocationType="RequestResponse",
            Payload=json.dumps(event).encode(),
        )
    except (ClientError, BotoCoreError) as error:
        if isinstance(translate(error), _FINAL):
            raise  # the next would fail alike
        return InvokeResult(error=f"not invoked: {error}")
    told = json.loads(answer["Payload"].read() or b"null")
    if answer.get("FunctionError"):
        return InvokeResult(error=error_in(told))
    return InvokeResult(
        tuple(
            ObjectResult(one["key"], status_of(one["status"]), _reason(one))
            for one in (told or {}).get("outcomes", [])
        )
    )


def invoke_each(
    client: "LambdaClient",
    function: str,
    bucket: str,
    sources: Iterable["SourceObject"],
    *,
    jobs: int,
) -> Generator[tuple["SourceObject", InvokeResult]]:
    """Send the function each object by itself, `jobs` at once; the answers come in order.

    Only a few objects are taken ahead of the answers, however many there are.
    """
    under_way: deque[tuple[SourceObject, Future[InvokeResult]]] = deque()
    pool = ThreadPoolExecutor(jobs)
    try:
        for source in sources:
            event = s3_event_for(source, bucket)
            under_way.append((source, pool.submit(invoke, client, function, event)))
            while len(under_way) >= 2 * jobs or (under_way and under_way[0][1].done()):
                first, answer = under_way.popleft()
                yield first, answer.result()
        for left, answer in under_way:
            yield left, answer.result()
    finally:  # what has not begun is left out when the reader stops
        pool.shutdown(cancel_futures=True)


def error_in(payload: Any) -> str:
    """Take the sentence out of what Lambda tells of an error."""
    message = payload.get("errorMessage") if isinstance(payload, dict) else None
    return str(message or payload)


def _reason(outcome: Mapping[str, str | None]) -> str:
    return f"{outcome['code']}: {outcome['reason']}" if outcome.get("code") else ""
