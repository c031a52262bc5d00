"""Uploads as `imgctl upload` and `imgctl demo` show them: a line per file as it is done."""

import os
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass

from imgctl.aws.object_writer import open_writer
from imgctl.cli.app import App
from imgctl.cli.batches import printable_notes, sizes_text
from imgctl.cli.image_documents import (
    UploadDocument,
    UploadedFile,
    UploadPreviewDocument,
    UploadTotals,
    record_document,
)
from imgctl.cli.inputs import left_out_documents, show_left_out
from imgctl.cli.layout import Line
from imgctl.cli.text import printable, sentences
from imgctl.cli.transfer_bar import Transfers, transfer_bar
from imgctl.core.errors import Hint
from imgctl.core.record import Record
from imgctl.operations.input_files import LeftOut, nothing_found
from imgctl.operations.upload import (
    UploadOptions,
    UploadResult,
    UploadServices,
    UploadStatus,
    upload_files,
)
from imgctl.operations.upload_keys import UploadFile

_TIMEOUT_HINT = Hint("See {} and {}, or wait longer with --timeout.", "logs", "redrive --list")
_STYLES = {UploadStatus.UPLOADED: "green", UploadStatus.SKIPPED: "dim"}


@dataclass(frozen=True, slots=True)
class UploadReport:
    """What became of all files, counted; `results` has each of them only if they were kept."""

    counts: Counter[UploadStatus]
    left_out: list[LeftOut]
    results: list[UploadResult]

    @property
    def exit_code(self) -> int:
        """1 if a file failed or could not be read, 4 if one timed out, else 0."""
        if self.counts[UploadStatus.FAILED] or any(item.failed for item in self.left_out):
            return 1
        return 4 if self.counts[UploadStatus.TIMED_OUT] else 0


def upload_and_print(
    app: App,
    files: Sequence[UploadFile],
    options: UploadOptions,
    *,
    by_api: bool,
    keep: bool,
    preview: Callable[[Record], None] = lambda record: None,  # noqa: ARG005
) -> UploadReport:
    """Upload files, and print a line for each as soon as it is known, and then its `preview`.

    With `keep`, the report has the results in the order of the files. Otherwise they are forgotten
    once they are printed: there may be ten thousand. Raises InputNotFound if no file is an image.
    """
    report = UploadReport(Counter(), [], [])
    total_bytes = sum(map(_size, files)) if app.ui.can_draw else 0
    done = 0
    try:
        with transfer_bar(app.ui, len(files), total_bytes) as bar:
            services = _services(app, options, transfers=bar, by_api=by_api)
            with closing(upload_files(services, files, options)) as outcomes:
                for outcome in outcomes:
                    if isinstance(outcome, LeftOut):
                        report.left_out.append(outcome)
                    else:
                        report.counts[outcome.status] += 1
                        app.ui.print(_line(outcome, app.program))
                        if outcome.record is not None and not outcome.reason:
                            preview(outcome.record)
                        if keep:
                            report.results.append(outcome)
                    done += 1
                    bar.done()
    except KeyboardInterrupt:  # the progress bar is gone by now
        app.ui.warn(f"{done} of {len(files)} done. Run the command again for the rest.")
        raise
    if len(report.left_out) == len(files):
        raise nothing_found(report.left_out)
    order = {file.key: number for number, file in enumerate(files)} if keep else {}
    report.results.sort(key=lambda result: order[result.file.key])
    return report


def _size(file: UploadFile) -> int:
    try:
        return os.stat(file.path).st_size  # noqa: PTH116 (cheaper)
    except OSError:
        return 0


def _services(
    app: App, options: UploadOptions, *, transfers: Transfers, by_api: bool
) -> UploadServices:
    """Return what uploads work with, made here: threads may share clients but not make them."""
    aws, bucket = app.aws, app.outputs.source_bucket
    if by_api:
        _ = aws.credentials
    return UploadServices(
        aws.s3,
        app.outputs,
        _TIMEOUT_HINT,
        app.api
        if by_api
        else open_writer(aws, bucket, jobs=options.jobs, on_fallback=app.ui.debug),
        aws.dynamodb if options.wait else None,
        on_begin=transfers.begin,
        on_end=transfers.end,
        on_note=app.ui.debug,
    )


def preview_uploads(app: App, files: Sequence[UploadFile], left_out: Sequence[LeftOut]) -> int:
    """Print the key that each file would get, and return the exit code."""
    for file in files:
        values = (printable(file.key), printable(file.path))
        app.ui.print(Line("would upload", "green", values, word_cells=12))
    app.ui.info("Nothing was uploaded.")
    document = UploadPreviewDocument(
        files=[{"path": file.path, "key": file.key} for file in files],
        left_out=left_out_documents(left_out),
    )
    app.ui.result(document, "")
    return int(any(item.failed for item in left_out))


def report_uploads(
    app: App, report: UploadReport, left_out: Sequence[LeftOut], *, waited: bool
) -> int:
    """Print what was left out of folders and the totals, and return the exit code.

    `left_out` is what was left out before it was opened.
    """
    all_left_out = [*left_out, *report.left_out]
    show_left_out(app.ui, all_left_out)
    counts = report.counts
    totals = [f"{counts[s]} {s.value.replace('_', ' ')}" for s in UploadStatus if counts[s]]
    app.ui.info(", ".join(totals))
    if not waited and counts[UploadStatus.UPLOADED]:
        hint = Hint("The results were not waited for. See {}.", "history")
        app.ui.info(hint.render(app.program))
    document = UploadDocument(
        files=[file_document(result, app.program) for result in report.results],
        waited=waited,
        left_out=left_out_documents(all_left_out),
        totals=UploadTotals(
            uploaded=counts[UploadStatus.UPLOADED],
            skipped=counts[UploadStatus.SKIPPED],
            failed=counts[UploadStatus.FAILED],
            timed_out=counts[UploadStatus.TIMED_OUT],
        ),
    )
    app.ui.result(document, "")
    return report.exit_code or int(any(item.failed for item in left_out))


def file_document(result: UploadResult, program: str) -> UploadedFile:
    """Return a result for --json."""
    document: UploadedFile = {
        "path": result.file.path,
        "key": result.file.key,
        "outcome": result.status.value,
    }
    if result.stored is not None:
        document["version_id"] = result.stored.version_id
    if result.replaced:
        document["replaced"] = True
    if result.reason:
        document["reason"] = sentences(result.reason, _hint(result, program))
    if result.record is not None:
        document["record"] = record_document(result.record)
    return document


def _line(result: UploadResult, program: str) -> Line:
    style = _STYLES.get(result.status, "red")
    word = result.status.value.replace("_", " ")
    key = printable(result.file.key)
    replaced = ("replaced other content under this key",) if result.replaced else ()
    if result.reason:
        hint = printable(_hint(result, program))
        return Line(word, style, (key, printable(result.reason)), hint=hint, notes=replaced)
    record = result.record
    if record is None:
        return Line(word, style, (key,), notes=replaced)
    size = "superseded by a newer upload" if record.superseded_by else sizes_text(record)
    notes = (*replaced, *printable_notes(record))
    return Line(word, style, (key,), size, notes=notes)


def _hint(result: UploadResult, program: str) -> str:
    return "" if result.hint is None else result.hint.render(program)
