"""`imgctl erase`."""

import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from imgctl.cli.app import App, app_of
from imgctl.cli.options import Command, completer

if TYPE_CHECKING:
    from imgctl.operations.erase import Erased
    from imgctl.operations.erase_content import EraseContext
    from imgctl.operations.erase_scope import KeyContent


@click.command(
    cls=Command,
    examples=["imgctl erase holiday/cake.jpg --dry-run", "imgctl erase holiday/cake.jpg"],
)
@click.argument("key", metavar="KEY", shell_complete=completer("keys"))
@click.option("--dry-run", is_flag=True, help="Show what would be deleted, and delete nothing.")
@click.pass_context
def erase(context: click.Context, *, key: str, dry_run: bool) -> int:
    """Delete an image for good: all versions, outputs and records.

    Only deletes outputs whose metadata prove that they were made of this key. Reports what it
    cannot reach, such as logs. Safe to run again after an interruption.
    """
    from imgctl.aws.findings import OutputSettings
    from imgctl.operations.erase_content import EraseContext, find_all, reading_pool
    from infra.function_version import read_live_version

    app = app_of(context)
    live = read_live_version(app.aws.lambda_, app.outputs.function)
    with reading_pool() as pool:
        erasing = EraseContext(
            aws=app.aws,
            outputs=app.outputs,
            renditions=OutputSettings.of(live.environment).renditions,
            timeout_s=live.timeout_s,
            pool=pool,
            now=lambda: datetime.now(UTC),
            sleep=time.sleep,
        )
        with app.ui.working("Looking for versions, outputs and records"):
            contents = find_all(erasing, key)
        if dry_run:
            return _report(app, key, contents, None)
        if sum(content.count for content in contents):
            _show(app, contents)
            if not _confirmed(app, key):
                app.ui.info("Nothing was changed.")
                return 1
        return _report(app, key, contents, _erase(app, erasing, contents))


def _show(app: App, contents: "list[KeyContent]") -> None:
    from imgctl.cli.erase_view import found_lines, left_lines

    app.ui.info("To be deleted, which nothing can undo:")
    for content in contents:
        for line in (*found_lines(content), *left_lines(content)):
            app.ui.info(line)


def _confirmed(app: App, key: str) -> bool:
    from imgctl.cli.text import printable

    # A key may have what cannot be typed, or be nothing but spaces.
    return app.ui.confirm("Erase for good?", expected=printable(key).strip() or "erase")


def _erase(app: App, erasing: "EraseContext", contents: "list[KeyContent]") -> "list[Erased]":
    from imgctl.cli.text import local_time
    from imgctl.core.record import timestamp
    from imgctl.operations.erase import EraseEvents
    from imgctl.operations.erase import erase as erase_key

    def on_wait(until: datetime) -> None:
        app.ui.info(
            "The function may still be working on an upload. Waiting for it before anything is"
            f" deleted, until {local_time(timestamp(until))} at most."
        )

    total = sum(content.count for content in contents)
    with app.ui.progress("Erasing", total) as advance:
        return [erase_key(erasing, one, EraseEvents(advance, on_wait)) for one in contents]


def _report(
    app: App, key: str, contents: "list[KeyContent]", results: "list[Erased] | None"
) -> int:
    """Print the result; return 1 if anything of the key is left."""
    from imgctl.aws.stack import load_parameters
    from imgctl.cli.erase_documents import erase_document
    from imgctl.cli.erase_view import (
        erased_lines,
        found_lines,
        hints,
        left_lines,
        letters_text,
        problem_lines,
    )
    from imgctl.cli.text import printable
    from imgctl.operations.erase_remains import dead_letters_naming, what_remains
    from imgctl.operations.key_spelling import all_spellings

    ui = app.ui
    if not contents:
        ui.info(f"Nothing is stored of {printable(key)}.")
    for content in contents if results is None else ():
        for line in (*found_lines(content), *left_lines(content)):
            ui.print(line)
    for result in results or ():
        for line in (*erased_lines(result), *problem_lines(result)):
            ui.print(line)
        for hint in hints(result):
            ui.warn(hint)
    letters = dead_letters_naming(app.aws, app.outputs.dead_letter_queue, all_spellings(key))
    if text := letters_text(letters, app.program):
        ui.warn(text)
    parameters = load_parameters(app.aws, app.settings.stack)
    remains = what_remains(contents, parameters.get("LogRetentionDays", ""))
    ui.info("Not erased:")
    for sentence in remains:
        ui.info(f"  {sentence}")
    document = erase_document(contents, results, letters, remains)
    ui.result(document, "")
    return 0 if results is None or document["complete"] else 1
