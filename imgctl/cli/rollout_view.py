"""How a new version is released, as a person sees it: its plan, its second step, its end."""

from typing import TYPE_CHECKING

from imgctl.cli.app import App
from imgctl.cli.deploy_progress import following
from imgctl.cli.stack_access import location
from imgctl.core.errors import Hint

if TYPE_CHECKING:
    from infra.deployed_stack import DeployedStack
    from infra.plan import Plan
    from infra.stack_context import StackContext


def show_release(app: App, plan: "Plan", rollout: str) -> None:
    """Show how the plan's new version comes to its invocations, unless that is at once as usual."""
    from infra.rollout import ReleaseAtOnce, percent_text

    release, before = plan.release, plan.change_set.planned_from
    if isinstance(release, ReleaseAtOnce):
        if release.reason:
            app.ui.warn(f"The release is not gradual ({rollout}): {release.reason}.")
        elif before.canary_weight and not plan.live_version:
            app.ui.info(
                f"The newest version takes {percent_text(before.canary_weight)} of the invocations,"
                " since a gradual release that was not completed. It will take all of them."
            )
        return
    canary = release.canary
    app.ui.info(
        f"Gradually: {canary.percent}% of the invocations for {canary.minutes} minutes, then all."
        f" Version {release.live} takes the others. CloudFormation watches the alarm"
        f" {release.alarm.name} and rolls everything back if it goes off."
    )
    if any(not _is_released(change.logical_id) for change in plan.effective_changes):
        app.ui.info("Only the function is released gradually: the other changes apply at once.")
    if app.aws.is_local:
        app.ui.info("The embedded AWS watches no alarm: the new version gets the rest right after.")


def complete_release(app: App, context: "StackContext", plan: "Plan") -> "DeployedStack | None":
    """Do the second step of a gradual release, which was agreed to with the first; None if none."""
    from infra.release import planned_completion

    if plan.gradual is None:
        return None
    watched = "" if app.aws.is_local else "The alarm did not go off. "
    app.ui.info(f"{watched}The new version gets all invocations:")
    with (
        planned_completion(context, plan.change_set.planned_from.triggers) as completion,
        following(app, context.stack, completion) as on_event,
    ):
        return context.client.execute(completion.change_set, on_event)


def report_incomplete(app: App, deployed: "DeployedStack") -> None:
    """Warn if a gradual release was interrupted between its steps: nothing else completes it."""
    from infra.rollout import percent_text

    if deployed.canary_weight:
        hint = Hint(
            f"The newest version takes {percent_text(deployed.canary_weight)} of the invocations,"
            " since a gradual release that was not completed. {} completes it, and {} ends it.",
            "deploy",
            "rollback",
        )
        app.ui.warn(hint.render(app.program))


def cancel_release(app: App, context: "StackContext") -> bool | None:
    """Offer to cancel the first step of a gradual release, if that is under way.

    Return whether it was cancelled, None if there was nothing to cancel.
    """
    pending = context.client.read(context.stack)
    if pending.status != "UPDATE_IN_PROGRESS" or not pending.canary_weight:
        return None
    app.ui.info(
        "A gradual release is under way. To cancel it takes the invocations from the new version,"
        " and undoes whatever else that deployment changed."
    )
    if not app.ui.confirm(f"Cancel it in {location(app)}?"):
        app.ui.info("Nothing was changed.")
        return False
    with following(app, context.stack) as on_event:
        context.client.cancel(pending, on_event)
    return True


def _is_released(logical_id: str) -> bool:
    """Return whether a resource is the function, or a part of how a version of it is released."""
    return logical_id.startswith(("CodeVersion", "Function", "RolloutAlarm"))
