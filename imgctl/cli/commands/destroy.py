"""`imgctl destroy`."""

from typing import TYPE_CHECKING

import click

from imgctl.cli.app import App, app_of
from imgctl.cli.deploy_progress import following
from imgctl.cli.options import Command

if TYPE_CHECKING:
    from infra.teardown import RetainedResources


@click.command(cls=Command, epilog="Example: imgctl destroy --stack try-out --delete-data")
@click.option(
    "--delete-data", is_flag=True, help="Delete the buckets and the table with all they hold."
)
@click.pass_context
def destroy(context: click.Context, *, delete_data: bool) -> int:
    """Delete the stack.

    The buckets and the table stay, and the next deploy takes them back, unless
    --delete-data is given. Safe to run again after an interruption.
    """
    from imgctl.cli.commands.deploy import target_of
    from infra import teardown

    app = app_of(context)
    ui, stack = app.ui, app.settings.stack
    target = target_of(app)
    deployed = target.engine.status(stack) not in (None, "DELETE_COMPLETE")
    left = teardown.find(target)
    if not deployed and left.bundles is None and not (left.data and delete_data):
        kept = f" Kept: {', '.join(left.data)}." if left.data else ""
        ui.info(f"There is no stack called {stack}.{kept}")
        ui.result({"stack": stack, "deleted": False, "kept": list(left.data)}, "")
        return 0

    ui.info(_warning(stack, left, deployed=deployed, delete_data=delete_data))
    question = "The data cannot be brought back." if delete_data else "Delete the stack?"
    if not ui.confirm(question, expected=stack):
        ui.info("Nothing was changed.")
        return 1
    # The stack first: with it goes the trigger, so that nothing arrives while data is deleted.
    with following(ui, stack, again="destroy") as on_event:
        target.engine.destroy(stack, on_event)
    teardown.delete_bundles(app.aws, left)
    if delete_data:
        with ui.progress("Deleting objects", left.objects) as step:
            teardown.delete_data(app.aws, left, step)
    _report(app, stack, left, delete_data=delete_data)
    return 0


def _warning(stack: str, left: "RetainedResources", *, deployed: bool, delete_data: bool) -> str:
    lines = [f"To be deleted: {f'the stack {stack}' if deployed else 'what is left of it'}"]
    if left.bundles is not None:
        lines.append(f"  {left.bundles}: the function's bundles, which deploy makes again")
    if left.letters:
        lines.append(
            f"  about {left.letters} dead letters, with events that wait to be sent again:"
            " `imgctl redrive` first"
        )
    if left.data:
        lines.append("With it:" if delete_data else "Kept, for the next deploy to take back:")
    for bucket, content in left.buckets.items():
        lines.append(
            f"  {bucket}: versions: {content.versions}, delete markers:"
            f" {content.delete_markers}, unfinished uploads: {content.unfinished_uploads}"
        )
    if left.table is not None:
        lines.append(f"  {left.table}: about {left.records} items")
    return "\n".join(lines)


def _report(app: App, stack: str, left: "RetainedResources", *, delete_data: bool) -> None:
    kept = () if delete_data else left.data
    if left.data and delete_data:
        app.ui.info(f"Deleted the stack {stack}, with {', '.join(left.data)}.")
    elif kept:
        app.ui.info(
            f"Deleted the stack {stack}. Kept, for the next deploy to take back:"
            f" {', '.join(kept)}. `{app.program} destroy --delete-data` deletes them."
        )
    else:
        app.ui.info(f"Deleted the stack {stack}.")
    app.ui.result({"stack": stack, "deleted": True, "kept": list(kept)}, "")
