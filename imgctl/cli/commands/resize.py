"""`imgctl resize`."""

from contextlib import closing
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import click

from imgctl.cli.app import app_of
from imgctl.cli.options import Command
from imgctl.cli.params import Bounded, ByteSize

if TYPE_CHECKING:
    from collections.abc import Sequence

    from imgctl.cli.app import App
    from imgctl.cli.text import Line
    from imgctl.core.spec import ResizeTarget
    from imgctl.operations.input_files import LeftOut
    from imgctl.operations.resize import ResizeFileResult

_PIXELS = Bounded(click.IntRange(1))
_FORMATS = {name: name for name in ("jpeg", "png", "webp", "gif", "tiff", "bmp", "avif")} | {
    "jpg": "jpeg",
    "tif": "tiff",
}


@click.command(cls=Command, epilog="Example: imgctl resize holiday/ -o small/ --fit 1600x1600")
@click.argument("paths", nargs=-1, required=True, metavar="PATH...")
@click.option(
    "-o", "--output", type=click.Path(path_type=Path, file_okay=False), metavar="FOLDER",
    help="Folder for the results.  [default: next to each image]",
)  # fmt: skip
@click.option("--recursive", is_flag=True, help="Recurse into subfolders.")
@click.option(
    "--scale", metavar="FACTOR",
    help="Scale factor for both sides.  [default: the setting scale, 0.5]",
)  # fmt: skip
@click.option("--width", type=_PIXELS, metavar="PIXELS", help="Fit this width.")
@click.option("--height", type=_PIXELS, metavar="PIXELS", help="Fit this height.")
@click.option("--fit", metavar="WxH", help="Fit into this box.")
@click.option(
    "--format", "to_format", type=click.Choice(list(_FORMATS), case_sensitive=False),
    metavar="[jpeg|png|webp|gif|tiff|bmp|avif]", help="Convert to this format.",
)  # fmt: skip
@click.option(
    "--quality", type=Bounded(click.IntRange(1, 100)), metavar="1-100",
    help="Quality of JPEG, WebP and AVIF.  [default: the setting quality]",
)  # fmt: skip
@click.option(
    "--metadata", type=click.Choice(["safe", "all", "none"]), default="safe", show_default=True,
    help="safe strips GPS data; all keeps everything; none keeps only the color profile.",
)  # fmt: skip
@click.option("--high-quality", is_flag=True, help="Filter every pixel with Lanczos (slower).")
@click.option(
    "--jobs", type=Bounded(click.IntRange(1, 256)), metavar="N",
    help="Number of parallel jobs.  [default: one per core]",
)  # fmt: skip
@click.option(
    "--max-memory", type=ByteSize("256M"), metavar="SIZE",
    help="Memory for all jobs together, such as 4G.  [default: 1600M for each job]",
)  # fmt: skip
@click.option("--overwrite", is_flag=True, help="Overwrite existing results.")
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
    max_memory: int | None,
    overwrite: bool,
) -> int:
    """Resize images on this machine, as the function does in AWS.

    The results are identical byte for byte. Images are never enlarged, and no input is overwritten.
    Existing results are skipped, so you can run an interrupted command again.
    """
    from imgctl.cli.inputs import show_left_out
    from imgctl.core.formats import ImageFormat
    from imgctl.core.spec import MetadataPolicy, ResizeSpec
    from imgctl.operations.input_files import find_input_files
    from imgctl.operations.resize import BatchOptions, available_cores, plan_jobs, resize_files

    app = app_of(context)
    defaults = app.settings.stack_settings
    spec = ResizeSpec(
        target=_target(scale, width, height, fit, defaults.scale),
        format=ImageFormat(_FORMATS[to_format].upper()) if to_format else None,
        quality=defaults.quality if quality is None else quality,
        high_quality=high_quality,
        metadata=MetadataPolicy(metadata),
    )
    inputs = find_input_files(paths, recursive=recursive, skip_prefix=defaults.prefix)
    todo = plan_jobs(inputs.files, prefix=defaults.prefix, folder=output, converted_to=spec.format)
    show_left_out(app.ui, inputs.left_out)
    options = BatchOptions(
        jobs or available_cores(),
        overwrite=overwrite,
        max_memory_bytes=max_memory,
        with_hash=app.ui.json_wanted,
    )
    results: dict[Path, ResizeFileResult] = {}
    try:
        with (
            app.ui.progress("Resizing", len(todo)) as advance,
            closing(resize_files(todo, spec, options)) as done,
        ):
            for result in done:
                results[result.job.source] = result
                app.ui.print(_line(result))
                advance(1)
    except KeyboardInterrupt:  # the progress bar is gone by now
        app.ui.warn(f"{len(results)} of {len(todo)} done. Run the command again to continue.")
        raise
    return _report(app, [results[job.source] for job in todo], inputs.left_out)


def _target(
    scale: str | None, width: int | None, height: int | None, fit: str | None, default_scale: str
) -> "ResizeTarget":
    from imgctl.core.spec import Fit, Scale
    from infra.setting_spec import ScaleFactor

    if sum((scale is not None, width is not None or height is not None, fit is not None)) > 1:
        raise click.UsageError("Use one of --scale, --fit, or --width and --height.")
    try:
        if fit is not None:
            box_width, _, box_height = fit.lower().partition("x")
            return Fit(int(box_width), int(box_height))
        if width is not None or height is not None:
            return Fit(width, height)
        return Scale(Fraction(ScaleFactor().parse(scale or default_scale)))
    except ValueError as error:
        problem = f"--fit {fit}: use the form 1600x1200" if fit else f"--scale {scale}: use {error}"
        raise click.UsageError(f"{problem}.") from error


def _line(result: "ResizeFileResult") -> "Line":
    from imgctl.cli.text import Line, printable

    record = result.record
    if result.failed:
        hint = f" {record.failure_hint}" if record.failure_hint else ""
        reason = printable(f"{record.failure_reason}{hint}")
        return Line("failed", "red", (printable(str(result.job.source)), reason))
    word, style = ("skipped", "dim") if result.skipped else ("resized", "green")
    destination = printable(str(result.job.destination))
    return Line(word, style, (destination,), record.dimension_reduction or "")


def _report(app: "App", results: list["ResizeFileResult"], left_out: "Sequence[LeftOut]") -> int:
    from imgctl.cli.image_documents import ResizeDocument, ResizeTotals, record_document
    from imgctl.cli.inputs import left_out_documents
    from imgctl.cli.text import size_text

    records = [result.record for result in results]
    failed = sum(result.failed for result in results)
    skipped = sum(result.skipped for result in results)
    resized = len(results) - failed - skipped
    before = sum(record.original_file_size or 0 for record in records)
    after = sum(record.resized_file_size or 0 for record in records)
    counts = f"{resized} resized, {f'{skipped} skipped, ' if skipped else ''}{failed} failed"
    app.ui.info(f"{counts}, {size_text(before)} → {size_text(after)}")
    document = ResizeDocument(
        records=[record_document(record) for record in records],
        left_out=left_out_documents(left_out),
        totals=ResizeTotals(resized=resized, skipped=skipped, failed=failed),
    )
    app.ui.result(document, "")
    return 1 if failed or any(item.failed for item in left_out) else 0
