"""Everything that differs from the last deployment: by CloudFormation, and by reading directly."""

from collections.abc import Callable
from dataclasses import dataclass

from botocore.exceptions import ClientError

from imgctl.aws.errors import PermissionMissing, translate
from infra import drift, trigger
from infra.deployed_stack import DeployedStack, StackResource
from infra.drift import DriftReport, ResourceDrift
from infra.function_version import read_latest
from infra.stack_context import StackContext

_Read = Callable[[], ResourceDrift | None]


@dataclass(frozen=True, slots=True)
class DriftSearch:
    """What was found; `not_read` says what could not be read, each with the permission it needs."""

    report: DriftReport
    not_read: tuple[str, ...] = ()


def search(context: StackContext, deployed: DeployedStack) -> DriftSearch:
    """Compare the stack with its last deployment. Nothing is changed."""
    resources = context.client.list_resources(deployed)
    not_read = []
    report = DriftReport(unchecked_types=_types(resources))
    try:
        report = drift.detect(context.client, deployed, resources)
    except ClientError as error:
        not_read.append(_denied(error))
    found = []
    for read in _trigger_reads(context, deployed, resources):
        try:
            found.append(read())
        except ClientError as error:
            not_read.append(_denied(error))
    joined = report.joined(item for item in found if item is not None)
    return DriftSearch(joined, tuple(dict.fromkeys(not_read)))


def _trigger_reads(
    context: StackContext, deployed: DeployedStack, resources: tuple[StackResource, ...]
) -> tuple[_Read, ...]:
    expected = trigger.expected_trigger(deployed, resources)
    s3, lambda_ = context.aws.s3, context.aws.lambda_
    bucket, function = expected.source_bucket, deployed.parameters["FunctionName"]
    return (
        lambda: trigger.notification_drift(expected, trigger.read_notifications(s3, bucket)),
        lambda: trigger.permission_drift(expected, trigger.read_permissions(lambda_, function)),
        lambda: trigger.alias_drift(expected, trigger.read_alias(lambda_, function)),
        lambda: trigger.environment_drift(expected, read_latest(lambda_, function)),
    )


def _types(resources: tuple[StackResource, ...]) -> tuple[str, ...]:
    return tuple(sorted({resource.resource_type for resource in resources}))


def _denied(error: ClientError) -> str:
    """Return the message about a missing permission; raise any other error again."""
    translated = translate(error)
    if not isinstance(translated, PermissionMissing):
        raise error
    return translated.message
