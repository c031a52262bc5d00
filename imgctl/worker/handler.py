"""Lambda's entry point: every object of the event is tried, then the outcome is told."""

import json
import os
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import Any

import botocore.session
from botocore.exceptions import BotoCoreError, ClientError

from imgctl.core.record import Record
from imgctl.worker import pipeline, scratch
from imgctl.worker.deadline import CLIENT_CONFIG, Deadline
from imgctl.worker.events import BatchTask, ObjectCreated, batch_tasks, objects_created
from imgctl.worker.pipeline import Dependencies, ProcessResult
from imgctl.worker.settings import Settings, from_environ

_DENIED = ("AccessDenied", "AccessDeniedException", "403")
_MAX_RESULT_CHARACTERS = 1024  # of a task's result, in S3 Batch Operations' report

Log = Callable[[Mapping[str, Any]], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Invocation:
    """What one invocation works with; `cold` where it is the first of its environment."""

    settings: Settings
    effects: Dependencies
    request_id: str
    cold: bool
    log: Log


class RetryableFailures(RuntimeError):
    """Some objects met a fault that may pass: Lambda sends the event again."""


def lambda_handler(event: Mapping[str, Any], context: Any) -> dict[str, Any]:
    """Process an event; raises RetryableFailures, after every object was tried, to be retried."""
    cold = not _cold_start.cache_info().currsize
    settings, effects = _cold_start()
    effects.deadline.begin(context.get_remaining_time_in_millis() / 1000)
    invocation = Invocation(
        settings=settings,
        effects=effects,
        request_id=context.aws_request_id,
        cold=cold,
        log=_print_line,
    )
    return handle(event, invocation)


def handle(event: Mapping[str, Any], invocation: Invocation) -> dict[str, Any]:
    """Process each object of the event; what may pass is raised once, at the end.

    For S3 Batch Operations it is told by each task's result instead.
    """
    tasks = batch_tasks(event)
    if tasks is not None:
        return _handle_batch(tasks, event, invocation)
    tried = list(_try(objects_created(event), invocation))
    unfinished = [f"{created.key}: {why}" for created, why in tried if isinstance(why, str)]
    if unfinished:
        raise RetryableFailures("; ".join(unfinished))
    done = [outcome.record for _, outcome in tried if isinstance(outcome, ProcessResult)]
    body = {
        "message": "Image processing completed successfully",
        "processed_count": len(done),
    }
    outcomes = [_outcome(record) for record in done]
    return {"statusCode": 200, "body": json.dumps(body), "outcomes": outcomes}


def _handle_batch(
    tasks: list[BatchTask], event: Mapping[str, Any], invocation: Invocation
) -> dict[str, Any]:
    objects = (task.created for task in tasks)
    results = []
    for task, (_, outcome) in zip(tasks, _try(objects, invocation), strict=True):
        if isinstance(outcome, str):
            code, told = "TemporaryFailure", outcome
        else:
            # A job with many failed tasks is stopped: what was recorded has succeeded as a task.
            record, code = outcome.record, "Succeeded"
            told = f"{record.failure_code}: {record.failure_reason}" if record.failure_code else ""
            told = told or record.status.value
        results.append(
            {
                "taskId": task.task_id,
                "resultCode": code,
                "resultString": told[:_MAX_RESULT_CHARACTERS],
            }
        )
    return {
        "invocationSchemaVersion": event["invocationSchemaVersion"],
        "treatMissingKeysAs": "PermanentFailure",
        "invocationId": event["invocationId"],
        "results": results,
    }


def _try(
    objects: Iterable[ObjectCreated], invocation: Invocation
) -> Iterable[tuple[ObjectCreated, ProcessResult | str]]:
    """Try each object; gives what became of it, or in words what kept it from being finished."""
    cold = invocation.cold
    stopwatch_s = invocation.effects.stopwatch_s
    for created in objects:
        started_s = stopwatch_s()
        line: dict[str, Any] = {
            "requestId": invocation.request_id,
            "bucket": created.bucket,
            "key": created.key,
            "version": created.version_id,
            "sequencer": created.sequencer,
            "coldStart": cold,
        }
        cold = False
        try:
            done = pipeline.process(
                created, invocation.settings, invocation.effects, invocation.request_id
            )
        except Exception as error:
            # Whatever it is, the other objects of the event are tried, and this one is kept.
            reason = _reason(error)
            invocation.log({"level": "ERROR", "outcome": "RETRY", **line, "reason": reason})
            if isinstance(error, ClientError) and error.response["Error"]["Code"] in _DENIED:
                _record_denied(created, reason, invocation)
            yield created, reason
        else:
            duration_ms = round((stopwatch_s() - started_s) * 1000)
            invocation.log({"level": "INFO", **line, **_facts(done), "durationMs": duration_ms})
            yield created, done


@cache
def _cold_start() -> tuple[Settings, Dependencies]:
    scratch.remove_stale_folders()
    settings = from_environ(os.environ)
    # What boto3 adds to botocore is not used here, and takes time to import.
    session: Any = botocore.session.get_session()
    deadline = Deadline(time.perf_counter)
    effects = Dependencies(
        s3=session.create_client("s3", config=CLIENT_CONFIG),
        dynamodb=session.create_client("dynamodb", config=CLIENT_CONFIG),
        now=lambda: datetime.now(UTC),
        stopwatch_s=time.perf_counter,
        deadline=deadline,
    )
    deadline.guard(effects.s3)
    deadline.guard(effects.dynamodb)
    return settings, effects


def _record_denied(created: ObjectCreated, reason: str, invocation: Invocation) -> None:
    try:
        pipeline.record_denied(
            created, invocation.settings, invocation.effects, reason, invocation.request_id
        )
    except (ClientError, BotoCoreError, RuntimeError) as error:
        # The record is a courtesy here: the event itself is kept by the raise that follows.
        invocation.log({"level": "ERROR", "key": created.key, "reason": _reason(error)})


def _reason(error: Exception) -> str:
    if isinstance(error, ClientError) and error.response["Error"]["Code"] in _DENIED:
        message = error.response["Error"].get("Message", "")
        return f"{error.operation_name} was denied: {message}"
    return f"{type(error).__name__}: {error}"


def _outcome(record: Record) -> dict[str, str | None]:
    """Tell of one object in the answer, for whoever invoked the function and waits."""
    return {
        "key": record.original_object_key,
        "record": record.resource_id,
        "status": record.status.value,
        "code": record.failure_code,
        "reason": record.failure_reason,
    }


def _facts(done: ProcessResult) -> dict[str, Any]:
    """Give a log line's facts; the template's metric filters read the outcome and the numbers.

    An outcome that was stored before is REPEATED, so that nothing is counted twice.
    """
    record = done.record
    before, after = record.original_file_size, record.resized_file_size
    facts = {
        "outcome": "REPEATED" if done.repeated else record.status.value,
        "version": record.version_id,
        "record": record.resource_id,
        "originalBytes": record.original_size or before,
        "resizedBytes": after,
        "bytesSaved": None if done.repeated or not before or not after else before - after,
        "original": f"{record.original_width}x{record.original_height}" if before else None,
        "resized": f"{record.resized_width}x{record.resized_height}" if after else None,
        "format": record.original_format,
        "fetchMs": record.fetch_ms,
        "resizeMs": record.resize_ms,
        "storeMs": record.store_ms,
        "code": record.failure_code,
        "reason": record.failure_reason,
        "notes": record.notes,
    }
    return {name: value for name, value in facts.items() if value is not None}


def _print_line(line: Mapping[str, Any]) -> None:
    print(json.dumps(line, ensure_ascii=False), flush=True)
