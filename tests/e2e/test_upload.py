"""Photographs on their two ways in, and what is told of them."""

import hashlib
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest

from imgctl.aws.content import Content
from imgctl.aws.stack import load_outputs
from imgctl.cli.main import run
from tests.documents import check_document
from tests.e2e.conftest import Local
from tests.e2e.test_story import DESTINATION, SOURCE
from tests.pictures import PHOTOS, decoded, encoded, photo


@pytest.mark.parametrize("via", ["s3", "api"])
@pytest.mark.parametrize("name", ["plain.png", "with space & ü=@.png", "日本 🍰.png"])
def test_a_picture_goes_through_by_both_paths_whatever_its_name(
    shared: Local, album: Path, via: str, name: str
) -> None:
    path = album / name
    path.write_bytes(encoded(photo(), "PNG"))
    arguments = ("upload", str(path), "--via", via, "--prefix", f"names/{via}", "--wait", "--json")
    (file,) = shared.imgctl(*arguments).succeeded().document["files"]
    assert file["key"] == f"names/{via}/{name}"
    assert file["record"]["ResizedObjectKey"] == f"names/{via}/resized-{name}"
    output = shared.aws.s3.get_object(Bucket=DESTINATION, Key=f"names/{via}/resized-{name}")
    assert decoded(output["Body"].read()).size == (32, 24)


@pytest.mark.parametrize("via", ["s3", "api"])
def test_a_heic_becomes_a_jpeg(shared: Local, album: Path, via: str) -> None:
    path = album / "cake.heic"
    path.write_bytes(encoded(photo(), "HEIC"))
    arguments = ("upload", str(path), "--via", via, "--prefix", f"heic/{via}", "--wait", "--json")
    (file,) = shared.imgctl(*arguments).succeeded().document["files"]
    assert file["record"]["OriginalFormat"] == "HEIC"
    assert file["record"]["ResizedObjectKey"] == f"heic/{via}/resized-cake.heic.jpg"
    output = shared.aws.s3.get_object(Bucket=DESTINATION, Key=f"heic/{via}/resized-cake.heic.jpg")
    assert output["ContentType"] == "image/jpeg"
    resized = decoded(output["Body"].read())
    assert (resized.format, resized.size) == ("JPEG", (32, 24))
    shared.imgctl("audit", "--prefix", f"heic/{via}/", "--json").succeeded()


def test_the_api_stores_the_very_bytes_with_their_type(shared: Local, album: Path) -> None:
    path = album / "bytes.jpg"
    path.write_bytes((PHOTOS / "rocket.jpg").read_bytes())
    shared.imgctl("upload", str(path), "--via", "api", "--wait").succeeded()
    stored = shared.aws.s3.get_object(Bucket=SOURCE, Key="bytes.jpg")
    assert stored["ContentType"] == "image/jpeg"
    assert stored["Body"].read() == path.read_bytes()


@pytest.mark.parametrize("via", ["s3", "api"])
def test_the_same_content_is_not_uploaded_twice(shared: Local, album: Path, via: str) -> None:
    path = album / f"twice-{via}.png"
    path.write_bytes(encoded(photo(), "PNG"))

    def outcome(*more: str) -> str:
        done = shared.imgctl("upload", str(path), "--via", via, "--wait", "--json", *more)
        found: str = done.succeeded().document["files"][0]["outcome"]
        return found

    assert [outcome(), outcome(), outcome("--force")] == ["uploaded", "skipped", "uploaded"]
    path.write_bytes(encoded(photo(66, 50), "PNG"))
    assert outcome() == "uploaded"


@pytest.mark.parametrize("via", ["s3", "api"])
def test_a_file_that_is_no_picture_is_not_sent(shared: Local, album: Path, via: str) -> None:
    bad, good = album / f"unsent-{via}.jpg", album / f"sent-{via}.png"
    bad.write_text("not a picture")
    good.write_bytes(encoded(photo(), "PNG"))
    done = shared.imgctl("upload", str(bad), str(good), "--via", via)
    assert done.code == 1
    failed, uploaded = sorted(done.out.splitlines())
    assert failed == (
        f"failed\t{bad.name}\tUnrecognized image format. Use --force to upload it anyway."
    )
    assert uploaded.startswith(f"uploaded\t{good.name}\t64x48 → 32x24")
    assert shared.imgctl("show", bad.name).code == 1


@pytest.mark.parametrize("via", ["s3", "api"])
def test_a_file_that_is_no_picture_fails_with_its_reason(
    shared: Local, album: Path, via: str
) -> None:
    bad, good = album / f"bad-{via}.jpg", album / f"good-{via}.png"
    bad.write_text("not a picture")
    good.write_bytes(encoded(photo(), "PNG"))
    done = shared.imgctl("upload", str(bad), str(good), "--via", via, "--force")
    assert done.code == 1
    lines = sorted(done.out.splitlines())
    assert lines[0].startswith(f"failed\t{bad.name}\tnot_an_image: Unrecognized image format")
    assert lines[1].startswith(f"uploaded\t{good.name}")
    shown = shared.imgctl("show", bad.name, "--json").succeeded().document["record"]
    assert (shown["Status"], shown["FailureCode"]) == ("FAILED", "not_an_image")
    assert shown["FailureHint"]


def test_without_waiting_a_file_is_only_uploaded(shared: Local, album: Path) -> None:
    path = album / "no-wait.png"
    path.write_bytes(encoded(photo(), "PNG"))
    done = shared.imgctl("upload", str(path), "--no-wait").succeeded()
    assert done.out == f"uploaded\t{path.name}\n"
    assert "The results were not waited for. See `imgctl --local history`." in done.err
    again = shared.imgctl("upload", str(path), "--no-wait", "--json").succeeded().document
    assert again["waited"] is False


def test_a_dry_run_prints_each_key_and_uploads_nothing(shared: Local, album: Path) -> None:
    (album / "planned.png").write_bytes(encoded(photo(), "PNG"))
    done = shared.imgctl("upload", "planned.png", "--prefix", "x", "--dry-run", cwd=album)
    assert (done.code, done.out) == (0, "would upload\tx/planned.png\tplanned.png\n")
    document = shared.imgctl(
        "upload", "planned.png", "--key", "a/b.png", "--dry-run", "--json", cwd=album
    ).document
    assert document["files"] == [{"path": "planned.png", "key": "a/b.png"}]
    assert shared.imgctl("show", "x/planned.png").code == 1


def test_other_content_under_a_key_is_replaced_and_that_is_said(shared: Local, album: Path) -> None:
    for folder, width in (("first", 80), ("second", 120)):
        (album / folder).mkdir()
        (album / folder / "x.png").write_bytes(encoded(photo(width, 80), "PNG"))
    first, second = (
        shared.imgctl("upload", folder, "--prefix", "meet", cwd=album).succeeded()
        for folder in ("first", "second")
    )
    assert first.out == "uploaded\tmeet/x.png\t80x80 → 40x40\n"
    assert second.out == (
        "uploaded\tmeet/x.png\t120x80 → 60x40\treplaced other content under this key\n"
    )


def test_a_folder_goes_up_as_it_lies(shared: Local, album: Path) -> None:
    for name in ("one.png", "deep/two.png"):
        path = album / "trip" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(encoded(photo(), "PNG"))
    (album / "trip" / "notes.txt").write_text("no picture")
    arguments = ("upload", "trip", "--recursive", "--wait", "--json")
    files = shared.imgctl(*arguments, cwd=album).succeeded().document["files"]
    assert {file["key"] for file in files} == {"one.png", "deep/two.png"}
    again = shared.imgctl("upload", str(album / "trip" / "one.png"), "--json").succeeded().document
    assert again["totals"]["skipped"] == 1


def test_two_files_for_one_key_are_refused_before_anything_is_sent(
    shared: Local, album: Path
) -> None:
    for folder in ("a", "b"):
        (album / folder).mkdir()
        (album / folder / "same.png").write_bytes(encoded(photo(), "PNG"))
    done = shared.imgctl("upload", "a/same.png", "b/same.png", cwd=album)
    assert done.code == 2
    assert "same.png" in done.err
    assert shared.imgctl("show", "same.png").code == 1


def test_a_file_too_large_for_the_api_never_goes_that_way(shared: Local, album: Path) -> None:
    path = album / "large.bmp"
    path.write_bytes(encoded(photo(2000, 1800), "BMP"))
    assert path.stat().st_size > 10 * 1024 * 1024
    done = shared.imgctl("upload", str(path), "--via", "api", "--wait")
    assert done.code == 1
    assert "--via s3" in done.out
    shared.imgctl("upload", str(path), "--wait").succeeded()


def test_a_multipart_upload_by_another_tool_is_processed(shared: Local, album: Path) -> None:
    path = album / "multipart.bmp"
    path.write_bytes(encoded(photo(2000, 1500), "BMP"))
    shared.aws.s3.upload_file(str(path), SOURCE, "multipart.bmp")  # parts from 8 MiB on
    waiter = shared.aws.s3.get_waiter("object_exists")
    waiter.wait(
        Bucket=DESTINATION,
        Key="resized-multipart.bmp",
        WaiterConfig={"Delay": 1, "MaxAttempts": 30},
    )
    record = shared.imgctl("show", "multipart.bmp", "--json").succeeded().document["record"]
    assert record["EventType"] == "ObjectCreated:CompleteMultipartUpload"
    assert record["SourceSha256"] == hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.parametrize("name", ["rocket.jpg", "chelsea.png"])
def test_the_function_and_the_local_resize_give_the_same_bytes(
    shared: Local, album: Path, name: str
) -> None:
    path = album / name
    path.write_bytes((PHOTOS / name).read_bytes())
    shared.imgctl("upload", name, "--prefix", "same", "--wait", cwd=album).succeeded()
    remote = shared.aws.s3.get_object(Bucket=DESTINATION, Key=f"same/resized-{name}")["Body"].read()
    shared.imgctl("resize", name, cwd=album).succeeded()
    assert (album / f"resized-{name}").read_bytes() == remote


def test_history_lists_by_status_time_and_key(shared: Local, album: Path) -> None:
    (album / "listed.jpg").write_text("not a picture")
    assert shared.imgctl("upload", "listed.jpg", "--force", cwd=album).code == 1

    def keys(*options: str) -> list[str]:
        records = shared.imgctl("history", "--json", "--limit", "500", *options).document["records"]
        return [record["OriginalObjectKey"] for record in records]

    assert keys("--limit", "1") == ["listed.jpg"]
    assert "listed.jpg" in keys("--status", "failed", "--since", "1h")
    assert "listed.jpg" not in keys("--status", "succeeded")
    assert keys("--key", "listed.jpg") == ["listed.jpg"]
    assert keys("--until", "2020-01-01") == []
    assert sorted(keys("--scan")) == sorted(keys())
    assert shared.imgctl("history", "--since", "1h", "--until", "2h").code == 2
    assert shared.imgctl("history", "--key", "").code == 2
    lines = shared.imgctl("history", "--csv", "--key", "listed.jpg").succeeded().out.splitlines()
    assert lines[0].startswith("resource-id,Status,")
    assert len(lines) == 2


def test_history_says_where_it_stopped_and_continues_there(shared: Local, album: Path) -> None:
    for width in (20, 30, 40):
        (album / "again.png").write_bytes(encoded(photo(width, 20), "PNG"))
        shared.imgctl("upload", "again.png", cwd=album).succeeded()
    sizes: list[int] = []
    after: list[str] = []
    while True:
        options = ("--key", "again.png", "--limit", "1", *after)
        document = shared.imgctl("history", "--json", *options).succeeded().document
        sizes += [record["OriginalWidth"] for record in document["records"]]
        if document["next"] is None:
            break
        for form in ((), ("--csv",)):
            said = shared.imgctl("history", *options, *form).err
            assert f"Continue with `--after {document['next']}`, or use --all." in said
        after = ["--after", document["next"]]
    assert sizes == [40, 30, 20]
    all_at_once = shared.imgctl("history", "--key", "again.png", "--limit", "1", "--all")
    assert len(all_at_once.out.splitlines()) == 3
    assert all_at_once.err == ""


def test_a_name_that_no_key_can_hold_fails_alone(shared: Local, album: Path) -> None:
    folder = album / "odd"
    folder.mkdir()
    for name in (b"escape\x1b.png", b"not-utf8-\xff.png", b"good.png"):
        (folder / os.fsdecode(name)).write_bytes(encoded(photo(), "PNG"))
    done = shared.imgctl("upload", "odd", "--wait", "--json", cwd=album)
    assert done.code == 1
    outcomes = {file["key"]: file["outcome"] for file in done.document["files"]}
    assert sorted(outcomes.values()) == ["failed", "failed", "uploaded"]
    assert outcomes["good.png"] == "uploaded"


def test_a_picture_that_breaks_the_decoder_is_recorded_too(shared: Local, album: Path) -> None:
    data = bytearray(encoded(photo(200, 200), "AVIF"))
    data[-400:-200] = bytes(200)
    (album / "broken.avif").write_bytes(data)
    done = shared.imgctl("upload", "broken.avif", "--wait", "--timeout", "30", cwd=album)
    assert done.code == 1
    assert done.out.startswith("failed\tbroken.avif\tdamaged: ")


def test_a_picture_with_a_forged_hash_does_not_stand_in_for_an_upload(
    shared: Local, album: Path
) -> None:
    """The attack: whoever may call the API claims the hash of somebody's file for another one."""
    aws, outputs = shared.aws, load_outputs(shared.aws, "imgctl")
    file = album / "victim.png"
    file.write_bytes(encoded(photo(80, 60), "PNG"))
    digest, checksum = (
        hashlib.sha256(file.read_bytes()).hexdigest(),
        Content.of(file.read_bytes(), "image/png").checksum,
    )
    forged = encoded(photo(8, 6), "PNG")

    def put_by_api(**headers: str) -> int:
        request = AWSRequest(
            method="PUT",
            url=f"{outputs.api_endpoint}/{outputs.source_bucket}/victim.png",
            headers={"Content-Type": "image/png", **headers},
            data=forged,
        )
        SigV4Auth(aws.credentials, "execute-api", aws.region).add_auth(request)
        status: int = aws.http.send(request.prepare()).status_code
        return status

    assert put_by_api(**{"x-amz-checksum-sha256": checksum}) == 400  # S3 verifies it
    assert put_by_api(**{"x-amz-meta-sha256": digest, "x-amz-meta-record_id": "forged"}) == 200
    head = aws.s3.head_object(Bucket=outputs.source_bucket, Key="victim.png")
    assert head["Metadata"] == {}
    for metadata in ({}, {"sha256": digest}, {"sha256": checksum}):
        aws.s3.put_object(
            Bucket=outputs.source_bucket, Key="victim.png", Body=forged, Metadata=metadata
        )
        uploaded = shared.imgctl("upload", str(file), "--json").succeeded().document
        assert uploaded["totals"]["uploaded"] == 1
        stored = aws.s3.get_object(Bucket=outputs.source_bucket, Key="victim.png")["Body"].read()
        assert stored == file.read_bytes()
    again = shared.imgctl("upload", str(file), "--via", "api", "--json").succeeded().document
    assert again["totals"]["skipped"] == 1


@pytest.mark.parametrize("command", ["upload", "resize"])
def test_whatever_a_folder_contains_is_named_and_what_failed_makes_exit_1(
    shared: Local,
    album: Path,
    command: str,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    for name in ("closed", "mixed/closed", "mixed/open"):
        (album / name).mkdir(parents=True, exist_ok=True)
    folder = album / "mixed"
    (folder / "open" / "good.png").write_bytes(encoded(photo(), "PNG"))
    (folder / "damaged.jpg").write_bytes(encoded(photo(400, 300), "JPEG")[:2000])
    (folder / "empty.jpg").touch()
    (folder / "paper.pdf").write_bytes(b"%PDF-1.7")
    (folder / "link").symlink_to(album / "closed")
    scandir = os.scandir

    def refuse_closed(path: Path) -> Any:  # root, who may run the tests, can read every folder
        if Path(path).name == "closed":
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse_closed)
    monkeypatch.chdir(album)
    for name, value in shared.environment.items():
        monkeypatch.setenv(name, value)
    arguments = [command, "mixed", "--recursive"]
    arguments += ["--prefix", "named"] if command == "upload" else ["-o", "out"]

    assert run(arguments) == 1
    out, err = capfd.readouterr()
    assert "Could not read mixed/closed: Permission denied." in err
    assert "Left out mixed/empty.jpg: The file is empty." in err
    assert "Left out mixed/link: a link to a folder" in err
    assert "Left out mixed/paper.pdf: The file is in PDF format" in err
    done = "uploaded" if command == "upload" else "resized"
    assert sorted(line.split("\t")[0] for line in out.splitlines()) == ["failed", done]

    assert run([*arguments, "--json"]) == 1
    document = json.loads(capfd.readouterr().out)
    check_document(command, document)
    left_out = {Path(item["path"]).name: item["failed"] for item in document["left_out"]}
    assert left_out == {"closed": True, "empty.jpg": False, "link": False, "paper.pdf": False}
    assert document["totals"]["failed"] == 1
    assert document["totals"]["skipped"] == 1


def test_an_interruption_says_how_to_go_on_and_the_next_run_does(
    shared: Local, album: Path
) -> None:
    (album / "many").mkdir()
    for number in range(60):
        image = encoded(photo(60, 40), "JPEG") + number.to_bytes(2)  # each its own content
        (album / "many" / f"{number}.jpg").write_bytes(image)
    arguments = ["upload", "many", "--prefix", "interrupted", "--jobs", "2"]
    with subprocess.Popen(
        [sys.executable, "-m", "imgctl", *arguments], cwd=album, env=shared.environment,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    ) as upload:  # fmt: skip
        assert upload.stdout is not None
        upload.stdout.readline()
        upload.send_signal(signal.SIGINT)
        _, err = upload.communicate(timeout=60)
    assert upload.returncode == 130
    assert "of 60 done. Run the command again for the rest." in err
    again = shared.imgctl(*arguments, "--json", cwd=album).succeeded().document["totals"]
    assert again["uploaded"] + again["skipped"] == 60
    assert again["skipped"] >= 1
