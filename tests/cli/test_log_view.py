"""Log lines as people read them."""

import json
from typing import Any

import pytest
from rich.console import Console

from imgctl.aws.log_lines import parse_line
from imgctl.aws.logs import LogEvent
from imgctl.cli.log_view import is_detail, log_document, log_row
from tests.documents import check_document


def event(text: str | dict[str, Any]) -> LogEvent:
    message = text if isinstance(text, str) else json.dumps(text)
    return LogEvent("2026-11-23T15:25:09.123Z", "1", "s", parse_line(1_790_000_000_000, message))


def shown(text: str | dict[str, Any]) -> str:
    word, _, *values = log_row(event(text)).lines().split("\t")
    return "|".join((word, *values))


SUCCESS = {
    "level": "INFO", "outcome": "SUCCEEDED", "key": "cake.jpg", "original": "4x2",
    "resized": "2x1", "originalBytes": 2000, "resizedBytes": 500, "fetchMs": 10, "resizeMs": 20,
    "storeMs": 5, "durationMs": 40,
}  # fmt: skip
METRICS = {"durationMs": 40.2, "billedDurationMs": 41, "memorySizeMB": 1769, "maxMemoryUsedMB": 90}
REPORT = {"type": "platform.report", "record": {"requestId": "r1", "metrics": METRICS}}
ACCESS = {
    "requestId": "r1", "time": "23/Nov/2026:15:25:08 +0000", "ip": "192.0.2.1", "caller": "-",
    "method": "PUT", "path": "/hala/src/holiday%2Fcake.jpg", "status": "403",
    "error": "Forbidden", "latencyMs": "12",
}  # fmt: skip


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            SUCCESS,
            "SUCCEEDED|cake.jpg|4x2 → 2x1, 2.0 kB → 500 B|40 ms (download 10, resize 20, store 5)",
        ),
        (
            {"outcome": "FAILED", "key": "a.jpg", "code": "damaged", "reason": "Truncated."},
            "FAILED|a.jpg|damaged: Truncated.",
        ),
        (
            {"level": "ERROR", "errorType": "MemoryError", "errorMessage": "no memory"},
            "ERROR|MemoryError. no memory",
        ),
        (REPORT, "REPORT|40 ms, billed 41 ms, 90 of 1769 MB of memory|request r1"),
        (ACCESS, "403|PUT holiday/cake.jpg|12 ms|192.0.2.1|Forbidden"),
        ("Traceback (most recent call last):\n  x", "LOG|Traceback (most recent call last): ↵ x"),
        ('{"key": ["x"]}', "LOG|['x']"),
    ],
)
def test_a_line_says_what_happened(text: str | dict[str, Any], expected: str) -> None:
    assert shown(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "\x1b]0;title\x07 \x1b[2J",
        {"outcome": "\x1b[2J", "key": "\x1b[31mred.jpg", "reason": "a\r\nSUCCEEDED\tfake"},
        {
            **ACCESS,
            "path": "/hala/src/%1b%5b2J",
            "method": "\x9b2J",
            "status": "\x1b",
            "ip": "\x1b",
        },
        {"level": "\u202e", "message": "\x1b\x07"},
    ],
)
def test_a_hostile_line_is_one_line_without_control_characters(text: str | dict[str, Any]) -> None:
    line = log_row(event(text))
    console = Console(width=200, no_color=True)
    with console.capture() as captured:
        console.print(line.rendered(200))
    for out in (line.lines().replace("\t", " "), captured.get().rstrip("\n")):
        assert all(character.isprintable() for character in out)


@pytest.mark.parametrize(
    ("text", "is_error"),
    [
        (SUCCESS, False),
        ({"outcome": "RETRY", "level": "ERROR"}, True),
        (REPORT, False),
        ({"type": "platform.report", "record": {"status": "timeout"}}, True),
        ({"type": "platform.logsDropped", "record": {}}, True),
        ("2026-11-23T15:25:09Z r1 Task timed out after 60.00 seconds", True),
        ("[ERROR] x", True),
        ("hello", False),
        (ACCESS, True),
        ({**ACCESS, "status": "200"}, False),
    ],
)
def test_what_failed_is_an_error(text: str | dict[str, Any], *, is_error: bool) -> None:
    document = log_document(event(text))
    assert document["error"] is is_error
    check_document("logs", {"schema": 1, **document})


def test_of_lambdas_own_lines_only_reports_and_failures_are_shown() -> None:
    details = [
        "START RequestId: r1 Version: 1",
        "INIT_START Runtime Version: x",
        "END RequestId: r",
    ]
    details += ['{"type": "platform.initStart", "record": {}}']
    assert all(is_detail(event(text).line) for text in details)
    others: list[str | dict[str, Any]] = [REPORT, SUCCESS, "hello", '{"type": "platform.fault"}']
    assert not any(is_detail(event(text).line) for text in others)
