"""`imgctl reindex`."""

import shlex

import click

from imgctl.cli.app import app_of
from imgctl.cli.options import Command


@click.command(cls=Command, examples=["imgctl reindex"])
@click.option("--after", metavar="ID", help="Continue where an earlier run stopped.")
@click.pass_context
def reindex(context: click.Context, *, after: str | None) -> int:
    """Add records to the indexes that `history` reads.

    Needed once for records that the original function or an earlier version of imgctl wrote.
    Reads the whole table, and writes only what is missing. Safe to repeat and to interrupt.
    """
    from imgctl.cli.image_documents import ReindexDocument
    from imgctl.cli.text import printable
    from imgctl.core.errors import Hint
    from imgctl.operations.reindex import reindex as reindex_table

    app = app_of(context)
    added = unchanged = timeless = 0
    last = after
    try:
        with app.ui.progress("Reading records", None) as advance:
            for page in reindex_table(app.aws.dynamodb, app.outputs.table, after=after):
                added, unchanged = added + page.added, unchanged + page.unchanged
                timeless += page.timeless
                last = page.last or last
                advance(page.added + page.unchanged + page.timeless)
    except BaseException:
        if last is not None:
            after = shlex.quote(printable(last))
            app.ui.warn(f"Stopped. Continue with --after {after}.")
        raise
    document = ReindexDocument(added=added, unchanged=unchanged, timeless=timeless)
    app.ui.result(document, f"{added:,} added to the indexes, {unchanged:,} were complete.")
    if timeless:
        hint = Hint("Only {} lists them.", "history --scan").render(app.program)
        app.ui.info(f"{timeless:,} records have no ProcessingTime. {hint}")
    return 0
