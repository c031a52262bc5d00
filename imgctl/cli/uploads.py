"""Uploads as `imgctl upload` and `imgctl demo` show them: a line per file as it is done."""

from collections.abc import Iterable, Sequence
from contextlib import closing

from imgctl.cli.app import App
from imgctl.cli.image_documents import UploadedFile, record_document
from imgctl.cli.text import Line, printable
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
        app.aws.s3, app.aws.dynamodb, app.outputs, app.api if by_api else None
    )
    if by_api:
        _ = app.aws.credentials
    results: dict[str, UploadResult] = {}
    with (
        app.ui.progress("Uploading", len(files)) as advance,
        closing(upload_files(services, files, options)) as done,
    ):
        for result in done:
            results[result.file.key] = result
            app.ui.print(_line(result, app.program))
            advance(1)
    return [results[file.key] for file in files]


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
    if result.reason:
        document["reason"] = _reason(result, program)
    if result.record is not None:
        document["record"] = record_document(result.record)
    return document


def _line(result: UploadResult, program: str) -> Line:
    style = _STYLES.get(result.status, "red")
    word = result.status.value.replace("_", " ")
    key = printable(result.file.key)
    if result.reason:
        return Line(word, style, (key, printable(_reason(result, program))))
    record = result.record
    size = record.dimension_reduction if record is not None else None
    if record is not None and record.superseded_by:
        size = "superseded by a newer upload"
    return Line(word, style, (key,), printable(size or ""))


def _reason(result: UploadResult, program: str) -> str:
    hint = "" if result.hint is None else result.hint.render(program)
    return f"{result.reason} {hint}".rstrip()
