"""Buckets and the objects in them."""

import base64
import hashlib
import re
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote_plus

from imgctl.aws.content import Content
from imgctl.aws.errors import AwsError, none_if_missing
from imgctl.aws.object_versions import ObjectVersion, delete_versions
from imgctl.output_files import output_file

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import HeadObjectOutputTypeDef


_CHUNK_BYTES = 1024 * 1024
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class StoredObject:
    """One version of an object; `version_id` is empty if the bucket is not versioned."""

    bucket: str
    key: str
    version_id: str
    etag: str


def head_object(s3: "S3Client", bucket: str, key: str) -> "HeadObjectOutputTypeDef | None":
    """Return an object's metadata and checksums; None if it does not exist."""
    head: HeadObjectOutputTypeDef | None = none_if_missing(
        s3.head_object, "404", "NoSuchKey", Bucket=bucket, Key=key, ChecksumMode="ENABLED"
    )
    return head


def verified_sha256(head: Any) -> str | None:
    """Return the SHA-256 of an object's content in base64, by the response to a HEAD.

    S3 itself verified it when the object was stored. None if it verified none, and after a
    multipart upload, whose checksum is not one of the content.
    """
    is_whole = head.get("ChecksumType", "FULL_OBJECT") == "FULL_OBJECT"
    return head.get("ChecksumSHA256") if is_whole else None


def put_object(s3: "S3Client", bucket: str, key: str, content: Content) -> StoredObject:
    """Store an object in a single request, whose response names the new version.

    S3 rejects the upload if the content does not have the hash.
    """
    checksum = content.checksum  # reads the file, which is sent from where it then stands
    response = s3.put_object(
        Bucket=bucket,
        Key=key,
        Body=content.rewound(),
        ContentType=content.content_type,
        ChecksumAlgorithm="SHA256",
        ChecksumSHA256=checksum,
    )
    return StoredObject(bucket, key, response.get("VersionId", ""), response["ETag"])


@dataclass(frozen=True, slots=True)
class StoredContent:
    """The content of an object: its size in bytes, and its SHA-256."""

    size: int
    sha256: bytes


def stored_content(s3: "S3Client", bucket: str, key: str, *, version_id: str = "") -> StoredContent:
    """Return what an object contains: as S3 or the function says, otherwise by reading it."""
    version: Any = {"VersionId": version_id} if version_id else {}
    head: Any = s3.head_object(Bucket=bucket, Key=key, ChecksumMode="ENABLED", **version)
    size, checksum = head["ContentLength"], verified_sha256(head)
    if checksum:
        return StoredContent(size, base64.b64decode(checksum))
    if _SHA256.fullmatch(head["Metadata"].get("sha256", "")):  # of an output
        return StoredContent(size, bytes.fromhex(head["Metadata"]["sha256"]))
    digest = hashlib.sha256()
    with closing(s3.get_object(Bucket=bucket, Key=key, **version)["Body"]) as body:
        for chunk in body.iter_chunks(_CHUNK_BYTES):
            digest.update(chunk)
    return StoredContent(size, digest.digest())


def download(
    s3: "S3Client",
    bucket: str,
    key: str,
    path: Path,
    *,
    mode: int,
    version_id: str = "",
    overwrite: bool = True,
) -> int:
    """Download an object to a file, which appears only when it is complete; return its size.

    Raises FileExistsError without `overwrite` if there is a file.
    """
    version: Any = {"VersionId": version_id} if version_id else {}
    response: Any = s3.get_object(Bucket=bucket, Key=key, **version)
    with (
        closing(response["Body"]) as body,
        output_file(path, mode=mode, overwrite=overwrite) as file,
    ):
        for chunk in body.iter_chunks(_CHUNK_BYTES):
            file.write(chunk)
    return int(response["ContentLength"])


@dataclass(frozen=True, slots=True)
class UnfinishedUpload:
    """A multipart upload that was neither completed nor aborted."""

    key: str
    upload_id: str


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
    return next(unfinished_uploads(s3, bucket, owner, page_size=1), None) is None


def unfinished_uploads(
    s3: "S3Client", bucket: str, owner: str, *, prefix: str = "", page_size: int = 1000
) -> Iterator[UnfinishedUpload]:
    """List the unfinished multipart uploads of a bucket, of keys that begin with the prefix.

    Keys are requested in URL encoding, because XML cannot hold all characters of a key. botocore
    does so by itself for lists of objects, but not for this one; nor does its paginator decode.
    """
    marker: dict[str, Any] = {"Prefix": prefix} if prefix else {}
    while True:
        page = s3.list_multipart_uploads(
            Bucket=bucket,
            ExpectedBucketOwner=owner,
            EncodingType="url",
            MaxUploads=page_size,
            **marker,
        )
        decode = unquote_plus if page.get("EncodingType") == "url" else str
        for upload in page.get("Uploads", []):
            yield UnfinishedUpload(decode(upload["Key"]), upload["UploadId"])
        if not page["IsTruncated"]:
            return
        marker |= {
            "KeyMarker": decode(page["NextKeyMarker"]),
            "UploadIdMarker": page["NextUploadIdMarker"],
        }


def count_content(s3: "S3Client", bucket: str, *, owner: str) -> BucketContent:
    """Count all object versions, delete markers and unfinished uploads of an account's bucket."""
    versions = markers = 0
    of_bucket: Any = {"Bucket": bucket, "ExpectedBucketOwner": owner}
    for page in s3.get_paginator("list_object_versions").paginate(**of_bucket):
        versions += len(page.get("Versions", []))
        markers += len(page.get("DeleteMarkers", []))
    uploads = sum(1 for _ in unfinished_uploads(s3, bucket, owner))
    return BucketContent(versions, markers, uploads)


def empty_bucket(s3: "S3Client", bucket: str, *, owner: str) -> Iterator[int]:
    """Delete everything that `count_content` counts; yields the number deleted by each request.

    May be repeated after an interruption. Raises AwsError if S3 refuses to delete an object.
    """
    of_bucket: Any = {"Bucket": bucket, "ExpectedBucketOwner": owner}
    for upload in unfinished_uploads(s3, bucket, owner):
        s3.abort_multipart_upload(**of_bucket, Key=upload.key, UploadId=upload.upload_id)
        yield 1
    for listing in s3.get_paginator("list_object_versions").paginate(**of_bucket):
        listed: Any = [*listing.get("Versions", []), *listing.get("DeleteMarkers", [])]
        versions = [ObjectVersion(bucket, v["Key"], v["VersionId"]) for v in listed]
        for batch in delete_versions(s3, bucket, versions, owner=owner):
            for refused in batch.refused:
                raise AwsError(
                    f"S3 did not delete {refused.key}: {refused.reason}",
                    hint="Check for an object lock or a bucket policy that denies deletion.",
                )
            yield batch.deleted
