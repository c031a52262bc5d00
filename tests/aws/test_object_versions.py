from typing import Any

import pytest
from botocore.stub import Stubber

from imgctl.aws.errors import PermissionMissing, translate
from imgctl.aws.object_versions import (
    DeletedBatch,
    ObjectVersion,
    RefusedDeletion,
    delete_versions,
    in_safe_order,
    version_metadata,
    versions_of_key,
)
from imgctl.aws.session import Aws

BUCKET = "photos"


def make_bucket(aws: Aws) -> None:
    location: Any = {"LocationConstraint": "eu-west-2"}
    aws.s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration=location)


def test_the_versions_of_one_key_are_those_of_no_longer_one(aws: Aws) -> None:
    make_bucket(aws)
    aws.s3.put_object(Bucket=BUCKET, Key="a", Body=b"1")
    aws.s3.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
    second = aws.s3.put_object(Bucket=BUCKET, Key="a", Body=b"2")["VersionId"]
    marker = aws.s3.delete_object(Bucket=BUCKET, Key="a")["VersionId"]
    for key in ("a/b", "a.jpg", "A"):
        aws.s3.put_object(Bucket=BUCKET, Key=key, Body=b"")
    found = versions_of_key(aws.s3, BUCKET, "a")
    assert {v.version_id: v.is_marker for v in found} == {
        "null": False,
        second: False,
        marker: True,
    }
    assert versions_of_key(aws.s3, BUCKET, "b") == []


def test_the_oldest_version_goes_first_and_the_markers_last() -> None:
    marker, newer, older = (
        ObjectVersion(BUCKET, "a", name, is_marker=name == "m") for name in ("m", "2", "1")
    )
    hidden = ObjectVersion(BUCKET, "a", "m0", is_marker=True)
    assert in_safe_order([marker, newer, hidden, older]) == [older, newer, hidden, marker]


def test_what_is_refused_is_named_with_its_reason(aws: Aws) -> None:
    of_bucket = {"Bucket": BUCKET, "ExpectedBucketOwner": aws.account_id}
    versions = [ObjectVersion(BUCKET, key, "v") for key in ("a", "b", "c\x01")]
    with Stubber(aws.s3) as stub:
        stub.add_client_error(
            "delete_object", "AccessDenied", "locked",
            expected_params=of_bucket | {"Key": "c\x01", "VersionId": "v"},
        )  # fmt: skip
        errors = [{"Key": "b", "VersionId": "v", "Code": "AccessDenied"}]
        stub.add_response("delete_objects", {"Errors": errors})
        assert list(delete_versions(aws.s3, BUCKET, versions, owner=aws.account_id)) == [
            DeletedBatch(0, (RefusedDeletion("c\x01", "v", "locked"),)),
            DeletedBatch(1, (RefusedDeletion("b", "v", "AccessDenied"),)),
        ]
        stub.assert_no_pending_responses()


@pytest.mark.parametrize(("code", "metadata"), [("404", None), ("405", None), ("400", {})])
def test_a_version_that_is_gone_or_encrypted_by_its_uploader_has_no_metadata(
    aws: Aws, code: str, metadata: dict[str, str] | None
) -> None:
    with Stubber(aws.s3) as stub:
        stub.add_client_error("head_object", code)
        assert version_metadata(aws.s3, ObjectVersion(BUCKET, "a", "v")) == metadata


def test_metadata_that_may_not_be_read_are_an_error(aws: Aws) -> None:
    with Stubber(aws.s3) as stub:
        stub.add_client_error("head_object", "403")
        with pytest.raises(aws.s3.exceptions.ClientError) as caught:
            version_metadata(aws.s3, ObjectVersion(BUCKET, "a", "v"))
    assert isinstance(translate(caught.value), PermissionMissing)
