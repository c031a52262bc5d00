"""`imgctl publish`."""

import tempfile
from pathlib import Path

import click

from imgctl.cli.app import app_of
from imgctl.cli.deploy_progress import following
from imgctl.cli.options import Command
from imgctl.cli.params import bundle_option
from imgctl.cli.stack_access import location, read_deployed, stack_context
from imgctl.core.errors import Hint


@click.command(
    cls=Command, examples=["imgctl publish", "imgctl publish --bundle function-arm64.zip"]
)
@bundle_option
@click.option("--at-once", is_flag=True, help="Give it all invocations at once (setting: rollout).")
@click.pass_context
def publish(context: click.Context, *, bundle_file: Path | None, at_once: bool) -> int:
    """Publish the function's code as a new version and make it live.

    Leaves the rest of the stack, including its settings, as it is deployed. If the deployed setting
    `rollout` says so, the version is released gradually. `rollback` undoes it.
    """
    from imgctl.cli.bundle_choice import (
        make_or_read,
        report_missing_bytecode,
        report_other_build,
    )
    from imgctl.cli.live_versions import confirm_live, report_live
    from imgctl.cli.pruning import plan_pruning, prune
    from imgctl.cli.rollout_view import complete_release
    from infra import deployment, release
    from infra.bundle_cache import user_cache
    from infra.function_version import check_published, list_versions, read_live_version
    from infra.version_settings import content_of, deployed_content, differences

    app = app_of(context)
    stack = stack_context(app)
    deployed = read_deployed(app, stack)
    live = read_live_version(app.aws.lambda_, app.outputs.function)
    before = live.number or None
    versions = list_versions(app.aws.lambda_, app.outputs.function)
    with tempfile.TemporaryDirectory(prefix="imgctl-publish-") as folder:
        architecture = deployed.parameters["Architecture"]
        bundle = make_or_read(app, Path(folder), architecture, bundle_file, user_cache())
        report_missing_bytecode(app, bundle, deployed.parameters.get("CodeKey"))
        with release.planned_publish(stack, deployed, bundle, at_once=at_once) as plan:
            after = deployed_content({**deployed.parameters, "CodeKey": bundle.key})
            changes = differences(content_of(live), after)
            is_new = bundle.key != deployed.parameters["CodeKey"]
            if plan.is_empty:
                check_published(before)
                report_other_build(app, bundle, app.outputs.function)
            what = f"{live.title} → {'a new version' if is_new else versions[0].number}"
            question = f"Make this code live in {location(app)}?"
            superseded = plan_pruning(app, stack, plan)
            if not confirm_live(app, plan, what, changes, question, superseded):
                return 1
            if plan.is_empty:
                hint = Hint("To deploy changed settings, run {}.", "deploy")
                app.ui.info(hint.render(app.program))
            else:
                with following(app, plan.stack, plan) as on_event:
                    deployed = deployment.apply(stack, plan, bundle, on_event)
        deployed = complete_release(app, stack, plan) or deployed
        pruned = prune(app, stack, deployed, superseded)
    return report_live(app, before, changes, pruned)
