"""`imgctl resize`."""

import sys
from pathlib import Path

import click

from imgctl.cli.app import app_of
from imgctl.cli.options import Command
from imgctl.cli.params import Bounded, ByteSize, Folder, input_options

_PIXELS = Bounded(click.IntRange(1))
_FORMATS = ("jpeg", "png", "webp", "gif", "tiff", "bmp", "avif", "jpg", "tif")
_GRAVITIES = (
    "center", "north", "northeast", "east", "southeast", "south", "southwest", "west", "northwest",
)  # fmt: skip


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
    "--rendition", "names", multiple=True, metavar="NAME",
    help="Make this rendition of imgctl.toml.  [default: all of them]",
)  # fmt: skip
@click.option(
    "--scale", metavar="FACTOR",
    help="Scale factor for both sides.  [default: the setting scale, 0.5]",
)  # fmt: skip
@click.option("--width", type=_PIXELS, metavar="PIXELS", help="Fit this width.")
@click.option("--height", type=_PIXELS, metavar="PIXELS", help="Fit this height.")
@click.option("--fit", metavar="WxH", help="Fit into this box.")
@click.option("--cover", metavar="WxH", help="Fill this box, and cut off the rest.")
@click.option(
    "--gravity", type=click.Choice(_GRAVITIES), metavar="PLACE",
    help="What --cover keeps, such as north.  [default: center]",
)  # fmt: skip
@click.option(
    "--format", "to_format", type=click.Choice(_FORMATS, case_sensitive=False),
    metavar="[jpeg|png|webp|gif|tiff|bmp|avif]", help="Convert to this format.",
)  # fmt: skip
@click.option(
    "--quality", type=Bounded(click.IntRange(1, 100)), metavar="1-100",
    help="Quality of JPEG, WebP and AVIF.  [default: the setting quality]",
)  # fmt: skip
@click.option(
    "--metadata", type=click.Choice(["safe", "all", "none"]),
    help="safe strips GPS data; all keeps everything; none keeps only the color profile."
    "  [default: safe]",
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
    names: tuple[str, ...],
    scale: str | None,
    width: int | None,
    height: int | None,
    fit: str | None,
    cover: str | None,
    gravity: str | None,
    to_format: str | None,
    quality: int | None,
    metadata: str | None,
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
    from imgctl.cli.resize_options import OneResult, chosen_renditions
    from imgctl.cli.resizes import preview_and_print, resize_and_print, resize_to_stdout
    from imgctl.core.limits import Limits
    from imgctl.operations.input_files import InputFilter, find_input_files
    from imgctl.operations.resize import BatchOptions, available_cores
    from imgctl.operations.resize_plan import EarlierResults, plan_jobs

    app = app_of(context)
    one = OneResult(
        prefix=prefix,
        suffix=suffix,
        scale=scale,
        width=width,
        height=height,
        fit=fit,
        cover=cover,
        gravity=gravity,
        format=to_format,
        quality=quality,
        metadata=metadata,
    )
    settings = app.settings.stack_settings
    renditions = chosen_renditions(settings, one, names, high_quality=high_quality)
    if "-" in (*paths, str(output)):
        if dry_run:
            raise click.UsageError("--dry-run cannot be used with stdin or stdout.")
        source = _only_source(paths, output, json_wanted=app.ui.json_wanted)
        if len(renditions.specs) > 1:
            raise click.UsageError("Only one rendition can be written to stdout: use --rendition.")
        limits = Limits() if max_memory is None else Limits.for_process(max_memory)
        return resize_to_stdout(app, source, renditions.specs[0], limits)
    if overwrite and skip_existing:
        raise click.UsageError("Use one of --overwrite and --skip-existing.")
    earlier = EarlierResults.of(renditions, settings.rendition_set, suffix=suffix, folder=output)
    if output is None and not earlier.are_named_anew:
        raise click.UsageError("Without a prefix or a suffix, use -o FOLDER for the results.")
    wanted = InputFilter(include, exclude, earlier)
    inputs = find_input_files(paths, recursive=recursive, wanted=wanted)
    jobs = plan_jobs(inputs.files, renditions, suffix=suffix, folder=output)
    show_left_out(app.ui, inputs.left_out)
    options = BatchOptions(
        workers or available_cores(),
        overwrite=overwrite,
        skip_existing=skip_existing,
        max_memory_bytes=max_memory,
        with_hash=app.ui.json_wanted,
    )
    run = preview_and_print if dry_run else resize_and_print
    return run(app, jobs, renditions, options, inputs.left_out)


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
