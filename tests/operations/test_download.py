import itertools
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from imgctl.aws.session import Aws
from imgctl.core.record import Record, Status, to_item
from imgctl.core.recorded_renditions import RecordedRendition
from imgctl.operations.download import (
    DownloadFile,
    DownloadOptions,
    DownloadStatus,
    download_files,
    files_of,
    keys_with_prefix,
    local_path,
    records_of_keys,
    records_since,
)

SOURCE, DESTINATION = "originals", "results"
RECORD = Record(
    resource_id="1",
    original_bucket=SOURCE,
    original_object_key="a/b.jpg",
    version_id="v1",
    resized_bucket=DESTINATION,
    resized_object_key="a/resized-b.jpg",
    processing_time="2026-11-23T10:00:00.000Z",
)
WEB = RecordedRendition(
    name="web", key="web/a/b.jpg", width=1, height=1, format="JPEG", file_bytes=1, settings="0"
)


@pytest.fixture
def buckets(aws: Aws) -> Aws:
    for bucket in (SOURCE, DESTINATION):
        aws.s3.create_bucket(
            Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": "eu-west-2"}
        )
    return aws


def test_the_results_of_a_record_are_its_renditions_or_its_only_output(tmp_path: Path) -> None:
    options = DownloadOptions(tmp_path)
    assert files_of("a/b.jpg", RECORD, options) == [
        DownloadFile("a/b.jpg", DESTINATION, "a/resized-b.jpg")
    ]
    with_web = replace(RECORD, renditions=(replace(WEB, name="half", key="a/resized-b.jpg"), WEB))
    assert [file.key for file in files_of("a/b.jpg", with_web, options)] == [
        "a/resized-b.jpg",
        "web/a/b.jpg",
    ]
    only = files_of("a/b.jpg", with_web, DownloadOptions(tmp_path, renditions=("web", "thumb")))
    assert [(file.key, file.reason) for file in only] == [
        ("web/a/b.jpg", ""),
        ("", "has no rendition thumb"),
    ]


def test_an_original_is_the_version_that_the_record_is_about(tmp_path: Path) -> None:
    options = DownloadOptions(tmp_path, original=True)
    assert files_of("a/b.jpg", RECORD, options) == [
        DownloadFile("a/b.jpg", SOURCE, "a/b.jpg", "v1")
    ]
    assert files_of("c", None, options) == [DownloadFile("c", reason="has no result")]


def test_a_record_that_names_no_output_has_no_result(tmp_path: Path) -> None:
    without = replace(RECORD, resized_object_key=None)
    found = files_of("a/b.jpg", without, DownloadOptions(tmp_path))
    assert found == [DownloadFile("a/b.jpg", reason="has no result")]


@pytest.mark.parametrize(
    "key",
    ["../x", "a/../../x", "/etc/passwd", "a//b", "a/./b", ".", "..", "", "a/", "a\0b", "a\nb"],
)
def test_a_key_that_is_no_path_below_the_folder_is_refused(key: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="not a path below the folder"):
        local_path(key, tmp_path)


def test_any_other_key_is_a_path_below_the_folder(tmp_path: Path) -> None:
    for key in ("a.jpg", "a/b c/ü.jpg", "..dots/...png", "~/x", "C:/x"):
        assert local_path(key, tmp_path).is_relative_to(tmp_path)


def download(
    aws: Aws, options: DownloadOptions, *keys: str, bucket: str = DESTINATION
) -> list[tuple[str, DownloadStatus, str]]:
    files = [DownloadFile(key, bucket, key) for key in keys]
    results = download_files(aws.s3, files, options)
    return sorted((result.file.key, result.status, result.reason) for result in results)


def test_files_appear_under_their_keys_and_are_skipped_the_next_time(
    buckets: Aws, tmp_path: Path
) -> None:
    for key in ("a.jpg", "day/b.jpg"):
        buckets.s3.put_object(Bucket=DESTINATION, Key=key, Body=key.encode())
    options = DownloadOptions(tmp_path / "out")
    for status in (DownloadStatus.DOWNLOADED, DownloadStatus.SKIPPED):
        done = download(buckets, options, "a.jpg", "day/b.jpg")
        assert [one[1] for one in done] == [status, status]
    assert (tmp_path / "out" / "day" / "b.jpg").read_bytes() == b"day/b.jpg"
    assert sorted(path.name for path in (tmp_path / "out").rglob("*")) == ["a.jpg", "b.jpg", "day"]


@pytest.mark.parametrize(
    "stored",
    [{"ChecksumAlgorithm": "SHA256"}, {"Metadata": {"sha256": "0" * 64}}, {}],
    ids=["checksum of S3", "metadata of another content", "nothing"],
)
def test_other_content_is_only_replaced_on_request(
    buckets: Aws, tmp_path: Path, stored: Any
) -> None:
    buckets.s3.put_object(Bucket=DESTINATION, Key="a.jpg", Body=b"new", **stored)
    (tmp_path / "a.jpg").write_bytes(b"old")
    ((_, status, reason),) = download(buckets, DownloadOptions(tmp_path), "a.jpg")
    assert (status, reason) == (
        DownloadStatus.FAILED,
        "exists with other content: use --overwrite to replace it",
    )
    assert (tmp_path / "a.jpg").read_bytes() == b"old"
    download(buckets, DownloadOptions(tmp_path, overwrite=True), "a.jpg")
    assert (tmp_path / "a.jpg").read_bytes() == b"new"


def test_nothing_is_written_through_a_link_out_of_the_folder(buckets: Aws, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "day").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "victim").write_text("mine")
    (tmp_path / "out" / "a.jpg").symlink_to(tmp_path / "victim")
    for key in ("day/b.jpg", "a.jpg"):
        buckets.s3.put_object(Bucket=DESTINATION, Key=key, Body=b"x")
    options = DownloadOptions(tmp_path / "out", overwrite=True)
    assert download(buckets, options, "day/b.jpg") == [
        ("day/b.jpg", DownloadStatus.FAILED, "a link leads out of the folder")
    ]
    download(buckets, options, "a.jpg")
    assert (tmp_path / "victim").read_text() == "mine"
    assert not (tmp_path / "out" / "a.jpg").is_symlink()


def test_a_file_that_fails_does_not_stop_the_others(buckets: Aws, tmp_path: Path) -> None:
    buckets.s3.put_object(Bucket=DESTINATION, Key="a/b.jpg", Body=b"x")
    (tmp_path / "x").write_text("a file where a folder should be")
    buckets.s3.put_object(Bucket=DESTINATION, Key="x/y.jpg", Body=b"x")
    done = download(buckets, DownloadOptions(tmp_path), "gone.jpg", "../up", "a/b.jpg", "x/y.jpg")
    assert [(key, status) for key, status, _ in done] == [
        ("../up", DownloadStatus.FAILED),
        ("a/b.jpg", DownloadStatus.DOWNLOADED),
        ("gone.jpg", DownloadStatus.FAILED),
        ("x/y.jpg", DownloadStatus.FAILED),
    ]
    assert not (tmp_path.parent / "up").exists()


@pytest.fixture
def records(aws: Aws, table: str) -> str:
    numbers = itertools.count(1)
    for key, status, hour in (
        ("a.jpg", Status.SUPERSEDED, 1),
        ("a.jpg", Status.SUCCEEDED, 2),
        ("a.jpg", Status.FAILED, 3),
        ("b.jpg", Status.FAILED, 2),
        ("c.jpg", Status.SUCCEEDED, 4),
    ):
        record = replace(
            RECORD,
            resource_id=str(next(numbers)),
            original_object_key=key,
            status=status,
            processing_time=f"2026-11-23T0{hour}:00:00.000Z",
        )
        aws.dynamodb.put_item(TableName=table, Item=to_item(record))
    return table


def test_the_last_upload_with_a_result_is_taken(aws: Aws, records: str) -> None:
    found = records_of_keys(aws.dynamodb, records, ["a.jpg", "b.jpg", "a.jpg", "nothing"])
    assert [(key, record and record.resource_id) for key, record in found] == [
        ("a.jpg", "2"),
        ("b.jpg", None),
        ("nothing", None),
    ]


def test_results_since_a_time_are_taken_once_for_each_key(aws: Aws, records: str) -> None:
    found = records_since(aws.dynamodb, records, "2026-11-23T02")
    assert [(key, record and record.resource_id) for key, record in found] == [
        ("c.jpg", "5"),
        ("a.jpg", "2"),
    ]


def test_keys_are_listed_by_prefix(buckets: Aws) -> None:
    for key in ("day/a.jpg", "day/b.jpg", "night/a.jpg"):
        buckets.s3.put_object(Bucket=SOURCE, Key=key, Body=b"x")
    assert list(keys_with_prefix(buckets.s3, SOURCE, "day/")) == ["day/a.jpg", "day/b.jpg"]
