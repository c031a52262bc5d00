"""`imgctl publish`."""

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import click

from imgctl.cli.app import App, app_of
from imgctl.cli.commands.deploy import place_of, target_of
from imgctl.cli.deploy_progress import following
from imgctl.cli.options import Command

if TYPE_CHECKING:
    from imgctl.cli.stack_documents import LiveDocument
    from infra.plan import Plan


@click.command(cls=Command, epilog="Example: imgctl publish")
@click.pass_context
def publish(context: click.Context) -> int:
    """Publish the function's code as a new version and make it live.

    The rest of the stack, its settings included, stays as it was deployed. `rollback` goes back.
    """
    from infra import deployment, release
    from infra.bundle import Architecture

    app = app_of(context)
    target = target_of(app)
    function = app.outputs.function
    before = release.live_version(app.aws.lambda_, function)
    with tempfile.TemporaryDirectory(prefix="imgctl-publish-") as folder:
        deployed = target.engine.parameters(target.stack)
        architecture = Architecture(deployed["Architecture"])
        with app.ui.working("Building the function's bundle"):
            bundle = deployment.make_bundle(app.aws, architecture, Path(folder))
        with release.planned_publish(target, bundle) as plan:
            question = f"Make this code live in {place_of(app)}?"
            if not confirm_plan(app, plan, question):
                return 1
            if not plan.is_empty:
                with following(app.ui, plan.stack) as on_event:
                    deployment.apply(target, plan, bundle, on_event)
    return report_live(app, before)


def confirm_plan(app: App, plan: "Plan", question: str) -> bool:
    """Show a plan and ask; a plan without changes needs no answer."""
    from imgctl.cli.tables import plan_grid

    if plan.is_empty:
        app.ui.info("Nothing to change: that is live already.")
        return True
    app.ui.info(plan_grid(plan))
    if app.ui.confirm(question):
        return True
    app.ui.info("Nothing was changed.")
    return False


def report_live(app: App, before: int) -> int:
    """Tell which version is live now, and which was; gives the exit code."""
    from infra import release

    live = release.live_version(app.aws.lambda_, app.outputs.function)
    was = f" (was {before})" if live != before else ""
    document: LiveDocument = {"live": live, "before": before, "changed": live != before}
    app.ui.result(document, f"version {live} is live{was}")
    return 0
