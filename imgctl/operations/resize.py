"""Resizing many files on this machine, each written whole or not at all."""

import hashlib
import os
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from imgctl.core.errors import ImgctlError, InvalidInput, TooLarge
from imgctl.core.formats import ImageFormat
from imgctl.core.keys import output_name
from imgctl.core.limits import MEBIBYTE, Limits
from imgctl.core.record import Record, Status, failure_fields, picture_fields, timestamp
from imgctl.core.spec import ResizeSpec
from imgctl.operations.input_files import InputFile
from imgctl.operations.result_mark import read_mark, settings_digest, write_mark
from imgctl.output_files import output_file
from imgctl.sandbox.parallel import run_in_processes
from imgctl.sandbox.process import Resize

_COMMAND_BYTES = 96 * MEBIBYTE  # of the command itself, and of code that all processes share
_MIN_SHARE_BYTES = 128 * MEBIBYTE  # with less for each job, there are fewer jobs


class OutputExists(ImgctlError):
    """The result's file already exists, or is one of the inputs."""

    code = "exists"


class OutsideFolder(ImgctlError):
    """The result would be written outside of the folder that the user named."""

    code = "outside"


@dataclass(frozen=True, slots=True)
class ResizeJob:
    """One file to resize, and the file to write: below `folder`, if the user named one."""

    source: Path
    destination: Path
    folder: Path | None = None


@dataclass(frozen=True, slots=True)
class BatchOptions:
    """How a batch runs: `overwrite` replaces existing results.

    `max_memory_bytes` limits the memory of all jobs together; None gives each job as much as the
    function has. `with_hash` hashes each source, for the identity of its record.
    """

    jobs: int
    overwrite: bool = False
    max_memory_bytes: int | None = None
    with_hash: bool = False


@dataclass(frozen=True, slots=True)
class ResizeFileResult:
    """What happened to one file: the record that the function would have stored.

    `skipped` if the same result was there.
    """

    job: ResizeJob
    record: Record
    skipped: bool = False

    @property
    def failed(self) -> bool:
        """Whether there is no result."""
        return self.record.failure_code is not None


def plan_jobs(
    files: Iterable[InputFile],
    *,
    prefix: str,
    folder: Path | None = None,
    converted_to: ImageFormat | None = None,
) -> list[ResizeJob]:
    """Return a job for each file: its result lies beside it, or under `folder` by its name.

    Raises InvalidInput where two results would share a file.
    """
    by_destination: dict[Path, ResizeJob] = {}
    for file in files:
        name = output_name(file.path.name, prefix, converted_to)
        if folder is None:
            destination = file.path.with_name(name)
        else:
            destination = folder / Path(*file.name.parts[:-1]) / name
        job = ResizeJob(file.path, destination, folder)
        other = by_destination.setdefault(destination.absolute(), job)
        if other is not job:
            raise InvalidInput(
                f"{other.source} and {job.source} would both become {destination}.",
                hint="Resize them into different folders.",
            )
    return list(by_destination.values())


def resize_files(
    jobs: Sequence[ResizeJob],
    spec: ResizeSpec,
    options: BatchOptions,
    *,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> Generator[ResizeFileResult]:
    """Resize files in parallel processes; yields each result as soon as it is known.

    A failure becomes a FAILED record, as it does in the function, and does not stop the others. An
    image that exceeds its job's share of the memory gets all of it, after the others.
    """
    batch = _Batch(
        spec=spec,
        options=options,
        settings=settings_digest(spec),
        inputs={job.source.resolve() for job in jobs},
        clock=clock,
    )
    count, share, whole = _divide_memory(options)
    tasks = [partial(_resize_file, job, batch, share) for job in jobs]
    too_large = []
    with closing(run_in_processes(tasks, count)) as results:
        for result in results:
            if result.record.failure_code == TooLarge.code and share != whole:
                too_large.append(result.job)
            else:
                yield result
    tasks = [partial(_resize_file, job, batch, whole) for job in too_large]
    with closing(run_in_processes(tasks, 1)) as results:
        yield from results


def _divide_memory(options: BatchOptions) -> tuple[int, Limits, Limits]:
    """Return the number of processes, the limits of each, and the limits of one on its own."""
    if options.max_memory_bytes is None:
        return options.jobs, Limits(), Limits()
    available_bytes = options.max_memory_bytes - _COMMAND_BYTES
    count = max(1, min(options.jobs, available_bytes // _MIN_SHARE_BYTES))
    return count, Limits.for_process(available_bytes // count), Limits.for_process(available_bytes)


def available_cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@dataclass(frozen=True, slots=True, kw_only=True)
class _Batch:
    """What all jobs of a batch have in common."""

    spec: ResizeSpec
    options: BatchOptions
    settings: str
    inputs: set[Path]
    clock: Callable[[], datetime]


def _resize_file(job: ResizeJob, batch: _Batch, limits: Limits, resize: Resize) -> ResizeFileResult:
    options = batch.options
    values: dict[str, Any] = {
        "original_object_key": str(job.source),
        "processing_time": timestamp(batch.clock()),
    }
    sha256, skipped = "", False
    try:
        _check_destination(job, batch.inputs)
        exists = os.path.lexists(job.destination) and not options.overwrite
        with job.source.open("rb") as source:
            if options.with_hash:
                sha256 = hashlib.file_digest(source, "sha256").hexdigest()
            stat = os.fstat(source.fileno())
            known = read_mark(job.destination, stat, batch.settings) if exists else None
            result = resize(source, batch.spec, limits) if known is None else None
        if result is not None:
            known = picture_fields(result.original, result.resized, result.notes)
            if exists and not _is_same(job.destination, result.data):
                raise _exists(job)
            if not exists:
                _write(job, result.data, stat, batch, known)
        skipped = exists
        values |= {**(known or {}), "resized_object_key": str(job.destination)}
    except Exception as error:  # one file never stops the others, whatever is wrong with it
        values |= _failure(error)
    # A file has no version: its content is its identity.
    record = Record(resource_id=sha256[:32], source_sha256=sha256 or None, **values)
    return ResizeFileResult(job, record, skipped)


def _failure(error: Exception) -> dict[str, Any]:
    if isinstance(error, ImgctlError):
        return failure_fields(error)
    reason = error.strerror if isinstance(error, OSError) else None
    return {
        "status": Status.FAILED,
        "failure_code": "file" if reason else "internal",
        "failure_reason": reason or f"{type(error).__name__}: {error}",
    }


def _check_destination(job: ResizeJob, inputs: set[Path]) -> None:
    if job.destination.resolve() in inputs:
        raise OutputExists(
            f"{job.destination} is also an input file.", hint="Choose another folder with -o."
        )
    parent = job.destination.parent.resolve()
    if job.folder is not None and not parent.is_relative_to(job.folder.resolve()):
        raise OutsideFolder(
            f"{job.destination.parent} leads out of {job.folder} through a link.",
            hint="Remove the link, or choose another folder with -o.",
        )


def _exists(job: ResizeJob) -> OutputExists:
    return OutputExists(
        f"{job.destination} already exists with different content.",
        hint="Use --overwrite to replace it.",
    )


def _is_same(path: Path, data: bytes) -> bool:
    is_file = path.is_file() and not path.is_symlink()
    return is_file and path.stat().st_size == len(data) and path.read_bytes() == data


def _write(
    job: ResizeJob, data: bytes, source: os.stat_result, batch: _Batch, fields: Mapping[str, Any]
) -> None:
    """Write a result atomically; without `overwrite` an existing one is never replaced."""
    job.destination.parent.mkdir(parents=True, exist_ok=True)
    try:
        mode = source.st_mode & 0o777
        with output_file(job.destination, mode=mode, overwrite=batch.options.overwrite) as file:
            file.write(data)
            file.flush()
            write_mark(file.fileno(), source, batch.settings, fields)
    except FileExistsError as error:  # it was created after the check
        raise _exists(job) from error
