"""Objects in the two buckets."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from imgctl.aws.errors import AwsError, none_if_missing

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import HeadObjectOutputTypeDef

SHA256_METADATA = "sha256"
"""The source object's metadata by which an upload of the same content is recognised."""


@dataclass(frozen=True, slots=True)
class StoredObject:
    """One version of an object; `version_id` is empty in a bucket without versions."""

    bucket: str
    key: str
    version_id: str
    etag: str


def sha256_of(path: Path) -> str:
    """Hash a file, in hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def head_of(s3: "S3Client", bucket: str, key: str) -> "HeadObjectOutputTypeDef | None":
    """Look at an object; None where there is none."""
    head: HeadObjectOutputTypeDef | None = none_if_missing(
        s3.head_object, "404", "NoSuchKey", Bucket=bucket, Key=key
    )
    return head


def find_same(s3: "S3Client", bucket: str, key: str, sha256: str) -> StoredObject | None:
    """Find the object under a key where its content has this SHA-256; None where it has not.

    Only objects that imgctl stored carry the hash: ETags are no hash of multipart uploads, and
    size and time prove nothing.
    """
    head = head_of(s3, bucket, key)
    if head is None or head["Metadata"].get(SHA256_METADATA) != sha256:
        return None
    return StoredObject(bucket, key, head.get("VersionId", ""), head["ETag"])


def put_by_s3(
    s3: "S3Client", bucket: str, key: str, path: Path, *, sha256: str, content_type: str
) -> StoredObject:
    """Store a file as an object, in one request, whose answer names the version."""
    with path.open("rb") as body:
        answer = s3.put_object(
            Bucket=bucket,
            Key=key,
            Body=body,
            ContentType=content_type,
            Metadata={SHA256_METADATA: sha256},
        )
    return StoredObject(bucket, key, answer.get("VersionId", ""), answer["ETag"])


def download(s3: "S3Client", bucket: str, key: str, path: Path) -> None:
    """Save an object as a file, which appears only when it is whole."""
    s3.download_file(bucket, key, str(path))


@dataclass(frozen=True, slots=True)
class BucketContent:
    """What emptying a bucket would remove."""

    versions: int = 0
    delete_markers: int = 0
    unfinished_uploads: int = 0

    @property
    def total(self) -> int:
        """All of it."""
        return self.versions + self.delete_markers + self.unfinished_uploads


def bucket_exists(s3: "S3Client", bucket: str) -> bool:
    """Tell whether a bucket is there, and is the caller's to see."""
    return none_if_missing(s3.head_bucket, "404", "NoSuchBucket", Bucket=bucket) is not None


def count_content(s3: "S3Client", bucket: str) -> BucketContent:
    """Count all versions, delete markers and unfinished uploads of a bucket."""
    versions = markers = 0
    for page in s3.get_paginator("list_object_versions").paginate(Bucket=bucket):
        versions += len(page.get("Versions", []))
        markers += len(page.get("DeleteMarkers", []))
    uploads = sum(
        len(page.get("Uploads", []))
        for page in s3.get_paginator("list_multipart_uploads").paginate(Bucket=bucket)
    )
    return BucketContent(versions, markers, uploads)


def empty_bucket(s3: "S3Client", bucket: str) -> Iterator[int]:
    """Remove all that `count_content` counts; yields how much each step removed.

    Can be repeated after an interruption. Raises AwsError where S3 keeps an object.
    """
    for page in s3.get_paginator("list_multipart_uploads").paginate(Bucket=bucket):
        for upload in page.get("Uploads", []):
            s3.abort_multipart_upload(Bucket=bucket, Key=upload["Key"], UploadId=upload["UploadId"])
            yield 1
    for listing in s3.get_paginator("list_object_versions").paginate(Bucket=bucket):
        found = [*listing.get("Versions", []), *listing.get("DeleteMarkers", [])]
        if not found:
            continue
        answer = s3.delete_objects(
            Bucket=bucket,
            Delete={
                "Objects": [{"Key": o["Key"], "VersionId": o["VersionId"]} for o in found],
                "Quiet": True,
            },
        )
        for error in answer.get("Errors", []):
            raise AwsError(
                f"S3 keeps {error.get('Key')}: {error.get('Message')}",
                hint="Look for an object lock or a bucket policy that denies deletion.",
            )
        yield len(found)
