"""A deployment as a person sees it: resume, clean up, plan, confirm, apply, print the outputs."""

import shlex
import tempfile
from dataclasses import dataclass, replace
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING

from imgctl.cli.app import App
from imgctl.cli.bundle_choice import (
    make_or_read,
    report_missing_bytecode,
    report_other_build,
)
from imgctl.cli.deploy_progress import following
from imgctl.cli.pruning import plan_pruning, prune, show_pruning
from imgctl.cli.stack_access import (
    location,
    read_settled,
    report_service_role,
    stack_context,
    target_of,
)
from imgctl.cli.update_rollback import offer_rollback
from imgctl.core.errors import Hint
from infra.pruning import NOTHING, Superseded

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from infra.bundle import Bundle
    from infra.deployed_stack import DeployedStack
    from infra.deployment import DeployRequest
    from infra.deployment_steps import DeploymentState
    from infra.drift_search import DriftSearch
    from infra.plan import Plan
    from infra.stack_context import StackContext

_ATTEMPTS = 5  # at planning, each after another deployment that got ahead


@dataclass(frozen=True, slots=True)
class DeployOptions:
    """The options of a deployment.

    With `revert_drift`, changes by other means are undone. With `at_once`, a new version is not
    released gradually. With `use_cache`, the bundle may be an earlier build, and is kept for later
    ones. `out` is the file to store the plan in, and `bundle` one to be deployed instead of
    building it. `tags` are all that the stack is to have; None for those of the settings.
    """

    plan_only: bool = False
    express: bool = False
    adopt: bool = False
    allow_data_loss: bool = False
    revert_drift: bool = False
    at_once: bool = False
    use_cache: bool = True
    out: Path | None = None
    bundle: Path | None = None
    tags: "Mapping[str, str] | None" = None


@dataclass(frozen=True, slots=True)
class PlannedOnly:
    """A deployment that was planned and not applied, as was wanted."""

    plan: "Plan"


@dataclass(frozen=True, slots=True)
class Deployment:
    """A deployment that was applied: its last plan, and the stack after it.

    `drift` is what differs from the deployment before it, if that was looked for. `pruned` is what
    was deleted after it.
    """

    plan: "Plan"
    deployed: "DeployedStack"
    drift: "DriftSearch | None" = None
    pruned: Superseded = NOTHING


def tags_with(app: App, given: tuple[str, ...]) -> dict[str, str] | None:
    """Return the tags of the settings with those of the command line; None without any.

    Raises SettingsError for one that AWS would refuse.
    """
    from imgctl.cli.settings import SettingsError
    from infra.tags import InvalidTag, checked_tags, parse_tag

    tags = app.settings.stack_tags
    if not given:
        return tags
    try:
        return checked_tags((tags or {}) | dict(map(parse_tag, given)))
    except InvalidTag as error:
        raise SettingsError(f"--tag: {error.message}.", hint=error.hint) from error


def deploy_stack(
    app: App, options: DeployOptions = DeployOptions()
) -> Deployment | PlannedOnly | None:
    """Deploy the stack that the settings describe, or only plan that; None if it was declined.

    If another deployment gets ahead of this one, it is followed to its end, and this one is planned
    again.
    """
    from botocore.exceptions import ClientError

    from imgctl.core.errors import ImgctlError
    from imgctl.output_files import check_destination
    from infra.alarm_topic import check_region
    from infra.customer_key import check_usable

    if options.out is not None:
        check_destination(options.out)
    settings = app.settings.stack_settings
    if settings.kms_key is not None:
        check_usable(app.aws.kms, settings.kms_key, app.aws.region)
    if settings.alarm_topic is not None:
        check_region(settings.alarm_topic, app.aws.region)
    context = stack_context(app)
    with tempfile.TemporaryDirectory(prefix="imgctl-deploy-") as folder:
        make_request = cache(partial(_make_request, app, Path(folder), options))
        attempts = 1
        while True:
            deployed = _read_updatable(app, context, options)
            try:
                return _deploy_from(app, context, deployed, options, make_request)
            except (ImgctlError, ClientError) as error:
                if options.plan_only or attempts == _ATTEMPTS:
                    raise
                if not _was_overtaken(context, deployed, error):
                    raise
            attempts += 1
            app.ui.info(f"Another deployment of the stack {context.stack} got ahead of this one.")


def _read_updatable(app: App, context: "StackContext", options: DeployOptions) -> "DeployedStack":
    from infra.recovery import check_updatable

    if options.plan_only:
        deployed = context.client.read(context.stack)
    else:
        deployed = _offer_cleanup(app, context, read_settled(app, context))
        deployed = offer_rollback(app, context, deployed)
    check_updatable(deployed)  # before the bundle is built
    return deployed


def _deploy_from(
    app: App,
    context: "StackContext",
    deployed: "DeployedStack",
    options: DeployOptions,
    make_request: "Callable[[], DeployRequest]",
) -> Deployment | PlannedOnly | None:
    """Deploy all steps that lead from the stack as it was read to the whole stack."""
    from imgctl.cli.adoption_view import report_existing
    from infra import deployment_steps

    report_service_role(app, deployed)
    state = deployment_steps.observe(context, deployed, adopt=options.adopt)
    report_existing(
        app,
        context,
        state.existing,
        keep_versions_days=app.settings.stack_settings.keep_versions_days,
        allow_data_loss=options.allow_data_loss,
    )
    request = make_request()
    report_missing_bytecode(app, request.bundle, deployed.parameters.get("CodeKey"))
    while True:
        step = _plan_and_apply(app, context, request, state, options)
        if not isinstance(step, Deployment) or step.plan.is_last_step or step.plan.is_empty:
            return step
        state = deployment_steps.observe(context, step.deployed, adopt=False)


def _was_overtaken(context: "StackContext", deployed: "DeployedStack", error: Exception) -> bool:
    """Return whether another deployment explains why this one could not go on.

    `deployed` is the stack as it was read at first. The other one may since have taken the names of
    its resources, for example.
    """
    from botocore.exceptions import BotoCoreError, ClientError

    from imgctl.core.errors import ImgctlError
    from infra.errors import StackBusy, StackChanged
    from infra.ownership import NameTaken

    if isinstance(error, StackBusy | StackChanged):
        return True
    try:
        current = context.client.read(context.stack)
    except (ImgctlError, ClientError, BotoCoreError):
        return False  # the error at hand says more
    took_names = isinstance(error, NameTaken) and not deployed.is_deployed and current.is_living
    return current.is_pending or took_names


def _make_request(app: App, folder: Path, options: DeployOptions) -> "DeployRequest":
    from infra.bundle_cache import user_cache
    from infra.deployment import DeployRequest
    from infra.template import stack_template

    settings = app.settings.stack_settings
    cache = user_cache() if options.use_cache else None
    bundle = make_or_read(app, folder, settings.architecture, options.bundle, cache)
    return DeployRequest(
        stack_template(),
        settings,
        bundle,
        express=options.express,
        revert_drift=options.revert_drift,
        termination_protection=app.settings.termination_protection,
        allow_data_loss=options.allow_data_loss,
        at_once=options.at_once,
        tags=app.settings.stack_tags if options.tags is None else options.tags,
    )


def _offer_cleanup(app: App, context: "StackContext", deployed: "DeployedStack") -> "DeployedStack":
    """Ask whether to delete what a failed creation has left, which cannot be updated."""
    if not deployed.was_never_created or not app.ui.can_prompt:
        return deployed
    app.ui.info(
        f"The creation of the stack {context.stack} failed, and CloudFormation cannot update what"
        " is left of it. Deleting it keeps the buckets and the table."
    )
    if not app.ui.confirm("Delete what is left, and start over?"):
        return deployed
    with following(app, context.stack, resume_with="destroy") as on_event:
        context.client.delete(deployed, on_event)
    return context.client.read(context.stack)


def _plan_and_apply(
    app: App,
    context: "StackContext",
    request: "DeployRequest",
    state: "DeploymentState",
    options: DeployOptions,
) -> Deployment | PlannedOnly | None:
    """Plan the next step, show it, ask and apply it; None if it was declined."""
    from imgctl.cli.deploy_documents import plan_document
    from imgctl.cli.deploy_plan import show_plan
    from imgctl.cli.drift_view import look_for_drift
    from imgctl.cli.rollout_view import complete_release
    from infra.deployment import planned

    ui = app.ui
    with planned(context, request, state, keep=options.out is not None) as plan:
        show_plan(
            app,
            plan,
            request.settings,
            is_result=options.plan_only,
            allow_data_loss=options.allow_data_loss,
        )
        superseded = plan_pruning(app, context, plan)
        show_pruning(app, superseded)
        if plan.is_empty:
            report_other_build(app, request.bundle, context.names.function)
        drift = look_for_drift(app, context, state.deployed) if plan.is_empty else None
        if plan.is_empty and not options.plan_only:
            return Deployment(plan, state.deployed, drift)
        if options.plan_only:
            if not plan.is_empty:
                ui.info("Nothing was changed.")
            if options.out is not None:
                _store(app, context, request, state, plan, options.out)
            document = plan_document(
                plan,
                request.settings,
                request.bundle,
                superseded=superseded,
                drift=drift,
                plan_file=options.out,
            )
            ui.result(document, "")
            return PlannedOnly(plan)
        if not ui.confirm(f"Deploy this to {location(app)}?"):
            ui.info("Nothing was changed.")
            return None
        done = _apply(app, context, plan, request.bundle)
    deployed = complete_release(app, context, plan) or done.deployed
    return replace(done, deployed=deployed, pruned=prune(app, context, deployed, superseded))


def _apply(app: App, context: "StackContext", plan: "Plan", bundle: "Bundle") -> Deployment:
    from infra.deployment import apply

    with following(app, plan.stack, plan) as on_event:
        return Deployment(plan, apply(context, plan, bundle, on_event))


def _store(
    app: App,
    context: "StackContext",
    request: "DeployRequest",
    state: "DeploymentState",
    plan: "Plan",
    path: Path,
) -> None:
    """Write the file that a plan is applied with later."""
    from infra import stored_plan

    stored = stored_plan.stored_plan(target_of(context), plan, state.deployed, request.bundle)
    stored_plan.write(stored, path)
    if plan.is_empty:
        app.ui.info(f"Wrote {path}: applying it changes nothing.")
        return
    hint = Hint("Apply it with {}.", f"deploy --apply {shlex.quote(str(path))}")
    app.ui.info(f"Stored the plan in {path}. {hint.render(app.program)}")
