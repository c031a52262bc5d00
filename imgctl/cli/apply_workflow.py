"""A stored plan, from its file to the stack: check it, show it, confirm and apply it."""

import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from imgctl.cli.app import App
from imgctl.cli.bundle_choice import make_or_read
from imgctl.cli.deploy_progress import following
from imgctl.cli.deploy_workflow import Deployment
from imgctl.cli.plan_view import CODE_LENGTH
from imgctl.cli.pruning import plan_pruning, prune, show_pruning
from imgctl.cli.rollout_view import complete_release, report_incomplete
from imgctl.cli.stack_access import location, stack_context, target_of

if TYPE_CHECKING:
    from infra.bundle import Bundle
    from infra.deployed_stack import DeployedStack
    from infra.plan import ChangeSet, Plan
    from infra.stack_context import StackContext
    from infra.stored_plan import StoredPlan


def apply_plan(
    app: App, path: Path, bundle_file: Path | None, *, allow_data_loss: bool
) -> Deployment | None:
    """Apply the plan in a file; None if it was declined.

    What is shown and executed is CloudFormation's change set, which the file only names. Raises
    InvalidPlanFile, PlanObsolete or StackChanged if it is not what was planned any more.
    """
    from imgctl.cli.adoption_view import report_existing
    from imgctl.cli.deploy_plan import show_plan
    from infra import deployment, deployment_steps, stored_plan
    from infra.names import deployed_names
    from infra.parameters import deployed_settings

    stored = stored_plan.read(path)
    context = stack_context(app)
    stored_plan.check_target(stored, target_of(context))
    stored_plan.check_protection(stored, app.settings.termination_protection)
    deployed = context.client.read(context.stack)
    change_set = _find_change_set(app, context, stored, deployed)
    parameters = change_set.parameters
    context = replace(context, names=deployed_names(parameters))  # whatever the settings here say
    state = deployment_steps.observe(context, deployed, adopt=change_set.is_import)
    plan = deployment.planned_before(
        context,
        state,
        change_set,
        is_last_step=stored.is_last_step,
        termination_protection=stored.termination_protection,
    )
    if plan.is_empty:
        app.ui.info("Nothing to change.")
        return Deployment(plan, deployed)
    stored_plan.check_content(stored, plan)
    with tempfile.TemporaryDirectory(prefix="imgctl-deploy-") as folder:
        bundle = _find_bundle(app, context, stored, plan, Path(folder), bundle_file)
        settings = deployed_settings(parameters)
        allow_data_loss = allow_data_loss or change_set.allows_data_loss
        report_existing(
            app,
            context,
            state.existing,
            keep_versions_days=settings.keep_versions_days,
            allow_data_loss=allow_data_loss,
        )
        show_plan(app, plan, settings, is_result=False, allow_data_loss=allow_data_loss)
        superseded = plan_pruning(app, context, plan)
        show_pruning(app, superseded)
        if not app.ui.confirm(f"Deploy this to {location(app)}?"):
            app.ui.info("Nothing was changed. The plan can still be applied.")
            return None
        with following(app, plan.stack, plan) as on_event:
            deployed = deployment.apply(context, plan, bundle, on_event)
    deployed = complete_release(app, context, plan) or deployed
    return Deployment(plan, deployed, pruned=prune(app, context, deployed, superseded))


def _find_change_set(
    app: App, context: "StackContext", stored: "StoredPlan", deployed: "DeployedStack"
) -> "ChangeSet":
    """Return the change set to be executed; an empty one if there is none, or it has been."""
    from infra import planning, stored_change_set
    from infra.plan import ChangeSet

    nothing = ChangeSet(
        context.stack,
        "",
        creates_stack=False,
        planned_from=deployed,
        parameters=deployed.parameters,
        tags=deployed.tags,
    )
    if not stored.change_set:
        stored_change_set.check_same_stack(stored.before, deployed)
        return nothing
    found = planning.find_change_set(context.client, deployed, stored.change_set)
    if found is not None:
        stored_change_set.check_ours(found, context.stack)
        if found.is_applied:
            app.ui.info("This plan has been applied already.")
            report_incomplete(app, deployed)
            return nothing
    ready = stored_change_set.check_executable(found, context.stack)
    stored_change_set.check_same_stack(stored.before, deployed, made_stack=ready.stack_id)
    return ready.change_set


def _find_bundle(
    app: App,
    context: "StackContext",
    stored: "StoredPlan",
    plan: "Plan",
    folder: Path,
    bundle_file: Path | None,
) -> "Bundle | None":
    """Return the bundle that the plan needs; None if it is stored in AWS already.

    Raises BundleError if the one at hand is of other code than was planned.
    """
    from infra import artifacts, stored_plan
    from infra.bundle_cache import user_cache

    if plan.change_set.is_empty:
        return None
    after = plan.change_set.parameters
    key, bucket = after["CodeKey"], context.names.artifacts_bucket
    if bundle_file is None:
        before = plan.change_set.planned_from.parameters
        if not plan.is_last_step and before.get("CodeKey") == key:
            return None  # only the table changes
        with app.ui.working("Looking for the bundle in AWS"):
            found = artifacts.stored_sha256(app.aws, key, bucket=bucket, stack=context.stack)
        if found is not None and stored_plan.fits(stored, key, found):
            return None
    bundle = make_or_read(app, folder, after["Architecture"], bundle_file, user_cache())
    stored_plan.check_code(stored, key, bundle, digits=CODE_LENGTH)
    return bundle
