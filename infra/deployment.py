"""One deployment from end to end. Its stages, in the order in which they run:

observe    read the stack, and what already exists under its names (infra/deployment_steps.py)
next_step  decide what comes next, from what was observed (infra/deployment_steps.py)
planned    have CloudFormation plan that step, and assemble what a person has to know
apply      upload the bundle, execute the plan, and follow it to its end

Most deployments are one step. An adoption is several: existing buckets and a table are imported
as they are, the table is brought closer to the template one change at a time, and then the whole
stack is deployed around them. A stack whose table has indexes of an earlier version gets the
present ones in the same way, one at a time.
"""  # noqa: D400

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from infra import adoption, artifacts, bucket_tags, ownership
from infra.bundle import Architecture, Bundle, build, build_local
from infra.bundle_cache import BundleCache
from infra.change_sets import ChangeSetRequest
from infra.deployed_stack import DeployedStack
from infra.deployment_steps import WHOLE_STACK, DeploymentState, DeploymentStep, next_step
from infra.errors import StackChanged
from infra.function_version import check_live_version
from infra.names import check_role_path, deployed_names
from infra.parameters import StackSettings, stack_parameters
from infra.plan import ChangeSet, Plan, assemble_plan
from infra.planning import planned_change_set
from infra.rollout import (
    RELEASE_AT_ONCE,
    GradualRelease,
    ReleaseAtOnce,
    check_rollout,
    parse_rollout,
    plan_release,
    planned_release,
)
from infra.stack_context import StackContext
from infra.stack_events import OnEvent
from infra.stored_change_set import PLAN_AGAIN
from infra.template import (
    has_same_version,
    import_template,
    resources_to_import,
    with_hashed_ids,
    with_table_indexes,
)


@dataclass(frozen=True, slots=True)
class DeployRequest:
    """What is to be deployed. `termination_protection` and `tags` are None to stay as they are.

    With `at_once` a new version takes all invocations at once, whatever the settings say.
    """

    template: str
    settings: StackSettings
    bundle: Bundle
    express: bool = False
    revert_drift: bool = False
    termination_protection: bool | None = None
    allow_data_loss: bool = False
    at_once: bool = False
    tags: Mapping[str, str] | None = None


@contextmanager
def planned(
    context: StackContext, request: DeployRequest, state: DeploymentState, *, keep: bool = False
) -> Iterator[Plan]:
    """Plan the next step; the plan is discarded unless it is applied inside.

    With `keep`, it is only discarded if something fails, and can be applied later. Until `apply`,
    nothing is stored in AWS but the change set. Raises ForeignNotifications if the source bucket
    also notifies others, DeployError if a version made live by a rollback could not run afterwards,
    and RolloutBlocked if something stands in the way of a gradual release, or of its end.
    """
    deployed, step = state.deployed, next_step(state, context.names)
    parameters = _parameters(context, request, state)
    check_live_version(deployed.parameters, parameters)
    if step == WHOLE_STACK:
        check_rollout(deployed, parameters)
    if step.is_last_step and deployed.adoption_step is None:
        check_role_path(deployed.parameters, parameters)
    if step.table is not None:
        parameters = dict(deployed.parameters)
    change = _change_set_request(context, request, state, step, parameters)
    release: GradualRelease | ReleaseAtOnce = RELEASE_AT_ONCE
    if step == WHOLE_STACK and not request.at_once:
        change, release = with_release(context, deployed, change, request.settings.rollout)
    with planned_change_set(context.client, deployed, change, keep=keep) as change_set:
        plan = assemble_plan(
            deployed,
            change_set,
            change.parameters,
            keys_in_use=state.customer_keys,
            is_last_step=step.is_last_step,
            termination_protection=request.termination_protection,
            release=release,
        )
        _check_notifications(context, deployed, plan)
        yield plan


def with_release(
    context: StackContext, deployed: DeployedStack, change: ChangeSetRequest, rollout: str
) -> tuple[ChangeSetRequest, GradualRelease | ReleaseAtOnce]:
    """Return a change of a stack with what a gradual release begins with, if it is to be one.

    Express mode is left out then: it does not wait, and this update is about waiting.
    """
    release = plan_release(
        context.aws,
        deployed,
        change.parameters,
        parse_rollout(rollout),
        publishes=not has_same_version(deployed.template, change.template),
        list_resources=lambda: context.client.list_resources(deployed),
    )
    if isinstance(release, ReleaseAtOnce):
        return change, release
    gradual = replace(
        change,
        parameters={**change.parameters, **release.parameters},
        triggers=release.triggers(deployed.triggers),
        express=False,
    )
    return gradual, release


def planned_before(
    context: StackContext,
    state: DeploymentState,
    change_set: ChangeSet,
    *,
    is_last_step: bool,
    termination_protection: bool | None = None,
) -> Plan:
    """Return the plan of a change set that another run has created, as AWS describes it now.

    Raises StackChanged if something has since come to exist that it would create,
    ForeignNotifications, and RolloutBlocked if the alarm that watches a gradual release has gone
    off, whether the plan begins the release or completes it.
    """
    deployed = state.deployed
    if state.existing.names and not change_set.is_import:
        raise StackChanged(context.stack, hint=PLAN_AGAIN)
    plan = assemble_plan(
        deployed,
        change_set,
        change_set.parameters,
        keys_in_use=state.customer_keys,
        is_last_step=is_last_step,
        termination_protection=termination_protection,
        release=planned_release(
            context.aws,
            deployed,
            change_set.parameters,
            publishes=change_set.publishes,
            list_resources=lambda: context.client.list_resources(deployed),
        )
        if change_set.id and is_last_step
        else RELEASE_AT_ONCE,
    )
    _check_notifications(context, deployed, plan)
    return plan


def apply(
    context: StackContext, plan: Plan, bundle: Bundle | None, on_event: OnEvent
) -> DeployedStack:
    """Carry out a plan. Return the stack after it.

    The bundle is stored, unless it is None because AWS has it already, and the change set executed
    and followed to its end. After that, the termination protection is turned on or off.
    """
    deployed = plan.change_set.planned_from
    if not plan.change_set.is_empty:
        deployed = _execute(context, plan, bundle, on_event)
    if plan.termination_protection is not None:
        enabled = plan.termination_protection
        deployed = context.client.set_termination_protection(deployed, enabled=enabled)
    return deployed


def _execute(
    context: StackContext, plan: Plan, bundle: Bundle | None, on_event: OnEvent
) -> DeployedStack:
    aws = context.aws
    bucket = context.names.artifacts_bucket
    if bundle is not None:
        artifacts.upload(aws, bundle, bucket=bucket, stack=context.stack, tags=plan.tags)
    elif plan.changed_tags:
        bucket_tags.update(aws, bucket, plan.tags)
    deployed = context.client.execute(plan.change_set, on_event)
    if aws.is_local:  # whose CloudFormation does not set the tags of a bucket
        names = deployed_names(deployed.parameters)
        resources = context.client.list_resources(deployed)
        listed = ownership.listed_names(names, deployed, resources)
        ownership.tag(aws, names, listed, context.stack)
        for listed_bucket in listed - {names.table}:
            bucket_tags.update(aws, listed_bucket, plan.tags)
    # The next step of an adoption depends on the template that is deployed now.
    return deployed if plan.is_last_step else context.client.read(context.stack)


def make_bundle(
    architecture: Architecture,
    folder: Path,
    cache: BundleCache | None,
    *,
    heic: bool,
    is_local: bool,
) -> Bundle:
    """Build the function for where it will run: Lambda, or this interpreter."""
    if is_local:
        return build_local(folder, cache, heic=heic)
    return build(folder, architecture, cache, heic=heic)


def _parameters(
    context: StackContext, request: DeployRequest, state: DeploymentState
) -> dict[str, str]:
    return stack_parameters(
        context.names,
        request.settings,
        request.bundle,
        is_local=context.aws.is_local,
        sets_api_logging_role=not state.has_api_logging_role,
        # A deployment does not undo a rollback; `publish` does.
        live_version=state.deployed.live_version,
    )


def _change_set_request(
    context: StackContext,
    request: DeployRequest,
    state: DeploymentState,
    step: DeploymentStep,
    parameters: Mapping[str, str],
) -> ChangeSetRequest:
    allow_data_loss = request.allow_data_loss
    if step.table is not None:
        template = with_table_indexes(state.deployed.template, step.table)
        return ChangeSetRequest(template, parameters, allows_data_loss=allow_data_loss)
    if step.adoption is None:
        return ChangeSetRequest(
            with_hashed_ids(request.template, parameters),
            parameters,
            express=request.express,
            revert_drift=request.revert_drift,
            allows_data_loss=allow_data_loss,
            tags=request.tags,  # only here: an import cannot change any
        )
    return ChangeSetRequest(
        import_template(request.template, context.names, step.resources, step.adoption),
        parameters,
        imports=resources_to_import(context.names, state.existing.names),
        allows_data_loss=allow_data_loss,
    )


def _check_notifications(context: StackContext, deployed: DeployedStack, plan: Plan) -> None:
    function = context.names.function
    functions = {function, deployed.parameters.get("FunctionName", function)}
    for change in plan.changes:
        if change.logical_id == "SourceBucket" and change.action == "Modify":
            s3 = context.aws.s3
            adoption.check_foreign_notifications(s3, change.physical_id, functions)
