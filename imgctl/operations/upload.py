"""Uploading files, and following each upload to its record.

Threads take one file after another: read it, compare it with what its key holds, and send it. Each
file is under way on its own, so that reading, hashing, sending and waiting overlap, and only what
is under way is in memory.
"""

import os
import shlex
import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from queue import SimpleQueue
from threading import Event, Lock, Thread
from typing import TYPE_CHECKING

from imgctl.aws import records
from imgctl.aws.content import Content
from imgctl.aws.errors import AccessError, translate
from imgctl.aws.stack import StackOutputs
from imgctl.aws.storage import StoredObject
from imgctl.core.errors import Hint, ImgctlError, PictureError, TooLarge
from imgctl.core.keys import resource_id
from imgctl.core.record import Record, Status
from imgctl.operations.input_files import LeftOut
from imgctl.operations.record_poller import RecordPoller
from imgctl.operations.upload_comparison import Job, compared, jobs
from imgctl.operations.upload_content import opened_image
from imgctl.operations.upload_keys import UploadFile, key_problem

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_s3 import S3Client

    from imgctl.aws.object_writer import ObjectWriter


class UploadStatus(StrEnum):
    """What happened to one file."""

    UPLOADED = "uploaded"
    SKIPPED = "skipped"
    FAILED = "failed"
    TIMED_OUT = "timed_out"


@dataclass(frozen=True, slots=True)
class UploadOptions:
    """How files are uploaded.

    With `force`, also those whose content is stored already, and named files that are no images.
    With `wait`, each upload is followed to its record, for at most `timeout_s` seconds.
    """

    wait: bool
    timeout_s: float
    jobs: int
    force: bool


@dataclass(frozen=True, slots=True)
class UploadServices:
    """What uploads work with.

    `writer` stores objects in the source bucket. `dynamodb` is needed to wait only.
    `timeout_hint` says where to look if a result does not come. `on_begin` is called with a file
    that is about to be compared and sent, `on_end` with its size when it is sent or will not be,
    and `on_note` with what only --verbose shows; all are called by several threads.
    """

    s3: "S3Client"
    outputs: StackOutputs
    timeout_hint: Hint
    writer: "ObjectWriter"
    dynamodb: "DynamoDBClient | None" = None
    on_begin: Callable[[UploadFile, Content], None] = lambda file, content: None  # noqa: ARG005
    on_end: Callable[[UploadFile, int], None] = lambda file, size: None  # noqa: ARG005
    on_note: Callable[[str], None] = lambda note: None  # noqa: ARG005
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


def upload_files(
    services: UploadServices, files: Sequence[UploadFile], options: UploadOptions
) -> Generator[UploadResult | LeftOut]:
    """Upload files in parallel; yields what became of each as soon as it is known.

    Files that were found in a folder and are no images are left out. A file that fails does not
    stop the others. Raises AccessError, or the error of botocore that means it, which would fail
    them all. When the generator is closed or interrupted, nobody waits for what is being sent; S3
    stores an object whole or not at all.
    """
    run = _Run(services, files, options)
    try:
        yield from run.outcomes()
    finally:
        run.stop()


@dataclass(frozen=True, slots=True)
class _Followed:
    """A stored file whose record is waited for."""

    result: UploadResult
    stored: StoredObject
    timeout_s: float


class _Run:
    """One run of `upload_files`: its threads, and what they share."""

    def __init__(
        self, services: UploadServices, files: Sequence[UploadFile], options: UploadOptions
    ) -> None:
        self._services = services
        self._options = options
        self._count = len(files)
        self._jobs = jobs(services.s3, services.outputs.source_bucket, files, services.on_note)
        self._taking, self._stopping = Lock(), Event()
        self._outcomes: SimpleQueue[UploadResult | LeftOut | Exception] = SimpleQueue()
        self._poller = RecordPoller[_Followed](
            self._read_records, self._settle, clock=services.clock, sleep=services.sleep
        )

    def outcomes(self) -> Iterator[UploadResult | LeftOut]:
        """Start the threads, and yield an outcome for each file."""
        work = [self._send_files] * min(self._options.jobs, self._count)
        work += [self._poller.run] if self._options.wait else []
        for target in work:
            Thread(target=self._guarded, args=(target,), daemon=True).start()
        for _ in range(self._count):
            outcome = self._outcomes.get()
            if isinstance(outcome, Exception):
                raise outcome
            yield outcome

    def _read_records(self, ids: Sequence[str]) -> Mapping[str, Record]:
        assert self._services.dynamodb is not None
        return records.get_many(self._services.dynamodb, self._services.outputs.table, ids)

    def _settle(self, followed: _Followed, record: Record | None) -> None:
        self._outcomes.put(_with_record(followed, record, self._services.timeout_hint))

    def stop(self) -> None:
        """Let the threads end when they are done with what they are doing."""
        self._stopping.set()
        self._poller.stop()

    def _guarded(self, work: Callable[[], None]) -> None:
        try:
            work()
        except Exception as error:  # raised where the outcomes are read
            self._outcomes.put(error)

    def _send_files(self) -> None:
        while not self._stopping.is_set():
            with self._taking:
                job = next(self._jobs, None)
            if job is None:
                return
            outcome = self._outcome(job)
            size = 0
            with suppress(OSError):
                size = os.stat(job.file.path).st_size  # noqa: PTH116 (cheaper)
            self._services.on_end(job.file, size)
            if isinstance(outcome, _Followed):
                stored = outcome.stored
                identity = resource_id(stored.bucket, stored.key, version_id=stored.version_id)
                self._poller.follow(outcome, identity, outcome.timeout_s)
            else:
                self._outcomes.put(outcome)

    def _outcome(self, job: Job) -> UploadResult | LeftOut | _Followed:
        """Store a file unless that must not or need not be done, and say what became of it."""
        try:
            return self._store(job)
        except AccessError:
            raise  # the next file would fail as well
        except PictureError as error:
            if not job.file.is_named and not isinstance(error, TooLarge):
                return LeftOut(Path(job.file.path), error.message)
            return _refused(job.file, error)
        except Exception as error:
            known = error if isinstance(error, ImgctlError) else translate(error)
            if isinstance(known, AccessError) or (known is None and not isinstance(error, OSError)):
                raise
            hint = Hint(known.hint) if known is not None and known.hint else None
            reason = _reason(error, known)
            return UploadResult(job.file, UploadStatus.FAILED, reason=reason, hint=hint)

    def _store(self, job: Job) -> UploadResult | _Followed:
        file, options, services = job.file, self._options, self._services
        if problem := key_problem(file.key):
            return UploadResult(file, UploadStatus.FAILED, reason=f"the key {problem}")
        sends_all = options.force and file.is_named
        with opened_image(file.path, sends_all=sends_all) as content:
            services.on_begin(file, content)
            existing, is_same = compared(services.s3, services.outputs.source_bucket, job, content)
            if existing is not None and is_same and not options.force:
                skipped = UploadResult(file, UploadStatus.SKIPPED, existing.stored)
                # An earlier upload's record is expected only for as long as a new one's.
                timeout_s = max(0.0, options.timeout_s - existing.age_s)
                return _Followed(skipped, existing.stored, timeout_s) if options.wait else skipped
            stored = services.writer.put(file.key, content)
        replaced = existing is not None and not is_same
        result = UploadResult(file, UploadStatus.UPLOADED, stored, replaced)
        return _Followed(result, stored, options.timeout_s) if options.wait else result


def _with_record(followed: _Followed, record: Record | None, timeout_hint: Hint) -> UploadResult:
    """Return what became of an upload, by its record; None if it did not appear in time."""
    result, failed = followed.result, UploadStatus.FAILED
    if record is not None and record.status is Status.FAILED:
        reason = f"{record.failure_code}: {record.failure_reason}"
        hint = Hint(record.failure_hint or "")  # as it is stored
        return replace(result, status=failed, record=record, reason=reason, hint=hint)
    if record is not None:
        return replace(result, record=record)
    if result.status is UploadStatus.SKIPPED:
        reason = "is stored already, but the function has no record of it"
        hint = Hint("Run {}.", f"reprocess {shlex.quote(result.file.key)}")
        return replace(result, status=failed, reason=reason, hint=hint)
    reason = f"timed out after {followed.timeout_s:g} s"
    timed_out = UploadStatus.TIMED_OUT
    return replace(result, status=timed_out, reason=reason, hint=timeout_hint)


def _refused(file: UploadFile, error: PictureError) -> UploadResult:
    """Return the result of a file that the function could not process."""
    hint = Hint("Use --force to upload it anyway.")
    if isinstance(error, TooLarge):
        hint = Hint(error.hint)
    reason = error.message
    return UploadResult(file, UploadStatus.FAILED, reason=reason, hint=hint)


def _reason(error: Exception, known: ImgctlError | None) -> str:
    if known is not None:
        return known.message
    return (isinstance(error, OSError) and error.strerror) or str(error)
