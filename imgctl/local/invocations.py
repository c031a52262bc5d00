"""Asynchronous invocations of the emulator's functions, none of which is lost.

The emulator keeps them in memory. Here each is on disk before the request that caused it is
acknowledged, and until the function has finished it or its failure destination has received it.
"""

import contextvars
import logging
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeAlias

from ministack.core import responses
from ministack.services import lambda_svc, s3

from imgctl.local.pending_events import PendingEvent, PendingEvents

ALIAS = "live"
"""The alias that the stack's trigger invokes; the emulator does not remember which one it was."""

Handler: TypeAlias = Callable[..., Awaitable[tuple[int, dict[str, str], bytes]]]

_DEFAULT_RETRIES = 2
_DEFAULT_MAX_AGE_S = 21_600
_SAVE_AGAIN_S = 1

_log = logging.getLogger("imgctl.events")


class _Accepted:
    """The events of one request, kept on disk but not delivered until the request succeeds."""

    def __init__(self) -> None:
        self.events: list[PendingEvent] = []
        self.error: OSError | None = None


_request: contextvars.ContextVar[_Accepted | None] = contextvars.ContextVar("request", default=None)


class Invocations:
    """Accepts and delivers the asynchronous invocations of one server."""

    def __init__(self, folder: Path, save_failures: Callable[[], None]) -> None:
        """Keep events in `folder`; `save_failures` saves the queues that failed ones went to."""
        self.pending = PendingEvents(folder, self._deliver)
        self._save_failures = save_failures

    def patch(self) -> None:
        """Replace the emulator's own, which are the S3 notifications and `InvokeFunction`."""
        lambda_svc.invoke_async_with_retry = self.accept
        s3._fire_s3_event_async = _notify

    def accept(self, function: dict[str, Any], event: Any) -> None:
        """Keep an event, and deliver it once the request that caused it has succeeded."""
        config = function["config"]
        arn = config["FunctionArn"]
        version = config.get("Version", "$LATEST")
        if version != "$LATEST" and not arn.endswith(f":{version}"):
            arn = f"{arn}:{version}"
        accepted = _request.get()
        if accepted is None:
            self.pending.start(self.pending.keep(arn, event))
            return
        try:
            accepted.events.append(self.pending.keep(arn, event))
        except OSError as error:  # the emulator would only log it
            accepted.error = error

    @contextmanager
    def of_request(self) -> Iterator[None]:
        """Deliver a request's events if the block succeeds, and drop them if it raises."""
        accepted = _Accepted()
        token = _request.set(accepted)
        try:
            yield
        except BaseException:
            for pending in accepted.events:
                self.pending.forget(pending)
            raise
        finally:
            _request.reset(token)
        for pending in accepted.events:
            self.pending.start(pending)

    def _deliver(self, pending: PendingEvent) -> bool:
        """Invoke the function, with retries; False if the server stops before the last one."""
        _, _, _, region, account_id, *_ = pending.function_arn.split(":")
        responses._request_account_id.set(account_id)
        responses._request_region.set(region)
        function, config, name = lambda_svc._get_func_record_for_ref(pending.function_arn)
        if not function or not config:
            _log.warning("function %s does not exist: its event was dropped", name)
            return True
        record = lambda_svc._execution_record_for_config(function, config)
        settings = _invoke_settings(record)
        result = self._invoke(record, pending.event, settings)
        if result is None:
            return False
        destination = (settings.get("DestinationConfig") or {}).get("OnFailure", {})
        target = destination.get("Destination") or (config.get("DeadLetterConfig") or {}).get(
            "TargetArn"
        )
        if result.get("error") and target:
            lambda_svc._route_async_failure(target, name, pending.event, result)
            return self._save_failure()
        return True

    def _save_failure(self) -> bool:
        """Save the queue that a failed event was sent to; False if the server stops before."""
        while True:
            try:
                self._save_failures()
                return True
            except OSError as error:
                _log.error("cannot save a failed event: %s", error)
            if self.pending.closing.wait(_SAVE_AGAIN_S):
                return False

    def _invoke(
        self, record: dict[str, Any], event: Any, settings: dict[str, Any]
    ) -> dict[str, Any] | None:
        """Return the last attempt's result; None if the server stops before there is one."""
        retries = settings.get("MaximumRetryAttempts")
        max_age_s = settings.get("MaximumEventAgeInSeconds", _DEFAULT_MAX_AGE_S)
        started_s = time.monotonic()
        result: dict[str, Any] | None = None
        for attempt in range((_DEFAULT_RETRIES if retries is None else int(retries)) + 1):
            if attempt:
                delay_s = min(
                    lambda_svc._LAMBDA_ASYNC_RETRY_BASE_SECONDS * 2 ** (attempt - 1),
                    lambda_svc._LAMBDA_ASYNC_RETRY_MAX_SECONDS,
                )
                if time.monotonic() - started_s + delay_s > int(max_age_s):
                    break
                if self.pending.closing.wait(delay_s):
                    return None
            if self.pending.closing.is_set():
                return None
            result = lambda_svc._execute_function(record, event)
            if result.get("log"):
                name = record["config"]["FunctionName"]
                _log.info("%s, attempt %d:\n%s", name, attempt + 1, result["log"])
            if not result.get("error"):
                break
            if self.pending.closing.is_set():
                return None  # its process was ended: that is no failure of the function
        return result


def _invoke_settings(record: dict[str, Any]) -> dict[str, Any]:
    """Return the settings of asynchronous invocation: the alias's, else the function's."""
    stored = lambda_svc._functions.get(record["config"]["FunctionName"]) or {}
    settings: dict[str, Any] = (
        (stored.get("event_invoke_configs") or {}).get(ALIAS)
        or record.get("event_invoke_config")
        or (record.get("event_invoke_configs") or {}).get("$LATEST")
        or {}
    )
    return settings


def _notify(
    bucket: str,
    key: str,
    event_name: str,
    size: int = 0,
    etag: str = "",
    deletion_type: str | None = None,
    **details: Any,
) -> None:
    """Send an S3 notification within the request, which is acknowledged only with its events.

    Raises OSError if they cannot be kept, which is before an object is written.
    """
    if bucket in s3._bucket_notifications:
        sequencer = s3._next_event_sequencer(event_name)
        s3._fire_s3_event(
            bucket, key, event_name, size, etag, deletion_type, sequencer=sequencer, **details
        )
        accepted = _request.get()
        if accepted is not None and accepted.error is not None:
            raise accepted.error
