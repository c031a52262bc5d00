"""Buckets and the objects in them."""

import base64
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from imgctl.aws.errors import AwsError, none_if_missing

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import HeadObjectOutputTypeDef


@dataclass(frozen=True, slots=True)
class StoredObject:
    """One version of an object; `version_id` is empty if the bucket is not versioned."""

    bucket: str
    key: str
    version_id: str
    etag: str


def checksum_of(path: Path) -> str:
    """Return the SHA-256 of a file's content in base64, as S3 has it."""
    with path.open("rb") as file:
        return base64.b64encode(hashlib.file_digest(file, "sha256").digest()).decode()


def head_object(s3: "S3Client", bucket: str, key: str) -> "HeadObjectOutputTypeDef | None":
    """Return an object's metadata and checksums; None if it does not exist."""
    head: HeadObjectOutputTypeDef | None = none_if_missing(
        s3.head_object, "404", "NoSuchKey", Bucket=bucket, Key=key, ChecksumMode="ENABLED"
    )
    return head


def find_identical(s3: "S3Client", bucket: str, key: str, checksum: str) -> StoredObject | None:
    """Return the object with this key if its content has this SHA-256, else None.

    S3 itself verified the checksum when the object was stored; metadata prove nothing, because
    whoever stores an object chooses them. An ETag is not a hash of the content after a multipart
    upload, whose checksum is not one of the whole object either.
    """
    head = head_object(s3, bucket, key)
    if head is None or head.get("ChecksumSHA256") != checksum:
        return None
    if head.get("ChecksumType", "FULL_OBJECT") != "FULL_OBJECT":
        return None
    return StoredObject(bucket, key, head.get("VersionId", ""), head["ETag"])


def put_object(
    s3: "S3Client", bucket: str, key: str, path: Path, *, checksum: str, content_type: str
) -> StoredObject:
    """Upload a file in a single request, whose response names the new version.

    S3 rejects the upload if the content does not have the checksum.
    """
    with path.open("rb") as body:
        response = s3.put_object(
            Bucket=bucket,
            Key=key,
            Body=body,
            ContentType=content_type,
            ChecksumAlgorithm="SHA256",
            ChecksumSHA256=checksum,
        )
    return StoredObject(bucket, key, response.get("VersionId", ""), response["ETag"])


def download(s3: "S3Client", bucket: str, key: str, path: Path) -> None:
    """Download an object to a file, which appears only when it is complete."""
    s3.download_file(bucket, key, str(path))


@dataclass(frozen=True, slots=True)
class BucketContent:
    """The number of items that emptying a bucket would delete."""

    versions: int = 0
    delete_markers: int = 0
    unfinished_uploads: int = 0

    @property
    def total(self) -> int:
        """The number of all items."""
        return self.versions + self.delete_markers + self.unfinished_uploads


def is_empty(s3: "S3Client", bucket: str, *, owner: str) -> bool:
    """Return whether a bucket has no object version, delete marker or unfinished upload.

    Raises ClientError if the bucket belongs to another account than `owner`.
    """
    versions = s3.list_object_versions(Bucket=bucket, MaxKeys=1, ExpectedBucketOwner=owner)
    if versions.get("Versions") or versions.get("DeleteMarkers"):
        return False
    uploads = s3.list_multipart_uploads(Bucket=bucket, MaxUploads=1, ExpectedBucketOwner=owner)
    return not uploads.get("Uploads")


def count_content(s3: "S3Client", bucket: str, *, owner: str) -> BucketContent:
    """Count all object versions, delete markers and unfinished uploads of an account's bucket."""
    versions = markers = 0
    of_bucket: Any = {"Bucket": bucket, "ExpectedBucketOwner": owner}
    for page in s3.get_paginator("list_object_versions").paginate(**of_bucket):
        versions += len(page.get("Versions", []))
        markers += len(page.get("DeleteMarkers", []))
    uploads = sum(
        len(page.get("Uploads", []))
        for page in s3.get_paginator("list_multipart_uploads").paginate(**of_bucket)
    )
    return BucketContent(versions, markers, uploads)


def empty_bucket(s3: "S3Client", bucket: str, *, owner: str) -> Iterator[int]:
    """Delete everything that `count_content` counts; yields the number deleted by each request.

    May be repeated after an interruption. Raises AwsError if S3 refuses to delete an object.
    """
    of_bucket: Any = {"Bucket": bucket, "ExpectedBucketOwner": owner}
    for page in s3.get_paginator("list_multipart_uploads").paginate(**of_bucket):
        for upload in page.get("Uploads", []):
            s3.abort_multipart_upload(**of_bucket, Key=upload["Key"], UploadId=upload["UploadId"])
            yield 1
    for listing in s3.get_paginator("list_object_versions").paginate(**of_bucket):
        versions = [*listing.get("Versions", []), *listing.get("DeleteMarkers", [])]
        if not versions:
            continue
        response = s3.delete_objects(
            **of_bucket,
            Delete={
                "Objects": [{"Key": v["Key"], "VersionId": v["VersionId"]} for v in versions],
                "Quiet": True,
            },
        )
        for error in response.get("Errors", []):
            raise AwsError(
                f"S3 did not delete {error.get('Key')}: {error.get('Message')}",
                hint="Check for an object lock or a bucket policy that denies deletion.",
            )
        yield len(versions)
