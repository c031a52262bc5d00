"""`imgctl destroy`."""

from typing import TYPE_CHECKING

import click

from imgctl.cli.app import App, Command, app_of

if TYPE_CHECKING:
    from infra.removal import KeptData


@click.command(cls=Command, epilog="Example: imgctl destroy --stack try-out --delete-data")
@click.option(
    "--delete-data", is_flag=True, help="Delete the two buckets and the table with all they hold."
)
@click.pass_context
def destroy(context: click.Context, *, delete_data: bool) -> int:
    """Delete the stack.

    The two buckets and the table stay, and the next deploy takes them back, unless
    --delete-data is given. Safe to run again after an interruption.
    """
    from imgctl.cli.deploy import target_of, tell_event
    from infra import existing, removal

    app = app_of(context)
    ui, stack = app.ui, app.settings["stack"]
    target = target_of(app)
    names, engine = target.names, target.engine
    status = engine.status(stack)
    kept = existing.kept_from_before(
        app.aws.s3, app.aws.dynamodb, names, stack, account=app.aws.account_id
    )
    data = removal.count(app.aws, kept, names)
    if status in (None, "DELETE_COMPLETE") and not (kept and delete_data):
        removal.delete_bundles(app.aws, names)
        left = f" Kept: {', '.join(kept)}." if kept else ""
        ui.note(f"There is no stack called {stack}.{left}")
        ui.result({"stack": stack, "deleted": False, "kept": list(kept)}, "")
        return 0

    ui.note(_warning(stack, data, delete_data=delete_data))
    if not ui.confirm("This cannot be undone.", expected=stack):
        ui.note("Nothing was changed.")
        return 1
    # The stack first: with it goes the trigger, so that nothing arrives while data is deleted.
    engine.destroy(stack, lambda event: ui.note(tell_event(event)) if event.is_done else None)
    removal.delete_bundles(app.aws, names)
    if delete_data:
        with ui.progress("Deleting objects", data.objects) as step:
            removal.delete(app.aws, data, step)
    _report(app, stack, kept, deleted_data=delete_data)
    return 0


def _warning(stack: str, data: "KeptData", *, delete_data: bool) -> str:
    fate = "deletes" if delete_data else "keeps"
    lines = [f"This deletes the stack {stack}, and {fate}:"]
    for bucket, content in data.buckets.items():
        lines.append(
            f"  {bucket}: {content.versions} versions, {content.delete_markers} delete markers,"
            f" {content.unfinished_uploads} unfinished uploads"
        )
    if data.table is not None:
        lines.append(f"  {data.table}: about {data.records} records")
    return "\n".join(lines) if len(lines) > 1 else f"This deletes the stack {stack}."


def _report(app: App, stack: str, kept: tuple[str, ...], *, deleted_data: bool) -> None:
    if kept and deleted_data:
        app.ui.note(f"Deleted the stack {stack}, with {', '.join(kept)}.")
    elif kept:
        app.ui.note(
            f"Deleted the stack {stack}. Kept, for the next deploy to take back:"
            f" {', '.join(kept)}. `{app.command} destroy --delete-data` deletes them."
        )
    else:
        app.ui.note(f"Deleted the stack {stack}.")
    left = [] if deleted_data else list(kept)
    app.ui.result({"stack": stack, "deleted": True, "kept": left}, "")
