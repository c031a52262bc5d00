"""CloudFormation with recorded responses, and stacks as they would be read from it."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import boto3
from botocore.stub import Stubber

from infra.change_sets import ChangeSetRequest
from infra.cloudformation import StackClient
from infra.deployed_stack import DeployedStack
from infra.plan import ChangeSet
from infra.settings import NAME_SETTINGS

NOW = datetime(2026, 11, 23, tzinfo=UTC)

PARAMETERS = (*(spec.parameter for spec in NAME_SETTINGS), "CodeBucket", "Scale")


def stack(status: str | None, **more: Any) -> DeployedStack:
    """Return a stack of imgctl's template in a state."""
    values: dict[str, Any] = {"stack_id": "arn:stack/imgctl/1", "changed": str(NOW)}
    values["parameters"] = dict.fromkeys(PARAMETERS, "x")
    return DeployedStack("imgctl", status, **{**values, **more})


NEW = DeployedStack("imgctl", None)
DEPLOYED = stack("UPDATE_COMPLETE")
REQUEST = ChangeSetRequest("Resources: {}", {"Scale": "0.5"})
CHANGE_SET = "arn:aws:cloudformation:eu-west-2:1:changeSet/imgctl-1/x"
PLANNED = ChangeSet("imgctl", CHANGE_SET, creates_stack=False, planned_from=DEPLOYED)


class Recorded:
    """CloudFormation, responding as recorded, in order."""

    def __init__(self) -> None:
        self.cloudformation = boto3.client(
            "cloudformation",
            region_name="eu-west-2",
            aws_access_key_id="x",
            aws_secret_access_key="x",
        )
        self.stub = Stubber(self.cloudformation)
        self.slept_s: list[float] = []
        self.warnings: list[str] = []
        self.client = StackClient(
            self.cloudformation,
            self.slept_s.append,
            2.0,
            unique=lambda: "1",
            warn=self.warnings.append,
        )

    def responds(
        self, operation: str, response: dict[str, Any], expected: Any = None
    ) -> "Recorded":
        self.stub.add_response(operation, response, expected)
        return self

    def fails(self, operation: str, code: str, message: str) -> "Recorded":
        self.stub.add_client_error(operation, code, message)
        return self

    def status(
        self,
        status: str | None,
        *,
        parameters: Sequence[str] = PARAMETERS,
        is_protected: bool = False,
        reason: str = "",
        values: Mapping[str, str] | None = None,
    ) -> "Recorded":
        """Respond with a stack in a state; `values` are further parameters, by name."""
        if status is None:
            message = "Stack with id imgctl does not exist"
            return self.fails("describe_stacks", "ValidationError", message)
        description = {
            "StackName": "imgctl",
            "StackId": "arn:stack/imgctl/1",
            "CreationTime": NOW,
            "StackStatus": status,
            "StackStatusReason": reason,
            "Parameters": [
                {"ParameterKey": key, "ParameterValue": value}
                for key, value in (dict.fromkeys(parameters, "x") | dict(values or {})).items()
            ],
            "EnableTerminationProtection": is_protected,
        }
        return self.responds("describe_stacks", {"Stacks": [description]})

    def change_set(self, status: str, reason: str = "", **more: Any) -> "Recorded":
        described = {"Status": status, "StatusReason": reason, "Changes": [], **more}
        return self.responds("describe_change_set", described)

    def events(self, *events: tuple[str, ...], more: bool = False) -> "Recorded":
        """Respond with events, newest first: id, resource, status, reason, token, type.

        Those of the resource `imgctl` are the stack's own.
        """
        described = [
            {
                "StackId": "arn:stack/imgctl/1",
                "EventId": event_id,
                "StackName": "imgctl",
                "LogicalResourceId": resource,
                "ResourceType": type_[0]
                if type_
                else "AWS::CloudFormation::Stack"
                if resource == "imgctl"
                else "AWS::S3::Bucket",
                "PhysicalResourceId": "arn:stack/imgctl/1" if resource == "imgctl" else "x",
                "Timestamp": NOW,
                "ResourceStatus": status,
                "ResourceStatusReason": reason,
                "ClientRequestToken": token,
            }
            for event_id, resource, status, reason, token, *type_ in events
        ]
        following = {"NextToken": "more"} if more else {}
        return self.responds("describe_stack_events", {"StackEvents": described, **following})
