import json
from datetime import UTC, datetime
from typing import Any

import pytest

from imgctl.aws import logs
from imgctl.aws.log_lines import LogLine, parse_line
from imgctl.aws.logs import Invocation
from imgctl.aws.session import Aws

GROUP = "/aws/lambda/f"
START_MS = 1_790_000_000_000


def line(offset_ms: int, text: str) -> LogLine:
    return parse_line(START_MS + offset_ms, text)


def platform(offset_ms: int, kind: str, **record: object) -> LogLine:
    time = datetime.fromtimestamp((START_MS + offset_ms) / 1000, UTC)
    document = {"time": time.isoformat(), "type": f"platform.{kind}", "record": record}
    return line(offset_ms, json.dumps(document))


def function(offset_ms: int, **fields: object) -> LogLine:
    return line(offset_ms, json.dumps({"requestId": "r1", **fields}))


METRICS = {
    "durationMs": 412.5,
    "billedDurationMs": 413,
    "memorySizeMB": 1769,
    "maxMemoryUsedMB": 210,
}


def test_an_invocation_is_read_from_lambdas_json() -> None:
    (one,) = logs.invocations(
        [
            platform(0, "start", requestId="r1", version="1"),
            function(300, key="a.jpg", outcome="SUCCEEDED"),
            platform(412, "runtimeDone", requestId="r1", status="success"),
            platform(
                413,
                "report",
                requestId="r1",
                metrics=METRICS | {"initDurationMs": 350.1},
                status="success",
            ),
        ]
    )
    assert (one.request_id, one.status) == ("r1", "success")
    assert (one.duration_ms, one.billed_ms, one.init_ms) == (412.5, 413, 350.1)
    assert (one.memory_mb, one.max_memory_mb, one.cold_start) == (1769, 210, True)
    assert [json.loads(each.text)["key"] for each in one.lines] == ["a.jpg"]


def test_a_restore_from_a_snapshot_is_a_cold_start() -> None:
    metrics = METRICS | {"restoreDurationMs": 310.2, "billedRestoreDurationMs": 40}
    text = "REPORT RequestId: r1\tDuration: 412.5 ms\tRestore Duration: 310.2 ms\n"
    for report in (platform(413, "report", requestId="r1", metrics=metrics), line(413, text)):
        (one,) = logs.invocations([report])
        assert (one.init_ms, one.cold_start) == (310.2, True)


def test_an_invocation_is_read_from_lambdas_text() -> None:
    report = (
        "REPORT RequestId: r1\tDuration: 412.5 ms\tBilled Duration: 413 ms\tMemory Size: 1769 MB"
        "\tMax Memory Used: 210 MB\tStatus: timeout\n"
    )
    (one,) = logs.invocations(
        [
            line(0, "START RequestId: r1 Version: 1\n"),
            function(0, key="a.jpg", coldStart=True),
            line(0, "END RequestId: r1\n"),
            line(0, report),
        ]
    )
    assert (one.duration_ms, one.max_memory_mb, one.status) == (412.5, 210, "timeout")
    assert one.cold_start
    assert one.ended == "2026-09-21T14:13:20.000Z"
    assert one.started == "2026-09-21T14:13:19.587Z"  # all lines were written at its end


def test_attempts_of_one_request_are_told_apart() -> None:
    lines = []
    for minute in range(3):
        offset = minute * 60_000
        lines += [
            platform(offset, "start", requestId="r1"),
            function(offset + 1, outcome="RETRY"),
            platform(offset + 2, "report", requestId="r1", metrics=METRICS, status="error"),
        ]
    attempts = logs.invocations(lines)
    assert [(one.status, len(one.lines)) for one in attempts] == [("error", 1)] * 3


def test_lines_without_lambdas_own_are_an_invocation_without_an_end() -> None:
    (one,) = logs.invocations([function(0, outcome="SUCCEEDED"), function(1, outcome="RENDITION")])
    assert (one.ended, one.duration_ms, len(one.lines)) == (None, None, 2)


@pytest.mark.parametrize(
    "text",
    ["not json", "[1]", "{}", '{"timestamp": 5, "record": 7}', '{"type": ["x"]}', "REPORT x"],
)
def test_any_text_is_a_line(text: str) -> None:
    parsed = line(0, text)
    assert (parsed.time, parsed.request_id) == ("2026-09-21T14:13:20.000Z", "")
    assert logs.invocations([parsed]) == [
        Invocation(
            request_id="",
            started=parsed.time,
            lines=(parsed,),
        )
    ]


@pytest.fixture
def group(aws: Aws) -> str:
    aws.logs.create_log_group(logGroupName=GROUP)
    aws.logs.create_log_stream(logGroupName=GROUP, logStreamName="s")
    return GROUP


KEYS = ["a.jpg", 'q"uote} && { $.x = *.jpg', "Käse/日本.jpg", "\\", "a" * 1024]


@pytest.mark.parametrize("key", KEYS)
def test_the_lines_of_a_key_are_found_whatever_is_in_it(aws: Aws, group: str, key: str) -> None:
    now = datetime.now(UTC)
    events: Any = [
        {
            "timestamp": round(now.timestamp() * 1000),
            "message": json.dumps({"requestId": f"r{number}", "key": each}),
        }
        for number, each in enumerate(KEYS)
    ]
    aws.logs.put_log_events(logGroupName=group, logStreamName="s", logEvents=events)
    span = {"since": f"{now.date()}T00:00:00Z", "until": f"{now.date()}T23:59:59.999Z"}
    found = logs.of_key(aws.logs, group, key, **span)
    assert [each.request_id for each in found] == [f"r{KEYS.index(key)}"]
    assert logs.of_request(aws.logs, group, f"r{KEYS.index(key)}", **span) == found


def test_a_request_id_that_is_none_is_not_looked_for(aws: Aws) -> None:
    assert logs.of_request(aws.logs, "no-such-group", '" ?ERROR "', since="", until="") == []


def test_a_pattern_for_two_spellings_of_a_key_fits_and_finds_both(aws: Aws, group: str) -> None:
    keys = ["K\u00e4se/" + "a" * 1000, "Ka\u0308se/" + "a" * 1000]
    pattern = logs.key_pattern(keys)
    assert len(pattern) <= 1024
    assert pattern.count("||") == 1
    now = datetime.now(UTC)
    events: Any = [
        {"timestamp": round(now.timestamp() * 1000), "message": json.dumps({"key": key})}
        for key in keys
    ]
    aws.logs.put_log_events(logGroupName=group, logStreamName="s", logEvents=events)
    found = logs.read_events(aws.logs, group, since=f"{now.date()}T00:00:00Z", pattern=pattern)
    assert [event.line.key for event in found] == keys
