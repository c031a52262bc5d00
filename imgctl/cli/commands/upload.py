"""`imgctl upload`."""

import re
import sys
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from enum import StrEnum
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

import click

from imgctl.cli.app import App, app_of
from imgctl.cli.options import Command
from imgctl.core.errors import ImgctlError
from imgctl.operations.input_files import Input, find_inputs, format_of

if TYPE_CHECKING:
    from imgctl.aws.storage import StoredObject
    from imgctl.cli.text import Line
    from imgctl.core.record import Record


# Control characters (S3 User Guide, "Characters to avoid") and what is not Unicode at all.
_UNFIT_FOR_KEYS = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")


class UploadStatus(StrEnum):
    """What became of one file."""

    UPLOADED = "uploaded"
    SKIPPED = "skipped"
    FAILED = "failed"
    TIMED_OUT = "timed_out"


@dataclass(frozen=True, slots=True)
class UploadOptions:
    """How files are to be uploaded."""

    via: str
    wait: bool
    timeout_s: float
    jobs: int
    force: bool


@dataclass(frozen=True, slots=True)
class UploadResult:
    """One file's outcome, with the record that the function wrote where that was waited for."""

    key: str
    path: str
    outcome: UploadStatus
    stored: "StoredObject | None" = None
    record: "Record | None" = None
    reason: str = ""


@click.command(cls=Command, epilog="Example: imgctl upload holiday/ --recursive --wait")
@click.argument("paths", nargs=-1, required=True, metavar="PATH...")
@click.option("--via", type=click.Choice(["s3", "api", "auto"]), default="auto", help="auto is s3.")
@click.option("--prefix", default="", help="Folder in the bucket.")
@click.option("--recursive", is_flag=True, help="Take folders in folders too.")
@click.option(
    "--wait/--no-wait", default=None, help="Wait for the result.  [default: on a terminal]"
)
@click.option(
    "--timeout", type=click.FloatRange(0, 86_400), default=120, show_default=True,
    help="Seconds to wait for a picture.",
)  # fmt: skip
@click.option("--jobs", type=click.IntRange(1, 64), default=8, show_default=True, help="At once.")
@click.option("--force", is_flag=True, help="Upload even where the same content is there.")
@click.pass_context
def upload(
    context: click.Context,
    *,
    paths: tuple[str, ...],
    via: str,
    prefix: str,
    recursive: bool,
    wait: bool | None,
    timeout: float,
    jobs: int,
    force: bool,
) -> int:
    """Upload pictures, and follow them to their result.

    One line a file: uploaded, skipped because the same content is there, or failed.
    """
    app = app_of(context)
    inputs = find_inputs(paths, recursive=recursive)
    if inputs.note:
        app.ui.info(inputs.note)
    wish = UploadOptions(via, sys.stdout.isatty() if wait is None else wait, timeout, jobs, force)
    done = upload_inputs(app, _with_keys(inputs.files, prefix), wish)
    counts = {o.value: sum(u.outcome is o for u in done) for o in UploadStatus}
    totals = (f"{count} {name.replace('_', ' ')}" for name, count in counts.items() if count)
    app.ui.info(", ".join(totals))
    app.ui.result({"files": [_plain(u) for u in done], "totals": counts}, "")
    return exit_code(done)


def upload_inputs(
    app: App, inputs: Iterable[tuple[Input, str]], wish: UploadOptions
) -> list[UploadResult]:
    """Upload each file under its key, and print a line for each as it is done."""
    wanted = list(inputs)
    # Made here, because clients may be used by several threads but not made by them.
    _ = app.outputs, app.aws.s3, app.aws.dynamodb
    if wish.via == "api":
        _ = app.api, app.aws.credentials
    done: dict[str, UploadResult] = {}
    pool = ThreadPoolExecutor(wish.jobs)
    try:
        futures = [pool.submit(_upload_one, app, entry, key, wish) for entry, key in wanted]
        with app.ui.progress("Uploading", len(wanted)) as step:
            for future in as_completed(futures):
                uploaded = future.result()
                done[uploaded.key] = uploaded
                app.ui.print(_line(uploaded))
                step(1)
    finally:
        pool.shutdown(cancel_futures=True)
    return [done[key] for _, key in wanted]


def exit_code(done: Iterable[UploadResult]) -> int:
    """Give 1 where a file failed, 4 where one was waited for in vain, else 0."""
    outcomes = {uploaded.outcome for uploaded in done}
    if UploadStatus.FAILED in outcomes:
        return 1
    return 4 if UploadStatus.TIMED_OUT in outcomes else 0


def _with_keys(inputs: Iterable[Input], prefix: str) -> list[tuple[Input, str]]:
    folder = prefix.strip("/")
    if ".." in folder.split("/"):
        raise click.UsageError("--prefix is a folder in the bucket, without '..'.")
    keyed = [(entry, str(PurePosixPath(folder, entry.name))) for entry in inputs]
    by_key: dict[str, Input] = {}
    for entry, key in keyed:
        if key in by_key:
            raise click.UsageError(
                f"{by_key[key].path} and {entry.path} would both become {key}:"
                " upload them with different --prefix."
            )
        by_key[key] = entry
    return keyed


def _upload_one(app: App, entry: Input, key: str, wish: UploadOptions) -> UploadResult:
    from imgctl.aws import rest_api, storage
    from imgctl.aws.errors import AccessError, translate

    path = str(entry.path)
    bucket = app.outputs.source_bucket
    try:
        if _UNFIT_FOR_KEYS.search(key):
            reason = "its name holds bytes or control characters that S3's keys cannot: rename it"
            return UploadResult(key, path, UploadStatus.FAILED, reason=reason)
        sha256 = storage.sha256_of(entry.path)
        if not wish.force and (same := storage.find_same(app.aws.s3, bucket, key, sha256)):
            return _follow(app, same, path, wish, UploadStatus.SKIPPED)
        fmt = format_of(entry.path)
        content_type = "application/octet-stream" if fmt is None else fmt.content_type
        if wish.via == "api":
            if entry.path.stat().st_size > rest_api.MAX_BYTES:
                reason = "API Gateway takes 10 MB at most: upload it with --via s3"
                return UploadResult(key, path, UploadStatus.FAILED, reason=reason)
            stored = app.api.put(key, entry.path, sha256=sha256, content_type=content_type)
        else:
            stored = storage.put_by_s3(
                app.aws.s3, bucket, key, entry.path, sha256=sha256, content_type=content_type
            )
        return _follow(app, stored, path, wish, UploadStatus.UPLOADED)
    except AccessError:
        raise  # the next file would fail alike
    except Exception as error:
        known = error if isinstance(error, ImgctlError) else translate(error)
        if isinstance(known, AccessError):
            raise
        if known is None and not isinstance(error, OSError):
            raise
        return UploadResult(key, path, UploadStatus.FAILED, reason=_said(error, known))


def _said(error: Exception, known: ImgctlError | None) -> str:
    if known is not None:
        return known.message
    return (isinstance(error, OSError) and error.strerror) or str(error)


def _follow(
    app: App, stored: "StoredObject", path: str, wish: UploadOptions, so_far: UploadStatus
) -> UploadResult:
    """Wait, where that is wished, for the record of this very object, told by its version."""
    if not wish.wait:
        return UploadResult(stored.key, path, so_far, stored)
    import time

    from imgctl.aws import records
    from imgctl.core.keys import resource_id
    from imgctl.core.record import Status

    record = records.wait(
        app.aws.dynamodb,
        app.outputs.table,
        resource_id(stored.bucket, stored.key, version_id=stored.version_id),
        timeout_s=wish.timeout_s,
        clock=time.monotonic,
        sleep=time.sleep,
    )
    if record is None:
        reason = (
            f"no record after {wish.timeout_s:g} s: look into the log group"
            f" {app.outputs.function_log_group}, or ask `{app.program} redrive --list`"
        )
        return UploadResult(stored.key, path, UploadStatus.TIMED_OUT, stored, reason=reason)
    if record.status is Status.FAILED:
        reason = f"{record.failure_code}: {record.failure_reason} {record.failure_hint or ''}"
        return UploadResult(stored.key, path, UploadStatus.FAILED, stored, record, reason)
    return UploadResult(stored.key, path, so_far, stored, record)


def _line(uploaded: UploadResult) -> "Line":
    from imgctl.cli.text import Line, printable

    style = {UploadStatus.UPLOADED: "green", UploadStatus.SKIPPED: "dim"}.get(
        uploaded.outcome, "red"
    )
    name = uploaded.outcome.value.replace("_", " ")
    if uploaded.reason:
        return Line(name, style, f"{printable(uploaded.key)}  {printable(uploaded.reason)}")
    record = uploaded.record
    size = record.dimension_reduction if record is not None else None
    if record is not None and record.superseded_by:
        size = "superseded by a newer upload"
    return Line(name, style, printable(uploaded.key), f"  {printable(size)}" if size else "")


def _plain(uploaded: UploadResult) -> dict[str, Any]:
    from imgctl.core.record import to_plain

    plain: dict[str, Any] = {
        "path": uploaded.path,
        "key": uploaded.key,
        "outcome": uploaded.outcome.value,
    }
    if uploaded.stored is not None:
        plain["version_id"] = uploaded.stored.version_id
    if uploaded.reason:
        plain["reason"] = uploaded.reason
    if uploaded.record is not None:
        plain["record"] = to_plain(uploaded.record)
    return plain
