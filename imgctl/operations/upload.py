"""Uploading files, and following each upload to its record."""

import re
import shlex
import time
from collections.abc import Callable, Generator, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import partial
from pathlib import Path, PurePosixPath
from threading import Event
from typing import TYPE_CHECKING

from imgctl.aws import records, rest_api, storage
from imgctl.aws.errors import AccessError, translate
from imgctl.aws.rest_api import Api
from imgctl.aws.stack import StackOutputs
from imgctl.aws.storage import Content, ExistingObject, StoredObject
from imgctl.core.errors import Hint, ImgctlError, InvalidInput
from imgctl.core.keys import MAX_KEY_BYTES, resource_id
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
    """What uploads work with; with an `api` the files are sent to it instead of to S3.

    `timeout_hint` says where to look if a result does not come.
    """

    s3: "S3Client"
    dynamodb: "DynamoDBClient"
    outputs: StackOutputs
    timeout_hint: Hint
    api: Api | None = None
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep


@dataclass(frozen=True, slots=True)
class UploadResult:
    """What happened to one file, with the function's record if it was waited for.

    `replaced` if the key held other content before. `reason` says why it failed, and `hint` what to
    do about it.
    """

    file: UploadFile
    status: UploadStatus
    stored: StoredObject | None = None
    replaced: bool = False
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
                hint="Upload them with different --prefix, or name the folder that contains both"
                " with --recursive.",
            )
        by_key[key] = UploadFile(file.path, key)
    return list(by_key.values())


def assign_key(files: Sequence[InputFile], key: str) -> list[UploadFile]:
    """Return the only file with this very key.

    Raises InvalidInput if there are several files, or if S3 does not allow the key.
    """
    if len(files) != 1:
        raise InvalidInput(
            f"A key names one file, not {len(files)}.", hint="Use --prefix for several files."
        )
    if problem := _key_problem(key):
        raise InvalidInput(f"The key {key!r} {problem}.", hint="Choose another --key.")
    return [UploadFile(files[0].path, key)]


def _key_problem(key: str) -> str | None:
    """Return what is wrong with a key; None if an image can be stored under it."""
    if not key or key.endswith("/"):
        return "has no name"
    if _NOT_IN_KEYS.search(key):
        return "contains characters not allowed in S3 keys"
    if not {".", ".."}.isdisjoint(key.split("/")):
        return "contains '.' or '..' as a folder"
    if len(key.encode()) > MAX_KEY_BYTES:
        return f"is longer than {MAX_KEY_BYTES} bytes"
    return None


def upload_files(
    services: UploadServices, files: Sequence[UploadFile], options: UploadOptions
) -> Generator[UploadResult]:
    """Upload files in parallel; yields each result as soon as it is known.

    A file that fails does not stop the others. Raises AccessError, which would fail them all. When
    the generator is closed or interrupted, nobody waits for what is being sent; S3 stores an object
    whole or not at all.
    """
    pool, stopping = ThreadPoolExecutor(options.jobs), Event()
    services = replace(services, sleep=partial(_pause, services.sleep, stopping))
    try:
        futures = [pool.submit(_upload, services, file, options) for file in files]
        for future in as_completed(futures):
            yield future.result()
    finally:
        stopping.set()
        pool.shutdown(wait=False, cancel_futures=True)


class _Stopped(RuntimeError):
    """Nobody waits for this upload's record any more."""


def _pause(sleep: Callable[[float], None], stopping: Event, seconds: float) -> None:
    sleep(seconds)
    if stopping.is_set():
        raise _Stopped


def _upload(services: UploadServices, file: UploadFile, options: UploadOptions) -> UploadResult:
    try:
        return _store(services, file, options)
    except AccessError:
        raise  # the next file would fail as well
    except Exception as error:
        known = error if isinstance(error, ImgctlError) else translate(error)
        if isinstance(known, AccessError) or (known is None and not isinstance(error, OSError)):
            raise
        return UploadResult(file, UploadStatus.FAILED, reason=_reason(error, known))


def _store(services: UploadServices, file: UploadFile, options: UploadOptions) -> UploadResult:
    """Store a file, unless its key already holds the same content."""
    if problem := _key_problem(file.key):
        reason = f"the key {problem}"
        return UploadResult(file, UploadStatus.FAILED, reason=reason)
    bucket = services.outputs.source_bucket
    checksum = storage.checksum_of(file.path)
    existing = storage.find_object(services.s3, bucket, file.key)
    is_identical = existing is not None and existing.sha256 == checksum
    if existing is not None and is_identical and not options.force:
        result = UploadResult(file, UploadStatus.SKIPPED, existing.stored)
        return _follow_skipped(services, result, existing, options) if options.wait else result
    fmt = format_of(file.path)
    content_type = "application/octet-stream" if fmt is None else fmt.content_type
    if services.api is None:
        stored = storage.put_object(
            services.s3, bucket, file.key, Content.of(file.path.read_bytes(), content_type)
        )
    elif file.path.stat().st_size > rest_api.MAX_BYTES:
        reason = "larger than 10 MB, the limit of API Gateway: use --via s3"
        return UploadResult(file, UploadStatus.FAILED, reason=reason)
    else:
        stored = services.api.put(file.key, file.path, checksum=checksum, content_type=content_type)
    replaced = existing is not None and not is_identical
    result = UploadResult(file, UploadStatus.UPLOADED, stored, replaced)
    return _follow(services, result, stored, options.timeout_s) if options.wait else result


def _follow_skipped(
    services: UploadServices, result: UploadResult, existing: ExistingObject, options: UploadOptions
) -> UploadResult:
    """Wait for the record of an earlier upload only as long as it can still be expected."""
    timeout_s = max(0.0, options.timeout_s - existing.age_s)
    followed = _follow(services, result, existing.stored, timeout_s)
    if followed.status is not UploadStatus.TIMED_OUT:
        return followed
    return replace(
        followed,
        status=UploadStatus.FAILED,
        reason="is stored already, but the function has no record of it",
        hint=Hint("Run {}.", f"reprocess {shlex.quote(result.file.key)}"),
    )


def _follow(
    services: UploadServices, result: UploadResult, stored: StoredObject, timeout_s: float
) -> UploadResult:
    """Wait for the record of this very upload, which its object version identifies."""
    record = records.wait(
        services.dynamodb,
        services.outputs.table,
        resource_id(stored.bucket, stored.key, version_id=stored.version_id),
        timeout_s=timeout_s,
        clock=services.clock,
        sleep=services.sleep,
    )
    if record is None:
        reason = f"timed out after {timeout_s:g} s"
        hint = services.timeout_hint
        return replace(result, status=UploadStatus.TIMED_OUT, reason=reason, hint=hint)
    if record.status is Status.FAILED:
        reason = f"{record.failure_code}: {record.failure_reason}"
        hint = Hint(record.failure_hint or "")  # as it is stored
        failed = UploadStatus.FAILED
        return replace(result, status=failed, record=record, reason=reason, hint=hint)
    return replace(result, record=record)


def _reason(error: Exception, known: ImgctlError | None) -> str:
    if known is not None:
        return known.message
    return (isinstance(error, OSError) and error.strerror) or str(error)
