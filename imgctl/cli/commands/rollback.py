"""`imgctl rollback`."""

import click

from imgctl.cli.app import app_of
from imgctl.cli.deploy_progress import following
from imgctl.cli.options import Command, completer
from imgctl.cli.stack_access import (
    confirm_plan,
    location,
    read_deployed,
    report_live,
    stack_context,
)


@click.command(cls=Command, epilog="Example: imgctl rollback 3")
@click.argument(
    "version", type=click.IntRange(1), required=False, shell_complete=completer("versions")
)
@click.pass_context
def rollback(context: click.Context, *, version: int | None) -> int:
    """Make an earlier version of the function live.

    VERSION defaults to the one before the live version. The version's settings (scale, prefix,
    quality, memory, timeout) come back with its code. `deploy` keeps it live; `publish` makes the
    newest version live again.
    """
    from infra import function_version, release

    app = app_of(context)
    stack = stack_context(app)
    deployed = read_deployed(app, stack)
    function = app.outputs.function
    before = function_version.live_version(app.aws.lambda_, function)
    versions = function_version.list_versions(app.aws.lambda_, function)
    chosen = function_version.choose_version(versions, before, version)
    with release.planned_rollback(stack, deployed, chosen) as plan:
        if not confirm_plan(app, plan, f"Make version {chosen.number} live in {location(app)}?"):
            return 1
        if not plan.is_empty:
            with following(app, plan.stack) as on_event:
                stack.client.execute(plan.change_set, on_event)
    return report_live(app, before)
