"""CloudFormation's answers, read into values."""

from collections.abc import Mapping
from typing import Any

from infra.plan import Change, DeployEvent, PropertyChange


def parameters_of(described: Any) -> dict[str, str]:
    """Give the parameters of a stack that DescribeStacks described; none for None."""
    given = [] if described is None else described.get("Parameters", [])
    return {parameter["ParameterKey"]: parameter["ParameterValue"] for parameter in given}


def read_change(
    change: Mapping[str, Any], parameters: Mapping[str, tuple[str | None, str]]
) -> Change:
    """Read one change of a change set.

    `parameters` are the template's, before and after: they stand in for values that are not told.
    """
    resource = change["ResourceChange"]
    return Change(
        action=resource["Action"],
        logical_id=resource["LogicalResourceId"],
        physical_id=resource.get("PhysicalResourceId", ""),
        resource_type=resource["ResourceType"],
        replacement=resource.get("Replacement", "") if resource["Action"] == "Modify" else "",
        properties=tuple(
            _read_property(detail, parameters) for detail in resource.get("Details", [])
        ),
        is_kept=resource["Action"] == "Remove" and resource.get("PolicyAction") == "Retain",
    )


def _read_property(
    detail: Mapping[str, Any], parameters: Mapping[str, tuple[str | None, str]]
) -> PropertyChange:
    """Read what becomes of a property; where only its parameter is told, by that one's values."""
    target = detail.get("Target", {})
    path = target.get("Path", "").removeprefix("/Properties/")
    name = path or target.get("Name") or target.get("Attribute", "")
    if "BeforeValue" in target or "AfterValue" in target:
        return PropertyChange(name, target.get("BeforeValue"), target.get("AfterValue"))
    parameter = detail.get("CausingEntity", "")
    if parameter not in parameters:
        return PropertyChange(name, None, None)
    return PropertyChange(name, *parameters[parameter], parameter)


def read_event(event: Mapping[str, Any]) -> DeployEvent:
    """Read one event of DescribeStackEvents."""
    return DeployEvent(
        event["EventId"],
        event["LogicalResourceId"],
        event.get("ResourceType", ""),
        event["ResourceStatus"],
        event.get("ResourceStatusReason", ""),
        event["Timestamp"],
    )
