"""Resizing many files on this machine, each written whole or not at all."""

import hashlib
import os
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

from imgctl.core.errors import ImgctlError, TooLarge
from imgctl.core.limits import MEBIBYTE, Limits
from imgctl.core.record import Record, Status, failure_fields, picture_fields, timestamp
from imgctl.core.recorded_renditions import recorded_renditions
from imgctl.core.renditions import RenditionSet
from imgctl.core.result import ResizeResult
from imgctl.operations.resize_plan import OutputExists, ResizeJob
from imgctl.operations.result_mark import KnownResult, read_mark, spec_digest, write_mark
from imgctl.output_files import output_file
from imgctl.sandbox.parallel import run_in_processes
from imgctl.sandbox.process import Resize

_COMMAND_BYTES = 96 * MEBIBYTE  # of the command itself, and of code that all processes share
_MIN_SHARE_BYTES = 128 * MEBIBYTE  # with less for each job, there are fewer jobs


class OutputNotWritable(ImgctlError):
    """The folder or the file of a result cannot be written."""

    code = "output"


@dataclass(frozen=True, slots=True)
class BatchOptions:
    """How a batch runs: `overwrite` replaces existing results, `skip_existing` keeps any.

    With neither, a result stays if it is what would be made again, and fails its job otherwise.
    `max_memory_bytes` limits the memory of all jobs together; None gives each job as much as the
    function has. `with_hash` hashes each source, for the identity of its record.
    """

    jobs: int
    overwrite: bool = False
    skip_existing: bool = False
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


def resize_files(
    jobs: Sequence[ResizeJob],
    renditions: RenditionSet,
    options: BatchOptions,
    *,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> Generator[ResizeFileResult]:
    """Resize files in parallel processes; yields each result as soon as it is known.

    A failure becomes a FAILED record, as it does in the function, and does not stop the others. An
    image that exceeds its job's share of the memory gets all of it, after the others. Raises
    OutputNotWritable before anything is done if the folder of the results does not allow it.
    """
    batch = _Batch.of(jobs, renditions, options, clock)
    for folder in {job.folder for job in jobs if job.folder is not None}:
        _check_writable(folder)
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


class ResizeAction(StrEnum):
    """What a batch would do with a file, as far as that is known before."""

    RESIZE = "resize"
    SKIP = "skip"
    COMPARE = "compare"  # a result exists, and stays only if it is what would be made again
    REFUSE = "refuse"


@dataclass(frozen=True, slots=True)
class ResizePreview:
    """What would happen to one result of a file, and why it would be refused."""

    source: Path
    destination: Path
    action: ResizeAction
    reason: str = ""


def preview_files(
    jobs: Sequence[ResizeJob], renditions: RenditionSet, options: BatchOptions
) -> Iterator[ResizePreview]:
    """Return what `resize_files` would do, without decoding or writing anything."""
    batch = _Batch.of(jobs, renditions, options, lambda: datetime.now(UTC))
    for job in jobs:
        try:
            job.check(batch.inputs)
            source = job.source.stat()
        except (ImgctlError, OSError) as error:
            reason = _failure(error)["failure_reason"]
            for destination in job.destinations:
                yield ResizePreview(job.source, destination, ResizeAction.REFUSE, reason)
            continue
        for destination, settings in zip(job.destinations, batch.settings, strict=True):
            if not batch.keeps(destination):
                action = ResizeAction.RESIZE
            elif _known_result(destination, batch, settings, source) is None:
                action = ResizeAction.COMPARE
            else:
                action = ResizeAction.SKIP
            yield ResizePreview(job.source, destination, action)


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
    """What all jobs of a batch have in common; `settings` identify how each rendition is made."""

    renditions: RenditionSet
    options: BatchOptions
    settings: tuple[str, ...]
    inputs: set[Path]
    clock: Callable[[], datetime]

    @classmethod
    def of(
        cls,
        jobs: Sequence[ResizeJob],
        renditions: RenditionSet,
        options: BatchOptions,
        clock: Callable[[], datetime],
    ) -> "_Batch":
        """Return what these jobs have in common."""
        return cls(
            renditions=renditions,
            options=options,
            settings=tuple(spec_digest(spec) for spec in renditions.specs),
            inputs={job.source.resolve() for job in jobs},
            clock=clock,
        )

    def keeps(self, destination: Path) -> bool:
        """Return whether a result exists and is not to be replaced."""
        return os.path.lexists(destination) and not self.options.overwrite


def _resize_file(job: ResizeJob, batch: _Batch, limits: Limits, resize: Resize) -> ResizeFileResult:
    values = _job_fields(job, batch)
    sha256, skipped = "", False
    try:
        job.check(batch.inputs)
        kept = [batch.keeps(destination) for destination in job.destinations]
        with job.source.open("rb") as source:
            if batch.options.with_hash:
                sha256 = hashlib.file_digest(source, "sha256").hexdigest()
            known = _results(job, batch, source, kept, partial(resize, limits=limits))
        skipped = all(kept)
        values |= _described(known)
        values["renditions"] = recorded_renditions(
            batch.renditions,
            [str(destination) for destination in job.destinations],
            [(one.fields, one.quality) for one in known],
        )
    except Exception as error:  # one file never stops the others, whatever is wrong with it
        values |= _failure(error)
    # A file has no version: its content is its identity.
    record = Record(resource_id=sha256[:32], source_sha256=sha256 or None, **values)
    return ResizeFileResult(job, record, skipped)


def _results(
    job: ResizeJob,
    batch: _Batch,
    source: BinaryIO,
    kept: Sequence[bool],
    resize: Callable[..., list[ResizeResult]],
) -> list[KnownResult]:
    """Make and write what is not there yet; return what is known of each result.

    Nothing is written if any existing result has other content.
    """
    stat = os.fstat(source.fileno())
    known = [
        _known_result(destination, batch, settings, stat) if is_kept else None
        for destination, settings, is_kept in zip(
            job.destinations, batch.settings, kept, strict=True
        )
    ]
    wanted = [index for index, one in enumerate(known) if one is None]
    specs = [batch.renditions.specs[index] for index in wanted]
    made = dict(zip(wanted, resize(source, specs) if specs else [], strict=True))
    for index, result in made.items():
        if kept[index] and not _is_same(job.destinations[index], result.data):
            raise _exists(job.destinations[index])
    for index, result in made.items():
        known[index] = one = KnownResult(picture_fields(result), result.quality)
        if not kept[index]:
            _write(job, index, result.data, stat, batch, one)
    return [one for one in known if one is not None]


def _described(known: Sequence[KnownResult]) -> dict[str, Any]:
    """Return the fields of the first result; if nothing is known of it, those of the original."""
    if known[0].fields:
        return known[0].fields
    fields = next((one.fields for one in known if one.fields), {})
    return {name: value for name, value in fields.items() if name.startswith("original_")}


def _known_result(
    destination: Path, batch: _Batch, settings: str, source: os.stat_result
) -> KnownResult | None:
    """Return what is known of an existing result that is to stay; None if it has to be compared."""
    known = read_mark(destination, source, settings)
    return KnownResult() if known is None and batch.options.skip_existing else known


def _job_fields(job: ResizeJob, batch: _Batch) -> dict[str, Any]:
    return {
        "original_object_key": str(job.source),
        "resized_object_key": str(job.destinations[0]),
        "processing_time": timestamp(batch.clock()),
    }


def _failure(error: Exception) -> dict[str, Any]:
    failed: dict[str, Any] = {"status": Status.FAILED, "resized_object_key": None}
    if isinstance(error, ImgctlError):
        return failed | failure_fields(error)
    reason = error.strerror if isinstance(error, OSError) else None
    return failed | {
        "failure_code": "file" if reason else "internal",
        "failure_reason": reason or f"{type(error).__name__}: {error}",
    }


def _exists(destination: Path) -> OutputExists:
    return OutputExists(
        f"{destination} already exists with different content.",
        hint="Use --overwrite to replace it.",
    )


def _is_same(path: Path, data: bytes) -> bool:
    is_file = path.is_file() and not path.is_symlink()
    return is_file and path.stat().st_size == len(data) and path.read_bytes() == data


def _write(
    job: ResizeJob,
    index: int,
    data: bytes,
    source: os.stat_result,
    batch: _Batch,
    known: KnownResult,
) -> None:
    """Write a result atomically; without `overwrite` an existing one is never replaced."""
    destination, mode = job.destinations[index], source.st_mode & 0o777
    try:
        destination.parent.mkdir(parents=True, exist_ok=True)
        with output_file(destination, mode=mode, overwrite=batch.options.overwrite) as file:
            file.write(data)
            file.flush()
            write_mark(file.fileno(), source, batch.settings[index], known)
    except OSError as error:
        if isinstance(error, FileExistsError) and destination.parent.is_dir():
            raise _exists(destination) from error  # it was created after the check
        raise _not_writable(destination, error.strerror or str(error)) from error


def _check_writable(folder: Path) -> None:
    """Raise OutputNotWritable if the folder cannot be created, or is closed to this user."""
    existing = next(path for path in (folder, *folder.absolute().parents) if os.path.lexists(path))
    if not existing.is_dir():
        raise _not_writable(folder, f"{existing} is not a folder")
    if not os.access(existing, os.W_OK | os.X_OK):
        raise _not_writable(folder, "Permission denied")


def _not_writable(path: Path, reason: str) -> OutputNotWritable:
    return OutputNotWritable(
        f"Could not write to {path}: {reason}.",
        hint="Choose another folder with -o, or change its permissions.",
    )
