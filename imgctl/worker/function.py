"""Lambda's entry point: starts what the function depends on, and handles its events."""

# ruff: noqa: E402 - the resize process is forked first, while it has neither the SDK nor threads

from imgctl.sandbox.child import fork
from imgctl.sandbox.process import ResizeProcess

_resizing = ResizeProcess(fork)
_resizing.start()

import json
import logging
import os
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from typing import Any

import botocore.session

from imgctl.core.record import timestamp
from imgctl.worker import scratch
from imgctl.worker.deadline import CLIENT_CONFIG, Deadline
from imgctl.worker.handler import Invocation, handle
from imgctl.worker.resizing import Dependencies
from imgctl.worker.settings import Settings, from_environ


def lambda_handler(event: object, context: Any) -> dict[str, Any]:
    """Process an event. Raises RetryableFailures after every object has been tried."""
    cold = not _cold_start.cache_info().currsize
    settings, deps = _cold_start()
    deps.deadline.begin(context.get_remaining_time_in_millis() / 1000)
    invocation = Invocation(
        settings=settings,
        deps=deps,
        request_id=context.aws_request_id,
        cold=cold,
        log=_print_line,
    )
    return handle(event, invocation)


@cache
def _cold_start() -> tuple[Settings, Dependencies]:
    logging.getLogger("botocore").setLevel(logging.WARNING)  # "Found credentials in ..."
    scratch.remove_stale_folders()
    settings = from_environ(os.environ)
    # Without boto3: it takes time to import, and nothing that it adds to botocore is used here.
    session: Any = botocore.session.get_session()
    deadline = Deadline(time.perf_counter)
    deps = Dependencies(
        s3=session.create_client("s3", config=CLIENT_CONFIG),
        dynamodb=session.create_client("dynamodb", config=CLIENT_CONFIG),
        resize=_resizing.resize,
        now=lambda: datetime.now(UTC),
        stopwatch_s=time.perf_counter,
        deadline=deadline,
    )
    deadline.guard(deps.s3)
    deadline.guard(deps.dynamodb)
    return settings, deps


def _print_line(line: Mapping[str, Any]) -> None:
    """Print a log line. Lambda only filters by level what has a timestamp as well."""
    stamped = {"timestamp": timestamp(datetime.now(UTC)), **line}
    if line.get("coldStart"):  # an SDK before 1.35.69 knows no conditional writes
        stamped["botocore"] = botocore.__version__
    print(json.dumps(stamped, ensure_ascii=False), flush=True)
