from pathlib import Path

import pytest
from botocore.stub import Stubber

from imgctl.aws import storage
from imgctl.aws.content import Content
from imgctl.aws.session import Aws

BUCKET = "src-bucket-image-in"


@pytest.fixture
def bucket(aws: Aws) -> str:
    aws.s3.create_bucket(
        Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": "eu-west-2"}
    )
    aws.s3.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
    return BUCKET


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    path = tmp_path / "cake.jpg"
    path.write_bytes(b"\xff\xd8\xff picture")
    return path


def put(aws: Aws, path: Path, key: str = "cake.jpg") -> storage.StoredObject:
    content = Content.of(path.read_bytes(), "image/jpeg")
    return storage.put_object(aws.s3, BUCKET, key, content)


@pytest.mark.usefixtures("bucket")
def test_an_upload_returns_the_new_version(aws: Aws, picture: Path) -> None:
    stored = put(aws, picture)
    head = aws.s3.head_object(Bucket=BUCKET, Key="cake.jpg", VersionId=stored.version_id)
    assert head["ContentType"] == "image/jpeg"
    assert head["ETag"] == stored.etag


@pytest.mark.usefixtures("bucket")
def test_emptying_deletes_versions_markers_and_unfinished_uploads(aws: Aws, picture: Path) -> None:
    for _ in range(3):
        put(aws, picture)
    put(aws, picture, "other.jpg")
    aws.s3.delete_object(Bucket=BUCKET, Key="cake.jpg")
    aws.s3.create_multipart_upload(Bucket=BUCKET, Key="half.jpg")
    assert storage.count_content(aws.s3, BUCKET, owner=aws.account_id) == storage.BucketContent(
        4, 1, 1
    )
    assert sum(storage.empty_bucket(aws.s3, BUCKET, owner=aws.account_id)) == 6
    assert storage.count_content(aws.s3, BUCKET, owner=aws.account_id).total == 0
    aws.s3.delete_bucket(Bucket=BUCKET)


@pytest.mark.usefixtures("bucket")
def test_emptying_can_be_resumed_after_an_interruption(aws: Aws) -> None:
    for number in range(1005):  # more than one page
        aws.s3.put_object(Bucket=BUCKET, Key=f"{number:04}", Body=b"")
    next(storage.empty_bucket(aws.s3, BUCKET, owner=aws.account_id))  # and then interrupted
    assert 0 < storage.count_content(aws.s3, BUCKET, owner=aws.account_id).total < 1005
    list(storage.empty_bucket(aws.s3, BUCKET, owner=aws.account_id))
    assert storage.count_content(aws.s3, BUCKET, owner=aws.account_id).total == 0


@pytest.mark.usefixtures("bucket")
@pytest.mark.parametrize("content", ["version", "delete marker", "unfinished upload"])
def test_a_bucket_with_any_content_is_not_empty(aws: Aws, content: str) -> None:
    assert storage.is_empty(aws.s3, BUCKET, owner=aws.account_id)
    match content:
        case "version":
            aws.s3.put_object(Bucket=BUCKET, Key="a", Body=b"")
        case "delete marker":
            version = aws.s3.put_object(Bucket=BUCKET, Key="a", Body=b"")["VersionId"]
            aws.s3.delete_object(Bucket=BUCKET, Key="a")
            aws.s3.delete_object(Bucket=BUCKET, Key="a", VersionId=version)
        case _:
            aws.s3.create_multipart_upload(Bucket=BUCKET, Key="a")
    assert not storage.is_empty(aws.s3, BUCKET, owner=aws.account_id)


def test_unfinished_uploads_of_any_key_are_listed_page_by_page_and_aborted(aws: Aws) -> None:
    of_bucket = {"Bucket": BUCKET, "ExpectedBucketOwner": aws.account_id}
    listing = of_bucket | {"EncodingType": "url", "MaxUploads": 1000}
    with Stubber(aws.s3) as stub:
        first = {
            "EncodingType": "url",
            "IsTruncated": True,
            "Uploads": [{"Key": "%01+a%2Bb", "UploadId": "1"}],
            "NextKeyMarker": "%01+a%2Bb",
            "NextUploadIdMarker": "1",
        }
        last = {"IsTruncated": False, "Uploads": [{"Key": "a+b", "UploadId": "2"}]}
        key = {"Key": "\x01 a+b", "UploadId": "1"}
        stub.add_response("list_multipart_uploads", first, listing)
        stub.add_response("abort_multipart_upload", {}, of_bucket | key)
        markers = {"KeyMarker": key["Key"], "UploadIdMarker": "1"}
        stub.add_response("list_multipart_uploads", last, listing | markers)
        stub.add_response("abort_multipart_upload", {}, of_bucket | {"Key": "a+b", "UploadId": "2"})
        stub.add_response("list_object_versions", {"IsTruncated": False})
        assert list(storage.empty_bucket(aws.s3, BUCKET, owner=aws.account_id)) == [1, 1]
        stub.assert_no_pending_responses()


@pytest.mark.parametrize("key", ["\x01", "a\x1b[2J", "\x0b", "\ufffe", "a\uffff"])
def test_what_a_batch_cannot_name_is_deleted_by_itself(aws: Aws, key: str) -> None:
    of_bucket = {"Bucket": BUCKET, "ExpectedBucketOwner": aws.account_id}
    named = ["a\tb\nc\rd", "\x7f\x85\u2028", "😀"]
    versions = [{"Key": one, "VersionId": "v"} for one in (*named, key)]
    with Stubber(aws.s3) as stub:
        stub.add_response("list_multipart_uploads", {"IsTruncated": False})
        stub.add_response("list_object_versions", {"IsTruncated": False, "Versions": versions})
        stub.add_response("delete_object", {}, of_bucket | versions[-1])
        batch = {"Objects": versions[:-1], "Quiet": True}
        stub.add_response("delete_objects", {}, of_bucket | {"Delete": batch})
        assert list(storage.empty_bucket(aws.s3, BUCKET, owner=aws.account_id)) == [1, 3]
        stub.assert_no_pending_responses()


@pytest.mark.usefixtures("bucket")
def test_a_download_replaces_a_link_and_not_its_target(
    aws: Aws, picture: Path, tmp_path: Path
) -> None:
    put(aws, picture)
    link, target = tmp_path / "link", tmp_path / "target"
    target.write_text("precious")
    link.symlink_to(target)
    storage.download(aws.s3, BUCKET, "cake.jpg", link, mode=0o644)
    assert (link.read_bytes(), target.read_text()) == (picture.read_bytes(), "precious")
