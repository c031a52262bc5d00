"""Drift as CloudFormation reports it, with recorded responses, and joined with what was read."""

from typing import Any

import pytest

from infra.deployed_stack import StackResource
from infra.drift import DriftReport, PropertyDrift, ResourceDrift, detect
from tests.infra.recorded import NOW, Recorded, stack

DEPLOYED = stack("UPDATE_COMPLETE")
BUCKET = StackResource("SourceBucket", "AWS::S3::Bucket", "src", "CREATE_COMPLETE")
DASHBOARD = StackResource("Dashboard", "AWS::CloudWatch::Dashboard", "d", "CREATE_COMPLETE")


def detection(status: str) -> dict[str, Any]:
    return {
        "StackId": DEPLOYED.stack_id,
        "StackDriftDetectionId": "d1",
        "DetectionStatus": status,
        "Timestamp": NOW,
    }


def drifted(name: str, status: str, *differences: dict[str, str]) -> dict[str, Any]:
    return {
        "StackId": DEPLOYED.stack_id,
        "LogicalResourceId": name,
        "PhysicalResourceId": "src",
        "ResourceType": "AWS::S3::Bucket",
        "StackResourceDriftStatus": status,
        "PropertyDifferences": list(differences),
        "Timestamp": NOW,
    }


def difference(path: str, kind: str) -> dict[str, str]:
    return {
        "PropertyPath": path,
        "ExpectedValue": "old",
        "ActualValue": "new",
        "DifferenceType": kind,
    }


def test_an_empty_list_that_is_absent_is_no_drift(recorded: Recorded) -> None:
    """Lambda reports no weights of an alias that has none; the template states them empty."""
    empty = difference("/RoutingConfig", "REMOVE") | {
        "ExpectedValue": '{"AdditionalVersionWeights":[]}'
    }
    drifts = [drifted("FunctionAlias", "MODIFIED", empty)]
    recorded.responds("detect_stack_drift", {"StackDriftDetectionId": "d1"})
    recorded.responds("describe_stack_drift_detection_status", detection("DETECTION_COMPLETE"))
    recorded.responds("describe_stack_resource_drifts", {"StackResourceDrifts": drifts})
    assert detect(recorded.client, DEPLOYED, []).resources == ()


def test_drift_is_awaited_and_read_over_all_pages(recorded: Recorded) -> None:
    recorded.responds("detect_stack_drift", {"StackDriftDetectionId": "d1"})
    for status in ("DETECTION_IN_PROGRESS", "DETECTION_COMPLETE"):
        recorded.responds("describe_stack_drift_detection_status", detection(status))
    changed = drifted(
        "SourceBucket",
        "MODIFIED",
        difference("/Tags/0", "ADD"),
        difference("/VersioningConfiguration/Status", "NOT_EQUAL"),
        difference("/CorsConfiguration", "REMOVE"),
    )
    page = {"StackResourceDrifts": [changed], "NextToken": "more"}
    recorded.responds("describe_stack_resource_drifts", page)
    rest = [drifted("AccessLogs", "DELETED"), drifted("DestinationBucket", "IN_SYNC")]
    recorded.responds("describe_stack_resource_drifts", {"StackResourceDrifts": rest})
    report = detect(recorded.client, DEPLOYED, (BUCKET, DASHBOARD))
    assert report == DriftReport(
        (
            ResourceDrift(
                "SourceBucket",
                "src",
                "AWS::S3::Bucket",
                properties=(
                    PropertyDrift("Tags/0", None, "new"),
                    PropertyDrift("VersioningConfiguration/Status", "old", "new"),
                    PropertyDrift("CorsConfiguration", "old", None),
                ),
            ),
            ResourceDrift("AccessLogs", "src", "AWS::S3::Bucket", is_deleted=True),
        ),
        ("AWS::CloudWatch::Dashboard",),
    )
    assert recorded.slept_s == [2.0]


def function(*names: str, is_deleted: bool = False) -> ResourceDrift:
    properties = tuple(PropertyDrift(name, "1", "2") for name in names)
    return ResourceDrift("Function", "f", "AWS::Lambda::Function", is_deleted, properties)


@pytest.mark.parametrize(
    ("reported", "read", "joined"),
    [
        ((), (function("MemorySize"),), (function("MemorySize"),)),
        (
            (function("MemorySize"),),
            (function("Environment/Variables/SCALE"),),
            (function("MemorySize", "Environment/Variables/SCALE"),),
        ),
        (  # said once, though the two name its parts otherwise
            (function("Environment"),),
            (function("Environment/Variables/SCALE"),),
            (function("Environment"),),
        ),
        (
            (function(is_deleted=True),),
            (function("MemorySize"),),
            (function(is_deleted=True),),
        ),
    ],
)
def test_what_was_read_directly_is_added_once(
    reported: tuple[ResourceDrift, ...],
    read: tuple[ResourceDrift, ...],
    joined: tuple[ResourceDrift, ...],
) -> None:
    assert DriftReport(reported).joined(read).resources == joined
