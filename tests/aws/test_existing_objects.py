import hashlib
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from botocore.stub import Stubber
from hypothesis import given
from hypothesis import strategies as st

from imgctl.aws.content import Content
from imgctl.aws.existing_objects import _before, find_object, list_existing
from imgctl.aws.session import Aws
from imgctl.aws.storage import StoredObject, put_object

BUCKET = "src-bucket-image-in"
PICTURE = b"\xff\xd8\xff picture"


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
    path.write_bytes(PICTURE)
    return path


def put(aws: Aws, path: Path, key: str = "cake.jpg") -> StoredObject:
    return put_object(aws.s3, BUCKET, key, Content.of(path.read_bytes(), "image/jpeg"))


@pytest.mark.usefixtures("bucket")
def test_an_object_is_found_with_the_checksum_that_s3_verified(aws: Aws, picture: Path) -> None:
    assert find_object(aws.s3, BUCKET, "cake.jpg") is None
    stored = put(aws, picture)
    found = find_object(aws.s3, BUCKET, "cake.jpg")
    assert found is not None
    assert (found.stored, found.sha256) == (stored, Content.of(picture.read_bytes(), "").checksum)
    assert 0 <= found.age_s < 60


@pytest.mark.usefixtures("bucket")
def test_an_object_uploaded_without_a_hash_has_none(aws: Aws, picture: Path) -> None:
    aws.s3.put_object(Bucket=BUCKET, Key="cake.jpg", Body=picture.read_bytes())
    found = find_object(aws.s3, BUCKET, "cake.jpg")
    assert found is not None
    assert found.sha256 is None


@pytest.mark.usefixtures("bucket")
def test_metadata_that_claim_a_content_prove_nothing(aws: Aws, picture: Path) -> None:
    digest = hashlib.sha256(picture.read_bytes()).hexdigest()
    checksum = Content.of(picture.read_bytes(), "").checksum
    for name, value in (("sha256", digest), ("sha256", checksum), ("checksumsha256", checksum)):
        aws.s3.put_object(Bucket=BUCKET, Key="cake.jpg", Body=b"forged", Metadata={name: value})
        found = find_object(aws.s3, BUCKET, "cake.jpg")
        assert found is not None
        assert found.sha256 is None


def test_a_checksum_of_parts_is_not_one_of_the_content_and_the_clock_is_that_of_s3(
    aws: Aws, picture: Path
) -> None:
    head = {
        "ETag": '"x"',
        "ContentLength": 11,
        "ChecksumSHA256": Content.of(picture.read_bytes(), "").checksum,
        "ChecksumType": "COMPOSITE",
        "LastModified": datetime(2020, 5, 1, 12, 0, 0, tzinfo=UTC),
        "ResponseMetadata": {"HTTPHeaders": {"date": "Fri, 01 May 2020 12:01:30 GMT"}},
    }
    with Stubber(aws.s3) as stub:
        expected = {"Bucket": BUCKET, "Key": "cake.jpg", "ChecksumMode": "ENABLED"}
        stub.add_response("head_object", head, expected)
        found = find_object(aws.s3, BUCKET, "cake.jpg")
    assert found is not None
    assert (found.sha256, found.age_s) == (None, 90)


def keys_of(aws: Aws, keys: Sequence[str]) -> list[str | None]:
    """Return which of these keys exist, as they are listed."""
    found = list_existing(aws.s3, BUCKET, sorted(keys, key=str.encode))
    return [None if one is None else one.stored.key for one in found]


@pytest.mark.usefixtures("bucket")
def test_a_listing_tells_size_version_and_md5_of_the_newest_version(
    aws: Aws, picture: Path
) -> None:
    put(aws, picture)
    picture.write_bytes(b"\xff\xd8\xff other")
    newest = put(aws, picture)
    (found,) = list_existing(aws.s3, BUCKET, ["cake.jpg"])
    assert found is not None
    assert (found.stored, found.size, found.sha256) == (newest, 9, None)
    assert found.md5 == hashlib.md5(picture.read_bytes()).hexdigest()  # noqa: S324
    assert 0 <= found.age_s < 60


@pytest.mark.usefixtures("bucket")
def test_a_deleted_object_is_not_there(aws: Aws, picture: Path) -> None:
    put(aws, picture)
    aws.s3.delete_object(Bucket=BUCKET, Key="cake.jpg")
    assert keys_of(aws, ["cake.jpg"]) == [None]


@pytest.mark.usefixtures("bucket")
def test_keys_are_compared_by_their_bytes_and_others_between_them_are_skipped(aws: Aws) -> None:
    there = ["a b", "a/é.jpg", "a/日.jpg", "a/😀.jpg", "a/Z.jpg", "a", "b+c%.jpg", "b", "aa/x"]
    for key in (*there, *(f"a/other{number}" for number in range(3))):
        aws.s3.put_object(Bucket=BUCKET, Key=key, Body=b"")
    wanted = [*there, "a/missing", "0", "zz", "a/😁"]
    assert keys_of(aws, wanted) == [
        key if key in there else None for key in sorted(wanted, key=str.encode)
    ]


def test_no_keys_need_no_request(aws: Aws) -> None:
    assert list(list_existing(aws.s3, "no-such-bucket", [])) == []


class FakeS3:
    """A bucket of these keys, listed in pages; counts the requests."""

    def __init__(self, keys: Sequence[str]) -> None:
        self.keys = sorted(keys, key=str.encode)
        self.requests = 0

    def list_object_versions(self, **request: Any) -> dict[str, Any]:
        self.requests += 1
        prefix, marker, most = (request.get(n, "") for n in ("Prefix", "KeyMarker", "MaxKeys"))
        after = [k for k in self.keys if k.encode() > marker.encode() and k.startswith(prefix)]
        now = datetime.now(UTC)
        versions = [
            {
                "Key": key, "VersionId": "v", "ETag": '"e"', "Size": 1, "IsLatest": True,
                "LastModified": now,
            }
            for key in after[:most]
        ]  # fmt: skip
        return {
            "Versions": versions,
            "IsTruncated": len(after) > most,
            "ResponseMetadata": {"HTTPHeaders": {}},
        }


def listed(s3: FakeS3, wanted: Sequence[str]) -> Iterator[bool]:
    client: Any = s3
    return (one is not None for one in list_existing(client, BUCKET, wanted))


def test_a_request_tells_about_a_thousand_keys() -> None:
    keys = [f"trip/{number:05}.jpg" for number in range(2500)]
    s3 = FakeS3(keys)
    assert all(listed(s3, keys))
    assert s3.requests == 3
    empty = FakeS3([])
    assert not any(listed(empty, keys))
    assert empty.requests == 1


KEYS = st.sets(st.text("ab/é😀", min_size=1, max_size=4), max_size=40)


@given(KEYS, KEYS)
def test_any_keys_are_found_with_at_most_one_request_each_and_one(
    there: set[str], wanted: set[str]
) -> None:
    s3 = FakeS3(list(there))
    keys = sorted(wanted, key=str.encode)
    assert list(listed(s3, keys)) == [key in there for key in keys]
    assert s3.requests <= len(keys) + 1


@given(st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=5))
def test_a_listing_can_begin_right_before_any_key(key: str) -> None:
    assert _before(key).encode() < key.encode()
