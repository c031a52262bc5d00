"""`imgctl show`."""

import re
from typing import TYPE_CHECKING

import click

from imgctl.cli.app import App, app_of
from imgctl.cli.options import Command, completer
from imgctl.cli.params import preview_option
from imgctl.core.errors import Hint, ImgctlError

if TYPE_CHECKING:
    from imgctl.core.record import Record

# Those of imgctl, and the UUIDs of the original function.
_RECORD_ID = re.compile(r"[0-9a-f]{32}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


class RecordNotFound(ImgctlError):
    """No record has this ID or key."""

    code = "no_record"


@click.command(
    cls=Command,
    examples=[
        "imgctl show holiday/cake.jpg",
        "imgctl show holiday/cake.jpg --preview",
        "imgctl show 59326d4c0c6aaa2b2bff0aec69ff420c --json",
    ],
)
@click.argument("id_or_key", metavar="ID|KEY", shell_complete=completer("keys"))
@preview_option
@click.pass_context
def show(context: click.Context, *, id_or_key: str, preview: bool) -> int:
    """Show one record in full.

    Accepts a record ID, or an object key, of which the newest record is shown. For a failure, it
    says what it means and what to do. In a pipe, each attribute is one line.
    """
    from imgctl.cli.image_documents import ShowDocument, record_document
    from imgctl.cli.previews import previews
    from imgctl.cli.record_view import RecordView

    app = app_of(context)
    if not id_or_key:
        raise click.UsageError("The ID or key is empty.")
    with previews(app, wanted=preview, share=2) as show_preview:
        record = _find(app, id_or_key)
        if record is None:
            raise RecordNotFound(
                f"No record of {id_or_key}.", hint=Hint("{} lists the records.", "history")
            )
        document = ShowDocument(record=record_document(record))
        app.ui.result(document, RecordView(record, app.program))
        show_preview(record)
    return 0


def _find(app: App, id_or_key: str) -> "Record | None":
    from imgctl.aws import records
    from imgctl.operations.key_spelling import recorded_key

    dynamodb, table = app.aws.dynamodb, app.outputs.table
    if _RECORD_ID.fullmatch(id_or_key) and (found := records.get(dynamodb, table, id_or_key)):
        return found
    key = recorded_key(dynamodb, table, id_or_key)
    return next(records.of_key(dynamodb, table, key), None)
