"""Local resizes as `imgctl resize` shows them: a line per file as it is done, and totals."""

import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from imgctl.cli.app import App
from imgctl.cli.batches import output_bytes, print_each, printable_notes, sizes_text
from imgctl.cli.errors import FileError
from imgctl.cli.image_documents import (
    PreviewedResize,
    ResizeDocument,
    ResizePreviewDocument,
    ResizeTotals,
    record_document,
)
from imgctl.cli.inputs import left_out_documents
from imgctl.cli.layout import Line
from imgctl.cli.streams import discard_stdout, is_stdout_closed
from imgctl.cli.text import printable, size_text
from imgctl.core.errors import TooLarge
from imgctl.core.limits import Limits
from imgctl.core.renditions import RenditionSet
from imgctl.core.spec import ResizeSpec
from imgctl.operations.input_files import LeftOut
from imgctl.operations.resize import (
    BatchOptions,
    ResizeAction,
    ResizeFileResult,
    ResizePreview,
    preview_files,
    resize_files,
)
from imgctl.operations.resize_plan import ResizeJob
from imgctl.operations.resize_stream import resize_stream

_PREVIEW_WORDS = {
    ResizeAction.RESIZE: ("would resize", "green"),
    ResizeAction.SKIP: ("would skip", "dim"),
    ResizeAction.COMPARE: ("would compare", "yellow"),
    ResizeAction.REFUSE: ("would fail", "red"),
}


def resize_and_print(
    app: App,
    jobs: Sequence[ResizeJob],
    renditions: RenditionSet,
    options: BatchOptions,
    left_out: Sequence[LeftOut],
) -> int:
    """Resize files, print a line for each and the totals, and return the exit code."""
    line = partial(_line, has_max_memory=options.max_memory_bytes is not None)
    done = print_each(
        app.ui,
        "Resizing",
        len(jobs),
        resize_files(jobs, renditions, options),
        line,
        again="to continue",
    )
    results = {result.job.source: result for result in done}
    return _report(app, [results[job.source] for job in jobs], left_out)


def preview_and_print(
    app: App,
    jobs: Sequence[ResizeJob],
    renditions: RenditionSet,
    options: BatchOptions,
    left_out: Sequence[LeftOut],
) -> int:
    """Print what would happen to each file, and return the exit code."""
    previews = []
    for preview in preview_files(jobs, renditions, options):
        previews.append(preview)
        app.ui.print(_preview_line(preview))
    document = ResizePreviewDocument(
        files=[_preview_document(preview) for preview in previews],
        left_out=left_out_documents(left_out),
    )
    app.ui.info("Nothing was written.")
    app.ui.result(document, "")
    refused = any(preview.action is ResizeAction.REFUSE for preview in previews)
    return 1 if refused or any(item.failed for item in left_out) else 0


def resize_to_stdout(app: App, source: Path | None, spec: ResizeSpec, limits: Limits) -> int:
    """Resize a file, or stdin if it is None, to stdout; what is said about it goes to stderr."""
    if source is None:
        result = resize_stream(sys.stdin.buffer, spec, limits)
    else:
        with source.open("rb") as file:
            result = resize_stream(file, spec, limits)
    _write_to_stdout(result.data)
    app.ui.info(f"resized {result.original.size} → {result.resized.size}")
    for note in result.notes:
        app.ui.info(note)
    return 0


def _write_to_stdout(data: bytes) -> None:
    if is_stdout_closed():
        raise FileError("stdout is closed.", hint="Redirect stdout to a file.")
    try:
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        discard_stdout()  # what is still buffered would fail once more at the end
        raise FileError(
            f"Could not write to stdout: {error.strerror}.", hint="Redirect stdout elsewhere."
        ) from error


def _line(result: ResizeFileResult, *, has_max_memory: bool) -> Line:
    record = result.record
    if result.failed:
        values = (printable(str(result.job.source)), printable(record.failure_reason or ""))
        hint = printable(record.failure_hint or "")
        if record.failure_code == TooLarge.code and not has_max_memory:
            hint = f"{hint} If this machine has more memory, use --max-memory.".lstrip()
        return Line("failed", "red", values, hint=hint)
    word, style = ("skipped", "dim") if result.skipped else ("resized", "green")
    # Several results are listed beside their source.
    shown = result.job.source if record.renditions else result.job.destinations[0]
    return Line(
        word,
        style,
        (printable(str(shown)),),
        sizes_text(record),
        notes=printable_notes(record),
    )


def _preview_line(preview: ResizePreview) -> Line:
    word, style = _PREVIEW_WORDS[preview.action]
    values = tuple(printable(str(path)) for path in (preview.source, preview.destination))
    return Line(word, style, values, printable(preview.reason), word_cells=13)


def _preview_document(preview: ResizePreview) -> PreviewedResize:
    return {
        "path": str(preview.source),
        "result": str(preview.destination),
        "action": preview.action.value,
        "reason": preview.reason,
    }


def _report(app: App, results: Sequence[ResizeFileResult], left_out: Sequence[LeftOut]) -> int:
    records = [result.record for result in results]
    failed = sum(result.failed for result in results)
    skipped = [str(result.job.source) for result in results if result.skipped]
    resized = len(results) - failed - len(skipped)
    before = sum(record.original_file_size or 0 for record in records)
    after = sum(output_bytes(record) for record in records)
    counts = f"{resized} resized, {f'{len(skipped)} skipped, ' if skipped else ''}{failed} failed"
    app.ui.info(counts + (f", {size_text(before)} → {size_text(after)}" if after else ""))
    document = ResizeDocument(
        records=[record_document(record) for record in records],
        skipped=skipped,
        left_out=left_out_documents(left_out),
        totals=ResizeTotals(resized=resized, skipped=len(skipped), failed=failed),
    )
    app.ui.result(document, "")
    return 1 if failed or any(item.failed for item in left_out) else 0
