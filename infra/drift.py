"""Changes that were made to a stack's resources by other means than a deployment.

CloudFormation compares each resource with the deployed template and its parameters. It does so for
most types of resources, and takes a minute or so.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from infra.cloudformation import StackClient
from infra.deployed_stack import DeployedStack, StackResource

_DRIFTED = ("MODIFIED", "DELETED")
_COMPARED = (*_DRIFTED, "IN_SYNC")
_MAX_POLLS = 300


@dataclass(frozen=True, slots=True)
class PropertyDrift:
    """One property, such as `Environment/Variables/SCALE`; None is a value that is absent."""

    name: str
    expected: str | None
    actual: str | None


@dataclass(frozen=True, slots=True)
class ResourceDrift:
    """A resource that is not as it was deployed. One that was deleted has no properties."""

    logical_id: str
    physical_id: str
    resource_type: str
    is_deleted: bool = False
    properties: tuple[PropertyDrift, ...] = ()


@dataclass(frozen=True, slots=True)
class DriftReport:
    """The resources that have drifted, and the types of those that were not compared."""

    resources: tuple[ResourceDrift, ...] = ()
    unchecked_types: tuple[str, ...] = ()

    def joined(self, found: Iterable[ResourceDrift]) -> "DriftReport":
        """Return the report with what was found by other means, without naming anything twice."""
        resources = {resource.logical_id: resource for resource in self.resources}
        for other in found:
            known = resources.setdefault(other.logical_id, other)
            if known.is_deleted or known is other:
                continue
            names = {item.name.partition("/")[0] for item in known.properties}
            more = tuple(
                item for item in other.properties if item.name.partition("/")[0] not in names
            )
            resources[other.logical_id] = ResourceDrift(
                known.logical_id,
                known.physical_id,
                known.resource_type,
                properties=known.properties + more,
            )
        return DriftReport(
            tuple(sorted(resources.values(), key=lambda item: item.logical_id)),
            self.unchecked_types,
        )


def detect(
    client: StackClient, deployed: DeployedStack, resources: Iterable[StackResource]
) -> DriftReport:
    """Have CloudFormation compare the stack's `resources` with the deployed template.

    What could not be compared within some minutes counts as not checked.
    """
    cloudformation, stack = client.client, deployed.stack_id
    detection = cloudformation.detect_stack_drift(StackName=stack)["StackDriftDetectionId"]
    for _ in range(_MAX_POLLS):
        described = cloudformation.describe_stack_drift_detection_status(
            StackDriftDetectionId=detection
        )
        if described["DetectionStatus"] != "DETECTION_IN_PROGRESS":
            break
        client.sleep(client.poll_s)
    drifts = list(_drifts(client, stack))
    compared = {drift["LogicalResourceId"] for drift in drifts}
    unchecked = {item.resource_type for item in resources if item.logical_id not in compared}
    return DriftReport(
        tuple(
            _parse(drift)
            for drift in drifts
            if drift["StackResourceDriftStatus"] in _DRIFTED and not _is_empty(drift)
        ),
        tuple(sorted(unchecked)),
    )


def _drifts(client: StackClient, stack: str) -> Iterator[Mapping[str, Any]]:
    """Iterate over the resources that were compared. boto3 has no paginator for this call."""
    arguments: dict[str, Any] = {
        "StackName": stack,
        "StackResourceDriftStatusFilters": list(_COMPARED),
    }
    while True:
        page = client.client.describe_stack_resource_drifts(**arguments)
        yield from page["StackResourceDrifts"]
        if not page.get("NextToken"):
            return
        arguments["NextToken"] = page["NextToken"]


def _is_empty(drift: Mapping[str, Any]) -> bool:
    """Return whether all that differs is a list that the template states to be empty.

    The alias has one unless a gradual release is under way, and Lambda reports none then.
    """
    differences = drift.get("PropertyDifferences", ())
    return bool(differences) and all(
        item["DifferenceType"] == "REMOVE"
        and item["ExpectedValue"] in ("[]", '{"AdditionalVersionWeights":[]}')
        for item in differences
    )


def _parse(drift: Mapping[str, Any]) -> ResourceDrift:
    return ResourceDrift(
        drift["LogicalResourceId"],
        drift.get("PhysicalResourceId", ""),
        drift["ResourceType"],
        is_deleted=drift["StackResourceDriftStatus"] == "DELETED",
        properties=tuple(_property(item) for item in drift.get("PropertyDifferences", ())),
    )


def _property(difference: Mapping[str, str]) -> PropertyDrift:
    kind = difference["DifferenceType"]
    return PropertyDrift(
        difference["PropertyPath"].removeprefix("/"),
        None if kind == "ADD" else difference["ExpectedValue"],
        None if kind == "REMOVE" else difference["ActualValue"],
    )
