"""The bucket that holds bundles, each under the digest of its content."""

import json
from typing import Any

from imgctl.aws import batch
from imgctl.aws.errors import none_if_missing
from imgctl.aws.session import Aws
from imgctl.core.errors import ImgctlError
from infra.bundle import Bundle
from infra.ownership import OWNER_TAG, UNTAGGED, bucket_owner


class ArtifactsError(ImgctlError):
    """The bucket for bundles is somebody else's."""

    code = "artifacts"


def upload(aws: Aws, bundle: Bundle, *, bucket: str, stack: str) -> bool:
    """Store the bundle, making the bucket on first use; False where it is stored already.

    Raises ArtifactsError where the bucket is another account's, region's or stack's.
    """
    s3, account = aws.s3, aws.account_id
    whose = bucket_owner(aws, bucket)
    if whose is None:
        _create_bucket(aws, bucket)
    if whose in (None, UNTAGGED):  # the tag is set last: without it, the making was cut short
        _set_up_bucket(aws, bucket, stack)
    elif whose != stack:
        raise ArtifactsError(
            f"The bucket {bucket} belongs to {whose}.",
            hint="Deploy under another --stack name, or ask for s3:ListBucket on it.",
        )
    owner: dict[str, Any] = {"Bucket": bucket, "Key": bundle.key, "ExpectedBucketOwner": account}
    stored = none_if_missing(s3.head_object, "404", "NoSuchKey", **owner)
    if stored is not None and stored["ContentLength"] == bundle.zipped_bytes:
        return False
    with bundle.path.open("rb") as body:
        s3.put_object(**owner, Body=body, ContentType="application/zip")
    return True


def _create_bucket(aws: Aws, bucket: str) -> None:
    request: dict[str, Any] = {"Bucket": bucket, "ObjectOwnership": "BucketOwnerEnforced"}
    if aws.region != "us-east-1":  # where a location is refused
        request["CreateBucketConfiguration"] = {"LocationConstraint": aws.region}
    aws.s3.create_bucket(**request)


def _set_up_bucket(aws: Aws, bucket: str, stack: str) -> None:
    s3 = aws.s3
    s3.put_public_access_block(
        Bucket=bucket,
        PublicAccessBlockConfiguration={
            "BlockPublicAcls": True,
            "BlockPublicPolicy": True,
            "IgnorePublicAcls": True,
            "RestrictPublicBuckets": True,
        },
    )
    s3.put_bucket_lifecycle_configuration(
        Bucket=bucket,
        LifecycleConfiguration={
            "Rules": [
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
        },
    )
    if not aws.is_local:  # which has no TLS
        s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps(_tls_only(aws, bucket)))
    s3.put_bucket_tagging(Bucket=bucket, Tagging={"TagSet": [{"Key": OWNER_TAG, "Value": stack}]})


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
