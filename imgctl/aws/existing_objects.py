"""What a bucket holds under the keys of files that are to be uploaded."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any

from imgctl.aws.storage import StoredObject, head_object, verified_sha256

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_MAX_KEYS = 1000
"""The most entries of a listing (Amazon S3 API Reference, ListObjectVersions)."""


@dataclass(frozen=True, slots=True)
class ExistingObject:
    """What a key holds: its size in bytes and its age in seconds.

    `sha256` is in base64, and None if S3 has verified none, or if it was not asked for.
    """

    stored: StoredObject
    size: int
    age_s: float
    sha256: str | None = None

    @property
    def md5(self) -> str | None:
        """The MD5 of the content in hexadecimal, if the ETag may be one.

        It is for an object that was uploaded in one part and is not encrypted with a KMS key
        (Amazon S3 API Reference, "Object"). Otherwise the ETag has a dash, or is a number that no
        content has as its MD5.
        """
        etag = self.stored.etag.strip('"')
        return None if "-" in etag else etag


def find_object(s3: "S3Client", bucket: str, key: str) -> ExistingObject | None:
    """Return the object with this key, with its hash; None if there is none.

    Metadata prove nothing of the content, because whoever stores an object chooses them.
    """
    head = head_object(s3, bucket, key)
    if head is None:
        return None
    return ExistingObject(
        StoredObject(bucket, key, head.get("VersionId", ""), head["ETag"]),
        head["ContentLength"],
        _age_s(head, head["LastModified"]),
        verified_sha256(head),
    )


def list_existing(
    s3: "S3Client", bucket: str, keys: Sequence[str]
) -> Iterator[ExistingObject | None]:
    """Yield what each key holds; the keys are sorted by their UTF-8 bytes, as S3 lists them.

    Each request tells about up to 1,000 keys. Where the bucket has many others between two keys,
    they are skipped, so that there are never more requests than keys, and one. It tells no SHA-256.
    """
    page: dict[str, ExistingObject] = {}
    known_to, is_complete = b"", False
    prefix = _common_prefix(keys[0], keys[-1]) if keys else ""
    for number, key in enumerate(keys):
        while not is_complete and key.encode() > known_to:
            is_jump = known_to != b""
            start: Any = {"KeyMarker": _before(key)} if is_jump else {}
            response = s3.list_object_versions(
                Bucket=bucket,
                Prefix=prefix,
                **start,
                # Some for what others have stored between them, and for older versions.
                MaxKeys=min(_MAX_KEYS, 2 * (len(keys) - number)),
            )
            listed = [*response.get("Versions", []), *response.get("DeleteMarkers", [])]
            page, is_complete = _newest(bucket, response), not response["IsTruncated"]
            # The newest version of a key is listed before its others.
            known_to = max((item["Key"].encode() for item in listed), default=key.encode())
            if is_jump:  # the page begins with this key, if it exists
                known_to = max(known_to, key.encode())
        yield page.get(key)


def _newest(bucket: str, response: Any) -> dict[str, ExistingObject]:
    return {
        version["Key"]: ExistingObject(
            StoredObject(bucket, version["Key"], version["VersionId"], version["ETag"]),
            version["Size"],
            _age_s(response, version["LastModified"]),
        )
        for version in response.get("Versions", [])
        if version["IsLatest"]
    }


def _common_prefix(first: str, last: str) -> str:
    """Return how both keys begin, and so all that are sorted between them."""
    pairs = enumerate(zip(first, last, strict=False))
    return first[: next((at for at, (one, other) in pairs if one != other), len(first))]


def _before(key: str) -> str:
    """Return a key that S3 lists before this one, with none between them that anybody uses."""
    last = ord(key[-1]) - 1
    if 0xD800 <= last <= 0xDFFF:  # which are no characters
        last = 0xD7FF
    return f"{key[:-1]}{chr(last)}\U0010ffff"


def _age_s(response: Any, modified: datetime) -> float:
    """Return an object's age by the clock of S3, which wrote both times."""
    date = response["ResponseMetadata"]["HTTPHeaders"].get("date")
    now = parsedate_to_datetime(date) if date else datetime.now(UTC)
    return (now - modified).total_seconds()
