"""The versions of objects: those of one key, and their deletion in batches."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from imgctl.core.record import timestamp

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_MAX_BATCH = 1000
"""The most objects of a DeleteObjects (Amazon S3 API Reference)."""

# Everything but the characters of XML 1.0 (https://www.w3.org/TR/xml/#charsets). Not compiled here,
# because that takes 8 ms of every start.
_NOT_IN_XML = "[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]"

_DENIED_CODES = ("AccessDenied", "403")
_UNREADABLE_CODES = ("400", "BadRequest")  # without the customer's key, and without a reason
_GONE_CODES = ("404", "NoSuchKey", "NoSuchVersion", "405", "MethodNotAllowed")


@dataclass(frozen=True, slots=True)
class ObjectVersion:
    """One version of an object, or a delete marker, whose `etag` is empty.

    `version_id` is `null` for what was stored while the bucket had no versions. `modified` is
    ISO 8601.
    """

    bucket: str
    key: str
    version_id: str
    is_marker: bool = False
    etag: str = ""
    modified: str = ""


@dataclass(frozen=True, slots=True)
class RefusedDeletion:
    """A version that S3 did not delete, and why."""

    key: str
    version_id: str
    reason: str


@dataclass(frozen=True, slots=True)
class DeletedBatch:
    """What one request deleted, as a number, and what it did not."""

    deleted: int
    refused: tuple[RefusedDeletion, ...] = ()


def versions_of_key(s3: "S3Client", bucket: str, key: str) -> list[ObjectVersion]:
    """List all versions and delete markers of exactly this key, newest first."""
    found: list[ObjectVersion] = []
    for page in s3.get_paginator("list_object_versions").paginate(Bucket=bucket, Prefix=key):
        listed: Any = [*page.get("Versions", []), *page.get("DeleteMarkers", [])]
        found += [_parse(bucket, item) for item in listed if item["Key"] == key]
        # Keys are listed in order, so that all versions of the prefix itself come first.
        if any(item["Key"] != key for item in listed):
            break
    return sorted(found, key=lambda version: version.modified, reverse=True)


def _parse(bucket: str, item: Any) -> ObjectVersion:
    return ObjectVersion(
        bucket,
        item["Key"],
        item["VersionId"],
        is_marker="ETag" not in item,
        etag=item.get("ETag", "").strip('"'),
        modified=timestamp(item["LastModified"]),
    )


def version_metadata(s3: "S3Client", version: ObjectVersion) -> dict[str, str] | None:
    """Return a version's metadata; None if it is gone by now.

    They are empty for an object that is encrypted with a key that only its uploader has.
    """
    try:
        head = s3.head_object(Bucket=version.bucket, Key=version.key, VersionId=version.version_id)
    except ClientError as error:
        code = error.response["Error"]["Code"]
        if code in _GONE_CODES:
            return None
        if code in _UNREADABLE_CODES:
            return {}
        raise
    return head["Metadata"]


def in_safe_order(newest_first: Sequence[ObjectVersion]) -> list[ObjectVersion]:
    """Return versions in the order in which to delete them: the oldest first, then the markers.

    An interruption then never makes a version the current one again that was not before.
    """
    oldest_first = newest_first[::-1]
    return sorted(oldest_first, key=lambda version: version.is_marker)


def delete_versions(
    s3: "S3Client", bucket: str, versions: Sequence[ObjectVersion], *, owner: str
) -> Iterator[DeletedBatch]:
    """Delete versions of an account's bucket for good, in their order, in as few requests as can.

    What is gone already counts as deleted.
    """
    of_bucket: Any = {"Bucket": bucket, "ExpectedBucketOwner": owner}
    named: list[Any] = [{"Key": v.key, "VersionId": v.version_id} for v in versions]
    for version in named:
        if re.search(_NOT_IN_XML, version["Key"]):  # a batch is XML, which cannot name this key
            yield _delete_one(s3, of_bucket, version)
    batchable = [v for v in named if not re.search(_NOT_IN_XML, v["Key"])]
    for start in range(0, len(batchable), _MAX_BATCH):
        batch = batchable[start : start + _MAX_BATCH]
        response = s3.delete_objects(**of_bucket, Delete={"Objects": batch, "Quiet": True})
        refused = tuple(
            RefusedDeletion(
                error.get("Key", ""),
                error.get("VersionId", ""),
                error.get("Message") or error.get("Code", ""),
            )
            for error in response.get("Errors", [])
        )
        yield DeletedBatch(len(batch) - len(refused), refused)


def _delete_one(s3: "S3Client", of_bucket: Any, version: Any) -> DeletedBatch:
    try:
        s3.delete_object(**of_bucket, **version)
    except ClientError as error:
        if error.response["Error"]["Code"] not in _DENIED_CODES:
            raise
        reason = error.response["Error"].get("Message", "")
        return DeletedBatch(0, (RefusedDeletion(version["Key"], version["VersionId"], reason),))
    return DeletedBatch(1)
