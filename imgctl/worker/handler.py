"""The handling of an event: processes every object of it, then reports the outcomes."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from imgctl.core.record import Record, Status
from imgctl.worker import pipeline
from imgctl.worker.events import (
    BatchTask,
    Ignored,
    ObjectCreated,
    Unreadable,
    batch_tasks,
    parse_event,
)
from imgctl.worker.pipeline import ProcessResult
from imgctl.worker.resizing import Dependencies, FolderMarker
from imgctl.worker.settings import Settings

_DENIED_CODES = ("AccessDenied", "AccessDeniedException", "403")
_MAX_RESULT_CHARACTERS = 1024  # of a task's result in the report of S3 Batch Operations

Log = Callable[[Mapping[str, Any]], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Invocation:
    """The context of one invocation; `cold` is true for the first one in its environment."""

    settings: Settings
    deps: Dependencies
    request_id: str
    cold: bool
    log: Log


@dataclass(frozen=True, slots=True)
class Processed:
    """An object whose outcome is recorded."""

    created: ObjectCreated
    result: ProcessResult


@dataclass(frozen=True, slots=True)
class Skipped:
    """An object with nothing to process: a folder."""

    created: ObjectCreated


@dataclass(frozen=True, slots=True)
class Retryable:
    """An object that failed for a reason that a retry may overcome."""

    created: ObjectCreated
    reason: str


class RetryableFailures(RuntimeError):
    """Some objects can be retried: raising this makes Lambda send the event again."""


def handle(event: object, invocation: Invocation) -> dict[str, Any]:
    """Process each object of an event; raise RetryableFailures once, at the end.

    For S3 Batch Operations, each task's result reports what can be retried. A record that cannot
    be read is logged and counted, and does not keep the others from being processed. Raises
    UnknownEvent if nothing can be read.
    """
    tasks = batch_tasks(event)
    if tasks is not None:
        return _handle_batch(tasks, event, invocation)
    records = parse_event(event)
    unreadable = [record for record in records if isinstance(record, Unreadable)]
    for record in records:
        if not isinstance(record, ObjectCreated):
            invocation.log(_unprocessed_line(record, invocation))
    objects = [record for record in records if isinstance(record, ObjectCreated)]
    outcomes = list(_process_each(objects, invocation))
    failures = [o for o in outcomes if isinstance(o, Retryable)]
    if failures:
        raise RetryableFailures("; ".join(f"{o.created.key}: {o.reason}" for o in failures))
    processed = [o.result.record for o in outcomes if isinstance(o, Processed)]
    failed = sum(record.status is Status.FAILED for record in processed)
    body = {
        "message": (
            f"Image processing completed, {failed} failed"
            if failed
            else "Image processing completed successfully"
        ),
        "processed_count": len(processed),
        **({"unreadable_count": len(unreadable)} if unreadable else {}),
    }
    return {
        "statusCode": 200,
        "body": json.dumps(body),
        "outcomes": [_outcome_document(record) for record in processed],
    }


def _unprocessed_line(record: Ignored | Unreadable, invocation: Invocation) -> dict[str, Any]:
    line: dict[str, Any] = {"requestId": invocation.request_id}
    if isinstance(record, Ignored):
        return {"level": "INFO", "outcome": "IGNORED", **line, "event": record.event_name}
    return {"level": "ERROR", "outcome": "UNREADABLE", **line, "reason": record.reason}


def _handle_batch(tasks: list[BatchTask], event: Any, invocation: Invocation) -> dict[str, Any]:
    objects = [t.record for t in tasks if isinstance(t.record, ObjectCreated)]
    outcomes = _process_each(objects, invocation)
    return {
        "invocationSchemaVersion": event["invocationSchemaVersion"],
        "treatMissingKeysAs": "PermanentFailure",
        "invocationId": event.get("invocationId", ""),
        "results": [
            _task_result(
                task, task.record if isinstance(task.record, Unreadable) else next(outcomes)
            )
            for task in tasks
        ],
    }


def _task_result(
    task: BatchTask, outcome: Processed | Skipped | Retryable | Unreadable
) -> dict[str, str]:
    if isinstance(outcome, Unreadable):
        code, text = "PermanentFailure", outcome.reason
    elif isinstance(outcome, Retryable):
        code, text = "TemporaryFailure", outcome.reason
    elif isinstance(outcome, Skipped):
        code, text = "Succeeded", "SKIPPED"
    else:
        # S3 stops a job with many failed tasks. A recorded failure is a success of its task.
        code, record = "Succeeded", outcome.result.record
        failure = f"{record.failure_code}: {record.failure_reason}"
        text = failure if record.failure_code else record.status.value
    return {
        "taskId": task.task_id,
        "resultCode": code,
        "resultString": text[:_MAX_RESULT_CHARACTERS],
    }


def _process_each(
    objects: Iterable[ObjectCreated], invocation: Invocation
) -> Iterator[Processed | Skipped | Retryable]:
    """Process each object and log one line for it."""
    cold = invocation.cold
    stopwatch_s = invocation.deps.stopwatch_s
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
            result = pipeline.process(
                created, invocation.settings, invocation.deps, invocation.request_id
            )
        except FolderMarker:
            invocation.log({"level": "INFO", "outcome": "SKIPPED", **line, "reason": "a folder"})
            yield Skipped(created)
        except Exception as error:
            # Even after a programming error, the other objects are processed and this one retried.
            reason = _reason(error)
            invocation.log({"level": "ERROR", "outcome": "RETRY", **line, "reason": reason})
            if isinstance(error, ClientError) and error.response["Error"]["Code"] in _DENIED_CODES:
                _record_denied(created, reason, invocation)
            yield Retryable(created, reason)
        else:
            duration_ms = round((stopwatch_s() - started_s) * 1000)
            invocation.log(
                {"level": "INFO", **line, **_log_fields(result), "durationMs": duration_ms}
            )
            for rendition_line in _rendition_lines(result):
                invocation.log({"level": "INFO", "requestId": line["requestId"], **rendition_line})
            yield Processed(created, result)


def _record_denied(created: ObjectCreated, reason: str, invocation: Invocation) -> None:
    try:
        pipeline.record_denied(
            created, invocation.settings, invocation.deps, reason, invocation.request_id
        )
    except (ClientError, BotoCoreError, RuntimeError) as error:
        # Without this record nothing is lost: the event itself is retried.
        invocation.log({"level": "ERROR", "key": created.key, "reason": _reason(error)})


def _reason(error: Exception) -> str:
    if isinstance(error, ClientError) and error.response["Error"]["Code"] in _DENIED_CODES:
        message = error.response["Error"].get("Message", "")
        return f"{error.operation_name} was denied: {message}"
    return f"{type(error).__name__}: {error}"


def _outcome_document(record: Record) -> dict[str, str | None]:
    """Return the outcome of one object for the function's response."""
    return {
        "key": record.original_object_key,
        "record": record.resource_id,
        "status": record.status.value,
        "code": record.failure_code,
        "reason": record.failure_reason,
    }


def _rendition_lines(result: ProcessResult) -> Iterator[dict[str, Any]]:
    """Yield a line for each rendition that was stored; the template counts them by name.

    A line has one value of each name, and a metric takes one value of a line.
    """
    record = result.record
    if record.status is Status.SUCCEEDED and not result.repeated:
        for rendition in record.renditions or ():
            yield {
                "outcome": "RENDITION",
                "rendition": rendition.name,
                "key": rendition.key,
                "record": record.resource_id,
                "bytes": rendition.file_bytes,
                "resized": f"{rendition.width}x{rendition.height}",
                "format": rendition.format,
                **({} if rendition.notes is None else {"notes": rendition.notes}),
            }


def _log_fields(result: ProcessResult) -> dict[str, Any]:
    """Return the fields of a log line; the template's metric filters read outcome and numbers.

    An outcome that was stored before is logged as REPEATED, so that nothing is counted twice.
    """
    record = result.record
    before, after = record.original_file_size, record.resized_file_size
    fields = {
        "outcome": "REPEATED" if result.repeated else record.status.value,
        "version": record.version_id,
        "record": record.resource_id,
        "originalBytes": record.original_size or before,
        "resizedBytes": after,
        "bytesSaved": None if result.repeated or not before or not after else before - after,
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
    return {name: value for name, value in fields.items() if value is not None}
