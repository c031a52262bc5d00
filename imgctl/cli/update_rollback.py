"""Rolling back an update that failed, as a person sees it: what failed, a question, progress."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from imgctl.cli.app import App
from imgctl.cli.deploy_progress import following
from imgctl.cli.stack_access import location, stack_context
from imgctl.core.errors import Hint

if TYPE_CHECKING:
    from imgctl.cli.stack_documents import RollbackDocument
    from infra.deploy_event import DeployEvent
    from infra.deployed_stack import DeployedStack
    from infra.stack_context import StackContext

_RESUME = "deploy --continue-rollback"


def continue_rollback(app: App, skipped: Sequence[str]) -> bool:
    """Roll back the last update of the stack, and print the result; False if declined.

    A rollback that is under way is only followed. Raises StackNotFound, or RollbackRefused if
    there is nothing to roll back, or if one of the `skipped` resources cannot be skipped.
    """
    from imgctl.aws.stack import not_found
    from infra.recovery import ROLLING_BACK, check_can_roll_back, check_skipped
    from infra.update_rollback import find_failures

    context = stack_context(app)
    deployed = context.client.read(context.stack)
    if not deployed.exists:
        raise not_found(context.stack)
    failures: tuple[DeployEvent, ...] = ()
    if deployed.status in ROLLING_BACK:
        check_skipped(deployed, failures, skipped)
        app.ui.info(f"The stack {context.stack} is being rolled back. Following that to its end:")
        with following(app, context.stack, resume_with=_RESUME) as on_event:
            after = context.client.resume(deployed, on_event)
    else:
        check_can_roll_back(deployed)
        failures = find_failures(context.client, deployed)
        check_skipped(deployed, failures, skipped)
        _show(app, deployed, failures, skipped)
        if not app.ui.confirm(f"Roll the update back in {location(app)}?"):
            app.ui.info("Nothing was changed.")
            return False
        after = _roll_back(app, context, deployed, skipped)
    _report(app, after, failures, skipped)
    return True


def offer_rollback(app: App, context: "StackContext", deployed: "DeployedStack") -> "DeployedStack":
    """Ask whether to roll back an update that failed, after which the stack can be updated."""
    from infra.recovery import CAN_ROLL_BACK
    from infra.update_rollback import find_failures

    if deployed.status not in CAN_ROLL_BACK or not app.ui.can_prompt:
        return deployed
    _show(app, deployed, find_failures(context.client, deployed), ())
    if not app.ui.confirm("Roll that update back first?"):
        return deployed
    _roll_back(app, context, deployed, ())
    app.ui.info("The update was rolled back. Planning your changes:")
    return context.client.read(context.stack)


def _show(
    app: App,
    deployed: "DeployedStack",
    failures: "Sequence[DeployEvent]",
    skipped: Sequence[str],
) -> None:
    """Show what failed, and what a rollback does about it."""
    from infra.recovery import problem_of, skippable_of

    problem = problem_of(deployed)
    lines = [] if problem is None else [problem.message]
    lines += [f"  {failure.cause}" for failure in failures]
    if skipped:
        app.ui.info("\n".join(lines))
        app.ui.warn(
            f"Will be skipped: {', '.join(skipped)}. CloudFormation leaves what is skipped as it"
            " is, and takes it for what it was before the update."
        )
        return
    lines.append("CloudFormation will try again to bring back what was there before the update.")
    if skippable := skippable_of(deployed, failures):
        options = " ".join(f"--skip {name}" for name in skippable)
        hint = Hint("What cannot be fixed can be left as it is: {}", f"{_RESUME} {options}")
        lines.append(hint.render(app.program))
    app.ui.info("\n".join(lines))


def _roll_back(
    app: App, context: "StackContext", deployed: "DeployedStack", skipped: Sequence[str]
) -> "DeployedStack":
    from infra import update_rollback

    with following(app, context.stack, resume_with=_RESUME) as on_event:
        return update_rollback.continue_rollback(context.client, deployed, skipped, on_event)


def _report(
    app: App,
    after: "DeployedStack",
    failures: "Sequence[DeployEvent]",
    skipped: Sequence[str],
) -> None:
    if skipped:
        hint = Hint(
            f"The update was rolled back, except for {', '.join(skipped)}. Run {{}}, which changes"
            " back what differs from the template.",
            "deploy --revert-drift",
        )
    else:
        hint = Hint("The update was rolled back. Fix what made it fail, then run {}.", "deploy")
    app.ui.info(hint.render(app.program))
    document: RollbackDocument = {
        "stack": after.name,
        "state": str(after.status),
        "failed_before": [
            {
                "resource": failure.logical_id,
                "type": failure.resource_type,
                "reason": failure.reason,
            }
            for failure in failures
        ],
        "skipped": list(skipped),
    }
    app.ui.result(document, "")
