"""Records as the program prints them: whole, in order, in every form, whatever their names."""

import csv
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from imgctl.aws.stack import load_outputs
from imgctl.core.record import Record, Status, timestamp, to_item
from tests.e2e.conftest import Local
from tests.screen import check_screen

HOSTILE = '2019/\x1b]0;owned\x07<b>=1+1,"quoted"\u202e\u2028\ngpj.exe'
SPAN = ("--since", "2019-11-01", "--until", "2019-11-30")


def made(number: int, **fields: Any) -> Record:
    record = Record(
        resource_id=f"{number:032x}",
        processing_time=f"2019-11-{number % 28 + 1:02}T10:00:00.000Z",
        original_object_key=f"2019/{number}.jpg",
        original_format="JPEG",
        original_width=4000,
        original_height=3000,
        original_file_size=2_000_000,
        resized_object_key=f"resized-2019/{number}.jpg",
        resized_width=2000,
        resized_height=1500,
        resized_format="JPEG",
        resized_file_size=500_000,
        dimension_reduction="4000x3000 → 2000x1500",
        reduction_percentage=75,
        fetch_ms=20,
        resize_ms=100 + number,
        store_ms=30,
    )
    return replace(record, **fields)


FAILED = Record(
    resource_id=f"{1000:032x}",
    status=Status.FAILED,
    processing_time="2019-11-30T10:00:00.000Z",
    original_object_key="2019/broken.jpg",
    failure_code="truncated",
    failure_reason="The image is truncated.",
    failure_hint="Upload the complete file.",
)
HOSTILE_RECORD = made(
    900,
    original_object_key=HOSTILE,
    notes=HOSTILE,
    original_format="=cmd|x",
    dimension_reduction=HOSTILE,
)
RECORDS = [*(made(number) for number in range(150)), HOSTILE_RECORD, FAILED]


@pytest.fixture(scope="module")
def recorded(shared: Local) -> Iterator[Local]:
    """Store records of November 2019, and remove them afterwards."""
    table = load_outputs(shared.aws, "imgctl").table
    _write(shared, table, [{"PutRequest": {"Item": to_item(record)}} for record in RECORDS])
    yield shared
    keys = [{"resource-id": {"S": record.resource_id}} for record in RECORDS]
    _write(shared, table, [{"DeleteRequest": {"Key": key}} for key in keys])


def _write(local: Local, table: str, requests: list[Any]) -> None:
    dynamodb = local.aws.dynamodb
    for start in range(0, len(requests), 25):
        dynamodb.batch_write_item(RequestItems={table: requests[start : start + 25]})


def ids(documents: list[dict[str, Any]]) -> list[str]:
    return [document["resource-id"] for document in documents]


def expected() -> list[str]:
    """Return the IDs in the order of a listing."""
    in_order = sorted(RECORDS, key=lambda one: one.resource_id)
    in_order.sort(key=lambda one: one.processing_time or "", reverse=True)
    return [record.resource_id for record in in_order]


def test_every_form_has_all_records_in_the_same_order(recorded: Local) -> None:
    document = recorded.imgctl("history", *SPAN, "--limit", "0", "--json").succeeded().document
    assert (ids(document["records"]), document["next"]) == (expected(), None)
    lines = recorded.imgctl("history", *SPAN, "--all", "--jsonl").succeeded().out.splitlines()
    parsed = [json.loads(line) for line in lines]
    assert [{"schema": 1, **record} for record in document["records"]] == parsed
    printed = recorded.imgctl("history", *SPAN, "--all", "--csv").succeeded().out
    rows = list(csv.DictReader(printed.splitlines(keepends=True)))
    assert [row["resource-id"] for row in rows] == expected()
    scanned = recorded.imgctl("history", *SPAN, "--all", "--scan", "--jsonl").succeeded().out
    assert scanned.splitlines() == lines


def test_the_cursor_of_a_page_leads_to_the_next(recorded: Local) -> None:
    found: list[str] = []
    after: list[str] = []
    while True:
        page = recorded.imgctl("history", *SPAN, "--limit", "60", *after, "--json").document
        found += ids(page["records"])
        if page["next"] is None:
            break
        after = ["--after", page["next"]]
    assert found == expected()


def test_no_name_acts_on_a_terminal_or_in_a_spreadsheet(recorded: Local, album: Path) -> None:
    key = ("--key", HOSTILE)
    _, lines = recorded.on_terminal("history", *key, cwd=album)
    shown = "".join(lines)
    assert "\\x1b]0;owned\\x07" in shown
    assert not set(shown) & {"\x1b", "\x07", "\u202e", "\u2028"}
    for form in ("--csv", "--jsonl", "--json"):
        out = recorded.imgctl("history", *key, form).succeeded().out
        assert not set(out) & {"\x1b", "\x07", "\u202e", "\u2028"}, form
    (row,) = csv.DictReader(recorded.imgctl("history", *key, "--csv").out.splitlines())
    assert row["OriginalFormat"] == "'=cmd|x"
    (record,) = recorded.imgctl("history", *key, "--json").document["records"]
    assert record["OriginalObjectKey"] == HOSTILE
    _, lines = recorded.on_terminal("show", HOSTILE, cwd=album)
    assert not set("".join(lines)) & {"\x1b", "\x07", "\u202e", "\u2028"}


def test_screens_of_a_failure_and_of_statistics(recorded: Local, album: Path) -> None:
    for name, *arguments in (
        ("show-failure", "show", "2019/broken.jpg"),
        ("show-success", "show", "2019/7.jpg"),
        ("stats", "stats", *SPAN),
    ):
        code, lines = recorded.on_terminal(*arguments, cwd=album)
        assert code == 0
        check_screen(name, lines)


def test_statistics_agree_with_the_records(recorded: Local) -> None:
    document = recorded.imgctl("stats", *SPAN, "--by", "status", "--json").succeeded().document
    assert document["all"]["images"] == len(RECORDS)
    assert document["all"]["statuses"] == {"FAILED": 1, "SUCCEEDED": len(RECORDS) - 1}
    assert document["all"]["failures"] == {"truncated": 1}
    assert document["all"]["saved_bytes"] == (len(RECORDS) - 1) * 1_500_000
    assert list(document["groups"]) == ["SUCCEEDED", "FAILED"]


def test_a_list_longer_than_the_screen_is_read_as_the_pager_asks(
    recorded: Local, album: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The pager is `head`, which reads some lines and leaves, as a person does."""
    monkeypatch.setenv("PAGER", "head -n 3")
    code, lines = recorded.on_terminal("history", *SPAN, "--all", cwd=album)
    assert code == 0
    assert len(lines) == 3
    monkeypatch.setenv("PAGER", "cat")
    code, lines = recorded.on_terminal("history", *SPAN, "--all", cwd=album)
    assert code == 0
    assert sum("4000x3000" in line for line in lines) == 150


def test_new_records_are_followed_until_the_user_ends_it(recorded: Local) -> None:
    table = load_outputs(recorded.aws, "imgctl").table
    new = [
        made(2000 + number, processing_time=timestamp(datetime.now(UTC)), original_object_key="f")
        for number in range(2)
    ]
    command = [sys.executable, "-m", "imgctl", "history", "--follow", "--key", "f", "--jsonl"]
    with subprocess.Popen(
        [*command, "--since", "2019-01"],
        stdout=subprocess.PIPE,
        env=recorded.environment,
        text=True,
    ) as process:
        assert process.stdout is not None
        try:
            for record in new:
                _write(recorded, table, [{"PutRequest": {"Item": to_item(record)}}])
                line = json.loads(process.stdout.readline())
                assert (line["schema"], line["resource-id"]) == (1, record.resource_id)
            os.kill(process.pid, signal.SIGINT)
            assert process.wait(timeout=30) == 130
        finally:
            process.kill()
            keys = [{"resource-id": {"S": record.resource_id}} for record in new]
            _write(recorded, table, [{"DeleteRequest": {"Key": key}} for key in keys])


@pytest.mark.parametrize(
    "arguments",
    [
        ("--csv", "--jsonl"),
        ("--json", "--csv"),
        ("--all", "--limit", "5"),
        ("--follow", "--until", "2026"),
        ("--follow", "--scan"),
        ("--after", "nonsense"),
        ("--limit", "-1"),
    ],
)
def test_options_that_contradict_each_other_are_refused(
    recorded: Local, arguments: tuple[str, ...]
) -> None:
    assert recorded.imgctl("history", *arguments).code == 2


def test_records_of_the_original_function_are_listed_after_a_reindex(recorded: Local) -> None:
    table = load_outputs(recorded.aws, "imgctl").table
    original = {
        "resource-id": {"S": "0d2c1f0e-8c2b-4e0b-9a53-0d1f3a5b7c9e"},
        "OriginalObjectKey": {"S": "2018.jpg"},
        "ProcessingTime": {"S": "2018-05-02T14:03:24.552311"},
    }
    span = ("--since", "2018-01", "--until", "2018-12")
    _write(recorded, table, [{"PutRequest": {"Item": original}}])
    try:
        assert recorded.imgctl("history", *span, "--json").document["records"] == []
        document = recorded.imgctl("reindex", "--json").succeeded().document
        assert document["added"] == 1
        (record,) = recorded.imgctl("history", *span, "--json").document["records"]
        assert record["OriginalObjectKey"] == "2018.jpg"
        assert recorded.imgctl("reindex", "--json").document["added"] == 0
    finally:
        _write(
            recorded, table, [{"DeleteRequest": {"Key": {"resource-id": original["resource-id"]}}}]
        )
