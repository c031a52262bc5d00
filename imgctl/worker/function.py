"""Lambda's entry point: starts what the function depends on, and handles its events."""

# ruff: noqa: E402 - the resize process is forked first, while it has neither the SDK nor threads

import gc

gc.disable()  # until everything is loaded: none of it is garbage, and searching it takes 20 ms

# What both processes need is imported before the fork, once for both.
import hashlib  # noqa: F401
import logging
import os
import tempfile  # noqa: F401
from functools import cache, partial

from imgctl.sandbox.child import fork
from imgctl.sandbox.process import ResizeProcess

_INITIALIZATION = os.environ.get("AWS_LAMBDA_INITIALIZATION_TYPE", "")  # set by Lambda
_IS_FOR_SNAPSHOT = _INITIALIZATION == "snap-start"

_resizing = ResizeProcess(partial(fork, every_format=_IS_FOR_SNAPSHOT))
_resizing.start()

import itertools
import json
import random
import ssl
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import botocore

from imgctl.core.record import timestamp
from imgctl.worker import scratch
from imgctl.worker.clients import create_clients, rehearse
from imgctl.worker.deadline import Deadline
from imgctl.worker.handler import Invocation, handle
from imgctl.worker.resizing import Dependencies
from imgctl.worker.settings import Settings, from_environ

_invocations = itertools.count()


def lambda_handler(event: object, context: Any) -> dict[str, Any]:
    """Process an event. Raises RetryableFailures after every object has been tried."""
    settings, deps = _cold_start()
    deps.deadline.begin(context.get_remaining_time_in_millis() / 1000)
    invocation = Invocation(
        settings=settings,
        deps=deps,
        request_id=context.aws_request_id,
        cold=next(_invocations) == 0,
        log=_print_line,
    )
    return handle(event, invocation)


@cache
def _cold_start() -> tuple[Settings, Dependencies]:
    logging.getLogger("botocore").setLevel(logging.WARNING)  # "Found credentials in ..."
    scratch.remove_stale_folders()
    settings = from_environ(os.environ)
    s3, dynamodb = create_clients()
    deadline = Deadline(time.perf_counter)
    deps = Dependencies(
        s3=s3,
        dynamodb=dynamodb,
        resize=_resizing.resize,
        now=lambda: datetime.now(UTC),
        stopwatch_s=time.perf_counter,
        deadline=deadline,
    )
    deadline.guard(s3)
    deadline.guard(dynamodb)
    gc.freeze()
    gc.enable()
    return settings, deps


def _print_line(line: Mapping[str, Any]) -> None:
    """Print a log line. Lambda only filters by level what has a timestamp as well."""
    stamped = {"timestamp": timestamp(datetime.now(UTC)), **line}
    if line.get("coldStart"):  # an SDK before 1.35.69 knows no conditional writes
        stamped["botocore"] = botocore.__version__
    print(json.dumps(stamped, ensure_ascii=False), flush=True)


def _prepare_snapshot() -> None:
    """Load all that an invocation needs, but for what must be each environment's own."""
    rehearse()
    "localhost".encode("idna")  # loads what turns host names into addresses
    _resizing.wait_until_ready()


def _after_restore() -> None:
    """Make what environments that were restored from one snapshot must not share.

    These are random numbers, the connections, the credentials, and the clocks of the deadline.
    `os.urandom`, of which UUIDs are made, needs nothing: the kernel is told of the restore.
    """
    random.seed()  # for botocore's delays between attempts
    ssl.RAND_add(os.urandom(32), 32)  # for the keys of TLS, in case that OpenSSL is not told
    _cold_start()


if _IS_FOR_SNAPSHOT:
    # Of the runtime in Lambda; there is no such package elsewhere.
    from snapshot_restore_py import register_after_restore  # type: ignore[import-not-found]

    _prepare_snapshot()
    register_after_restore(_after_restore)
elif _INITIALIZATION:
    _cold_start()  # Lambda starts a function with more processor time than it then invokes it with
