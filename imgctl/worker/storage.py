"""The function's calls to S3, and which of their errors are final."""

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from imgctl.core.errors import Hint, PictureError
from imgctl.core.formats import ImageFormat
from imgctl.core.keys import version_id_of
from imgctl.core.limits import MEBIBYTE, Limits
from imgctl.core.output_metadata import may_be_of, to_metadata_value
from imgctl.worker import scratch
from imgctl.worker.events import ObjectCreated

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import GetObjectOutputTypeDef, HeadObjectOutputTypeDef

_CHUNK_BYTES = MEBIBYTE

# Of S3's message: its code, InvalidRequest, has other causes too.
_SSE_C = "Server Side Encryption"

_NOT_FOUND_CODES = ("NoSuchKey", "NoSuchVersion", "NoSuchBucket", "404", "MethodNotAllowed")
_BAD_REQUEST = "400"  # S3 requires the customer's key for HeadObject, too
_PRECONDITION_CODES = ("PreconditionFailed", "412", "ConditionalRequestConflict", "409")


class ObjectGone(PictureError):
    """The object was deleted, or replaced in an unversioned bucket, before it was processed."""

    code = "gone"


class ObjectArchived(PictureError):
    """The object is in an archive storage class and must be restored first."""

    code = "archived"


class ObjectEncrypted(PictureError):
    """The object is encrypted with a key that only its uploader has (SSE-C)."""

    code = "customer_encrypted"


class NewestEncrypted(Exception):
    """The newest object of a key is encrypted with a key that only its uploader has."""


class PreconditionFailed(Exception):
    """The output changed after it was read."""


@dataclass(frozen=True, slots=True)
class Original:
    """A downloaded object: its file, the digest of its content, its version and its ETag."""

    path: Path
    sha256: str
    version_id: str
    etag: str


@dataclass(frozen=True, slots=True)
class RenditionMarks:
    """Which rendition an output is, and how it was made (`settings_digest`); empty without any."""

    rendition: str = ""
    settings: str = ""

    def metadata(self) -> dict[str, str]:
        """Return the metadata of an output that say so."""
        return {"rendition": self.rendition, "settings": self.settings} if self.rendition else {}


@dataclass(frozen=True, slots=True)
class Output:
    """An existing output; all texts but the ETag are empty if another program wrote it.

    `filename` is that of its original, as it is stored.
    """

    etag: str
    record_id: str
    sequencer: str
    sha256: str
    filename: str = ""
    marks: RenditionMarks = RenditionMarks()
    cache_control: str = ""

    def is_of(self, filename: str) -> bool:
        """Return whether the original may have this file name."""
        return may_be_of(self.filename, filename)


@contextmanager
def download(
    s3: "S3Client", created: ObjectCreated, limits: Limits, *, check_time: Callable[[], None]
) -> Iterator[Original]:
    """Download exactly the object version that the event names, into a temporary file.

    Raises ObjectGone, ObjectArchived, ObjectEncrypted or TooLarge, which are final. ClientError,
    scratch.NoSpace and what `check_time` raises, which is called for each chunk, can be retried.
    """
    response = _get(s3, created)
    body = response["Body"]
    try:
        limits.check_bytes(response["ContentLength"])
        with scratch.scratch_folder(response["ContentLength"]) as folder:
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
                version_id_of(response.get("VersionId")),
                response["ETag"].strip('"'),
            )
    finally:
        body.close()


def _get(s3: "S3Client", created: ObjectCreated) -> "GetObjectOutputTypeDef":
    request: dict[str, Any] = {"Bucket": created.bucket, "Key": created.key}
    if created.version_id:
        request["VersionId"] = created.version_id
    elif created.etag:
        request["IfMatch"] = f'"{created.etag}"'
    try:
        return s3.get_object(**request)
    except ClientError as error:
        code = error.response["Error"]["Code"]
        if code in _NOT_FOUND_CODES or code in _PRECONDITION_CODES:
            raise ObjectGone(
                "The object was deleted or replaced before it was processed.",
                hint="Upload it again if you still want it.",
            ) from error
        if code == "InvalidObjectState":
            raise ObjectArchived(
                "The object is in an archive and cannot be read.",
                hint=Hint("Restore it, then run {}.", "reprocess KEY"),
            ) from error
        if code == "InvalidRequest" and _SSE_C in error.response["Error"].get("Message", ""):
            raise ObjectEncrypted(
                "The object is encrypted with a customer-provided key (SSE-C).",
                hint="Upload it with another kind of encryption: the function has no such keys.",
            ) from error
        raise


def existing_key(s3: "S3Client", created: ObjectCreated) -> str:
    """Return the reading of an object's key that names an existing object; the first if none does.

    Only asks S3 if there are several readings.
    """
    version = {"VersionId": created.version_id} if created.version_id else {}
    for key in (created.key, *created.other_keys):
        if not created.other_keys or _head(s3, created.bucket, key, **version) is not None:
            return key
    return created.key


def newest(s3: "S3Client", bucket: str, key: str) -> ObjectCreated | None:
    """Return the newest upload of a key, as far as the bucket knows it; None if it is deleted.

    Raises NewestEncrypted for one that cannot be read.
    """
    head = _head(s3, bucket, key)
    if head is None:
        return None
    return ObjectCreated(
        bucket=bucket,
        key=key,
        version_id=version_id_of(head.get("VersionId")),
        etag=head["ETag"].strip('"'),
        size=head["ContentLength"],
    )


def is_latest(s3: "S3Client", bucket: str, key: str, *, version_id: str, etag: str) -> bool:
    """Return whether an upload is the newest of its key; for a deleted key none is.

    One without a version is not if the newest has one: then its bytes were uploaded once more.
    """
    found = newest(s3, bucket, key)
    if found is None or found.version_id != version_id:
        return False
    return bool(version_id) or found.etag == etag


def head_output(s3: "S3Client", bucket: str, key: str) -> Output | None:
    """Read the existing output; None if there is none."""
    head = _head(s3, bucket, key)
    if head is None:
        return None
    metadata = head["Metadata"]
    return Output(
        etag=head["ETag"],
        record_id=metadata.get("record_id", ""),
        sequencer=metadata.get("sequencer", ""),
        sha256=metadata.get("sha256", ""),
        filename=metadata.get("original_filename", ""),
        marks=RenditionMarks(metadata.get("rendition", ""), metadata.get("settings", "")),
        cache_control=head.get("CacheControl", ""),
    )


def _head(
    s3: "S3Client", bucket: str, key: str, **version: str
) -> "HeadObjectOutputTypeDef | None":
    request: Any = {"Bucket": bucket, "Key": key, **version}
    try:
        return s3.head_object(**request)
    except ClientError as error:
        if error.response["Error"]["Code"] in _NOT_FOUND_CODES:
            return None
        if error.response["Error"]["Code"] == _BAD_REQUEST:  # it has no body that says why
            raise NewestEncrypted from error
        raise


def put_output(
    s3: "S3Client",
    bucket: str,
    key: str,
    data: bytes,
    image_format: ImageFormat,
    metadata: dict[str, str],
    *,
    cache_control: str = "",
    replaces: Output | None,
) -> None:
    """Store a resized image with its metadata, encoded as the ASCII that S3 requires.

    Raises PreconditionFailed if another writer was faster: if the output is no longer `replaces`,
    or exists where `replaces` is None.
    """
    headers: dict[str, Any] = (
        {"IfMatch": replaces.etag} if replaces is not None else {"IfNoneMatch": "*"}
    )
    if cache_control:
        headers["CacheControl"] = cache_control
    try:
        s3.put_object(
            Bucket=bucket,
            Key=key,
            Body=data,
            ContentType=image_format.content_type,
            Metadata={name: to_metadata_value(value) for name, value in metadata.items()},
            **headers,
        )
    except ClientError as error:
        code = error.response["Error"]["Code"]
        deleted = replaces is not None and code in ("NoSuchKey", "404")
        if code in _PRECONDITION_CODES or deleted:
            raise PreconditionFailed from error
        raise
