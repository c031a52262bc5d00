"""`imgctl destroy`."""

from typing import TYPE_CHECKING

import click

from imgctl.cli.app import App, app_of
from imgctl.cli.deploy_progress import following
from imgctl.cli.options import Command
from imgctl.cli.stack_access import stack_context
from imgctl.core.errors import Hint

if TYPE_CHECKING:
    from collections.abc import Iterable

    from imgctl.cli.stack_documents import DestroyDocument
    from infra.deployed_stack import DeployedStack
    from infra.teardown import RetainedResources, UnprovenResource


@click.command(
    cls=Command, examples=["imgctl destroy", "imgctl destroy --stack try-out --delete-data"]
)
@click.option(
    "--delete-data", is_flag=True, help="Also delete the buckets and the table, with all data."
)
@click.pass_context
def destroy(context: click.Context, *, delete_data: bool) -> int:
    """Delete the stack.

    Keeps the buckets and the table for the next deploy, unless --delete-data is given. Only
    deletes what is proven to belong to the stack. Safe to run again after an interruption. Refuses
    a stack with termination protection.
    """
    from infra import teardown
    from infra.deployed_stack import check_deletable

    app = app_of(context)
    ui, stack = app.ui, stack_context(app)
    deployed = stack.client.read(stack.stack)
    check_deletable(deployed)
    retained = teardown.find_retained(stack, deployed)
    if not deployed.exists and retained.bundles is None and not (retained.data and delete_data):
        kept = f" Kept: {', '.join(retained.data)}." if retained.data else ""
        ui.info(f"There is no stack called {stack.stack}.{kept}")
        return _result(app, retained.data, retained.unproven, deleted=False)

    ui.info(_summary(app, deployed, retained, delete_data=delete_data))
    question = "Permanently delete all data?" if delete_data else "Delete the stack?"
    if not ui.confirm(question, expected=stack.stack):
        ui.info("Nothing was changed.")
        return 1
    resume_with = "destroy"
    if delete_data:
        resume_with = "destroy --delete-data"
        retained = teardown.claim(stack, retained)
    # The stack first: its trigger goes with it, so that nothing arrives while data is deleted.
    with following(app, stack.stack, resume_with=resume_with) as on_event:
        stack.client.delete(deployed, on_event)
    bundles = teardown.delete_bundles(app.aws, retained)
    unproven = (*retained.unproven, *([] if bundles is None else [bundles]))
    if not delete_data:
        _report_kept(app, retained)
        return _result(app, retained.data, unproven, deleted=True)
    with ui.progress("Deleting objects", retained.objects) as advance:
        data = teardown.delete_data(app.aws, retained, advance)
    with_data = f" with {', '.join(data.deleted)}" if data.deleted else ""
    ui.info(f"Deleted the stack {stack.stack}{with_data}.")
    return _result(app, (), (*unproven, *data.unproven), deleted=True)


def _summary(
    app: App, deployed: "DeployedStack", retained: "RetainedResources", *, delete_data: bool
) -> str:
    what = f"the stack {deployed.name}" if deployed.exists else f"leftovers of {deployed.name}"
    if deployed.exists and not deployed.is_deployed:
        what = f"{what}, which is empty, and its plans that were not applied"
    lines = [f"To be deleted: {what}"]
    if retained.bundles is not None:
        lines.append(f"  {retained.bundles}: the function's bundles; deploy rebuilds them")
    if retained.dead_letters:
        hint = Hint("run {} first", "redrive").render(app.program)
        lines.append(
            f"  about {retained.dead_letters} unprocessed dead-letter messages would be lost;"
            f" {hint}"
        )
    if retained.data:
        lines.append("Including:" if delete_data else "Kept for the next deploy:")
    for bucket, content in retained.buckets.items():
        lines.append(
            f"  {bucket}: versions: {content.versions}, delete markers:"
            f" {content.delete_markers}, incomplete uploads: {content.unfinished_uploads}"
        )
    if retained.table is not None:
        lines.append(f"  {retained.table}: about {retained.records} items")
    if retained.unproven:
        lines.append("Left alone, not proven to belong to the stack:")
        lines += [f"  {item}" for item in retained.unproven]
    return "\n".join(lines)


def _report_kept(app: App, retained: "RetainedResources") -> None:
    kept = ""
    if retained.data:
        if all(retained.owners[name].stack for name in retained.data):
            hint = Hint("{} deletes them.", "destroy --delete-data").render(app.program)
        else:  # adopted, but not yet tagged: without the stack nothing proves whose they are
            hint = Hint("{} imports them.", "deploy --adopt").render(app.program)
        kept = f" Kept for the next deploy: {', '.join(retained.data)}. {hint}"
    app.ui.info(f"Deleted the stack {app.settings.stack}.{kept}")


def _result(
    app: App, kept: tuple[str, ...], unproven: "Iterable[UnprovenResource]", *, deleted: bool
) -> int:
    """Print the result, with what was left alone because it may not be the stack's."""
    resources = {item.name: item for item in unproven}
    if resources:
        names = ", ".join(map(str, resources.values()))
        app.ui.warn(f"Left alone, not proven to belong to the stack: {names}.")
    document: DestroyDocument = {
        "stack": app.settings.stack,
        "deleted": deleted,
        "kept": list(kept),
        "left_alone": [
            {"name": item.name, "reason": str(item.owner)} for item in resources.values()
        ],
    }
    app.ui.result(document, "")
    return 0
