"""`imgctl download`."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from imgctl.cli.app import App, app_of
from imgctl.cli.options import Command, completer
from imgctl.cli.params import Bounded, Folder, TimeParam

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from imgctl.cli.image_documents import DownloadedFile
    from imgctl.cli.layout import Line
    from imgctl.core.record import Record
    from imgctl.operations.download import DownloadFile, DownloadOptions, DownloadResult

_STYLES = {"downloaded": "green", "skipped": "dim", "failed": "red"}


@click.command(
    cls=Command,
    examples=[
        "imgctl download holiday/cake.jpg",
        "imgctl download --prefix holiday/ -o results",
        "imgctl download --since 1d --rendition web",
    ],
)
@click.argument("keys", nargs=-1, metavar="[KEY]...", shell_complete=completer("keys"))
@click.option(
    "--prefix", shell_complete=completer("keys"),
    help="All uploads with this key prefix ('' for all).",
)  # fmt: skip
@click.option("--since", type=TimeParam(), help="All uploads processed since then, such as 2h.")
@click.option(
    "-o", "--output", type=Folder(), metavar="FOLDER", default=".",
    help="Folder to download to.  [default: the current folder]",
)  # fmt: skip
@click.option("--original", is_flag=True, help="Download the originals instead of the results.")
@click.option(
    "--rendition", "renditions", multiple=True, metavar="NAME",
    help="Only this rendition.  [default: all]",
)  # fmt: skip
@click.option("--overwrite", is_flag=True, help="Replace files that have other content.")
@click.option(
    "--jobs", type=Bounded(click.IntRange(1, 64)), metavar="N", default=8, show_default=True,
    help="Number of parallel jobs.",
)  # fmt: skip
@click.pass_context
def download(
    context: click.Context,
    *,
    keys: tuple[str, ...],
    prefix: str | None,
    since: str | None,
    output: Path,
    original: bool,
    renditions: tuple[str, ...],
    overwrite: bool,
    jobs: int,
) -> int:
    """Download the results of uploads, by the uploads' keys.

    A file has the path of its key below the folder. Files that are there already with the same
    content are skipped, so you can run an interrupted command again.
    """
    from imgctl.operations.download import DownloadOptions, files_of

    if sum((bool(keys), prefix is not None, since is not None)) != 1:
        raise click.UsageError("Specify KEY arguments, --prefix or --since.")
    if original and renditions:
        raise click.UsageError("Use one of --original and --rendition.")
    if "" in keys:
        raise click.UsageError("The key is empty.")
    app = app_of(context)
    options = DownloadOptions(output, original, renditions, overwrite, jobs)
    with app.ui.working("Reading the records"):
        selected = list(_selected(app, keys, prefix, since))
    files = [file for key, record in selected for file in files_of(key, record, options)]
    results = _download(app, files, options)
    return _report(app, results)


def _selected(
    app: App, keys: tuple[str, ...], prefix: str | None, since: str | None
) -> "Iterator[tuple[str, Record | None]]":
    from imgctl.operations import download as operation
    from imgctl.operations.key_spelling import recorded_key

    dynamodb, outputs = app.aws.dynamodb, app.outputs
    if since is not None:
        return operation.records_since(dynamodb, outputs.table, since)
    wanted = (
        (recorded_key(dynamodb, outputs.table, key) for key in keys)
        if prefix is None
        else operation.keys_with_prefix(app.aws.s3, outputs.source_bucket, prefix)
    )
    return operation.records_of_keys(dynamodb, outputs.table, wanted)


def _download(
    app: App, files: "Sequence[DownloadFile]", options: "DownloadOptions"
) -> "list[DownloadResult]":
    from imgctl.cli.batches import print_each
    from imgctl.operations.download import download_files

    done = print_each(
        app.ui,
        "Downloading",
        len(files),
        download_files(app.aws.s3, files, options),
        _line,
        again="for the rest",
    )
    order = {id(file): at for at, file in enumerate(files)}
    return sorted(done, key=lambda result: order[id(result.file)])


def _line(result: "DownloadResult") -> "Line":
    from imgctl.cli.layout import Line
    from imgctl.cli.text import printable, size_text

    status = result.status.value
    shown = str(result.path) if result.path is not None else result.file.source_key
    if result.reason:
        return Line(status, _STYLES[status], (printable(shown), printable(result.reason)))
    return Line(status, _STYLES[status], (printable(shown),), size_text(result.size))


def _report(app: App, results: "Sequence[DownloadResult]") -> int:
    from collections import Counter

    from imgctl.cli.image_documents import DownloadDocument

    counts = Counter(result.status.value for result in results)
    totals = [f"{count} {name}" for name, count in counts.items()]
    app.ui.info(", ".join(totals) or "Nothing to download.")
    document = DownloadDocument(
        files=[_plain(result) for result in results],
        totals={name: counts[name] for name in _STYLES},
    )
    app.ui.result(document, "")
    return 1 if counts["failed"] else 0


def _plain(result: "DownloadResult") -> "DownloadedFile":
    return {
        "key": result.file.source_key,
        "object": result.file.key,
        "path": "" if result.path is None else str(result.path),
        "outcome": result.status.value,
        "reason": result.reason,
    }
