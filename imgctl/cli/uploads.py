"""Uploads as `imgctl upload` and `imgctl demo` show them: a line per file as it is done."""

from collections import Counter
from collections.abc import Iterable, Sequence
from functools import partial

from imgctl.cli.app import App
from imgctl.cli.batches import print_each, printable_notes, sizes_text
from imgctl.cli.image_documents import (
    UploadDocument,
    UploadedFile,
    UploadPreviewDocument,
    UploadTotals,
    record_document,
)
from imgctl.cli.inputs import left_out_documents
from imgctl.cli.layout import Line
from imgctl.cli.text import printable, sentences
from imgctl.core.errors import Hint
from imgctl.operations.input_files import LeftOut
from imgctl.operations.upload import (
    UploadFile,
    UploadOptions,
    UploadResult,
    UploadServices,
    UploadStatus,
    upload_files,
)

_STYLES = {UploadStatus.UPLOADED: "green", UploadStatus.SKIPPED: "dim"}


def upload_and_print(
    app: App, files: Sequence[UploadFile], options: UploadOptions, *, by_api: bool
) -> list[UploadResult]:
    """Upload files, print a line for each, and return the results in the order of the files."""
    # Made here, because threads may share clients but not make them.
    services = UploadServices(
        app.aws.s3,
        app.aws.dynamodb,
        app.outputs,
        _timeout_hint(app),
        app.api if by_api else None,
    )
    if by_api:
        _ = app.aws.credentials
    done = print_each(
        app.ui,
        "Uploading",
        len(files),
        upload_files(services, files, options),
        partial(_line, program=app.program),
        again="for the rest",
    )
    results = {result.file.key: result for result in done}
    return [results[file.key] for file in files]


def preview_uploads(app: App, files: Sequence[UploadFile], left_out: Sequence[LeftOut]) -> int:
    """Print the key that each file would get, and return the exit code."""
    for file in files:
        values = (printable(file.key), printable(str(file.path)))
        app.ui.print(Line("would upload", "green", values, word_cells=12))
    app.ui.info("Nothing was uploaded.")
    document = UploadPreviewDocument(
        files=[{"path": str(file.path), "key": file.key} for file in files],
        left_out=left_out_documents(left_out),
    )
    app.ui.result(document, "")
    return int(any(item.failed for item in left_out))


def report_uploads(
    app: App, results: Sequence[UploadResult], left_out: Sequence[LeftOut], *, waited: bool
) -> int:
    """Print the totals, and return the exit code."""
    counts = Counter(result.status for result in results)
    totals = [f"{counts[s]} {s.value.replace('_', ' ')}" for s in UploadStatus if counts[s]]
    app.ui.info(", ".join(totals))
    if not waited and counts[UploadStatus.UPLOADED]:
        hint = Hint("The results were not waited for. See {}.", "history")
        app.ui.info(hint.render(app.program))
    document = UploadDocument(
        files=[file_document(result, app.program) for result in results],
        waited=waited,
        left_out=left_out_documents(left_out),
        totals=UploadTotals(
            uploaded=counts[UploadStatus.UPLOADED],
            skipped=counts[UploadStatus.SKIPPED],
            failed=counts[UploadStatus.FAILED],
            timed_out=counts[UploadStatus.TIMED_OUT],
        ),
    )
    app.ui.result(document, "")
    return exit_code(results) or int(any(item.failed for item in left_out))


def exit_code(results: Iterable[UploadResult]) -> int:
    """Return 1 if a file failed, 4 if one timed out, else 0."""
    statuses = {result.status for result in results}
    if UploadStatus.FAILED in statuses:
        return 1
    return 4 if UploadStatus.TIMED_OUT in statuses else 0


def file_document(result: UploadResult, program: str) -> UploadedFile:
    """Return a result for --json."""
    document: UploadedFile = {
        "path": str(result.file.path),
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


def _timeout_hint(app: App) -> Hint:
    """Return where to look for a result that does not come."""
    logs = ["local logs"] if app.settings.local else []
    log = "{}" if logs else f"the log group {app.outputs.function_log_group}"
    return Hint(f"See {log} and {{}}, or wait longer with --timeout.", *logs, "redrive --list")


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
