"""An invocation of the function with an event that somebody chose, and how it is printed."""

import json
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from imgctl.aws import logs
from imgctl.aws.invoke import LoggedInvocation, invoke_and_log
from imgctl.aws.log_lines import Report, report_of
from imgctl.aws.logs import LogEvent
from imgctl.cli.log_view import is_detail, log_row, report_text
from imgctl.cli.operating_documents import lambda_report_document
from imgctl.cli.text import duration_text, printable, printable_json

if TYPE_CHECKING:
    from imgctl.cli.app import App
    from imgctl.cli.operating_documents import InvokeDocument


def print_invocation(app: "App", event: object) -> int:
    """Invoke the function and print its answer, with its log on stderr; return the exit code."""
    now = datetime.now(UTC)
    with app.ui.working("Invoking the function"):
        done = invoke_and_log(
            app.aws.lambda_,
            app.outputs.function_alias,
            event,
            now=now,
            stopwatch_s=time.monotonic,
        )
    report = next((found for line in done.lines if (found := report_of(line))), None)
    if report is None and app.aws.is_local:  # its tail lacks Lambda's own lines
        done = _with_whole_log(app, done, now)
        report = next((found for line in done.lines if (found := report_of(line))), None)
    for line in done.lines:
        if line.fields and (app.ui.verbose or not line.is_platform):
            app.ui.info(log_row(LogEvent(line.time, "", "", line)))
        elif not is_detail(line) and not line.is_platform:
            app.ui.info(printable(line.text))
    took = report_text(report) if report is not None else duration_text(done.seconds)
    app.ui.info(f"Version {done.version}: {took}")
    if done.error:
        app.ui.info(f"The function failed: {done.error}")
    answer = printable_json(json.dumps(done.answer, ensure_ascii=False, indent=2))
    app.ui.result(_document(done, report or Report()), answer)
    return 1 if done.error else 0


def _with_whole_log(app: "App", done: LoggedInvocation, now: datetime) -> LoggedInvocation:
    since, until = (now + timedelta(minutes=minutes) for minutes in (-1, 16))
    found = logs.of_request(
        app.aws.logs,
        app.outputs.function_log_group,
        done.request_id,
        since=since.isoformat(),
        until=until.isoformat(),
    )
    return replace(done, lines=tuple(found) or done.lines)


def _document(done: LoggedInvocation, report: Report) -> "InvokeDocument":
    return {
        "version": done.version,
        "request_id": done.request_id,
        "answer": done.answer,
        "error": done.error or None,
        "seconds": round(done.seconds, 3),
        **lambda_report_document(report),
        "log": [line.text for line in done.lines],
    }
