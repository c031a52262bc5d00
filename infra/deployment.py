"""One deployment from end to end: what is wanted, planned, and then done."""

import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from imgctl.aws.session import Aws
from infra import artifacts, existing
from infra.bundle import Architecture, Bundle, build, build_local
from infra.deployer import Engine, OnEvent, StackRequest
from infra.names import Names
from infra.parameters import StackSettings, stack_parameters
from infra.plan import Plan
from infra.template import import_template, resources_to_import, with_hashed_ids


@dataclass(frozen=True, slots=True)
class Target:
    """A stack in an account and region, and how to reach it."""

    aws: Aws
    engine: Engine
    stack: str
    names: Names


def engine_for(aws: Aws) -> Engine:
    """Give CloudFormation with waits that suit the AWS in use."""
    return Engine(
        client=aws.cloudformation,
        sleep=time.sleep,
        poll_s=0.2 if aws.is_local else 2.0,
        unique=lambda: uuid.uuid4().hex,
    )


def make_bundle(aws: Aws, architecture: Architecture, folder: Path) -> Bundle:
    """Build the function for where it will run: Lambda, or this interpreter."""
    return build_local(folder) if aws.is_local else build(folder, architecture)


def find_kept(target: Target) -> tuple[str, ...]:
    """List what an earlier destroy of this stack kept; nothing where the stack is deployed.

    Raises NameTaken where one of the stack's names belongs to something else.
    """
    if target.engine.parameters(target.stack):
        return ()
    aws = target.aws
    return existing.kept_from_before(
        aws.s3,
        aws.dynamodb,
        target.names,
        target.stack,
        account=aws.account_id,
        region=aws.region,
    )


@contextmanager
def planned(
    target: Target,
    template: str,
    settings: StackSettings,
    bundle: Bundle,
    kept: tuple[str, ...] = (),
    *,
    express: bool = False,
) -> Iterator[Plan]:
    """Plan a deployment; what is planned and not applied inside is taken back after.

    Nothing is stored in AWS but the change set, until `apply`. With `kept`, the plan is to take
    just these back into the stack, which is done before anything else is planned.
    """
    aws, engine, stack = target.aws, target.engine, target.stack
    if deployed := engine.parameters(stack):
        sets_logging_role = deployed.get("ApiLoggingRole") == "create"
    else:
        sets_logging_role = existing.api_logging_role(aws.apigateway) is None
    parameters = stack_parameters(
        target.names,
        settings,
        bundle,
        # The embedded AWS speaks plain HTTP, on the loopback address alone.
        require_tls=not aws.is_local,
        sets_api_logging_role=sets_logging_role,
        # What a rollback chose is not undone by a deployment; `publish` does that.
        live_version=deployed.get("LiveVersion", ""),
    )
    if kept:
        request = StackRequest(
            stack,
            import_template(template, target.names, kept),
            parameters,
            imports=resources_to_import(target.names, kept),
        )
    else:
        request = StackRequest(
            stack, with_hashed_ids(template, parameters), parameters, express=express
        )
    with engine.planned(request) as plan:
        yield plan


def apply(target: Target, plan: Plan, bundle: Bundle, on_event: OnEvent) -> None:
    """Store the bundle, then execute the plan and follow it to its end."""
    aws = target.aws
    artifacts.upload(
        aws.s3,
        bundle,
        bucket=target.names.artifacts_bucket,
        account=aws.account_id,
        region=aws.region,
        stack=target.stack,
    )
    target.engine.apply(plan, on_event)
    taken_back = any(change.action == "Import" for change in plan.changes)
    if aws.is_local and not taken_back:  # the update that follows makes what is still missing
        existing.mark_buckets(aws.s3, target.names, target.stack)
