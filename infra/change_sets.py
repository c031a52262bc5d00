"""Requests to CloudFormation about change sets, as arguments of its client."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from infra.changes import ImportedResource
from infra.deployed_stack import DeployedStack, RollbackTriggers
from infra.errors import PlanObsolete
from infra.plan import ChangeSet
from infra.rollout import triggers_afterwards
from infra.tags import tag_set

PREFIX = "imgctl-"
"""How the names of imgctl's change sets begin, and the tokens of its operations."""

DATA_LOSS_ALLOWED = "Planned with --allow-data-loss."
"""The description of a change set that may lose data."""
# The names of these errors in CloudFormation's answers, and in its API reference.
_MISSING = {"ChangeSetNotFound", "ChangeSetNotFoundException"}
_NOT_EXECUTABLE = {"InvalidChangeSetStatus", "InvalidChangeSetStatusException"}
_PLAN_AGAIN = "Nothing was changed. Run the command again to make a new plan."


@dataclass(frozen=True, slots=True)
class ChangeSetRequest:
    """A template with its parameters, to be planned for a stack.

    With `imports`, the template holds only these resources, and a new stack is made of them.
    `express` does not wait for resources to become stable. `revert_drift` also changes back what
    differs from the template because it was changed by other means. `allows_data_loss` is kept in
    the change set's description, where whoever executes it later can read it. `triggers` are None
    for those that the stack has by other means than imgctl's. `tags` are all that the stack is to
    have; None leaves them as they are.
    """

    template: str
    parameters: Mapping[str, str]
    imports: Sequence[ImportedResource] = ()
    express: bool = False
    revert_drift: bool = False
    allows_data_loss: bool = False
    triggers: RollbackTriggers | None = None
    tags: Mapping[str, str] | None = None


def tags_after(deployed: DeployedStack, request: ChangeSetRequest) -> Mapping[str, str]:
    """Return the tags that a stack has after a change set."""
    return deployed.tags if request.tags is None else request.tags


def create_arguments(
    deployed: DeployedStack, request: ChangeSetRequest, name: str
) -> dict[str, Any]:
    """Return the arguments of CreateChangeSet for a change set called `name`."""
    arguments: dict[str, Any] = {
        "StackName": deployed.name,
        "ChangeSetName": name,
        "ChangeSetType": "UPDATE" if deployed.is_deployed else "CREATE",
        "TemplateBody": request.template,
        "Parameters": [
            {"ParameterKey": key, "ParameterValue": value}
            for key, value in request.parameters.items()
        ],
        "Capabilities": ["CAPABILITY_NAMED_IAM"],
    }
    # Always in full. What becomes of tags that are left out is documented of UpdateStack only, and
    # service control policies demand tags of each request.
    tags = tags_after(deployed, request)
    if tags or deployed.tags:
        arguments["Tags"] = tag_set(tags)
    if request.express:  # which turns rollback off unless it is asked for
        arguments["DeploymentConfig"] = {"Mode": "EXPRESS", "DisableRollback": False}
    if request.revert_drift:
        arguments["DeploymentMode"] = "REVERT_DRIFT"
    if request.allows_data_loss:
        arguments["Description"] = DATA_LOSS_ALLOWED
    triggers = request.triggers or triggers_afterwards(deployed.name, deployed.triggers)
    if request.triggers is not None or triggers != deployed.triggers:
        arguments["RollbackConfiguration"] = {
            "RollbackTriggers": [{"Arn": a, "Type": t} for a, t in triggers.alarms.items()],
            "MonitoringTimeInMinutes": triggers.minutes,
        }
    if request.imports:
        arguments["ChangeSetType"] = "IMPORT"
        arguments["ResourcesToImport"] = [
            {
                "ResourceType": resource.resource_type,
                "LogicalResourceId": resource.logical_id,
                "ResourceIdentifier": {resource.identifier: resource.name},
            }
            for resource in request.imports
        ]
    return arguments


def names_of(change_set: ChangeSet) -> dict[str, Any]:
    """Return the arguments that name a change set, its stack too: policies are about stacks."""
    return {"StackName": change_set.stack, "ChangeSetName": change_set.id}


def is_missing(error: Exception) -> bool:
    """Return whether CloudFormation says that there is no such change set."""
    return isinstance(error, ClientError) and error.response["Error"]["Code"] in _MISSING


def unusable_plan(error: ClientError) -> PlanObsolete | None:
    """Return why a plan's change set can no longer be executed; None if the error is another."""
    if is_missing(error):
        return PlanObsolete(
            "The plan no longer exists: its change set was deleted in the meantime.",
            hint=_PLAN_AGAIN,
        )
    if error.response["Error"]["Code"] in _NOT_EXECUTABLE:
        reason = error.response["Error"].get("Message", "").strip()
        return PlanObsolete(
            f"CloudFormation can no longer execute the plan: {reason}"
            if reason
            else "CloudFormation can no longer execute the plan.",
            hint=_PLAN_AGAIN,
        )
    return None
