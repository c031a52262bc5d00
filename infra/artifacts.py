"""The artifacts bucket, which stores each bundle under the digest of its sources."""

import base64
import hashlib
import json
from typing import Any

from botocore.exceptions import ClientError

from imgctl.aws import batch, storage
from imgctl.aws.errors import none_if_missing
from imgctl.aws.session import Aws
from imgctl.core.errors import ImgctlError
from infra import bucket_tags, bundle_manifest
from infra.bundle import MAX_UNZIPPED_BYTES, Bundle
from infra.ownership import OWNER_TAG, UNTAGGED, bucket_owner, is_proven
from infra.tags import StackTags, tag_set

_UNFINISHED_TAG = "imgctl:unfinished"
"""Beside the user's tags, from the creation of the bucket until it is set up."""

_LIFECYCLE_RULES: list[dict[str, Any]] = [
    {
        "ID": "unfinished-uploads",
        "Status": "Enabled",
        "Filter": {"Prefix": ""},
        "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 7},
    },
    {
        "ID": "lists-of-batches",
        "Status": "Enabled",
        "Filter": {"Prefix": f"{batch.FOLDER}/"},
        "Expiration": {"Days": 30},
    },
]


class ArtifactsError(ImgctlError):
    """The artifacts bucket does not belong to the stack."""

    code = "artifacts"


def upload(aws: Aws, bundle: Bundle, *, bucket: str, stack: str, tags: StackTags) -> bool:
    """Upload the bundle, creating the bucket on first use; False if what is stored will do.

    The bucket gets the tags of the stack, and keeps others that somebody gave it.

    Another machine may have stored other bytes of the same sources. They are deployed as they are,
    unless only this bundle has bytecode, or the user chose this very file. Raises ArtifactsError if
    the bucket is not proven to be this stack's.
    """
    _ensure_bucket(aws, bucket, stack, tags)
    target: dict[str, Any] = {
        "Bucket": bucket,
        "Key": bundle.key,
        "ExpectedBucketOwner": aws.account_id,
    }
    if _is_stored(aws, bundle, target):
        return False
    with bundle.path.open("rb") as body:
        aws.s3.put_object(
            **target,
            Body=body,
            ContentType="application/zip",
            ChecksumSHA256=_checksum(bundle),  # which S3 compares, and keeps
        )
    return True


def stored_sha256(aws: Aws, key: str, *, bucket: str, stack: str) -> str | None:
    """Return the SHA-256, in hexadecimal, of a stored bundle that is what its key says.

    None if there is none in a bucket that is proven to be this stack's.
    """
    if not is_proven(bucket_owner(aws, bucket), stack, is_listed=False):
        return None
    target = {"Bucket": bucket, "Key": key, "ExpectedBucketOwner": aws.account_id}
    if _head(aws, target) is None:
        return None
    data = _download(aws, target)
    stored = bundle_manifest.verified(data, max_bytes=MAX_UNZIPPED_BYTES)
    if stored is None or bundle_manifest.key_of(stored.sources) != key:
        return None
    return hashlib.sha256(data).hexdigest()


def _is_stored(aws: Aws, bundle: Bundle, target: dict[str, Any]) -> bool:
    """Return whether this bundle is stored, or another that can be deployed in its place."""
    head = _head(aws, target)
    if head is not None and head.get("ChecksumSHA256") == _checksum(bundle):
        return True
    if head is None:
        return False
    data = _download(aws, target)
    if bundle.is_given:
        return hashlib.sha256(data).hexdigest() == bundle.sha256
    stored = bundle_manifest.verified(data, max_bytes=MAX_UNZIPPED_BYTES)
    if stored is None or stored.sources != bundle.sources:
        return False
    return stored.bytecode or not bundle.compiled


def _head(aws: Aws, target: dict[str, Any]) -> dict[str, Any] | None:
    """Return what S3 says about an object; None if there is none, or none that is a bundle."""
    s3: Any = aws.s3
    head = none_if_missing(s3.head_object, "404", "NoSuchKey", **target, ChecksumMode="ENABLED")
    return None if head is None or head["ContentLength"] > MAX_UNZIPPED_BYTES else head


def _download(aws: Aws, target: dict[str, Any]) -> bytes:
    data: bytes = aws.s3.get_object(**target)["Body"].read()
    return data


def _checksum(bundle: Bundle) -> str:
    """Return the SHA-256 of the file in base64, as S3 has it."""
    return base64.b64encode(bytes.fromhex(bundle.sha256)).decode()


def _ensure_bucket(aws: Aws, bucket: str, stack: str, tags: StackTags) -> None:
    """Create the bucket, or check that it is this stack's by its tag; update its other tags.

    The stack's tag is set last, so an interrupted creation leaves a bucket without it. Any other
    bucket without it is not imgctl's, and `destroy` must never delete it.
    """
    owner = bucket_owner(aws, bucket)
    if is_proven(owner, stack, is_listed=False):
        bucket_tags.update(aws, bucket, tags)
        return
    if not owner.exists:
        if not _create_bucket(aws, bucket, stack, tags):
            # Another deployment has just created it, or somebody else in the account.
            _ensure_bucket(aws, bucket, stack, tags)
            return
    elif owner != UNTAGGED:
        raise ArtifactsError(
            f"The bucket {bucket} {owner}.",
            hint="Choose another stack name with --stack, or request s3:ListBucket on the bucket.",
        )
    elif not _is_unfinished(aws, bucket, stack):
        raise ArtifactsError(
            f"The bucket {bucket} has no tag {OWNER_TAG}, but content or settings of its own:"
            " it may belong to somebody else in this account.",
            hint=(
                "Choose another stack name with --stack. If imgctl may use the bucket, and delete"
                f" it with all its content upon destroy, tag it {OWNER_TAG}={stack}."
            ),
        )
    _set_up_bucket(aws, bucket, stack, tags)


def _is_unfinished(aws: Aws, bucket: str, stack: str) -> bool:
    """Return whether a bucket is as an interrupted creation leaves it.

    It has no tags, or the user's together with one that says so: the user's may have been changed
    since, because a policy did not accept them.
    """
    s3, named = aws.s3, {"Bucket": bucket, "ExpectedBucketOwner": aws.account_id}
    lifecycle: Any = none_if_missing(
        s3.get_bucket_lifecycle_configuration, "NoSuchLifecycleConfiguration", **named
    )
    rules = {rule.get("ID") for rule in lifecycle["Rules"]} if lifecycle else set()
    tags = bucket_tags.read(aws, bucket)
    return (
        (not tags or tags.get(_UNFINISHED_TAG) == stack)
        and "Status" not in s3.get_bucket_versioning(**named)
        and rules <= {rule["ID"] for rule in _LIFECYCLE_RULES}
        and storage.is_empty(s3, bucket, owner=aws.account_id)
    )


def _create_bucket(aws: Aws, bucket: str, stack: str, tags: StackTags) -> bool:
    """Create the bucket with the user's tags; False if the account has it by now.

    A service control policy may demand the tags of this very request.
    """
    request: dict[str, Any] = {"Bucket": bucket, "ObjectOwnership": "BucketOwnerEnforced"}
    configuration: dict[str, Any] = {}
    if aws.region != "us-east-1":  # which rejects a location constraint
        configuration["LocationConstraint"] = aws.region
    if tags.tags:
        configuration["Tags"] = tag_set({**tags.tags, _UNFINISHED_TAG: stack})
    if configuration:
        request["CreateBucketConfiguration"] = configuration
    try:
        aws.s3.create_bucket(**request)
    except ClientError as error:
        if error.response["Error"]["Code"] != "BucketAlreadyOwnedByYou":
            raise
        return False
    return True


def _set_up_bucket(aws: Aws, bucket: str, stack: str, tags: StackTags) -> None:
    s3: Any = aws.s3
    named = {"Bucket": bucket, "ExpectedBucketOwner": aws.account_id}
    s3.put_public_access_block(
        **named,
        PublicAccessBlockConfiguration={
            "BlockPublicAcls": True,
            "BlockPublicPolicy": True,
            "IgnorePublicAcls": True,
            "RestrictPublicBuckets": True,
        },
    )
    s3.put_bucket_lifecycle_configuration(
        **named, LifecycleConfiguration={"Rules": _LIFECYCLE_RULES}
    )
    if not aws.is_local:  # the embedded AWS has no TLS
        s3.put_bucket_policy(**named, Policy=json.dumps(_tls_only(aws, bucket)))
    bucket_tags.replace(aws, bucket, {**tags.tags, OWNER_TAG: stack})


def _tls_only(aws: Aws, bucket: str) -> dict[str, Any]:
    arn = f"arn:{aws.session.get_partition_for_region(aws.region)}:s3:::{bucket}"
    statement = {
        "Sid": "TlsOnly",
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:*",
        "Resource": [arn, f"{arn}/*"],
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }
    return {"Version": "2012-10-17", "Statement": [statement]}
