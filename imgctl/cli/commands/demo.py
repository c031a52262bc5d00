"""`imgctl demo`."""

import os
import shlex
import signal
import tempfile
from importlib.resources import as_file, files
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

import click
from click.core import ParameterSource

from imgctl.cli.app import App, app_of, make_ui, program_for
from imgctl.cli.errors import FileError
from imgctl.cli.options import Command
from imgctl.cli.resolved_settings import resolve

if TYPE_CHECKING:
    from imgctl.cli.uploads import UploadReport
    from imgctl.core.record import Record

_VIA_S3 = ("rocket.jpg", "coffee.png", "hubble_deep_field.jpg")
_VIA_API = ("chelsea.png",)
_KEPT_SETTINGS = ("json", "quiet", "verbose", "debug", "no_color")
_NEXT = """
Next, with a stack that stays:
  {program} deploy --yes
  {program} upload {image}
  {program} history
  {program} gallery

{look}"""


@click.command(cls=Command, examples=["imgctl demo", "imgctl demo -o pictures/"])
@click.option(
    "-o", "--output", type=click.Path(path_type=Path, file_okay=False), metavar="FOLDER",
    default=Path("imgctl-demo"), show_default=True, help="Folder for the resized images.",
)  # fmt: skip
@click.pass_context
def demo(context: click.Context, *, output: Path) -> int:
    """Run the whole pipeline on this machine, without an AWS account.

    A temporary embedded AWS receives the stack; photographs are uploaded through S3 and the API;
    their records are listed, the results downloaded, and a report of both is written. Nothing but
    these files is left behind.
    """
    from imgctl.local import daemon

    if context.get_parameter_source("output") is ParameterSource.DEFAULT:
        _check_default_folder(output)
    output.mkdir(parents=True, exist_ok=True)  # fail early if it cannot be created
    for name in (signal.SIGTERM, signal.SIGHUP):  # clean up as after Ctrl-C
        signal.signal(name, signal.default_int_handler)
    with tempfile.TemporaryDirectory(prefix="imgctl-demo-") as folder:
        try:
            return _run(_app_in(Path(folder), app_of(context)), output)
        finally:
            daemon.stop(Path(folder))


def _check_default_folder(folder: Path) -> None:
    """Raise FileError if somebody else may have prepared the folder that nobody named."""
    if not os.path.lexists(folder):
        return
    if folder.is_symlink() or folder.lstat().st_uid != os.geteuid():
        raise FileError(
            f"{folder} is a link or belongs to another user.", hint="Choose a folder with -o."
        )


def _app_in(folder: Path, app: App) -> App:
    """Return an App on an embedded AWS in `folder`, with default settings and no prompts."""
    options = {name: app.resolved.value(name) for name in _KEPT_SETTINGS}
    options |= {"local": True, "local_dir": str(folder), "yes": True}
    resolved = resolve(options, {}, None)
    return App(resolved, make_ui(resolved.settings), program_for(options, resolved.settings))


def _run(app: App, output: Path) -> int:
    from imgctl.cli.deploy_workflow import DeployOptions, deploy_stack
    from imgctl.cli.image_documents import DemoDocument, record_document
    from imgctl.cli.reports import how_to_open
    from imgctl.cli.tables import records_grid

    ui = app.ui
    ui.info("1. Deploying the stack, from the template that is used in AWS")
    deploy_stack(app, DeployOptions(use_cache=False))  # leaves nothing behind but the images

    ui.info("\n2. Uploading photographs: three to S3, one to the REST API")
    with as_file(files("imgctl.local") / "photos") as photos:
        by_s3 = _upload(app, photos, _VIA_S3, by_api=False)
        by_api = _upload(app, photos, _VIA_API, by_api=True)
    if code := by_s3.exit_code or by_api.exit_code:
        return code

    ui.info("\n3. Their records in the table")
    records = [
        result.record for result in (*by_s3.results, *by_api.results) if result.record is not None
    ]
    ui.print(records_grid(records))

    ui.info("4. The resized images, and a report of them")
    paths = [_download(app, record, output) for record in records]
    report = output.resolve() / "report.html"
    _write_report(app, records, report)
    document = DemoDocument(
        records=[record_document(record) for record in records],
        files=[str(path) for path in paths],
        report=str(report),
    )
    ui.result(document, "\n".join(f"  {path}" for path in (*paths, report)))
    program = program_for({"local": True})
    image = shlex.quote(os.path.relpath(paths[0]))
    ui.info(_NEXT.format(program=program, image=image, look=how_to_open(report)))
    return 0


def _write_report(app: App, records: "list[Record]", path: Path) -> None:
    from imgctl.cli.reports import ReportOptions, write_records
    from imgctl.operations.history import RecordQuery
    from imgctl.operations.record_spool import spooled

    newest_first = sorted(records, key=lambda record: record.processing_time or "", reverse=True)
    with spooled(newest_first, None) as spool:
        write_records(app, RecordQuery(), spool, ReportOptions(path, overwrite=True))


def _upload(app: App, photos: Path, names: tuple[str, ...], *, by_api: bool) -> "UploadReport":
    from imgctl.cli.uploads import upload_and_print
    from imgctl.operations.upload import UploadOptions
    from imgctl.operations.upload_keys import UploadFile

    uploads = [UploadFile(str(photos / name), name) for name in names]
    options = UploadOptions(wait=True, timeout_s=120, jobs=4, force=False)
    return upload_and_print(app, uploads, options, by_api=by_api, keep=True)


def _download(app: App, record: "Record", output: Path) -> Path:
    """Save the object that a record names, and return its path."""
    from imgctl.aws import storage
    from imgctl.output_files import new_file_mode

    assert record.resized_bucket is not None
    key = record.outputs[0].key
    path = output.resolve() / PurePosixPath(key).name
    storage.download(app.aws.s3, record.resized_bucket, key, path, mode=new_file_mode())
    return path
