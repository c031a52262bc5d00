"""`imgctl presign`."""

from typing import TYPE_CHECKING

import click

from imgctl.cli.app import App, app_of
from imgctl.cli.options import Command, completer
from imgctl.cli.params import Duration

if TYPE_CHECKING:
    from imgctl.operations.presign import PresignedUrl


@click.command(
    cls=Command,
    examples=[
        "imgctl presign holiday/cake.jpg",
        "imgctl presign holiday/cake.jpg --rendition web --expires 7d",
        "imgctl presign inbox/cake.jpg --put --expires 1h",
    ],
)
@click.argument("key", metavar="KEY", shell_complete=completer("keys"))
@click.option("--put", is_flag=True, help="For an upload of this key, by anyone with the URL.")
@click.option("--original", is_flag=True, help="For the original instead of the result.")
@click.option("--rendition", metavar="NAME", default="", help="For this rendition of the result.")
@click.option(
    "--expires", type=Duration(maximum_days=7), metavar="DURATION", default="15m",
    show_default=True, help="How long the URL is valid; at most 7d.",
)  # fmt: skip
@click.pass_context
def presign(
    context: click.Context, *, key: str, put: bool, original: bool, rendition: str, expires: int
) -> int:
    """Print a URL that works without AWS credentials, for some time.

    KEY is the key of the original, and the URL downloads its newest result. Everyone who has the
    URL can use it until it expires.
    """
    from datetime import UTC, datetime

    from imgctl.cli.image_documents import PresignDocument
    from imgctl.core.record import timestamp
    from imgctl.operations import presign as operation

    if put + original + bool(rendition) > 1:
        raise click.UsageError("Use one of --put, --original and --rendition.")
    app = app_of(context)
    where = (app.aws, app.outputs, key)
    until = operation.Validity(expires, datetime.now(UTC))
    if put:
        url = operation.presign_put(*where, until)
    elif original:
        url = operation.presign_original(*where, until)
    else:
        url = operation.presign_result(*where, until, rendition=rendition)
    _tell(app, url)
    if put and url.key != key:
        app.ui.info("The key is in Unicode's composed form (NFC), as `upload` stores it.")
    document = PresignDocument(
        url=url.url,
        method=url.method,
        bucket=url.bucket,
        key=url.key,
        expires=timestamp(url.expires),
    )
    app.ui.result(document, url.url)
    return 0


def _tell(app: App, url: "PresignedUrl") -> None:
    """Say what the URL is for and until when, and what it does not restrict."""
    from imgctl.cli.text import local_time, printable
    from imgctl.core.record import timestamp

    what = "Uploads" if url.method == "PUT" else "Downloads"
    until = local_time(timestamp(url.expires))
    app.ui.info(f"{what} {printable(url.key)} until {until}, with the method {url.method}.")
    if url.is_cut:
        app.ui.warn("The URL ends with the credentials that sign it, earlier than asked for.")
    elif url.may_be_cut:
        app.ui.warn("The URL ends earlier if the temporary credentials that sign it do.")
    if url.method == "PUT":
        app.ui.info(
            "It is limited to this key. It limits neither the content type nor the size (up to"
            " 5 GB), and can be used repeatedly. The function records what is no image as failed."
        )
