"""Downloading results, or originals, into a folder."""

import hashlib
import os
import re
from collections.abc import Generator, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from imgctl.aws import audit, records, storage
from imgctl.aws.errors import AccessError, translate
from imgctl.core.errors import ImgctlError
from imgctl.core.record import Record, Status
from imgctl.operations.history import RecordQuery, find_records
from imgctl.output_files import new_file_mode

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_s3 import S3Client

# What no file name can contain, or what a terminal could obey.
_NOT_IN_PATHS = re.compile(r"[\x00-\x1f\x7f]")


class DownloadStatus(StrEnum):
    """What happened to one file."""

    DOWNLOADED = "downloaded"
    SKIPPED = "skipped"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class DownloadOptions:
    """How files are downloaded: into `folder`, originals or results.

    `renditions` are the names of those that are wanted; none means all. `overwrite` replaces files
    that have other content.
    """

    folder: Path
    original: bool = False
    renditions: tuple[str, ...] = ()
    overwrite: bool = False
    jobs: int = 8


@dataclass(frozen=True, slots=True)
class DownloadFile:
    """An object to download; `reason` says why it cannot be. `version_id` may be empty."""

    source_key: str
    bucket: str = ""
    key: str = ""
    version_id: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class DownloadResult:
    """What happened to one object; `path` is None where it has none."""

    file: DownloadFile
    status: DownloadStatus
    path: Path | None = None
    size: int = 0
    reason: str = ""


def records_of_keys(
    dynamodb: "DynamoDBClient", table: str, keys: Iterable[str]
) -> Iterator[tuple[str, Record | None]]:
    """Return each key with the record of its last upload that had a result; None if none had."""
    for key in dict.fromkeys(keys):
        yield key, next(filter(_has_result, records.of_key(dynamodb, table, key)), None)


def keys_with_prefix(s3: "S3Client", bucket: str, prefix: str) -> Iterator[str]:
    """List the keys of the originals with a prefix."""
    for page in audit.list_source_objects(s3, bucket, prefix=prefix):
        yield from (source.key for source in page)


def records_since(
    dynamodb: "DynamoDBClient", table: str, since: str
) -> Iterator[tuple[str, Record | None]]:
    """Return each key with a result since then (ISO 8601), and its newest record of one."""
    seen = set()
    query = RecordQuery(since=since, status=Status.SUCCEEDED)
    for record in find_records(dynamodb, table, query):
        key = record.original_object_key or ""
        if key not in seen:
            seen.add(key)
            yield key, record


def _has_result(record: Record) -> bool:
    # One that was superseded later keeps how long it took to store its outputs.
    return record.status is Status.SUCCEEDED or (
        record.status is Status.SUPERSEDED and record.store_ms is not None
    )


def files_of(key: str, record: Record | None, options: DownloadOptions) -> list[DownloadFile]:
    """Return what is to be downloaded for one original, or why nothing can be."""
    if record is not None and options.original:
        bucket, version_id = record.original_bucket or "", record.version_id or ""
        return [DownloadFile(key, bucket, key, version_id)]
    if record is None or not record.outputs:
        return [DownloadFile(key, reason="has no result")]
    bucket = record.resized_bucket or ""
    if not options.renditions:
        return [DownloadFile(key, bucket, output.key) for output in record.outputs]
    by_name = {output.name: output.key for output in record.outputs}
    return [
        DownloadFile(key, bucket, by_name[name])
        if name in by_name
        else DownloadFile(key, reason=f"has no rendition {name}")
        for name in options.renditions
    ]


def local_path(key: str, folder: Path) -> Path:
    """Return the file below a folder that a key stands for.

    Whoever uploads chooses the key. Raises ValueError for one that is no path below the folder.
    """
    if not {"", ".", ".."}.isdisjoint(key.split("/")) or _NOT_IN_PATHS.search(key):
        raise ValueError("the key is not a path below the folder")
    return folder.joinpath(*PurePosixPath(key).parts)


def download_files(
    s3: "S3Client", files: Sequence[DownloadFile], options: DownloadOptions
) -> Generator[DownloadResult]:
    """Download files in parallel; yields each result as soon as it is known.

    A file appears when it is complete. One with the same content is skipped. A file that fails does
    not stop the others. Raises AccessError, which would fail them all.
    """
    mode = new_file_mode()  # before there are threads
    root = options.folder.resolve()

    def download(file: DownloadFile) -> DownloadResult:
        return _download(s3, file, options, root, mode)

    pool = ThreadPoolExecutor(options.jobs)
    try:
        for future in as_completed([pool.submit(download, file) for file in files]):
            yield future.result()
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def _download(
    s3: "S3Client", file: DownloadFile, options: DownloadOptions, root: Path, mode: int
) -> DownloadResult:
    path: Path | None = None
    try:
        if file.reason:
            raise ValueError(file.reason)
        path = local_path(file.key, options.folder)
        if not path.parent.resolve().is_relative_to(root):
            raise ValueError("a link leads out of the folder")
        if os.path.lexists(path) and not options.overwrite:
            return _compare(s3, file, path)
        path.parent.mkdir(parents=True, exist_ok=True)
        size = storage.download(
            s3, file.bucket, file.key, path,
            version_id=file.version_id, mode=mode, overwrite=options.overwrite,
        )  # fmt: skip
    except AccessError:
        raise
    except (ValueError, OSError, ClientError, BotoCoreError, ImgctlError) as error:
        known = error if isinstance(error, ImgctlError) else translate(error)
        if isinstance(known, AccessError):
            raise known from error
        reason = known.message if known is not None else getattr(error, "strerror", None)
        return DownloadResult(file, DownloadStatus.FAILED, path, reason=reason or str(error))
    return DownloadResult(file, DownloadStatus.DOWNLOADED, path, size)


def _compare(s3: "S3Client", file: DownloadFile, path: Path) -> DownloadResult:
    """Skip a file that has the object's content; others are not replaced unasked."""
    if path.is_file() and not path.is_symlink():
        stored = storage.stored_content(s3, file.bucket, file.key, version_id=file.version_id)
        if (path.stat().st_size, _sha256(path)) == (stored.size, stored.sha256):
            return DownloadResult(file, DownloadStatus.SKIPPED, path, stored.size)
    raise ValueError("exists with other content: use --overwrite to replace it")


def _sha256(path: Path) -> bytes:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").digest()
