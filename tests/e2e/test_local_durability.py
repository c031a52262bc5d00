"""The embedded AWS is killed, stopped and filled while the program uses it."""

import os
import resource
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from botocore.exceptions import ClientError

from imgctl.aws.stack import load_outputs
from imgctl.local import daemon
from tests.e2e.conftest import Local
from tests.pictures import encoded, photo
from tests.waiting import until

UPLOADS = 40


def fill(album: Path, count: int = UPLOADS) -> None:
    for number in range(count):
        # Each with a content of its own: identical files are skipped.
        (album / f"{number}.jpg").write_bytes(encoded(photo(60, 40), "JPEG") + number.to_bytes(2))


def audited(local: Local) -> bool:
    """Return whether every object that is stored has its record and its output."""
    done = local.imgctl("audit", "--json")
    return done.code == 0 and "pending" not in done.document["totals"]


def test_no_record_that_was_shown_is_lost_by_a_kill(empty: Local, album: Path) -> None:
    empty.imgctl("deploy", "--yes").succeeded()
    uploads = 90  # of which most are left when the first are shown
    fill(album, uploads)
    environment = os.environ | {
        "IMGCTL_LOCAL_DIR": str(empty.folder),
        "IMGCTL_LOCAL": "1",
        "PYTHONUNBUFFERED": "1",
        "AWS_MAX_ATTEMPTS": "1",
    }
    with subprocess.Popen(
        [sys.executable, "-m", "imgctl", "upload", str(album), "--timeout", "60"],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as upload:
        assert upload.stdout is not None
        shown = [upload.stdout.readline() for _ in range(5)]
        endpoint = daemon.running(empty.folder)
        assert endpoint is not None
        os.kill(endpoint.pid, signal.SIGKILL)
        shown += list(upload.stdout)
    assert upload.returncode != 0  # it was interrupted
    done = {line.split()[1] for line in shown if line.startswith("uploaded")}
    assert len(done) >= 5
    listed = empty.imgctl("history", "--json", "--all").succeeded().document["records"]
    found = {record["OriginalObjectKey"]: record["Status"] for record in listed}
    assert {found.get(key) for key in done} == {"SUCCEEDED"}
    until(lambda: audited(empty))  # what was uploaded and not shown is processed, too
    again = empty.imgctl("upload", str(album), "--wait", "--json").succeeded().document["totals"]
    assert again["uploaded"] + again["skipped"] == uploads
    assert again["skipped"] >= len(done)


def test_a_stop_says_how_many_events_it_keeps_and_the_next_start_delivers_them(
    empty: Local, album: Path
) -> None:
    empty.imgctl("deploy", "--yes").succeeded()
    fill(album)
    empty.imgctl("upload", str(album), "--no-wait").succeeded()
    stopped = empty.imgctl("local", "stop", "--json").succeeded().document
    kept = len(list((empty.folder / "events").glob("*.json")))
    assert (stopped["stopped"], stopped["pending_events"]) == (True, kept)
    until(lambda: audited(empty))
    assert empty.imgctl("history", "--json").succeeded().document["records"]


def test_a_full_disk_fails_the_upload_and_space_mends_it(empty: Local, album: Path) -> None:
    empty.imgctl("deploy", "--yes").succeeded()
    fill(album, 1)
    endpoint = daemon.running(empty.folder)
    assert endpoint is not None
    soft, hard = resource.prlimit(endpoint.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(endpoint.pid, resource.RLIMIT_FSIZE, (0, hard))
    failed = empty.imgctl("upload", str(album), "--wait", "--json")
    assert (failed.code, failed.document["totals"]["failed"]) == (1, 1)
    resource.prlimit(endpoint.pid, resource.RLIMIT_FSIZE, (soft, hard))
    empty.imgctl("upload", str(album), "--wait").succeeded()
    assert audited(empty)


def test_an_object_whose_event_cannot_be_kept_is_not_stored(empty: Local) -> None:
    empty.imgctl("deploy", "--yes").succeeded()
    aws, outputs = empty.aws, load_outputs(empty.aws, "imgctl")
    events = empty.folder / "events"
    events.rmdir()
    with pytest.raises(ClientError, match="InternalError"):
        aws.s3.put_object(Bucket=outputs.source_bucket, Key="a.jpg", Body=b"lost")
    assert "Versions" not in aws.s3.list_object_versions(Bucket=outputs.source_bucket)
    events.mkdir()
    aws.s3.put_object(
        Bucket=outputs.source_bucket, Key="a.jpg", Body=encoded(photo(60, 40), "JPEG")
    )
    until(lambda: audited(empty))


@pytest.mark.parametrize("name", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_an_interrupted_demo_leaves_only_its_folder(tmp_path: Path, name: signal.Signals) -> None:
    temporary, home, output = (tmp_path / name for name in ("tmp", "empty home", "pictures"))
    temporary.mkdir()
    home.mkdir()
    environment = os.environ | {"TMPDIR": str(temporary), "HOME": str(home)}
    with subprocess.Popen(
        [sys.executable, "-m", "imgctl", "demo", "-o", str(output)],
        env={k: v for k, v in environment.items() if not k.startswith("XDG_")},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    ) as demo:
        assert demo.stderr is not None
        assert any("Uploading" in line for line in demo.stderr)
        assert list(temporary.iterdir())
        demo.send_signal(name)
        assert "Interrupted" in demo.stderr.read()
    assert demo.returncode == 130
    assert [*temporary.iterdir(), *home.iterdir()] == []
