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
    """Let moto, which looks at no condition of a policy, refuse nothing."""
    monkeypatch.setattr(FakeBucket, "get_permission", lambda *_: PermissionResult.NEUTRAL)


def send(aws: Aws, bundle: Bundle) -> bool:
    return upload(aws, bundle, bucket=BUCKET, stack="imgctl")


def test_the_first_upload_makes_a_private_bucket_of_the_stack(aws: Aws, bundle: Bundle) -> None:
    assert send(aws, bundle)
    assert aws.s3.get_object(Bucket=BUCKET, Key=bundle.key)["Body"].read() == b"a bundle"
    closed = aws.s3.get_public_access_block(Bucket=BUCKET)["PublicAccessBlockConfiguration"]
    assert all(closed.values())
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


def test_the_same_content_is_not_uploaded_again(aws: Aws, bundle: Bundle) -> None:
    assert send(aws, bundle)
    assert not send(aws, bundle)


def test_an_unfinished_upload_is_not_taken_for_the_bundle(aws: Aws, bundle: Bundle) -> None:
    send(aws, bundle)
    aws.s3.put_object(Bucket=BUCKET, Key=bundle.key, Body=b"a bun")
    assert send(aws, bundle)


def test_a_bucket_whose_making_was_cut_short_is_finished(aws: Aws, bundle: Bundle) -> None:
    place: Any = {"LocationConstraint": "eu-west-2"}
    aws.s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration=place)
    assert send(aws, bundle)
    assert aws.s3.get_bucket_tagging(Bucket=BUCKET)["TagSet"][0]["Value"] == "imgctl"
    assert aws.s3.get_bucket_policy(Bucket=BUCKET)["Policy"]


def test_a_bucket_of_another_stack_gets_nothing(aws: Aws, bundle: Bundle) -> None:
    send(aws, bundle)
    with pytest.raises(ArtifactsError, match="belongs to imgctl"):
        upload(aws, bundle, bucket=BUCKET, stack="another")


def test_a_bucket_of_another_account_gets_nothing(aws: Aws, bundle: Bundle) -> None:
    with Stubber(aws.s3) as stub:
        stub.add_client_error("head_bucket", "403", "Forbidden", 403)
        with pytest.raises(ArtifactsError, match="another account"):
            send(aws, bundle)
