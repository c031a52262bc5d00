"""Uploads that are interrupted or refused: one clear line, and the next run sends the rest.

The server is one of the tests' own, so that it can be slow, deny and vanish.
"""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import program
from tests.cli_result import CliResult
from tests.loopback_aws import LoopbackAws
from tests.waiting import until

FILES = 60


@pytest.fixture
def server() -> Iterator[LoopbackAws]:
    with LoopbackAws() as server:
        yield server


@pytest.fixture
def album(tmp_path: Path) -> Path:
    folder = tmp_path / "album"
    folder.mkdir()
    for number in range(FILES):
        (folder / f"{number:02}.jpg").write_bytes(b"\xff\xd8\xff" + bytes([number]) * 500)
    return folder


def environment_for(server: LoopbackAws, **changes: str) -> dict[str, str]:
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "IMGCTL_"))}
    environment |= {
        "AWS_ENDPOINT_URL": server.url,
        "AWS_ACCESS_KEY_ID": "AKID",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_REGION": "eu-west-2",
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    return {name: value for name, value in (environment | changes).items() if value}


def start(server: LoopbackAws, *arguments: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-m", "imgctl", "upload", *arguments],
        env=environment_for(server),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def upload(server: LoopbackAws, *arguments: str, **changes: str) -> CliResult:
    environment = environment_for(server, **changes)
    done = program.run(["upload", *arguments], environment=environment)
    return CliResult(done.returncode, done.stdout, done.stderr)


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_the_next_run_sends_only_the_rest(
    server: LoopbackAws, album: Path, how: signal.Signals
) -> None:
    server.state.delay_s = 0.05
    with start(server, str(album), "--no-wait", "--jobs", "2") as process:
        until(lambda: server.state.counts["stored"] >= 10)
        process.send_signal(how)
        _, err = process.communicate(timeout=60)
    if how is signal.SIGINT:
        assert process.returncode == 130
        assert f"of {FILES} done. Run the command again for the rest." in err
    until(lambda: server.state.active == 0)
    server.state.delay_s = 0
    stored = len(server.state.objects)
    assert 10 <= stored < FILES
    server.state.counts.clear()
    again = upload(server, str(album), "--no-wait", "--json").succeeded().document["totals"]
    assert (again["uploaded"], again["skipped"]) == (FILES - stored, stored)
    assert server.state.counts["PUT"] == FILES - stored
    assert len(server.state.objects) == FILES
    assert not any("uploads" in request.target for request in server.state.requests)


def test_an_interruption_does_not_wait_for_what_is_being_sent(
    server: LoopbackAws, album: Path
) -> None:
    with start(server, str(album), "--no-wait") as process:
        until(lambda: server.state.counts["list"])
        server.state.delay_s = 600  # no upload is answered
        until(lambda: server.state.active > 0 or server.state.counts["stored"] == FILES)
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=10)
    assert process.returncode == 130


def test_an_interruption_ends_the_wait_for_results(server: LoopbackAws, album: Path) -> None:
    server.state.has_records = False
    with start(server, str(album), "--timeout", "600") as process:
        until(lambda: server.state.counts["BatchGetItem"] >= 3)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=10)
    assert process.returncode == 130
    assert f"0 of {FILES} done." in err


def test_an_endpoint_that_goes_down_and_comes_back_loses_nothing(
    server: LoopbackAws, album: Path
) -> None:
    server.state.delay_s = 0.02
    with start(server, str(album), "--no-wait", "--jobs", "2") as process:
        until(lambda: server.state.counts["stored"] >= 10)
        server.stop()
        server.start(server.port)
        out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    assert len(out.splitlines()) == FILES
    assert len(server.state.objects) == FILES


def one_error(result: CliResult) -> str:
    """Return the only error of a run, without its hint."""
    (line,) = (line for line in result.err.splitlines() if line.startswith("Error: "))
    assert "Traceback" not in result.err
    return line


@pytest.mark.parametrize("count", [1, FILES])
def test_an_endpoint_that_is_down_is_one_line(server: LoopbackAws, album: Path, count: int) -> None:
    files = [str(path) for path in sorted(album.iterdir())[:count]]
    down = upload(server, *files, AWS_ENDPOINT_URL_S3="http://127.0.0.1:9")
    assert (down.code, down.out) == (3, "")
    assert one_error(down).startswith("Error: AWS cannot be reached: ")


def test_a_bucket_that_denies_uploads_is_one_line(server: LoopbackAws, album: Path) -> None:
    server.state.faults.extend([(403, "AccessDenied")] * FILES)
    denied = upload(server, str(album))
    assert denied.code == 3
    assert one_error(denied) == (
        "Error: Not allowed to perform PutObject: AccessDenied was asked for."
    )
    assert server.state.objects == {}


def test_no_credentials_is_one_line(server: LoopbackAws, album: Path) -> None:
    missing = upload(server, str(album), AWS_ACCESS_KEY_ID="", AWS_SECRET_ACCESS_KEY="")
    assert missing.code == 3
    assert one_error(missing) == "Error: No AWS credentials were found."


def test_a_file_that_is_gone_fails_alone(server: LoopbackAws, album: Path) -> None:
    (album / "gone.jpg").symlink_to("nowhere")
    done = upload(server, str(album), "--no-wait")
    assert done.code == 1
    failed = [line for line in done.out.splitlines() if not line.startswith("uploaded\t")]
    assert failed == ["failed\tgone.jpg\tNo such file or directory"]
    assert len(server.state.objects) == FILES


@pytest.mark.parametrize("separator", ["\n", "\0"])
def test_paths_are_read_from_stdin(album: Path, separator: str, tmp_path: Path) -> None:
    listing = tmp_path / "listing"
    listing.write_text(separator.join([*(str(p) for p in sorted(album.iterdir())[:20]), ""]))
    options = ["-0"] if separator == "\0" else []
    with listing.open() as stdin:
        done = program.run(
            ["upload", *options, "-", "--dry-run", "--json"],
            environment=os.environ,
            stdin=stdin.fileno(),
        )
    result = CliResult(done.returncode, done.stdout, done.stderr).succeeded()
    assert [file["key"] for file in result.document["files"]] == [f"{n:02}.jpg" for n in range(20)]


def test_a_separator_without_a_list_is_a_usage_error(server: LoopbackAws, album: Path) -> None:
    assert upload(server, str(album), "-0").code == 2


def test_a_second_run_over_a_thousand_files_asks_twice_and_sends_nothing(
    server: LoopbackAws, tmp_path: Path
) -> None:
    folder = tmp_path / "many"
    folder.mkdir()
    for number in range(1000):
        (folder / f"{number:04}.jpg").write_bytes(b"\xff\xd8\xff" + number.to_bytes(2))
    upload(server, str(folder), "--no-wait").succeeded()
    server.state.counts.clear()
    again = upload(server, str(folder), "--json").succeeded().document
    assert again["totals"]["skipped"] == 1000
    assert server.state.counts["PUT"] == server.state.counts["HEAD"] == 0
    assert server.state.counts["list"] <= 2
    assert server.state.counts["BatchGetItem"] <= 30


def test_waiting_for_a_thousand_files_takes_few_reads(server: LoopbackAws, tmp_path: Path) -> None:
    folder = tmp_path / "many"
    folder.mkdir()
    for number in range(1000):
        (folder / f"{number:04}.jpg").write_bytes(b"\xff\xd8\xff" + number.to_bytes(2))
    waited = upload(server, str(folder), "--json").succeeded().document
    assert all("record" in file for file in waited["files"])
    assert server.state.counts["PUT"] == 1000
    assert server.state.counts["BatchGetItem"] <= 30
