"""One deployment from end to end: what is wanted, planned, and then done."""

import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from imgctl.aws.session import Aws
from infra import adoption, artifacts, ownership
from infra.bundle import Architecture, Bundle, build, build_local
from infra.cloudformation import OnEvent, StackClient, StackRequest
from infra.errors import DeployError
from infra.names import Names
from infra.ownership import ExistingResources
from infra.parameters import StackSettings, stack_parameters
from infra.plan import Plan
from infra.snapshots import bucket_snapshot, next_migration_step, table_snapshot, wait_until_settled
from infra.template import import_template, is_import_template, resources_to_import, with_hashed_ids

# What a version of the function is bound to, by the template's parameters.
_BOUND = (
    "DeadLetterQueueName",
    "DestinationBucketName",
    "FunctionRoleName",
    "KmsKeyArn",
    "SourceBucketName",
    "TableName",
)


@dataclass(frozen=True, slots=True)
class StackContext:
    """A stack in an account and region, and how to reach it."""

    aws: Aws
    engine: StackClient
    stack: str
    names: Names


def engine_for(aws: Aws) -> StackClient:
    """Give CloudFormation with waits that suit the AWS in use."""
    return StackClient(
        client=aws.cloudformation,
        sleep=time.sleep,
        poll_s=0.2 if aws.is_local else 2.0,
        unique=lambda: uuid.uuid4().hex,
    )


def make_bundle(aws: Aws, architecture: Architecture, folder: Path) -> Bundle:
    """Build the function for where it will run: Lambda, or this interpreter."""
    return build_local(folder) if aws.is_local else build(folder, architecture)


def find_existing(target: StackContext, *, adopt: bool) -> ExistingResources:
    """Find what is there already of a stack that is not deployed, and is to be taken into it.

    That is what an earlier destroy of it kept, and with `adopt` what nobody marked as another
    stack's. Raises NameTaken where one of the stack's names belongs to something else.
    """
    if target.engine.parameters(target.stack):
        return ExistingResources()
    find = ownership.find if adopt else ownership.find_kept
    return find(target.aws, target.names, target.stack)


@dataclass(frozen=True, slots=True)
class DeployRequest:
    """What is to be deployed."""

    template: str
    settings: StackSettings
    bundle: Bundle
    express: bool = False


@contextmanager
def planned(
    target: StackContext, wish: DeployRequest, take_in: tuple[str, ...] = ()
) -> Iterator[Plan]:
    """Plan the next step of a deployment; what is not applied inside is taken back after.

    Nothing is stored in AWS but the change set, until `apply`. With `take_in`, the step is to take
    just these into a new stack. Where the table that was taken in is not yet near what the template
    says, it is one towards that. Else it is the whole.

    Raises ForeignNotifications where the source bucket sends its events elsewhere too.
    """
    aws, engine, stack, names = target.aws, target.engine, target.stack, target.names
    deployed = engine.parameters(stack)
    template = engine.template(stack) if deployed else ""
    is_partial = is_import_template(template)
    # A step on the way to the whole says what that is to do, and has not done it.
    if deployed and not is_partial:
        sets_logging_role = deployed.get("ApiLoggingRole") == "create"
    else:
        sets_logging_role = ownership.api_logging_role(aws.apigateway) is None
    parameters = stack_parameters(
        names,
        wish.settings,
        wish.bundle,
        # The embedded AWS speaks plain HTTP, on the loopback address alone.
        require_tls=not aws.is_local,
        sets_api_logging_role=sets_logging_role,
        # What a rollback chose is not undone by a deployment; `publish` does that.
        live_version=deployed.get("LiveVersion", ""),
    )
    _check_live_version(deployed, parameters)
    held = take_in
    if is_partial:
        held = tuple(name for name in names.holds_data if f'"{name}"' in template)
    keys = ownership.customer_keys(aws, names, held)
    step = _step(target, wish, held, keys, imports=bool(take_in))
    request = StackRequest(
        stack,
        with_hashed_ids(wish.template, parameters) if step is None else step,
        parameters,
        imports=resources_to_import(names, take_in),
        express=wish.express and step is None,
    )
    with engine.planned(request) as plan:
        for change in plan.changes:
            if change.logical_id == "SourceBucket" and change.action == "Modify":
                bucket = change.physical_id
                functions = {names.function, deployed.get("FunctionName", names.function)}
                adoption.check_foreign_notifications(aws.s3, bucket, functions)
        left = keys - {wish.settings.kms_key}
        yield replace(plan, is_whole=step is None, left_key=plan.left_key or next(iter(left), ""))


def _check_live_version(deployed: Mapping[str, str], wanted: Mapping[str, str]) -> None:
    """Raise where a version that a rollback chose could not run in the stack as it is wanted."""
    version = deployed.get("LiveVersion")
    changed = [name for name in _BOUND if deployed.get(name, "") != wanted[name]]
    if version and changed:
        raise DeployError(
            f"Version {version} is live since a rollback, and keeps what it was published with,"
            f" so that it could not run with another {', '.join(changed)}.",
            hint="Nothing was changed. Run `imgctl publish` first, and then deploy.",
        )


def _step(
    target: StackContext,
    wish: DeployRequest,
    held: tuple[str, ...],
    keys: set[str],
    *,
    imports: bool,
) -> str | None:
    """Give the template of the next step of a stack that holds this data alone.

    That is the import, or what brings the table nearer to what the template says; None where the
    next step is the whole.
    """
    aws, table = target.aws, target.names.table
    if not held:
        return None
    shapes = {name: bucket_snapshot(aws.s3, name) for name in held if name != table}
    if table in held:
        wait_until_settled(aws.dynamodb, table, target.engine.sleep)
        shapes[table] = table_snapshot(aws.dynamodb, table, keys)
    if not imports:
        following = next_migration_step(shapes[table]) if table in held else None
        if following is None:
            return None
        shapes[table] = following
    return import_template(wish.template, target.names, shapes)


def apply(target: StackContext, plan: Plan, bundle: Bundle, on_event: OnEvent) -> None:
    """Store the bundle, then execute the plan and follow it to its end."""
    aws = target.aws
    artifacts.upload(aws, bundle, bucket=target.names.artifacts_bucket, stack=target.stack)
    target.engine.apply(plan, on_event)
    if aws.is_local:
        ownership.tag_buckets(aws.s3, target.names, target.stack)
