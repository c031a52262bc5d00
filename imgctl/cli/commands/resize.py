"""`imgctl resize`."""

import logging
import os
import sys
import tempfile
import warnings
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from imgctl.cli.app import App, app_of
from imgctl.cli.options import Command
from imgctl.core.errors import ImgctlError
from imgctl.core.keys import output_name
from imgctl.operations.input_files import Input, find_inputs

if TYPE_CHECKING:
    from imgctl.core.record import Record
    from imgctl.core.spec import ResizeSpec

_FORMATS = ["jpeg", "png", "webp", "gif", "tiff", "bmp", "avif"]


class OutputExists(ImgctlError):
    """The output is there already, or is an input."""

    code = "exists"


@dataclass(frozen=True, slots=True)
class Job:
    """One file to resize, and where to."""

    source: Path
    destination: Path


@click.command(cls=Command, epilog="Example: imgctl resize holiday/ -o small/ --fit 1600x1600")
@click.argument("paths", nargs=-1, required=True, metavar="PATH...")
@click.option(
    "-o", "--output", type=click.Path(path_type=Path, file_okay=False),
    help="Folder for the results.  [default: beside each picture]",
)  # fmt: skip
@click.option("--recursive", is_flag=True, help="Take folders in folders too.")
@click.option("--scale", help="Multiply both sides by this.  [default: the setting scale, 0.5]")
@click.option("--width", type=click.IntRange(1), help="Fit this width.")
@click.option("--height", type=click.IntRange(1), help="Fit this height.")
@click.option("--fit", metavar="WxH", help="Fit into this box.")
@click.option("--format", "to_format", type=click.Choice(_FORMATS), help="Convert to this format.")
@click.option(
    "--quality",
    type=click.IntRange(1, 100),
    help="Of JPEG, WebP and AVIF.  [default: the setting quality]",
)
@click.option(
    "--metadata", type=click.Choice(["safe", "all", "none"]), default="safe", show_default=True,
    help="Keep EXIF without the position; or all; or none.",
)  # fmt: skip
@click.option("--high-quality", is_flag=True, help="Filter every pixel with Lanczos; slower.")
@click.option("--jobs", type=click.IntRange(1, 256), help="At once.  [default: one a core]")
@click.option("--overwrite", is_flag=True, help="Replace results that are there already.")
@click.pass_context
def resize(
    context: click.Context,
    *,
    paths: tuple[str, ...],
    output: Path | None,
    recursive: bool,
    scale: str | None,
    width: int | None,
    height: int | None,
    fit: str | None,
    to_format: str | None,
    quality: int | None,
    metadata: str,
    high_quality: bool,
    jobs: int | None,
    overwrite: bool,
) -> int:
    """Resize images on this machine, as the function does in AWS.

    The same core gives the same bytes. Pictures are never enlarged, and no input is overwritten.
    """
    from imgctl.core.formats import ImageFormat
    from imgctl.core.spec import MetadataPolicy, ResizeSpec

    app = app_of(context)
    default_scale = app.settings.stack_settings.scale
    spec = ResizeSpec(
        target=_target(scale, width, height, fit, default_scale),
        format=ImageFormat(to_format.upper()) if to_format else None,
        quality=app.settings.stack_settings.quality if quality is None else quality,
        high_quality=high_quality,
        metadata=MetadataPolicy(metadata),
    )
    prefix = app.settings.stack_settings.prefix
    inputs = find_inputs(paths, recursive=recursive, skip_prefix=prefix)
    if inputs.note:
        app.ui.info(inputs.note)
    todo = [Job(i.path, _destination(i, output, prefix, spec)) for i in inputs.files]
    _check_collisions(todo)
    records = _run(app, todo, spec, jobs or _cores(), overwrite=overwrite)
    return _report(app, records)


def _target(
    scale: str | None, width: int | None, height: int | None, fit: str | None, default_scale: str
) -> Any:
    from imgctl.core.spec import Fit, Scale

    if sum((scale is not None, width is not None or height is not None, fit is not None)) > 1:
        raise click.UsageError("Give one of --scale, --fit, or --width and --height.")
    try:
        if fit is not None:
            across, _, down = fit.lower().partition("x")
            return Fit(int(across), int(down))
        if width is not None or height is not None:
            return Fit(width, height)
        return Scale(Fraction(scale or default_scale))
    except (ValueError, ZeroDivisionError) as error:
        what = f"--fit {fit}: give it as 1600x1200" if fit else f"--scale {scale}: {error}"
        raise click.UsageError(f"{what}.") from error


def _destination(entry: Input, output: Path | None, prefix: str, spec: "ResizeSpec") -> Path:
    name = output_name(entry.path.name, prefix, spec.format)
    if output is None:
        return entry.path.with_name(name)
    return output / Path(*entry.name.parts[:-1]) / name


def _check_collisions(todo: list[Job]) -> None:
    by_destination: dict[Path, Job] = {}
    for job in todo:
        other = by_destination.setdefault(job.destination.absolute(), job)
        if other is not job:
            raise click.UsageError(
                f"{other.source} and {job.source} would both become {job.destination}:"
                " resize them into different folders."
            )


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _run(
    app: App, todo: list[Job], spec: "ResizeSpec", jobs: int, *, overwrite: bool
) -> list["Record"]:
    """Resize all, going on after a failure; the records stand in the order of the jobs."""
    # What Pillow murmurs about a damaged file is said by the file's own record.
    logging.getLogger("PIL").addHandler(logging.NullHandler())
    warnings.filterwarnings("ignore", module="PIL")
    inputs = {job.source.resolve() for job in todo}
    mode = _usual_mode()  # here, because the mask is the whole process's
    records: dict[Path, Record] = {}
    # Pillow works without the lock of the interpreter; a thread that comes back waits up to 5 ms
    # for it by default, an eighth of what a photograph takes.
    sys.setswitchinterval(0.0002)
    pool = ThreadPoolExecutor(jobs)
    try:
        futures = {
            pool.submit(
                resize_file,
                job,
                spec,
                inputs=inputs,
                mode=mode,
                overwrite=overwrite,
                hashed=app.ui.json_wanted,
            ): job
            for job in todo
        }
        with app.ui.progress("Resizing", len(todo)) as step:
            for future in as_completed(futures):
                job = futures[future]
                records[job.source] = future.result()
                _tell(app, job, records[job.source])
                step(1)
    finally:
        pool.shutdown(cancel_futures=True)
    return [records[job.source] for job in todo]


def resize_file(
    job: Job, spec: "ResizeSpec", *, inputs: set[Path], mode: int, overwrite: bool, hashed: bool
) -> "Record":
    """Resize one file; a failure becomes a FAILED record, as it does in the function.

    The source is only hashed, for the record's identity, where the record will be shown.
    """
    import hashlib
    from datetime import UTC, datetime

    from imgctl.core.limits import Limits
    from imgctl.core.record import Record, Status, failure_fields, picture_fields, timestamp
    from imgctl.core.resize import resize as resize_image

    known: dict[str, Any] = {
        "original_object_key": str(job.source),
        "processing_time": timestamp(datetime.now(UTC)),
    }
    sha256 = ""
    try:
        if job.destination.resolve() in inputs:
            raise OutputExists(
                f"{job.destination} is an input itself.", hint="Choose another folder with -o."
            )
        if job.destination.exists() and not overwrite:
            raise _exists(job)
        with job.source.open("rb") as source:
            if hashed:
                sha256 = hashlib.file_digest(source, "sha256").hexdigest()
            result = resize_image(source, spec, Limits())
        _write(job, result.data, mode=mode, overwrite=overwrite)
    except ImgctlError as error:
        known |= failure_fields(error)
    except Exception as error:
        # One file never stops the others, whatever is wrong with it.
        told = error.strerror if isinstance(error, OSError) else None
        known |= {
            "status": Status.FAILED,
            "failure_code": "file" if told else "internal",
            "failure_reason": told or f"{type(error).__name__}: {error}",
        }
    else:
        known |= picture_fields(result.original, result.resized, result.notes)
        known |= {"resized_object_key": str(job.destination)}
    # A file has no version: its content is its identity.
    return Record(resource_id=sha256[:32], source_sha256=sha256 or None, **known)


def _exists(job: Job) -> OutputExists:
    return OutputExists(f"{job.destination} exists.", hint="Replace it with --overwrite.")


def _usual_mode() -> int:
    """Give the mode that a new file gets here."""
    mask = os.umask(0)
    os.umask(mask)
    return 0o666 & ~mask


def _publish_new(unfinished: Path, destination: Path) -> None:
    """Give a file its name, failing where the name is taken, as far as the file system can."""
    try:
        destination.hardlink_to(unfinished)
    except FileExistsError:
        raise
    except OSError:  # a file system without links
        unfinished.rename(destination)


def _write(job: Job, data: bytes, *, mode: int, overwrite: bool) -> None:
    """Write a file so that it is there whole or not at all, and replaces nothing unasked."""
    folder = job.destination.parent
    folder.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=".imgctl-", dir=folder)
    unfinished = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        unfinished.chmod(mode)
        if overwrite:
            unfinished.replace(job.destination)
        else:
            _publish_new(unfinished, job.destination)
    except FileExistsError as error:  # it came between the look and the write
        raise _exists(job) from error
    finally:
        unfinished.unlink(missing_ok=True)


def _tell(app: App, job: Job, record: "Record") -> None:
    from imgctl.cli.text import Line, printable

    if record.failure_code is not None:
        hint = f" {record.failure_hint}" if record.failure_hint else ""
        reason = printable(f"{record.failure_reason}{hint}")
        app.ui.print(Line("failed", "red", f"{printable(str(job.source))}  {reason}"))
    else:
        size = f"  {record.dimension_reduction}"
        app.ui.print(Line("resized", "green", printable(str(job.destination)), size))


def _report(app: App, records: list["Record"]) -> int:
    from imgctl.cli.text import size_text
    from imgctl.core.record import to_plain

    failed = sum(record.failure_code is not None for record in records)
    before = sum(record.original_file_size or 0 for record in records)
    after = sum(record.resized_file_size or 0 for record in records)
    resized = len(records) - failed
    app.ui.info(f"{resized} resized, {failed} failed, {size_text(before)} → {size_text(after)}")
    document = {
        "records": [to_plain(record) for record in records],
        "totals": {"resized": resized, "failed": failed},
    }
    app.ui.result(document, "")
    return 1 if failed else 0
