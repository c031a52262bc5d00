"""Lambda's entry point: every object of the event is tried, then the outcome is told."""

import json
import os
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import cache
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from imgctl.core.record import Record, to_plain
from imgctl.worker import pipeline
from imgctl.worker.events import ObjectCreated, objects_created
from imgctl.worker.pipeline import Effects
from imgctl.worker.settings import Settings, from_environ

_DENIED = ("AccessDenied", "AccessDeniedException", "403")

# Three calls a picture, each at its worst 3 x (1 + 5) s, fit into the function's default minute.
_CONFIG = Config(
    connect_timeout=1, read_timeout=5, retries={"mode": "standard", "total_max_attempts": 3}
)


class Unfinished(RuntimeError):
    """Some objects met a fault that may pass: Lambda sends the event again."""


def lambda_handler(event: Mapping[str, Any], context: Any) -> dict[str, Any]:
    """Process an S3 event; raises Unfinished, after every object was tried, to be retried."""
    settings, effects = _cold_start()
    return handle(
        event, settings, effects, request_id=getattr(context, "aws_request_id", ""), log=_print_line
    )


def handle(
    event: Mapping[str, Any],
    settings: Settings,
    effects: Effects,
    *,
    request_id: str,
    log: Callable[[Mapping[str, Any]], None],
) -> dict[str, Any]:
    """Process each object of the event; what may pass is raised once, at the end."""
    unfinished = []
    records = []
    for created in objects_created(event):
        try:
            record = pipeline.process(created, settings, effects, request_id)
        except Exception as error:
            # Whatever it is, the other objects of the event are tried, and this one is kept.
            reason = _reason(error)
            log({"level": "ERROR", "key": created.key, "outcome": "RETRY", "reason": reason})
            unfinished.append(f"{created.key}: {reason}")
            if isinstance(error, ClientError) and error.response["Error"]["Code"] in _DENIED:
                _record_denied(created, settings, effects, reason, request_id, log)
        else:
            log(_log_line(record))
            records.append(record)
    if unfinished:
        raise Unfinished("; ".join(unfinished))
    return {
        "statusCode": 200,
        "body": json.dumps(
            {
                "message": "Image processing completed successfully",
                "processed_count": len(records),
            }
        ),
    }


@cache
def _cold_start() -> tuple[Settings, Effects]:
    session = boto3.Session()
    return from_environ(os.environ), Effects(
        s3=session.client("s3", config=_CONFIG),
        dynamodb=session.client("dynamodb", config=_CONFIG),
        now=lambda: datetime.now(UTC),
        stopwatch_s=time.perf_counter,
    )


def _record_denied(
    created: ObjectCreated,
    settings: Settings,
    effects: Effects,
    reason: str,
    request_id: str,
    log: Callable[[Mapping[str, Any]], None],
) -> None:
    try:
        pipeline.record_denied(created, settings, effects, reason, request_id)
    except (ClientError, BotoCoreError) as error:
        # The record is a courtesy here: the event itself is kept by the raise that follows.
        log({"level": "ERROR", "key": created.key, "reason": _reason(error)})


def _reason(error: Exception) -> str:
    if isinstance(error, ClientError) and error.response["Error"]["Code"] in _DENIED:
        message = error.response["Error"].get("Message", "")
        return f"{error.operation_name} was denied: {message}"
    return f"{type(error).__name__}: {error}"


def _log_line(record: Record) -> dict[str, Any]:
    return {"level": "INFO", "outcome": record.status.value, **to_plain(record)}


def _print_line(line: Mapping[str, Any]) -> None:
    print(json.dumps(line, ensure_ascii=False), flush=True)
