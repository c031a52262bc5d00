"""CloudFormation's responses, parsed into values."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from infra.change_sets import DATA_LOSS_ALLOWED
from infra.changes import Change, PropertyChange, without_references
from infra.deploy_event import DeployEvent
from infra.deployed_stack import (
    NOT_DEPLOYED,
    AdoptionStep,
    DeployedStack,
    RollbackTriggers,
    StackResource,
)
from infra.errors import DeployError
from infra.plan import ChangeSet
from infra.public_access import opens_access
from infra.stored_change_set import StoredChangeSet
from infra.tags import users_tags

_REFERENCES = {"ResourceReference", "ResourceAttribute"}
_KNOWN_LATER = "{{changeSet:KNOWN_AFTER_APPLY}}"
_KNOWN_LATER_TEXT = "known after the deployment"

# As infra.template.import_template writes it: JSON, which is YAML too.
_METADATA = re.compile(r"^Metadata: (\{.*\})$", re.MULTILINE)


def parse_stack(name: str, described: Any, template: str = "") -> DeployedStack:
    """Parse one stack of DescribeStacks, None for no stack, with its deployed template."""
    if described is None:
        return DeployedStack(name, None)
    return DeployedStack(
        name=described.get("StackName", name),  # it may have been asked for by its id
        status=str(described["StackStatus"]),
        reason=described.get("StackStatusReason", ""),
        stack_id=described.get("StackId", ""),
        changed=str(described.get("LastUpdatedTime", described.get("CreationTime", ""))),
        parameters=(
            {}
            if described["StackStatus"] in NOT_DEPLOYED
            else _pairs(described.get("Parameters", []), "Parameter")
        ),
        outputs=_pairs(described.get("Outputs", []), "Output"),
        tags={} if described["StackStatus"] in NOT_DEPLOYED else _tags(described),
        template=template,
        adoption_step=_adoption_step(template),
        role_arn=described.get("RoleARN", ""),
        is_protected=bool(described.get("EnableTerminationProtection", False)),
        triggers=_triggers(described.get("RollbackConfiguration", {})),
    )


def parse_resource(summary: Mapping[str, Any]) -> StackResource:
    """Parse one resource of ListStackResources."""
    return StackResource(
        summary["LogicalResourceId"],
        summary["ResourceType"],
        summary.get("PhysicalResourceId", ""),
        summary["ResourceStatus"],
    )


def parse_change(
    change: Mapping[str, Any], parameters: Mapping[str, tuple[str | None, str]]
) -> Change:
    """Parse one change of a change set.

    `parameters` are the template's, before and after. They replace property values that
    CloudFormation does not report.
    """
    resource = change["ResourceChange"]
    action, resource_type = resource["Action"], resource["ResourceType"]
    details = resource.get("Details", [])
    properties = tuple(_parse_property(detail, parameters) for detail in details)
    return Change(
        action=action,
        logical_id=resource["LogicalResourceId"],
        physical_id=resource.get("PhysicalResourceId", ""),
        resource_type=resource_type,
        replacement=resource.get("Replacement", "") if action == "Modify" else "",
        properties=properties,
        is_kept=action == "Remove" and resource.get("PolicyAction") == "Retain",
        opens_access=opens_access(resource_type, action, properties, parameters),
    )


def parse_change_set(change_set: ChangeSet, pages: Sequence[Any]) -> ChangeSet:
    """Add to a change set what the pages of DescribeChangeSet say about it."""
    parameters = {**change_set.parameters, **_pairs(pages[0].get("Parameters", []), "Parameter")}
    before = change_set.planned_from.parameters
    values = {name: (before.get(name), value) for name, value in parameters.items()}
    changes = [parse_change(c, values) for page in pages for c in page.get("Changes", [])]
    return replace(
        change_set,
        changes=without_references(changes),
        parameters=parameters,
        tags=_tags(pages[0]) if "Tags" in pages[0] else change_set.tags,
        allows_data_loss=pages[0].get("Description", "") == DATA_LOSS_ALLOWED,
    )


def parse_stored_change_set(change_set: ChangeSet, pages: Sequence[Any]) -> StoredChangeSet:
    """Parse the pages of DescribeChangeSet of a change set that another run has created."""
    first = pages[0]
    return StoredChangeSet(
        parse_change_set(change_set, pages),
        name=first.get("ChangeSetName", ""),
        stack=first.get("StackName", ""),
        stack_id=first.get("StackId", ""),
        status=first["Status"],
        execution_status=first.get("ExecutionStatus", "UNAVAILABLE"),
        reason=first.get("StatusReason", ""),
    )


def parse_event(event: Mapping[str, Any]) -> DeployEvent:
    """Parse one event of DescribeStackEvents."""
    return DeployEvent(
        event["EventId"],
        event["LogicalResourceId"],
        event.get("ResourceType", ""),
        event["ResourceStatus"],
        event.get("ResourceStatusReason", ""),
        event["Timestamp"],
    )


def _tags(described: Mapping[str, Any]) -> dict[str, str]:
    """Return the user's tags of a stack or change set."""
    return users_tags({tag["Key"]: tag["Value"] for tag in described.get("Tags", [])})


def _pairs(described: list[Mapping[str, str]], kind: str) -> dict[str, str]:
    return {pair[f"{kind}Key"]: pair[f"{kind}Value"] for pair in described}


def _triggers(described: Mapping[str, Any]) -> RollbackTriggers:
    alarms = {alarm["Arn"]: alarm["Type"] for alarm in described.get("RollbackTriggers", [])}
    return RollbackTriggers(alarms, described.get("MonitoringTimeInMinutes", 0))


def _adoption_step(template: str) -> AdoptionStep | None:
    metadata = _METADATA.search(template)
    if metadata is None:
        return None
    step = json.loads(metadata[1]).get("imgctl", {}).get("AdoptionStep")
    if step is None:
        return None
    if step not in set(AdoptionStep):
        raise DeployError(
            f"The stack is in the middle of an adoption, at a step {step!r} that this version of"
            " imgctl does not know.",
            hint="Use the version that began it, or a later one.",
        )
    return AdoptionStep(step)


def _parse_property(
    detail: Mapping[str, Any], parameters: Mapping[str, tuple[str | None, str]]
) -> PropertyChange:
    target = detail.get("Target", {})
    path = target.get("Path", "").removeprefix("/Properties/")
    name = path or target.get("Name") or target.get("Attribute", "")
    cause = ""
    if detail.get("ChangeSource") in _REFERENCES and detail.get("Evaluation") == "Dynamic":
        cause = str(detail.get("CausingEntity", "")).partition(".")[0]
    if "BeforeValue" in target or "AfterValue" in target:
        after = target.get("AfterValue")
        after = _KNOWN_LATER_TEXT if after == _KNOWN_LATER else after
        return PropertyChange(name, target.get("BeforeValue"), after, cause=cause)
    if cause:
        return PropertyChange(name, None, None, cause=cause)
    parameter = detail.get("CausingEntity", "")
    if parameter not in parameters:
        return PropertyChange(name, None, None)
    return PropertyChange(name, *parameters[parameter], parameter)
