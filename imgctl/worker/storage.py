"""What the function says to S3 and DynamoDB, and which of their answers are final."""

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from botocore.exceptions import ClientError

from imgctl.core.errors import PictureError, TooLarge
from imgctl.core.formats import ImageFormat
from imgctl.core.limits import MEBIBYTE, Limits
from imgctl.core.record import Record, to_item
from imgctl.worker.events import ObjectCreated

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_s3 import S3Client

_CHUNK_BYTES = MEBIBYTE

MAX_METADATA_VALUE_BYTES = 340
"""Of a value before it is percent-encoded, which may treble it; S3 takes 2 KB in all."""
_GONE = ("NoSuchKey", "NoSuchVersion", "NoSuchBucket", "404", "MethodNotAllowed")


class Gone(PictureError):
    """The object was deleted, or replaced in an unversioned bucket, before its turn."""

    code = "gone"


def fetch(s3: "S3Client", created: ObjectCreated, path: Path, limits: Limits) -> str:
    """Download the very object that the event names to `path`, and give its SHA-256 in hex.

    Raises Gone or TooLarge, which are final, or botocore's ClientError.
    """
    try:
        if created.version_id and created.version_id != "null":
            answer = s3.get_object(
                Bucket=created.bucket, Key=created.key, VersionId=created.version_id
            )
        elif created.etag:
            answer = s3.get_object(
                Bucket=created.bucket, Key=created.key, IfMatch=f'"{created.etag.strip(chr(34))}"'
            )
        else:
            answer = s3.get_object(Bucket=created.bucket, Key=created.key)
    except ClientError as error:
        code = error.response["Error"]["Code"]
        if code in _GONE or code in ("PreconditionFailed", "412"):
            raise Gone(
                "The object was deleted or replaced before it was processed.",
                hint="Upload it again if you still want it.",
            ) from error
        raise
    try:
        limits.refuse_bytes(answer["ContentLength"])
    except TooLarge:
        answer["Body"].close()
        raise
    digest = hashlib.sha256()
    with path.open("wb") as file:
        for chunk in answer["Body"].iter_chunks(_CHUNK_BYTES):
            digest.update(chunk)
            file.write(chunk)
    return digest.hexdigest()


def put_output(
    s3: "S3Client", bucket: str, key: str, data: bytes, fmt: ImageFormat, metadata: dict[str, str]
) -> None:
    """Store the resized picture with its metadata, which S3 wants in ASCII."""
    s3.put_object(
        Bucket=bucket,
        Key=key,
        Body=data,
        ContentType=fmt.content_type,
        Metadata={name: _ascii(value) for name, value in metadata.items()},
    )


def put_record(dynamodb: "DynamoDBClient", table: str, record: Record) -> None:
    """Store the record; the same identity replaces itself."""
    dynamodb.put_item(TableName=table, Item=to_item(record))


def _ascii(value: str) -> str:
    """Cut to `MAX_METADATA_VALUE_BYTES`, and percent-encode what is not printable ASCII."""
    cut = value.encode()[:MAX_METADATA_VALUE_BYTES].decode(errors="ignore")
    return quote(cut, safe=" !#$&'()*+,-./:;=?@[]_~")
