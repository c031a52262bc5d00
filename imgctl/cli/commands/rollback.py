"""`imgctl rollback`."""

import click

from imgctl.cli.app import app_of
from imgctl.cli.commands.deploy import place_of, target_of
from imgctl.cli.commands.publish import confirm_plan, report_live
from imgctl.cli.deploy_progress import following
from imgctl.cli.options import Command


@click.command(cls=Command, epilog="Example: imgctl rollback 3")
@click.argument("version", type=click.IntRange(1), required=False)
@click.pass_context
def rollback(context: click.Context, *, version: int | None) -> int:
    """Make an earlier version of the function live.

    That is VERSION, or else the one before the live one. With its code come the function's
    settings of that time: scale, prefix, quality, memory, timeout. A later deploy leaves it live;
    `publish` makes the newest version live again.
    """
    from infra import release

    app = app_of(context)
    target = target_of(app)
    function = app.outputs.function
    before = release.live_version(app.aws.lambda_, function)
    versions = release.versions_of(app.aws.lambda_, function)
    chosen = release.choose_version(versions, before, version)
    (wanted,) = (one for one in versions if one.number == chosen)
    release.check_updatable(wanted, target.engine.parameters(target.stack))
    with release.planned_rollback(target, chosen) as plan:
        if not confirm_plan(app, plan, f"Make version {chosen} live in {place_of(app)}?"):
            return 1
        if not plan.is_empty:
            with following(app.ui, plan.stack) as on_event:
                target.engine.apply(plan, on_event)
    return report_live(app, before)
