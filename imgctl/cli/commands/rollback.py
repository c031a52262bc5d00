"""`imgctl rollback`."""

import click

from imgctl.cli.app import app_of
from imgctl.cli.deploy_progress import following
from imgctl.cli.options import Command, completer
from imgctl.cli.stack_access import location, read_deployed, stack_context


@click.command(cls=Command, examples=["imgctl rollback", "imgctl rollback 3"])
@click.argument(
    "version", type=click.IntRange(1), required=False, shell_complete=completer("versions")
)
@click.pass_context
def rollback(context: click.Context, *, version: int | None) -> int:
    """Make an earlier version of the function live.

    VERSION defaults to the one before the live version. The version's settings (scale, prefix,
    quality, memory, timeout) come back with its code. `deploy` keeps it live; `publish` makes the
    newest version live again. A gradual release is stopped: the version before it takes all
    invocations again.
    """
    from imgctl.cli.live_versions import confirm_live, report_live
    from imgctl.cli.rollout_view import cancel_release
    from infra import function_version, release
    from infra.rollout import percent_text
    from infra.version_settings import content_of, differences

    app = app_of(context)
    stack = stack_context(app)
    cancelled = cancel_release(app, stack)
    if cancelled is False:
        return 1
    deployed = read_deployed(app, stack)
    function = app.outputs.function
    live = function_version.read_live_version(app.aws.lambda_, function)
    before = live.number or None
    # An earlier release may have been interrupted: then another version still has a part.
    if cancelled and version is None and not deployed.canary_weight:
        return report_live(app, before, (), is_changed=True)
    versions = function_version.list_versions(app.aws.lambda_, function)
    what, replaced = live.title, live
    if deployed.canary_weight:
        version, replaced = version or live.number, versions[0]
        part = percent_text(deployed.canary_weight)
        what += f", and version {replaced.number} with {part} of the invocations"
    chosen = function_version.choose_version(versions, before, version)
    changes = differences(content_of(replaced), content_of(chosen))
    with release.planned_rollback(stack, deployed, chosen) as plan:
        if plan.is_empty:
            function_version.check_published(before)
        question = f"Make version {chosen.number} live in {location(app)}?"
        if not confirm_live(app, plan, f"{what} → {chosen.number}", changes, question):
            return 1
        if not plan.is_empty:
            with following(app, plan.stack, plan) as on_event:
                stack.client.execute(plan.change_set, on_event)
    return report_live(app, before, changes, is_changed=bool(deployed.canary_weight))
