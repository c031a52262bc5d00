"""The bucket that holds bundles, each under the digest of its content."""

from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from imgctl.core.errors import ImgctlError
from infra.bundle import Bundle
from infra.existing import OWNER_TAG

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


class ArtifactsError(ImgctlError):
    """The bucket for bundles is somebody else's."""

    code = "artifacts"


def upload(
    s3: "S3Client", bundle: Bundle, *, bucket: str, account: str, region: str, stack: str
) -> bool:
    """Store the bundle, making the bucket on first use; False where it is stored already.

    Raises ArtifactsError where the bucket's name is taken by another account.
    """
    _ensure_bucket(s3, bucket, account, region, stack)
    owner: dict[str, Any] = {"Bucket": bucket, "Key": bundle.key, "ExpectedBucketOwner": account}
    try:
        if s3.head_object(**owner)["ContentLength"] == bundle.zipped_bytes:
            return False
    except ClientError as error:
        if error.response["Error"]["Code"] not in ("404", "NoSuchKey"):
            raise
    with bundle.path.open("rb") as body:
        s3.put_object(**owner, Body=body, ContentType="application/zip")
    return True


def _ensure_bucket(s3: "S3Client", bucket: str, account: str, region: str, stack: str) -> None:
    try:
        s3.head_bucket(Bucket=bucket, ExpectedBucketOwner=account)
    except ClientError as error:
        match error.response["Error"]["Code"]:
            case "404" | "NoSuchBucket":
                _create_bucket(s3, bucket, region, stack)
            case "403":
                raise ArtifactsError(
                    f"The bucket {bucket} belongs to another account, or is closed to you.",
                    hint="Deploy under another --stack name, or ask for s3:ListBucket on it.",
                ) from error
            case _:
                raise


def _create_bucket(s3: "S3Client", bucket: str, region: str, stack: str) -> None:
    request: dict[str, Any] = {"Bucket": bucket, "ObjectOwnership": "BucketOwnerEnforced"}
    if region != "us-east-1":  # where a location is refused
        request["CreateBucketConfiguration"] = {"LocationConstraint": region}
    s3.create_bucket(**request)
    s3.put_public_access_block(
        Bucket=bucket,
        PublicAccessBlockConfiguration={
            "BlockPublicAcls": True,
            "BlockPublicPolicy": True,
            "IgnorePublicAcls": True,
            "RestrictPublicBuckets": True,
        },
    )
    s3.put_bucket_tagging(Bucket=bucket, Tagging={"TagSet": [{"Key": OWNER_TAG, "Value": stack}]})
