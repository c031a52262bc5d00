"""`imgctl upload`."""

import click

from imgctl.cli.app import app_of
from imgctl.cli.options import Command
from imgctl.cli.params import Bounded, input_options, preview_option


@click.command(
    cls=Command,
    examples=[
        "imgctl upload cake.jpg",
        "imgctl upload holiday/ --recursive --prefix holiday",
        "imgctl upload cake.jpg --key birthday/cake.jpg --via api",
    ],
)
@click.argument(
    "paths",
    nargs=-1,
    required=True,
    metavar="PATH...",
    type=click.Path(readable=False, allow_dash=True),
)
@click.option(
    "--via", type=click.Choice(["s3", "api", "auto"]), metavar="[s3|api]", default="s3",
    show_default=True, help="Transport.",
)  # fmt: skip
@click.option("--prefix", default="", help="Key prefix to upload under.")
@click.option("--key", help="Key of the only file.")
@click.option(
    "-0", "--null", is_flag=True, help="The list on stdin is separated by NUL characters."
)
@input_options
@click.option("--wait/--no-wait", default=True, show_default=True, help="Wait for the results.")
@click.option(
    "--timeout", type=Bounded(click.FloatRange(0, 86_400)), metavar="SECONDS", default=120,
    show_default=True, help="How long to wait for each image.",
)  # fmt: skip
@click.option(
    "--jobs", type=Bounded(click.IntRange(1, 64)), metavar="N", default=64, show_default=True,
    help="Number of parallel jobs.",
)  # fmt: skip
@preview_option
@click.option("--force", is_flag=True, help="Upload even what is stored already or is no image.")
@click.option("--dry-run", is_flag=True, help="Print the key of each file, and upload nothing.")
@click.pass_context
def upload(
    context: click.Context,
    *,
    paths: tuple[str, ...],
    via: str,
    prefix: str,
    key: str | None,
    null: bool,
    recursive: bool,
    include: tuple[str, ...],
    exclude: tuple[str, ...],
    wait: bool,
    timeout: float,
    jobs: int,
    preview: bool,
    force: bool,
    dry_run: bool,
) -> int:
    """Upload images and follow them to their results.

    The key of a file is its name. If you name a folder, the key of each file in it is the file's
    path within that folder, however you spell the folder. "-" reads a list of paths from stdin.
    Prints one line per file: uploaded, skipped because identical content already exists, or failed
    with the reason.
    """
    from imgctl.cli.inputs import show_left_out, with_listed_paths
    from imgctl.cli.previews import previews
    from imgctl.cli.uploads import preview_uploads, report_uploads, upload_and_print
    from imgctl.operations.input_files import InputFilter, find_input_files, list_input_files
    from imgctl.operations.upload import UploadOptions
    from imgctl.operations.upload_keys import assign_key, assign_keys

    if key is not None and prefix:
        raise click.UsageError("Use one of --key and --prefix.")
    if preview and not wait:
        raise click.UsageError("Use one of --preview and --no-wait.")
    app = app_of(context)
    paths = with_listed_paths(paths, nul_separated=null)
    find = find_input_files if dry_run else list_input_files
    inputs = find(paths, recursive=recursive, wanted=InputFilter(include, exclude))
    files = assign_keys(inputs.files, prefix) if key is None else assign_key(inputs.files, key)
    if dry_run:
        show_left_out(app.ui, inputs.left_out)
        return preview_uploads(app, files, inputs.left_out)
    options = UploadOptions(wait, timeout, jobs, force)
    with previews(app, wanted=preview, share=3) as show:
        report = upload_and_print(
            app, files, options, by_api=via == "api", keep=app.ui.json_wanted, preview=show
        )
    return report_uploads(app, report, inputs.left_out, waited=wait)
