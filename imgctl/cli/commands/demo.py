"""`imgctl demo`."""

import tempfile
from importlib.resources import as_file, files
from pathlib import Path, PurePosixPath

import click

from imgctl.cli.app import App, app_of, make_ui, program_for
from imgctl.cli.commands.upload import UploadOptions, UploadResult, exit_code, upload_inputs
from imgctl.cli.options import Command
from imgctl.cli.settings import resolve
from imgctl.operations.input_files import Input

_BY_S3 = ("rocket.jpg", "coffee.png", "hubble_deep_field.jpg")
_BY_API = ("chelsea.png",)
_KEPT_SETTINGS = ("json", "quiet", "verbose", "debug", "no_color")


@click.command(cls=Command, epilog="Example: imgctl demo -o pictures/")
@click.option(
    "-o", "--output", type=click.Path(path_type=Path, file_okay=False),
    default=Path("imgctl-demo"), show_default=True, help="Folder for the resized pictures.",
)  # fmt: skip
@click.pass_context
def demo(context: click.Context, *, output: Path) -> int:
    """Run the whole pipeline on this machine, without an AWS account.

    An embedded AWS of its own gets the stack, photographs arrive by S3 and by the API, and their
    records and results come out. Then it is stopped, and only the results are left.
    """
    from imgctl.local import daemon

    output.mkdir(parents=True, exist_ok=True)  # before the work, in case it cannot be made
    with tempfile.TemporaryDirectory(prefix="imgctl-demo-") as folder:
        try:
            return _tell_story(_app_in(Path(folder), app_of(context)), output)
        finally:
            daemon.stop(Path(folder))


def _app_in(folder: Path, app: App) -> App:
    """Give the same run on an embedded AWS in `folder`, with defaults and nothing to answer."""
    options = {name: app.resolved.value(name) for name in _KEPT_SETTINGS}
    options |= {"local": True, "local_dir": str(folder), "yes": True}
    resolved = resolve(options, {}, None)
    return App(resolved, make_ui(resolved.settings), program_for(options, resolved.settings))


def _tell_story(app: App, output: Path) -> int:
    from imgctl.cli.deploy_workflow import deploy_stack
    from imgctl.cli.tables import records_grid
    from imgctl.core.record import to_plain

    ui = app.ui
    ui.info("1. The stack, from the template that goes to AWS")
    deploy_stack(app)

    ui.info("\n2. Photographs: three by S3, one by the REST API")
    with as_file(files("imgctl.local") / "photos") as photos:
        done = [*_upload(app, photos, _BY_S3, "s3"), *_upload(app, photos, _BY_API, "api")]
    if code := exit_code(done):
        return code

    ui.info("\n3. Their records, from the table")
    records = [uploaded.record for uploaded in done if uploaded.record is not None]
    ui.print(records_grid(records))

    paths = _download(app, done, output)
    ui.info("4. The resized pictures")
    document = {
        "records": [to_plain(record) for record in records],
        "files": [str(path) for path in paths],
    }
    ui.result(document, "\n".join(f"  {path}" for path in paths))
    ui.info(
        "\nNext, with pictures of your own:\n"
        "  imgctl --local deploy\n"
        "  imgctl --local upload PICTURE... --wait\n"
        "  imgctl --local history"
    )
    return 0


def _upload(app: App, photos: Path, names: tuple[str, ...], via: str) -> list[UploadResult]:
    inputs = [(Input(photos / name, PurePosixPath(name)), name) for name in names]
    return upload_inputs(
        app, inputs, UploadOptions(via, wait=True, timeout_s=120, jobs=4, force=False)
    )


def _download(app: App, done: list[UploadResult], output: Path) -> list[Path]:
    """Fetch the objects that the records name; gives where they lie now."""
    from imgctl.aws import storage

    paths = []
    for record in (uploaded.record for uploaded in done):
        assert record is not None
        assert record.resized_bucket is not None
        assert record.resized_object_key is not None
        path = output.resolve() / PurePosixPath(record.resized_object_key).name
        storage.download(app.aws.s3, record.resized_bucket, record.resized_object_key, path)
        paths.append(path)
    return paths
