"""`imgctl upload`."""

import sys

import click

from imgctl.cli.app import app_of
from imgctl.cli.options import Command
from imgctl.cli.params import Bounded


@click.command(cls=Command, epilog="Example: imgctl upload holiday/ --recursive --wait")
@click.argument("paths", nargs=-1, required=True, metavar="PATH...")
@click.option(
    "--via", type=click.Choice(["s3", "api", "auto"]), metavar="[s3|api]", default="s3",
    show_default=True, help="Transport.",
)  # fmt: skip
@click.option("--prefix", default="", help="Key prefix to upload under.")
@click.option("--recursive", is_flag=True, help="Recurse into subfolders.")
@click.option(
    "--wait/--no-wait", default=None, help="Wait for the results.  [default: on a terminal]"
)
@click.option(
    "--timeout", type=Bounded(click.FloatRange(0, 86_400)), metavar="SECONDS", default=120,
    show_default=True, help="How long to wait for each image.",
)  # fmt: skip
@click.option(
    "--jobs", type=Bounded(click.IntRange(1, 64)), metavar="N", default=8, show_default=True,
    help="Number of parallel jobs.",
)  # fmt: skip
@click.option("--force", is_flag=True, help="Upload even if identical content already exists.")
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
    """Upload images and follow them to their results.

    Prints one line per file: uploaded, skipped because identical content already exists, or failed
    with the reason.
    """
    from imgctl.cli.image_documents import UploadDocument, UploadTotals
    from imgctl.cli.inputs import left_out_documents, show_left_out
    from imgctl.cli.uploads import exit_code, file_document, upload_and_print
    from imgctl.operations.input_files import find_input_files
    from imgctl.operations.upload import UploadOptions, UploadStatus, assign_keys

    app = app_of(context)
    inputs = find_input_files(paths, recursive=recursive)
    files = assign_keys(inputs.files, prefix)
    show_left_out(app.ui, inputs.left_out)
    should_wait = sys.stdout.isatty() if wait is None else wait
    options = UploadOptions(should_wait, timeout, jobs, force)
    results = upload_and_print(app, files, options, by_api=via == "api")

    counts = {s: sum(result.status is s for result in results) for s in UploadStatus}
    totals = (f"{n} {status.value.replace('_', ' ')}" for status, n in counts.items() if n)
    app.ui.info(", ".join(totals))
    document = UploadDocument(
        files=[file_document(result, app.program) for result in results],
        left_out=left_out_documents(inputs.left_out),
        totals=UploadTotals(
            uploaded=counts[UploadStatus.UPLOADED],
            skipped=counts[UploadStatus.SKIPPED],
            failed=counts[UploadStatus.FAILED],
            timed_out=counts[UploadStatus.TIMED_OUT],
        ),
    )
    app.ui.result(document, "")
    return exit_code(results) or int(any(item.failed for item in inputs.left_out))
