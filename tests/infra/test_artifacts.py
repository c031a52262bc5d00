import hashlib
import json
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from botocore.stub import Stubber
from moto.iam.access_control import PermissionResult
from moto.s3.models import FakeBucket

from imgctl.aws.session import Aws
from infra import bucket_tags
from infra.artifacts import ArtifactsError, stored_sha256, upload
from infra.bundle import Architecture, Bundle
from infra.bundle_manifest import NAME, describe
from infra.tags import StackTags
from tests.infra.package_server import zipped

BUCKET = "imgctl-artifacts-123456789012-eu-west-2"
NO_TAGS = StackTags()


@pytest.fixture
def bundle(tmp_path: Path) -> Bundle:
    return bundle_of(tmp_path / "function.zip")


def bundle_of(path: Path, source: bytes = b"X = 1", *, bytecode: bytes = b"") -> Bundle:
    """Write a bundle of one module."""
    contents = {"imgctl/core/x.py": source}
    if bytecode:
        contents["imgctl/core/__pycache__/x.cpython-312.pyc"] = bytecode
    manifest = describe(contents, Architecture.ARM64)
    data = zipped({**contents, NAME: manifest.to_json()})
    path.write_bytes(data)
    digest = hashlib.sha256(data).hexdigest()
    return Bundle(
        path, digest, len(data), 1, Architecture.ARM64, manifest.sources, compiled=bool(bytecode)
    )


@pytest.fixture(autouse=True)
def _tls(monkeypatch: pytest.MonkeyPatch) -> None:
    """Disable moto's bucket policies: it ignores their conditions, so TLS only would deny all."""
    monkeypatch.setattr(FakeBucket, "get_permission", lambda *_: PermissionResult.NEUTRAL)


def upload_bundle(aws: Aws, bundle: Bundle, tags: StackTags = NO_TAGS) -> bool:
    return upload(aws, bundle, bucket=BUCKET, stack="imgctl", tags=tags)


def test_the_first_upload_creates_a_private_bucket_with_the_stacks_tag(
    aws: Aws, bundle: Bundle
) -> None:
    assert upload_bundle(aws, bundle)
    assert (
        aws.s3.get_object(Bucket=BUCKET, Key=bundle.key)["Body"].read() == bundle.path.read_bytes()
    )
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


def stored_bytes(aws: Aws, bundle: Bundle) -> bytes:
    return aws.s3.get_object(Bucket=BUCKET, Key=bundle.key)["Body"].read()


def test_what_another_machine_has_built_of_the_same_sources_is_deployed(
    aws: Aws, tmp_path: Path
) -> None:
    one = bundle_of(tmp_path / "one.zip", bytecode=b"by one machine")
    two = bundle_of(tmp_path / "two.zip", bytecode=b"by another")
    assert (one.key, one.sha256 != two.sha256) == (two.key, True)
    assert upload_bundle(aws, one)
    assert not upload_bundle(aws, two)
    assert stored_bytes(aws, two) == one.path.read_bytes()


def test_a_bundle_with_bytecode_replaces_one_without_and_never_the_reverse(
    aws: Aws, tmp_path: Path
) -> None:
    slow = bundle_of(tmp_path / "slow.zip")
    fast = bundle_of(tmp_path / "fast.zip", bytecode=b"compiled")
    assert upload_bundle(aws, slow)
    assert upload_bundle(aws, fast)
    assert not upload_bundle(aws, slow)
    assert stored_bytes(aws, slow) == fast.path.read_bytes()


def test_something_else_under_the_bundles_key_is_replaced(
    aws: Aws, bundle: Bundle, tmp_path: Path
) -> None:
    upload_bundle(aws, bundle)
    other = bundle_of(tmp_path / "other.zip", b"import malware")
    forged = zipped({"imgctl/core/x.py": b"import malware", NAME: manifest_in(bundle)})
    for data in (other.path.read_bytes(), forged):
        aws.s3.put_object(Bucket=BUCKET, Key=bundle.key, Body=data)
        assert upload_bundle(aws, bundle)
        assert stored_bytes(aws, bundle) == bundle.path.read_bytes()


def manifest_in(bundle: Bundle) -> bytes:
    with zipfile.ZipFile(bundle.path) as archive:
        return archive.read(NAME)


def create_untagged_bucket(aws: Aws) -> None:
    location: Any = {"LocationConstraint": "eu-west-2"}
    aws.s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration=location)


def test_an_interrupted_creation_is_completed(aws: Aws, bundle: Bundle) -> None:
    create_untagged_bucket(aws)
    assert upload_bundle(aws, bundle)
    assert aws.s3.get_bucket_tagging(Bucket=BUCKET)["TagSet"][0]["Value"] == "imgctl"
    assert aws.s3.get_bucket_policy(Bucket=BUCKET)["Policy"]


def tags_of(aws: Aws) -> dict[str, str]:
    return {tag["Key"]: tag["Value"] for tag in aws.s3.get_bucket_tagging(Bucket=BUCKET)["TagSet"]}


def test_the_bucket_is_created_with_the_tags_that_a_policy_may_demand(
    aws: Aws, bundle: Bundle
) -> None:
    requests: list[Any] = []
    events: Any = aws.s3.meta.events
    events.register(
        "provide-client-params.s3.CreateBucket", lambda params, **_: requests.append(params)
    )
    upload_bundle(aws, bundle, StackTags({"team": "photos"}))
    (request,) = requests
    assert request["CreateBucketConfiguration"] == {
        "LocationConstraint": "eu-west-2",
        "Tags": [
            {"Key": "team", "Value": "photos"},
            {"Key": "imgctl:unfinished", "Value": "imgctl"},
        ],
    }
    assert tags_of(aws) == {"team": "photos", "imgctl:stack": "imgctl"}


@pytest.mark.parametrize("stack", ["imgctl", "another"])
def test_an_interrupted_creation_with_tags_is_completed_with_those_of_now(
    aws: Aws, bundle: Bundle, stack: str
) -> None:
    create_untagged_bucket(aws)
    left = {"team": "photos", "imgctl:unfinished": stack}
    bucket_tags.replace(aws, BUCKET, left)
    if stack == "another":
        with pytest.raises(ArtifactsError, match="settings of its own"):
            upload_bundle(aws, bundle, StackTags({"team": "images"}))
        assert tags_of(aws) == left
        return
    upload_bundle(aws, bundle, StackTags({"team": "images"}))
    assert tags_of(aws) == {"team": "images", "imgctl:stack": "imgctl"}


def test_a_change_of_tags_reaches_the_bucket_and_leaves_others_alone(
    aws: Aws, bundle: Bundle
) -> None:
    upload_bundle(aws, bundle, StackTags({"team": "photos", "old": "x"}))
    bucket_tags.replace(aws, BUCKET, tags_of(aws) | {"backup": "daily"})
    upload_bundle(aws, bundle, StackTags({"team": "images"}, frozenset({"old"})))
    assert tags_of(aws) == {"team": "images", "backup": "daily", "imgctl:stack": "imgctl"}


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
        upload(aws, bundle, bucket=BUCKET, stack="another", tags=NO_TAGS)


def test_nothing_is_uploaded_to_a_bucket_of_another_account(aws: Aws, bundle: Bundle) -> None:
    with Stubber(aws.s3) as stub:
        stub.add_client_error("head_bucket", "403", "Forbidden", 403)
        with pytest.raises(ArtifactsError, match="another account"):
            upload_bundle(aws, bundle)


def test_the_very_file_that_was_chosen_replaces_another_build(aws: Aws, tmp_path: Path) -> None:
    compiled = bundle_of(tmp_path / "compiled.zip", bytecode=b"pyc")
    upload_bundle(aws, compiled)
    chosen = replace(bundle_of(tmp_path / "chosen.zip"), is_given=True)
    assert chosen.key == compiled.key
    assert upload_bundle(aws, chosen)
    assert not upload_bundle(aws, chosen)
    stored = stored_sha256(aws, chosen.key, bucket=BUCKET, stack="imgctl")
    assert stored == chosen.sha256


def test_only_a_bundle_in_the_stacks_own_bucket_counts_as_stored(aws: Aws, bundle: Bundle) -> None:
    def stored(stack: str = "imgctl") -> str | None:
        return stored_sha256(aws, bundle.key, bucket=BUCKET, stack=stack)

    assert stored() is None
    upload_bundle(aws, bundle)
    assert (stored(), stored("other")) == (bundle.sha256, None)
    aws.s3.put_object(Bucket=BUCKET, Key=bundle.key, Body=b"something else")
    assert stored() is None
