"""`cost`, `dashboard` and `invoke` where no stack is asked, and remembered outputs."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from imgctl.cli import known_outputs
from tests.cli_result import CliResult

Imgctl = Callable[..., CliResult]


def test_a_cost_is_estimated_without_an_account(imgctl: Imgctl) -> None:
    document = imgctl("cost", "--images", "1000000", "--json").succeeded().document
    assert document["measured_records"] is None
    assert document["usd_per_month"] == pytest.approx(
        sum(item["usd"] for item in document["items"]), abs=0.1
    )
    larger = imgctl("cost", "--images", "1000000", "--avg-mb", "40", "--json").document
    assert larger["usd_per_month"] > 5 * document["usd_per_month"]
    text = imgctl("cost", "--images", "10").succeeded()
    assert text.out.splitlines()[-1].startswith("total\t\t\t")
    assert "2026-03 in us-east-1" in text.err


@pytest.mark.parametrize(
    "arguments",
    [
        ("cost",),
        ("cost", "--images", "10", "--stack", "imgctl"),
        ("status",),
        ("outputs",),
        ("logs",),
        ("invoke",),
        ("dashboard",),
    ],
)
def test_what_asks_the_stack_needs_credentials(imgctl: Imgctl, arguments: tuple[str, ...]) -> None:
    done = imgctl(*arguments, "--region", "eu-west-2", "--json")
    assert (done.code, done.error["code"]) == (3, "no_credentials")


@pytest.mark.parametrize(
    "arguments",
    [
        ("cost", "--images", "-1"),
        ("cost", "--images", "1", "--avg-mb", "nan"),
        ("cost", "--images", "1", "--avg-mb", "0"),
        ("logs", "--limit", "0"),
        ("logs", "--raw", "--json"),
        ("invoke", "no-such-event.json"),
        ("invoke", "-", "--key", "a.jpg"),
    ],
)
def test_what_makes_no_sense_is_a_usage_error(imgctl: Imgctl, arguments: tuple[str, ...]) -> None:
    assert imgctl(*arguments).code == 2


@pytest.mark.parametrize("content", ["{", "\xff", '{"a": ' * 100_000, ""])
def test_an_event_that_is_not_json_is_refused(imgctl: Imgctl, content: str) -> None:
    Path("event.json").write_text(content, encoding="latin-1")
    done = imgctl("invoke", "event.json", "--region", "eu-west-2", "--json")
    assert (done.code, done.error["code"]) == (2, "usage")
    assert "event.json is not JSON" in done.error["message"]


def test_an_event_that_is_too_large_is_refused_before_it_is_sent(imgctl: Imgctl) -> None:
    with Path("event.json").open("wb") as file:
        os.truncate(file.fileno(), 7 * 1024 * 1024)
    done = imgctl("invoke", "event.json", "--region", "eu-west-2")
    assert done.code == 2
    assert "larger than an event may be" in done.err


def test_outputs_are_remembered_for_one_stack(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    known_outputs.store({"Table": "records"}, None, "eu-west-2", "photos")
    assert known_outputs.read(None, "eu-west-2", "photos") == {"Table": "records"}
    assert known_outputs.read("other", "eu-west-2", "photos") == {}
    (file,) = tmp_path.rglob("*.json")
    assert file.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("content", ["", "[]", '{"Table": 1}', "[" * 100_000, "\0"])
def test_a_damaged_memory_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: str
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    known_outputs.store({"Table": "records"}, "x")
    (file,) = tmp_path.rglob("*.json")
    file.write_text(content)
    assert known_outputs.read("x") == {}


def test_where_nothing_can_be_stored_nothing_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    known_outputs.store({"Table": "records"}, "x")
    assert known_outputs.read("x") == {}
