import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from botocore.stub import Stubber
from moto.iam.access_control import PermissionResult
from moto.s3.models import FakeBucket

from imgctl.aws.session import Aws
from infra.artifacts import ArtifactsError, upload
from infra.bundle import Architecture, Bundle

BUCKET = "imgctl-artifacts-123456789012-eu-west-2"


@pytest.fixture
def bundle(tmp_path: Path) -> Bundle:
    path = tmp_path / "function.zip"
    path.write_bytes(b"a bundle")
    return Bundle(path, hashlib.sha256(b"a bundle").hexdigest(), 8, 8, Architecture.ARM64)


@pytest.fixture(autouse=True)
def _tls(monkeypatch: pytest.MonkeyPatch) -> None:
    """Disable moto's bucket policies: it ignores their conditions, so TLS only would deny all."""
    monkeypatch.setattr(FakeBucket, "get_permission", lambda *_: PermissionResult.NEUTRAL)


def upload_bundle(aws: Aws, bundle: Bundle) -> bool:
    return upload(aws, bundle, bucket=BUCKET, stack="imgctl")


def test_the_first_upload_creates_a_private_bucket_with_the_stacks_tag(
    aws: Aws, bundle: Bundle
) -> None:
    assert upload_bundle(aws, bundle)
    assert aws.s3.get_object(Bucket=BUCKET, Key=bundle.key)["Body"].read() == b"a bundle"
    access_block = aws.s3.get_public_access_block(Bucket=BUCKET)["PublicAccessBlockConfiguration"]
    assert all(access_block.values())
    assert aws.s3.get_bucket_tagging(Bucket=BUCKET)["TagSet"] == [
        {"Key": "imgctl:stack", "Value": "imgctl"}
    ]
    policy = json.loads(aws.s3.get_bucket_policy(Bucket=BUCKET)["Policy"])
    (statement,) = policy["Statement"]
    assert (statement["Effect"], statement["Condition"]) == (
        "Deny",
        {"Bool": {"aws:SecureTransport": "false"}},
    )
    assert statement["Resource"] == [f"arn:aws:s3:::{BUCKET}", f"arn:aws:s3:::{BUCKET}/*"]
    lifecycle = aws.s3.get_bucket_lifecycle_configuration(Bucket=BUCKET)["Rules"]
    assert {rule["ID"] for rule in lifecycle} == {"unfinished-uploads", "lists-of-batches"}
    assert aws.s3.get_bucket_location(Bucket=BUCKET)["LocationConstraint"] == "eu-west-2"


def test_a_bucket_that_another_deployment_creates_at_the_same_time_is_shared(
    aws: Aws, bundle: Bundle
) -> None:
    events: Any = aws.s3.meta.events

    def create_elsewhere(**_: object) -> None:
        events.unregister("before-call.s3.CreateBucket", create_elsewhere)
        upload_bundle(aws, bundle)

    events.register("before-call.s3.CreateBucket", create_elsewhere)
    assert not upload_bundle(aws, bundle)
    assert aws.s3.list_buckets()["Buckets"][0]["Name"] == BUCKET


def test_the_same_content_is_not_uploaded_again(aws: Aws, bundle: Bundle) -> None:
    assert upload_bundle(aws, bundle)
    assert not upload_bundle(aws, bundle)


def test_an_incomplete_bundle_is_uploaded_again(aws: Aws, bundle: Bundle) -> None:
    upload_bundle(aws, bundle)
    aws.s3.put_object(Bucket=BUCKET, Key=bundle.key, Body=b"a bun")
    assert upload_bundle(aws, bundle)


def create_untagged_bucket(aws: Aws) -> None:
    location: Any = {"LocationConstraint": "eu-west-2"}
    aws.s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration=location)


def test_an_interrupted_creation_is_completed(aws: Aws, bundle: Bundle) -> None:
    create_untagged_bucket(aws)
    assert upload_bundle(aws, bundle)
    assert aws.s3.get_bucket_tagging(Bucket=BUCKET)["TagSet"][0]["Value"] == "imgctl"
    assert aws.s3.get_bucket_policy(Bucket=BUCKET)["Policy"]


@pytest.mark.parametrize("deleted", [False, True])
def test_somebodys_own_bucket_is_neither_used_nor_tagged(
    aws: Aws, bundle: Bundle, *, deleted: bool
) -> None:
    create_untagged_bucket(aws)
    aws.s3.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
    aws.s3.put_object(Bucket=BUCKET, Key="thesis.pdf", Body=b"precious")
    if deleted:  # the version and its delete marker remain
        aws.s3.delete_object(Bucket=BUCKET, Key="thesis.pdf")
    with pytest.raises(ArtifactsError, match="may belong to somebody else") as raised:
        upload_bundle(aws, bundle)
    assert "tag it imgctl:stack=imgctl" in raised.value.hint
    with pytest.raises(aws.s3.exceptions.ClientError, match="NoSuchTagSet"):
        aws.s3.get_bucket_tagging(Bucket=BUCKET)
    with pytest.raises(aws.s3.exceptions.ClientError, match="NoSuchLifecycleConfiguration"):
        aws.s3.get_bucket_lifecycle_configuration(Bucket=BUCKET)
    versions = aws.s3.list_object_versions(Bucket=BUCKET)["Versions"]
    assert [version["Key"] for version in versions] == ["thesis.pdf"]


@pytest.mark.parametrize("setting", ["tags", "versioning", "lifecycle"])
def test_an_empty_bucket_with_settings_of_somebodys_own_is_not_taken(
    aws: Aws, bundle: Bundle, setting: str
) -> None:
    s3: Any = aws.s3
    location = {"LocationConstraint": "eu-west-2"}
    s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration=location)
    match setting:
        case "tags":
            tags = {"TagSet": [{"Key": "owner", "Value": "finance"}]}
            s3.put_bucket_tagging(Bucket=BUCKET, Tagging=tags)
        case "versioning":
            s3.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
        case "lifecycle":
            rule = {"ID": "keep", "Status": "Enabled", "Filter": {}, "Expiration": {"Days": 2555}}
            s3.put_bucket_lifecycle_configuration(
                Bucket=BUCKET, LifecycleConfiguration={"Rules": [rule]}
            )
    with pytest.raises(ArtifactsError, match="settings of its own"):
        upload_bundle(aws, bundle)
    if setting == "tags":
        assert s3.get_bucket_tagging(Bucket=BUCKET)["TagSet"] == tags["TagSet"]


def test_nothing_is_uploaded_to_a_bucket_of_another_stack(aws: Aws, bundle: Bundle) -> None:
    upload_bundle(aws, bundle)
    with pytest.raises(ArtifactsError, match="belongs to the stack imgctl"):
        upload(aws, bundle, bucket=BUCKET, stack="another")


def test_nothing_is_uploaded_to_a_bucket_of_another_account(aws: Aws, bundle: Bundle) -> None:
    with Stubber(aws.s3) as stub:
        stub.add_client_error("head_bucket", "403", "Forbidden", 403)
        with pytest.raises(ArtifactsError, match="another account"):
            upload_bundle(aws, bundle)
