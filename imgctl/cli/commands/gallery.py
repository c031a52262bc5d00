"""`imgctl gallery`."""

import importlib.util
import sys
from contextlib import nullcontext
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from imgctl.cli.app import App, app_of
from imgctl.cli.errors import NotInstalled
from imgctl.cli.options import Command
from imgctl.cli.params import Bounded

if TYPE_CHECKING:
    from imgctl.pages.report import LivePage


@click.command(cls=Command, examples=["imgctl gallery", "imgctl gallery --port 8000 --no-open"])
@click.option(
    "--port", type=Bounded(click.IntRange(1, 65_535)), metavar="N",
    help="Port to listen on.  [default: any that is free]",
)  # fmt: skip
@click.option("--no-open", is_flag=True, help="Do not open the page in a browser.")
@click.option("--no-thumbnails", is_flag=True, help="Download and show no images.")
@click.pass_context
def gallery(context: click.Context, *, port: int | None, no_open: bool, no_thumbnails: bool) -> int:
    """Show images and their results in a browser, live.

    New results appear as they are ready, and files that you drop on the page are uploaded. The page
    is served to this machine only, until Ctrl-C. Its URL contains a token, without which nobody can
    see or upload anything: no other web page, and no other user of this machine.
    """
    if not all(map(importlib.util.find_spec, ("hypercorn", "starlette"))):
        raise NotInstalled(
            "The gallery's server is not installed.", hint="Run `pip install 'imgctl[gallery]'`."
        )
    from imgctl.aws.object_writer import open_writer
    from imgctl.cli.browser import opened_page, should_open
    from imgctl.cli.image_documents import GalleryDocument
    from imgctl.cli.text import printable
    from imgctl.gallery import server
    from imgctl.gallery.access import new_token
    from imgctl.gallery.uploads import AT_ONCE

    app = app_of(context)
    token = new_token()
    options = server.Options(
        aws=app.aws,
        outputs=app.outputs,
        writer=open_writer(
            app.aws, app.outputs.source_bucket, jobs=AT_ONCE, on_fallback=app.ui.debug
        ),
        page=_page(app),
        token=token,
        on_error=lambda error: _report(app, error),
        on_note=lambda note: app.ui.debug(printable(note)),
        thumbnails=not no_thumbnails,
    )
    listening = server.listen(port or 0)
    url = f"http://127.0.0.1:{listening.getsockname()[1]}/?token={token}"
    app.ui.result(GalleryDocument(url=url), url)
    sys.stdout.flush()
    if not app.aws.is_local and not no_thumbnails:
        app.ui.info(
            "Originals and results are downloaded for the thumbnails of what you look at, which AWS"
            " charges for. --no-thumbnails downloads nothing."
        )
    app.ui.info("Press Ctrl-C to stop.")
    with opened_page(url) if should_open(app.ui, no_open=no_open) else nullcontext():
        server.run(listening, options)
    app.ui.info("Stopped.")
    return 0


def _page(app: App) -> "LivePage":
    from imgctl.core.limits import Limits
    from imgctl.core.record import timestamp
    from imgctl.pages.report import ReportHeading, live_page

    heading = ReportHeading(
        stack=app.settings.stack,
        region=app.aws.region,
        account=app.aws.account_id,
        generated=timestamp(datetime.now(UTC)),
    )
    return live_page(heading, max_upload_bytes=Limits().max_bytes)


def _report(app: App, error: Exception) -> None:
    """Say what the page could not do because of an error in imgctl itself."""
    if app.ui.show_tracebacks:
        import traceback

        app.ui.warn("".join(traceback.format_exception(error)))
    app.ui.warn(f"Internal error: {type(error).__name__}: {error}. --debug shows more.")
