"""What the function says to S3, and which of its answers are final."""

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from botocore.exceptions import ClientError

from imgctl.core.errors import PictureError
from imgctl.core.formats import ImageFormat
from imgctl.core.keys import version_id_of
from imgctl.core.limits import MEBIBYTE, Limits
from imgctl.worker import scratch
from imgctl.worker.events import ObjectCreated

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import GetObjectOutputTypeDef, HeadObjectOutputTypeDef

_CHUNK_BYTES = MEBIBYTE

MAX_METADATA_VALUE_BYTES = 340
"""Of a value before it is percent-encoded, which may treble it; S3 takes 2 KB in all."""

_GONE = ("NoSuchKey", "NoSuchVersion", "NoSuchBucket", "404", "MethodNotAllowed")
_UNMET = ("PreconditionFailed", "412", "ConditionalRequestConflict", "409")


class ObjectGone(PictureError):
    """The object was deleted, or replaced in an unversioned bucket, before its turn."""

    code = "gone"


class ObjectArchived(PictureError):
    """The object lies in an archive."""

    code = "archived"


class PreconditionFailed(Exception):
    """The output is no longer what it was when it was looked at."""


@dataclass(frozen=True, slots=True)
class Original:
    """An object as it was fetched: its file, its content's digest, and which upload it is."""

    path: Path
    sha256: str
    version_id: str
    etag: str


@dataclass(frozen=True, slots=True)
class Output:
    """What is in the output's place; all but the ETag are empty where another program wrote it."""

    etag: str
    record_id: str
    sequencer: str
    sha256: str


@contextmanager
def download(
    s3: "S3Client", created: ObjectCreated, limits: Limits, *, check_time: Callable[[], None]
) -> Iterator[Original]:
    """Download the very object that the event names; its file is there until the block ends.

    Raises ObjectGone, ObjectArchived or TooLarge, which are final, or what may pass: ClientError,
    scratch.NoSpace, and whatever `check_time`, called between the chunks, raises.
    """
    answer = _get(s3, created)
    body = answer["Body"]
    try:
        limits.check_bytes(answer["ContentLength"])
        with scratch.room(answer["ContentLength"]) as folder:
            path = folder / "original"
            digest = hashlib.sha256()
            with path.open("wb") as file:
                for chunk in body.iter_chunks(_CHUNK_BYTES):
                    check_time()
                    digest.update(chunk)
                    file.write(chunk)
            yield Original(
                path,
                digest.hexdigest(),
                version_id_of(answer.get("VersionId")),
                answer["ETag"].strip('"'),
            )
    finally:
        body.close()


def _get(s3: "S3Client", created: ObjectCreated) -> "GetObjectOutputTypeDef":
    which: dict[str, Any] = {"Bucket": created.bucket, "Key": created.key}
    if created.version_id:
        which["VersionId"] = created.version_id
    elif created.etag:
        which["IfMatch"] = f'"{created.etag}"'
    try:
        return s3.get_object(**which)
    except ClientError as error:
        code = error.response["Error"]["Code"]
        if code in _GONE or code in _UNMET:
            raise ObjectGone(
                "The object was deleted or replaced before it was processed.",
                hint="Upload it again if you still want it.",
            ) from error
        if code == "InvalidObjectState":
            raise ObjectArchived(
                "The object is in an archive and cannot be read.",
                hint="Restore it, then send it again: imgctl reprocess KEY.",
            ) from error
        raise


def is_latest(s3: "S3Client", bucket: str, key: str, *, version_id: str, etag: str) -> bool:
    """Tell whether an upload is the newest of its key; a deleted key has none."""
    answer = _head(s3, bucket, key)
    if answer is None:
        return False
    if version_id:
        return answer.get("VersionId") == version_id
    return answer["ETag"].strip('"') == etag


def head_output(s3: "S3Client", bucket: str, key: str) -> Output | None:
    """Look at what is in the output's place; None where nothing is."""
    answer = _head(s3, bucket, key)
    if answer is None:
        return None
    told = answer["Metadata"]
    return Output(
        etag=answer["ETag"],
        record_id=told.get("record_id", ""),
        sequencer=told.get("sequencer", ""),
        sha256=told.get("sha256", ""),
    )


def _head(s3: "S3Client", bucket: str, key: str) -> "HeadObjectOutputTypeDef | None":
    try:
        return s3.head_object(Bucket=bucket, Key=key)
    except ClientError as error:
        if error.response["Error"]["Code"] in _GONE:
            return None
        raise


def put_output(
    s3: "S3Client",
    bucket: str,
    key: str,
    data: bytes,
    fmt: ImageFormat,
    metadata: dict[str, str],
    *,
    instead_of: Output | None,
) -> None:
    """Store the resized picture with its metadata, which S3 wants in ASCII.

    Raises PreconditionFailed where another writer came first: since `instead_of`, or since nothing
    was there.
    """
    condition: dict[str, Any] = (
        {"IfMatch": instead_of.etag} if instead_of is not None else {"IfNoneMatch": "*"}
    )
    try:
        s3.put_object(
            Bucket=bucket,
            Key=key,
            Body=data,
            ContentType=fmt.content_type,
            Metadata={name: _ascii(value) for name, value in metadata.items()},
            **condition,
        )
    except ClientError as error:
        code = error.response["Error"]["Code"]
        gone = instead_of is not None and code in ("NoSuchKey", "404")
        if code in _UNMET or gone:
            raise PreconditionFailed from error
        raise


def _ascii(value: str) -> str:
    """Cut to `MAX_METADATA_VALUE_BYTES`, and percent-encode what is not printable ASCII."""
    cut = value.encode()[:MAX_METADATA_VALUE_BYTES].decode(errors="ignore")
    return quote(cut, safe=" !#$&'()*+,-./:;=?@[]_~")
