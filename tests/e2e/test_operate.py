"""Seeing what a stack does, on the embedded AWS."""

import json
import subprocess
import sys
from itertools import islice
from pathlib import Path

import pytest

from imgctl.aws.stack import load_outputs
from tests.e2e.conftest import Local
from tests.pictures import encoded, photo


@pytest.fixture(scope="module")
def cake(shared: Local, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The key of an uploaded picture."""
    path = tmp_path_factory.mktemp("album") / "operate.png"
    path.write_bytes(encoded(photo(), "PNG"))
    shared.imgctl("upload", str(path), "--wait").succeeded()
    return path.name


def test_the_status_and_the_outputs_of_a_stack(shared: Local, cake: str) -> None:  # noqa: ARG001
    document = shared.imgctl("status", "--json").succeeded().document
    assert (document["state"], document["live_version"]) == ("CREATE_COMPLETE", "1")
    assert document["today"]["processed"] >= 1
    assert document["unknown"] == {}
    outputs = load_outputs(shared.aws, "imgctl")
    assert shared.imgctl("outputs", "ApiEndpoint").out.strip() == outputs.api_endpoint
    unknown = shared.imgctl("outputs", "Tabel")
    assert unknown.code == 2
    assert "SourceBucket, Table" in unknown.err


def test_the_lines_about_an_object(shared: Local, cake: str) -> None:
    lines = shared.imgctl("logs", "--key", cake, "--json").succeeded().out.splitlines()
    request_id = json.loads(lines[0])["request_id"]
    shown = shared.imgctl("logs", "--request-id", request_id).succeeded().out.splitlines()
    assert [line.split("\t")[0] for line in shown] == ["SUCCEEDED", "REPORT"]
    assert f"\t{cake}\t" in shown[0]


def test_lines_are_followed_as_they_come(shared: Local, cake: str) -> None:
    command = [sys.executable, "-m", "imgctl", "logs", "--follow", "--key", cake, "--json"]
    with subprocess.Popen(
        [*command, "--limit", "2"], stdout=subprocess.PIPE, text=True, env=shared.environment
    ) as process:
        assert process.stdout is not None
        first = json.loads(next(process.stdout))
        shared.imgctl("invoke", "--key", cake).succeeded()
        (second,) = map(json.loads, islice(process.stdout, 1))
    assert process.returncode == 0
    assert first["key"] == second["key"] == cake
    assert first["time"] < second["time"]


def test_a_test_event_is_sent_after_a_warning(shared: Local, cake: str, album: Path) -> None:
    asked = shared.imgctl("invoke", answers="n\n")
    assert asked.code == 1
    assert "There is no object cake.jpg in src-bucket-image-in-" in asked.err
    answered = shared.imgctl("invoke", "--key", cake, "--batch", "--json").succeeded().document
    assert answered["answer"]["results"][0]["resultString"] == "SUCCEEDED"
    assert answered["duration_ms"] > 0
    assert answered["memory_mb"] == 1769
    event = album / "event.json"
    event.write_text('{"no": "event"}')
    failed = shared.imgctl("invoke", str(event), "--yes")
    assert failed.code == 1
    assert "not an event of S3" in failed.out
    assert "The function failed: not an event of S3" in failed.err


def test_what_the_stack_did_is_what_a_month_costs(shared: Local, cake: str) -> None:  # noqa: ARG001
    document = shared.imgctl("cost", "--json").succeeded().document
    assert document["images"] == document["measured_records"] >= 1
    none = shared.imgctl("dashboard", "--json")
    assert (none.code, none.error["code"]) == (1, "no_console")
