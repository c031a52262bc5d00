"""One deployment from end to end. Its stages, in the order in which they run:

observe    read the stack, and what already exists under its names
next_step  decide what comes next, from what was observed
planned    have CloudFormation plan that step, and assemble what a person has to know
apply      upload the bundle, execute the plan, and follow it to its end

Most deployments are one step. An adoption is several: existing buckets and a table are imported
as they are, the table is brought closer to the template one change at a time, and then the whole
stack is deployed around them. A stack whose table has indexes of an earlier version gets the
present ones in the same way, one at a time.
"""  # noqa: D400

import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from imgctl.aws.errors import none_if_missing
from imgctl.aws.session import Aws
from infra import adoption, artifacts, bucket_tags, ownership, snapshots
from infra.bundle import Architecture, Bundle, build, build_local
from infra.bundle_cache import BundleCache
from infra.change_sets import ChangeSetRequest
from infra.cloudformation import StackClient
from infra.deployed_stack import AdoptionStep, DeployedStack
from infra.errors import StackChanged
from infra.function_version import check_live_version
from infra.names import Names, check_role_path, deployed_names
from infra.ownership import ExistingResources
from infra.parameters import StackSettings, stack_parameters
from infra.plan import ChangeSet, Plan, assemble_plan
from infra.rollout import (
    RELEASE_AT_ONCE,
    GradualRelease,
    ReleaseAtOnce,
    parse_rollout,
    plan_release,
    planned_release,
)
from infra.snapshots import ResourceProperties, next_migration_step
from infra.stack_events import OnEvent
from infra.stored_change_set import PLAN_AGAIN
from infra.template import (
    has_other_indexes,
    has_same_version,
    import_template,
    resources_to_import,
    with_hashed_ids,
    with_table_indexes,
)


@dataclass(frozen=True, slots=True)
class StackContext:
    """A stack in an account and region, its resources' names, and how to reach it."""

    aws: Aws
    client: StackClient
    stack: str
    names: Names


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


@dataclass(frozen=True, slots=True)
class DeploymentState:
    """What a deployment starts from, observed at one moment.

    `existing` is what is to be imported; `snapshots` are the properties of buckets and table,
    before the import or during an adoption, and otherwise of the stack's table. `customer_keys`
    are the keys that encrypt them.
    """

    deployed: DeployedStack
    has_api_logging_role: bool
    existing: ExistingResources = field(default_factory=ExistingResources)
    snapshots: Mapping[str, ResourceProperties] = field(default_factory=dict)
    customer_keys: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class DeploymentStep:
    """The next thing to deploy.

    It is the whole stack, or with `adoption` only these `resources`, or with `table` only a
    change of the indexes of the deployed table.
    """

    adoption: AdoptionStep | None = None
    resources: Mapping[str, ResourceProperties] = field(default_factory=dict)
    table: ResourceProperties | None = None

    @property
    def is_last_step(self) -> bool:
        """Whether nothing follows this step."""
        return self.adoption is None and self.table is None


WHOLE_STACK = DeploymentStep()


def observe(context: StackContext, deployed: DeployedStack, *, adopt: bool) -> DeploymentState:
    """Read what the next step depends on, once the stack itself has been read.

    With `adopt`, untagged buckets and tables with the stack's names are to be imported as well.
    Raises NameTaken if one of the names is in use by anything else.
    """
    aws, names = context.aws, context.names
    existing = ExistingResources()
    if not deployed.is_deployed:
        find = ownership.find_existing if adopt else ownership.find_kept
        existing = find(aws, names, context.stack)
    partial = existing.names
    if deployed.adoption_step is not None:
        listed = ownership.listed_names(names, deployed, context.client.list_resources(deployed))
        partial = tuple(name for name in names.holds_data if name in listed)
    elif has_other_indexes(deployed.template) and _has_table(aws, deployed, names):
        partial = (names.table,)
    if partial and names.table in partial:
        snapshots.wait_until_settled(aws.dynamodb, names.table, context.client.sleep)
    keys = ownership.customer_keys(aws, names, partial)
    return DeploymentState(
        deployed,
        has_api_logging_role=has_api_logging_role(aws, deployed),
        existing=existing,
        snapshots=snapshots.take(aws, names, partial, keys),
        customer_keys=frozenset(keys),
    )


def next_step(state: DeploymentState, names: Names) -> DeploymentStep:
    """Decide what to deploy next: an import, a change of an imported table, or the whole stack."""
    if state.existing.names:
        return DeploymentStep(AdoptionStep.IMPORT, state.snapshots)
    if state.deployed.adoption_step is not None and names.table in state.snapshots:
        table = next_migration_step(state.snapshots[names.table])
        if table is not None:
            return DeploymentStep(AdoptionStep.TABLE, {**state.snapshots, names.table: table})
    if state.deployed.is_deployed and state.deployed.adoption_step is None:
        deployed_table = state.snapshots.get(names.table, {})
        # Other capacity was set by hand, and an update with other indexes would not change it.
        if deployed_table.get("BillingMode") == "PAY_PER_REQUEST":
            return DeploymentStep(table=next_migration_step(deployed_table))
    return WHOLE_STACK


@contextmanager
def planned(
    context: StackContext, request: DeployRequest, state: DeploymentState, *, keep: bool = False
) -> Iterator[Plan]:
    """Plan the next step; the plan is discarded unless it is applied inside.

    With `keep`, it is only discarded if something fails, and can be applied later. Until `apply`,
    nothing is stored in AWS but the change set. Raises ForeignNotifications if the source bucket
    also notifies others, and DeployError if a version made live by a rollback could not run
    afterwards.
    """
    deployed, step = state.deployed, next_step(state, context.names)
    parameters = _parameters(context, request, state)
    check_live_version(deployed.parameters, parameters)
    if step.is_last_step and deployed.adoption_step is None:
        check_role_path(deployed.parameters, parameters)
    if step.table is not None:
        parameters = dict(deployed.parameters)
    change = _change_set_request(context, request, state, step, parameters)
    release: GradualRelease | ReleaseAtOnce = RELEASE_AT_ONCE
    if step == WHOLE_STACK and not request.at_once:
        change, release = with_release(context, deployed, change, request.settings.rollout)
    change_set = context.client.create_change_set(deployed, change)
    try:
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
    except BaseException:
        context.client.discard(change_set)
        raise
    if not keep:
        context.client.discard(change_set)


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
    ForeignNotifications, and RolloutBlocked if the alarm that is to watch a gradual release has
    gone off.
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
            change_set.parameters,
            lambda: context.client.list_resources(deployed),
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


def stack_client(aws: Aws, warn: Callable[[str], None], role_arn: str | None = None) -> StackClient:
    """Return CloudFormation with polling intervals that suit the AWS in use.

    `role_arn` is the service role that it assumes.
    """
    return StackClient(
        client=aws.cloudformation,
        sleep=time.sleep,
        poll_s=0.2 if aws.is_local else 2.0,
        unique=lambda: uuid.uuid4().hex,
        warn=warn,
        role_arn=role_arn,
    )


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


def _has_table(aws: Aws, deployed: DeployedStack, names: Names) -> bool:
    """Return whether the stack's table exists, and keeps its name in this deployment."""
    if deployed.parameters.get("TableName") != names.table:
        return False
    describe = aws.dynamodb.describe_table
    return none_if_missing(describe, "ResourceNotFoundException", TableName=names.table) is not None


def has_api_logging_role(aws: Aws, deployed: DeployedStack) -> bool:
    """Return whether the account has a logging role for API Gateway that is not the stack's own.

    A stack that has created the role keeps it. During an adoption the parameter says what
    the whole stack is to do, which has not been done yet.
    """
    if deployed.is_deployed and deployed.adoption_step is None:
        return deployed.parameters.get("ApiLoggingRole") != "create"
    return ownership.api_logging_role(aws.apigateway) is not None


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
