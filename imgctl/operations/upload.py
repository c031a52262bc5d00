"""Uploading files, and following each upload to its record."""

import re
import time
from collections.abc import Callable, Generator, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from imgctl.aws import records, rest_api, storage
from imgctl.aws.errors import AccessError, translate
from imgctl.aws.rest_api import Api
from imgctl.aws.stack import StackOutputs
from imgctl.aws.storage import StoredObject
from imgctl.core.errors import Hint, ImgctlError, InvalidInput
from imgctl.core.keys import resource_id
from imgctl.core.record import Record, Status
from imgctl.operations.input_files import InputFile, format_of

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_s3 import S3Client

# Control characters (S3 User Guide, "Characters to avoid") and what is not Unicode at all.
_NOT_IN_KEYS = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")


class UploadStatus(StrEnum):
    """What happened to one file."""

    UPLOADED = "uploaded"
    SKIPPED = "skipped"
    FAILED = "failed"
    TIMED_OUT = "timed_out"


@dataclass(frozen=True, slots=True)
class UploadOptions:
    """How files are uploaded: `force` also those whose content is stored already.

    With `wait`, each upload is followed to its record, for at most `timeout_s` seconds.
    """

    wait: bool
    timeout_s: float
    jobs: int
    force: bool


@dataclass(frozen=True, slots=True)
class UploadFile:
    """A file and the object key to store it under."""

    path: Path
    key: str


@dataclass(frozen=True, slots=True)
class UploadServices:
    """What uploads work with; with an `api` the files are sent to it instead of to S3."""

    s3: "S3Client"
    dynamodb: "DynamoDBClient"
    outputs: StackOutputs
    api: Api | None = None
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep


@dataclass(frozen=True, slots=True)
class UploadResult:
    """What happened to one file, with the function's record if it was waited for.

    `reason` says why it failed, and `hint` what to do about it.
    """

    file: UploadFile
    status: UploadStatus
    stored: StoredObject | None = None
    record: Record | None = None
    reason: str = ""
    hint: Hint | None = None


def assign_keys(files: Iterable[InputFile], prefix: str) -> list[UploadFile]:
    """Return each file with its key: its name under the prefix.

    Raises InvalidInput where two files would share a key.
    """
    folder = prefix.strip("/")
    if ".." in folder.split("/"):
        raise InvalidInput("A key prefix cannot contain '..'.", hint="Choose another --prefix.")
    by_key: dict[str, UploadFile] = {}
    for file in files:
        key = str(PurePosixPath(folder, file.name))
        if key in by_key:
            raise InvalidInput(
                f"{by_key[key].path} and {file.path} would both become {key}.",
                hint="Upload them with different --prefix.",
            )
        by_key[key] = UploadFile(file.path, key)
    return list(by_key.values())


def upload_files(
    services: UploadServices, files: Sequence[UploadFile], options: UploadOptions
) -> Generator[UploadResult]:
    """Upload files in parallel; yields each result as soon as it is known.

    A file that fails does not stop the others. Raises AccessError, which would fail them all.
    """
    pool = ThreadPoolExecutor(options.jobs)
    try:
        futures = [pool.submit(_upload, services, file, options) for file in files]
        for future in as_completed(futures):
            yield future.result()
    finally:
        pool.shutdown(cancel_futures=True)


def _upload(services: UploadServices, file: UploadFile, options: UploadOptions) -> UploadResult:
    try:
        result = _store(services, file, force=options.force)
        return _follow(services, result, options) if options.wait else result
    except AccessError:
        raise  # the next file would fail as well
    except Exception as error:
        known = error if isinstance(error, ImgctlError) else translate(error)
        if isinstance(known, AccessError) or (known is None and not isinstance(error, OSError)):
            raise
        return UploadResult(file, UploadStatus.FAILED, reason=_reason(error, known))


def _store(services: UploadServices, file: UploadFile, *, force: bool) -> UploadResult:
    """Store a file, unless its key already holds the same content."""
    if _NOT_IN_KEYS.search(file.key):
        reason = "file name contains characters not allowed in S3 keys"
        return UploadResult(file, UploadStatus.FAILED, reason=reason)
    bucket = services.outputs.source_bucket
    checksum = storage.checksum_of(file.path)
    if not force and (identical := storage.find_identical(services.s3, bucket, file.key, checksum)):
        return UploadResult(file, UploadStatus.SKIPPED, identical)
    fmt = format_of(file.path)
    content_type = "application/octet-stream" if fmt is None else fmt.content_type
    if services.api is None:
        stored = storage.put_object(
            services.s3, bucket, file.key, file.path, checksum=checksum, content_type=content_type
        )
    elif file.path.stat().st_size > rest_api.MAX_BYTES:
        reason = "larger than 10 MB, the limit of API Gateway: use --via s3"
        return UploadResult(file, UploadStatus.FAILED, reason=reason)
    else:
        stored = services.api.put(file.key, file.path, checksum=checksum, content_type=content_type)
    return UploadResult(file, UploadStatus.UPLOADED, stored)


def _follow(services: UploadServices, result: UploadResult, options: UploadOptions) -> UploadResult:
    """Wait for the record of this very upload, which its object version identifies."""
    stored, file = result.stored, result.file
    if stored is None:
        return result
    record = records.wait(
        services.dynamodb,
        services.outputs.table,
        resource_id(stored.bucket, stored.key, version_id=stored.version_id),
        timeout_s=options.timeout_s,
        clock=services.clock,
        sleep=services.sleep,
    )
    if record is None:
        log_group = services.outputs.function_log_group
        reason = f"timed out after {options.timeout_s:g} s; see log group {log_group}"
        hint = Hint("or run {}", "redrive --list")
        return UploadResult(file, UploadStatus.TIMED_OUT, stored, reason=reason, hint=hint)
    if record.status is Status.FAILED:
        reason = f"{record.failure_code}: {record.failure_reason}"
        hint = Hint(record.failure_hint or "")  # as it is stored
        return UploadResult(file, UploadStatus.FAILED, stored, record, reason, hint)
    return UploadResult(file, result.status, stored, record)


def _reason(error: Exception, known: ImgctlError | None) -> str:
    if known is not None:
        return known.message
    return (isinstance(error, OSError) and error.strerror) or str(error)
