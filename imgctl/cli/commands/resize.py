"""`imgctl resize`."""

import sys
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import click

from imgctl.cli.app import app_of
from imgctl.cli.options import Command
from imgctl.cli.params import Bounded, ByteSize, Folder, input_options

if TYPE_CHECKING:
    from collections.abc import Callable

    from imgctl.core.spec import ResizeTarget
    from imgctl.operations.resize_plan import ResultNames

_PIXELS = Bounded(click.IntRange(1))
_FORMATS = {name: name for name in ("jpeg", "png", "webp", "gif", "tiff", "bmp", "avif")} | {
    "jpg": "jpeg",
    "tif": "tiff",
}


@click.command(
    cls=Command,
    examples=[
        "imgctl resize cake.jpg",
        "imgctl resize holiday/ -o small/ --fit 1600x1600 --format webp",
        "imgctl resize - < cake.jpg > small.jpg",
    ],
)
@click.argument(
    "paths", nargs=-1, required=True, metavar="PATH...", type=click.Path(readable=False)
)
@click.option(
    "-o", "--output", type=Folder(allow_dash=True),
    metavar="FOLDER", help="Folder for the results; - is stdout.  [default: next to each image]",
)  # fmt: skip
@input_options
@click.option(
    "--prefix", metavar="TEXT",
    help="Start of the results' names.  [default: the setting prefix, resized-]",
)  # fmt: skip
@click.option(
    "--suffix",
    metavar="TEXT",
    default="",
    help="End of the results' names, before the source's extension.",
)
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
    "--jobs", "workers", type=Bounded(click.IntRange(1, 256)), metavar="N",
    help="Number of parallel jobs.  [default: one per core]",
)  # fmt: skip
@click.option(
    "--max-memory", type=ByteSize("256M"), metavar="SIZE",
    help="Memory for all jobs together, such as 4G.  [default: 1600M for each job]",
)  # fmt: skip
@click.option("--overwrite", is_flag=True, help="Overwrite existing results.")
@click.option(
    "--skip-existing", is_flag=True, help="Skip existing results, whatever they were made from."
)
@click.option("--dry-run", is_flag=True, help="Print what would be done, and write nothing.")
@click.pass_context
def resize(
    context: click.Context,
    *,
    paths: tuple[str, ...],
    output: Path | None,
    recursive: bool,
    include: tuple[str, ...],
    exclude: tuple[str, ...],
    prefix: str | None,
    suffix: str,
    scale: str | None,
    width: int | None,
    height: int | None,
    fit: str | None,
    to_format: str | None,
    quality: int | None,
    metadata: str,
    high_quality: bool,
    workers: int | None,
    max_memory: int | None,
    overwrite: bool,
    skip_existing: bool,
    dry_run: bool,
) -> int:
    """Resize images on this machine, as the function does in AWS.

    The results are identical byte for byte. Images are never enlarged, and no input is overwritten.
    Existing results of the same images and options are skipped, so you can run an interrupted
    command again. With - as PATH, the image is read from stdin and its result written to stdout.
    """
    from imgctl.cli.inputs import show_left_out
    from imgctl.cli.resizes import preview_and_print, resize_and_print, resize_to_stdout
    from imgctl.core.formats import ImageFormat
    from imgctl.core.limits import Limits
    from imgctl.core.spec import MetadataPolicy, ResizeSpec
    from imgctl.operations.input_files import InputFilter, find_input_files
    from imgctl.operations.resize import BatchOptions, available_cores
    from imgctl.operations.resize_plan import ResultNames, plan_jobs

    app = app_of(context)
    defaults = app.settings.stack_settings
    spec = ResizeSpec(
        target=_target(scale, width, height, fit, defaults.scale),
        format=ImageFormat(_FORMATS[to_format].upper()) if to_format else None,
        quality=defaults.quality if quality is None else quality,
        high_quality=high_quality,
        metadata=MetadataPolicy(metadata),
    )
    if "-" in (*paths, str(output)):
        if dry_run:
            raise click.UsageError("--dry-run cannot be used with stdin or stdout.")
        source = _only_source(paths, output, json_wanted=app.ui.json_wanted)
        limits = Limits() if max_memory is None else Limits.for_process(max_memory)
        return resize_to_stdout(app, source, spec, limits)
    if overwrite and skip_existing:
        raise click.UsageError("Use one of --overwrite and --skip-existing.")
    names = ResultNames(defaults.prefix if prefix is None else prefix, suffix)
    if output is None and not names.are_new:
        raise click.UsageError("Without a prefix or a suffix, use -o FOLDER for the results.")
    is_result = _results_of(names, ResultNames(defaults.prefix))
    wanted = InputFilter(include, exclude, is_result, results_folder=output)
    inputs = find_input_files(paths, recursive=recursive, wanted=wanted)
    jobs = plan_jobs(inputs.files, names, folder=output, wanted=spec.format)
    show_left_out(app.ui, inputs.left_out)
    options = BatchOptions(
        workers or available_cores(),
        overwrite=overwrite,
        skip_existing=skip_existing,
        max_memory_bytes=max_memory,
        with_hash=app.ui.json_wanted,
    )
    run = preview_and_print if dry_run else resize_and_print
    return run(app, jobs, spec, options, inputs.left_out)


def _only_source(paths: tuple[str, ...], output: Path | None, *, json_wanted: bool) -> Path | None:
    """Return the file whose result goes to stdout; None for stdin."""
    if len(paths) > 1:
        raise click.UsageError("Only one image can be written to stdout.")
    if output is not None and str(output) != "-":
        raise click.UsageError("An image from stdin has no name: redirect stdout to a file.")
    if json_wanted:
        raise click.UsageError("stdout is used for the image, so --json cannot be used.")
    if sys.stdout.isatty():
        raise click.UsageError("An image is not written to a terminal: redirect stdout to a file.")
    return None if paths[0] == "-" else Path(paths[0])


def _results_of(*names: "ResultNames") -> "Callable[[str], bool]":
    """Return a function that recognizes what has been named in one of these ways."""
    return lambda name: any(item.is_result(name) for item in names)


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
