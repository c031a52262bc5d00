"""`imgctl deploy`."""

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import click

from imgctl.cli.app import App, app_of
from imgctl.cli.deploy_progress import following
from imgctl.cli.options import Command, set_option
from imgctl.core.errors import ImgctlError

if TYPE_CHECKING:
    from imgctl.cli.stack_documents import DeployDocument, PlanDocument
    from infra.deployment import DeployRequest, StackContext
    from infra.ownership import ExistingResources
    from infra.plan import Plan


_ON_THE_WAY = (
    "This is a step on the way. After it, each with a plan of its own, come the table's throughput"
    " and indexes, where it lacks them, and then all the rest of the stack."
)


class DataLossError(ImgctlError):
    """The plan would replace or delete what holds the user's data."""

    code = "data_loss"


@click.command(cls=Command, epilog="Example: imgctl deploy --plan")
@click.option("--plan", "plan_only", is_flag=True, help="Show what would be done, and stop.")
@click.option("--express", is_flag=True, help="Do not wait for resources to become stable.")
@click.option(
    "--cmk", metavar="ARN", help="Encrypt with this key of yours; as the setting kms_key."
)
@click.option(
    "--adopt", is_flag=True, help="Take buckets and a table of these names into the stack."
)
@click.option("--allow-data-loss", is_flag=True, help="Let a bucket or the table be replaced.")
@click.pass_context
def deploy(
    context: click.Context,
    *,
    plan_only: bool,
    express: bool,
    cmk: str | None,
    adopt: bool,
    allow_data_loss: bool,
) -> int:
    """Create or update the stack.

    The plan is shown before anything is changed. Running it again changes nothing.
    """
    if cmk is not None:
        set_option(context, "kms_key", cmk)
    how = DeployOptions(plan_only, express, adopt, allow_data_loss)
    return deploy_stack(app_of(context), how=how)


@dataclass(frozen=True, slots=True)
class DeployOptions:
    """DeployOptions a deployment is done."""

    plan_only: bool = False
    express: bool = False
    adopt: bool = False
    allow_data_loss: bool = False


def deploy_stack(
    app: App,
    *,
    how: DeployOptions = DeployOptions(),
    show_outputs: bool = True,
) -> int:
    """Bundle, plan, show, ask, apply and print the outputs; gives the exit code."""
    from infra import customer_key, deployment
    from infra.bundle import Architecture
    from infra.template import stack_template

    settings, ui = app.settings, app.ui
    stack_settings = settings.stack_settings
    if stack_settings.kms_key is not None:
        customer_key.check_usable(app.aws.kms, stack_settings.kms_key, app.aws.region)
    target = target_of(app)
    if not how.plan_only and _resume_pending(app, target):
        ui.info("That was under way since an earlier run, and is done. Now what is wanted:")
    if ui.can_prompt and not how.plan_only:
        _offer_cleanup(app, target)
    target.engine.check_updatable(target.stack)  # before the work of making a bundle
    there = deployment.find_existing(target, adopt=how.adopt)
    _report_existing(app, target, there, how)
    with tempfile.TemporaryDirectory(prefix="imgctl-deploy-") as folder:
        with ui.working("Building the function's bundle"):
            bundle = deployment.make_bundle(
                app.aws, Architecture(stack_settings.architecture), Path(folder)
            )
        wish = deployment.DeployRequest(stack_template(), stack_settings, bundle, how.express)
        take_in = (*there.kept, *there.untagged)
        while True:
            plan = _plan_and_apply(app, target, wish, take_in, how)
            if plan is None:
                return 0 if how.plan_only else 1
            if plan.is_whole or plan.is_empty:
                break
            take_in = ()
    if show_outputs:
        _print_outputs(app, plan)
    return 0


def _report_existing(
    app: App, target: "StackContext", there: "ExistingResources", how: DeployOptions
) -> None:
    """Tell what is there already, and what becoming the stack's would change about it."""
    from infra import adoption

    if not there.kept and not there.untagged:
        return
    looked = adoption.check_adoption(app.aws, target.names, there)
    if there.kept:
        app.ui.info(f"Kept by an earlier destroy, and now taken back: {', '.join(there.kept)}.")
    if looked.names:
        app.ui.info(f"Not made by imgctl, and now taken into the stack: {', '.join(looked.names)}.")
    for what in looked.replaced:  # which cannot be brought back
        app.ui.warn(f"The stack's own will replace {what}.")
    if looked.loses and not how.allow_data_loss:
        raise DataLossError(
            f"The stack's lifecycle rule would delete {', '.join(looked.loses)}.",
            hint="Nothing was changed. If that is what you want, give --allow-data-loss.",
        )


def _plan_and_apply(
    app: App,
    target: "StackContext",
    wish: "DeployRequest",
    take_in: tuple[str, ...],
    how: DeployOptions,
) -> "Plan | None":
    """Plan, show, ask and apply; gives the plan, or None where it was not applied."""
    from imgctl.cli.tables import parameters_grid, plan_grid, plan_total
    from infra import deployment

    ui = app.ui
    with deployment.planned(target, wish, take_in) as plan:
        if plan.live_version:
            ui.info(
                f"Version {plan.live_version} is live since a rollback, and stays so, with its code"
                f" and its settings: `{app.program} publish` makes the newest live."
            )
        document = _plan_document(plan, changed=False) | {"partial": not plan.is_whole}
        if plan.is_empty:
            ui.info(f"Nothing to change: the stack {plan.stack} is as wanted.")
            if not how.plan_only:
                return plan
            ui.result(cast("PlanDocument", document), "")
            return None
        ui.info(f"The stack {plan.stack} in {place_of(app)}:")
        if plan.parameters and plan.is_whole:
            ui.info(parameters_grid(plan))
        tell = ui.print if how.plan_only else ui.info  # a plan that is asked for is the result
        tell(plan_grid(plan))
        ui.info(plan_total(plan))
        _check_data_loss(plan, allowed=how.allow_data_loss)
        if not plan.is_whole:
            ui.info(_ON_THE_WAY)
        opens = any(change.logical_id == "ApiPut" for change in plan.changes)
        if opens and wish.settings.api_authorization == "none":
            ui.warn("Anyone on the internet could then put objects into the source bucket.")
        if how.plan_only:
            ui.info("Nothing was changed.")
            ui.result(cast("PlanDocument", document), "")
            return None
        if not ui.confirm(f"Deploy this to {place_of(app)}?"):
            ui.info("Nothing was changed.")
            return None
        with following(ui, plan.stack) as on_event:
            deployment.apply(target, plan, wish.bundle, on_event)
        return plan


def target_of(app: App) -> "StackContext":
    """Give the stack in the account and region in use, with its resources' names."""
    from infra.deployment import StackContext, engine_for
    from infra.names import stack_names

    stack = app.settings.stack
    chosen = app.settings.stack_settings.chosen_names
    names = stack_names(stack, app.aws.account_id, app.aws.region, chosen)
    return StackContext(app.aws, engine_for(app.aws), stack, names)


def _offer_cleanup(app: App, target: "StackContext") -> None:
    """Ask whether to delete what a creation that failed has left, which cannot be updated."""
    from infra.errors import NEVER_CREATED

    target.engine.parameters(target.stack)  # raises for a stack that is somebody else's
    if target.engine.status(target.stack) not in NEVER_CREATED:
        return
    app.ui.info(
        f"The creation of the stack {target.stack} failed, and CloudFormation cannot update what is"
        " left of it. Its deletion keeps the buckets and the table."
    )
    if app.ui.confirm("Delete what is left, and begin anew?"):
        with following(app.ui, target.stack) as on_event:
            target.engine.destroy(target.stack, on_event)


def _resume_pending(app: App, target: "StackContext") -> bool:
    """Follow what an interrupted run had begun; tells whether there was anything."""
    with following(app.ui, target.stack) as on_event:
        return target.engine.watch(target.stack, on_event)


def place_of(app: App) -> str:
    """Say where the stack is, for a question."""
    if app.aws.is_local:
        return "the embedded AWS on this machine"
    return f"account {app.aws.account_id}, {app.aws.region}"


def _check_data_loss(plan: "Plan", *, allowed: bool) -> None:
    if plan.left_key and not allowed:
        raise DataLossError(
            f"The function could no longer read what is encrypted with {plan.left_key}.",
            hint="Nothing was changed. Give it as kms_key, or give --allow-data-loss.",
        )
    if plan.loses_data and not allowed:
        lost = ", ".join(f"{c.logical_id} ({c.physical_id})" for c in plan.loses_data)
        raise DataLossError(
            f"This would delete what holds data, or leave it behind outside the stack: {lost}.",
            hint="Nothing was changed. If that is what you want, give --allow-data-loss.",
        )


def _plan_document(plan: "Plan", *, changed: bool) -> dict[str, Any]:
    return {
        "stack": plan.stack,
        "changed": changed,
        "changes": [
            {
                "action": change.action,
                "resource": change.logical_id,
                "type": change.resource_type,
                "replacement": change.replacement,
                "loses_data": change.loses_data,
                "marks": [mark.name.lower() for mark in change.risks],
                "kept": change.is_kept,
                "properties": [
                    {
                        "name": told.name,
                        "before": told.before,
                        "after": told.after,
                        "parameter": told.parameter or None,
                    }
                    for told in change.properties
                ],
            }
            for change in plan.changes
        ],
    }


def _print_outputs(app: App, plan: "Plan") -> None:
    from imgctl.cli.tables import pairs_grid

    outputs = app.outputs
    pairs = [
        ("source bucket", outputs.source_bucket),
        ("destination bucket", outputs.destination_bucket),
        ("table", outputs.table),
        ("function", outputs.function),
        ("API", f"{outputs.api_endpoint}/{outputs.source_bucket}/{{filename}}"),
    ]
    if outputs.api_key_id:
        command = f"aws apigateway get-api-key --include-value --api-key {outputs.api_key_id}"
        pairs.append(("API key", f"{outputs.api_key_id}: {command}"))
    document = _plan_document(plan, changed=not plan.is_empty) | {
        "outputs": {
            "source_bucket": outputs.source_bucket,
            "destination_bucket": outputs.destination_bucket,
            "table": outputs.table,
            "function": outputs.function,
            "api_endpoint": outputs.api_endpoint,
            "api_key_id": outputs.api_key_id or None,
        }
    }
    app.ui.result(cast("DeployDocument", document), pairs_grid(pairs))
