"""Change sets: created, found again and deleted, with recorded responses."""

from dataclasses import replace
from typing import Any

import pytest
from botocore.exceptions import ClientError
from botocore.stub import ANY

from infra import planning
from infra.change_sets import ChangeSetRequest, create_arguments
from infra.changes import Change, ImportedResource, PropertyChange
from infra.deployed_stack import (
    RollbackTriggers,
)
from infra.errors import (
    DeployError,
    StackBusy,
    StackChanged,
)
from infra.plan import ChangeSet
from infra.stored_change_set import StoredChangeSet
from tests.infra.recorded import CHANGE_SET, DEPLOYED, NEW, PLANNED, REQUEST, Recorded, stack


def asked(
    recorded: Recorded, kind: str = "UPDATE", *, parameters: Any = ANY, **more: Any
) -> Recorded:
    """Expect a request for a change set of this kind, with these arguments beside the usual."""
    arguments = {
        "StackName": "imgctl",
        "ChangeSetName": "imgctl-1",
        "ChangeSetType": kind,
        "TemplateBody": "Resources: {}",
        "Parameters": parameters,
        "Capabilities": ["CAPABILITY_NAMED_IAM"],
    }
    return recorded.responds("create_change_set", {"Id": CHANGE_SET}, {**arguments, **more})


def test_a_new_stack_is_planned_as_one_that_is_created(recorded: Recorded) -> None:
    parameters = [{"ParameterKey": "Scale", "ParameterValue": "0.5"}]
    asked(recorded, "CREATE", parameters=parameters).change_set("CREATE_PENDING")
    recorded.change_set("CREATE_IN_PROGRESS").change_set("CREATE_COMPLETE")
    plan = planning.create_change_set(recorded.client, NEW, REQUEST)
    assert plan == ChangeSet(
        "imgctl", CHANGE_SET, creates_stack=True, planned_from=NEW, parameters={"Scale": "0.5"}
    )
    assert recorded.slept_s == [2.0, 2.0]


def test_express_mode_keeps_the_rollback_that_it_would_turn_off(recorded: Recorded) -> None:
    express = {"Mode": "EXPRESS", "DisableRollback": False}
    asked(recorded, DeploymentConfig=express).change_set("CREATE_COMPLETE")
    planning.create_change_set(recorded.client, DEPLOYED, replace(REQUEST, express=True))


def test_drift_is_reverted_from_the_present_value_to_the_deployed_one(recorded: Recorded) -> None:
    target = {
        "Attribute": "Properties",
        "Name": "FunctionVersion",
        "Path": "/Properties/FunctionVersion",
        "BeforeValue": "$LATEST",
        "AfterValue": "1",
        "BeforeValueFrom": "ACTUAL_STATE",
        "Drift": {"PreviousValue": "1", "ActualValue": "$LATEST"},
    }
    change = {
        "Action": "Modify",
        "LogicalResourceId": "FunctionAlias",
        "ResourceType": "AWS::Lambda::Alias",
        "Replacement": "False",
        "Details": [{"Target": target, "ChangeSource": "NoModification"}],
    }
    asked(recorded, DeploymentMode="REVERT_DRIFT")
    changes = [{"Type": "Resource", "ResourceChange": change}]
    recorded.change_set("CREATE_COMPLETE", Changes=changes)
    plan = planning.create_change_set(
        recorded.client, DEPLOYED, replace(REQUEST, revert_drift=True)
    )
    (found,) = plan.changes
    assert found.properties == (PropertyChange("FunctionVersion", "$LATEST", "1"),)


OUR_ALARM = "arn:aws:cloudwatch:eu-west-2:1:alarm:imgctl-RolloutAlarm-1A"
THEIR_ALARM = "arn:aws:cloudwatch:eu-west-2:1:alarm:latency"
WATCHED = dict.fromkeys((THEIR_ALARM, OUR_ALARM), "AWS::CloudWatch::Alarm")


@pytest.mark.parametrize(
    ("present", "wanted", "sent"),
    [
        (RollbackTriggers(), None, None),
        (RollbackTriggers({THEIR_ALARM: "AWS::CloudWatch::Alarm"}, 9), None, None),
        (RollbackTriggers(), RollbackTriggers(WATCHED, 5), ([THEIR_ALARM, OUR_ALARM], 5)),
        # Also if an interrupted release has left it: only what is sent is certain to be watched.
        (RollbackTriggers(WATCHED, 5), RollbackTriggers(WATCHED, 5), ([THEIR_ALARM, OUR_ALARM], 5)),
        (RollbackTriggers(WATCHED, 5), None, ([THEIR_ALARM], 5)),
        (RollbackTriggers({OUR_ALARM: "AWS::CloudWatch::Alarm"}, 5), None, ([], 0)),
    ],
)
def test_cloudformation_watches_our_alarm_only_during_a_gradual_release(
    recorded: Recorded,
    present: RollbackTriggers,
    wanted: RollbackTriggers | None,
    sent: tuple[list[str], int] | None,
) -> None:
    """A stack remembers what it is told to watch, until it is told otherwise."""
    watched: Any = {}
    if sent is not None:
        alarms, minutes = sent
        watched["RollbackConfiguration"] = {
            "RollbackTriggers": [{"Arn": a, "Type": "AWS::CloudWatch::Alarm"} for a in alarms],
            "MonitoringTimeInMinutes": minutes,
        }
    asked(recorded, **watched).change_set("CREATE_COMPLETE")
    request = replace(REQUEST, triggers=wanted)
    planning.create_change_set(recorded.client, replace(DEPLOYED, triggers=present), request)


def test_what_is_taken_into_a_stack_is_named_by_its_identifier(recorded: Recorded) -> None:
    bucket = ImportedResource("SourceBucket", "AWS::S3::Bucket", "BucketName", "mine")
    imported = {
        "ResourceType": "AWS::S3::Bucket",
        "LogicalResourceId": "SourceBucket",
        "ResourceIdentifier": {"BucketName": "mine"},
    }
    asked(recorded, "IMPORT", ResourcesToImport=[imported]).change_set("CREATE_COMPLETE")
    planning.create_change_set(
        recorded.client, NEW, ChangeSetRequest("Resources: {}", {}, imports=[bucket])
    )


@pytest.mark.parametrize(
    ("present", "wanted", "sent"),
    [
        ({}, None, None),
        ({}, {}, None),
        ({}, {"team": "photos"}, {"team": "photos"}),
        ({"team": "photos"}, None, {"team": "photos"}),
        ({"team": "photos"}, {"owner": "me"}, {"owner": "me"}),
        ({"team": "photos"}, {}, {}),  # an empty list takes them away
    ],
)
def test_the_stacks_tags_are_always_sent_in_full(
    present: dict[str, str], wanted: dict[str, str] | None, sent: dict[str, str] | None
) -> None:
    request = replace(REQUEST, tags=wanted)
    arguments = create_arguments(stack("UPDATE_COMPLETE", tags=present), request, "imgctl-1")
    pairs = [{"Key": key, "Value": value} for key, value in (sent or {}).items()]
    assert arguments.get("Tags") == (None if sent is None else pairs)


ROLE = "arn:aws:iam::123456789012:role/imgctl-cloudformation"


def test_cloudformation_is_asked_to_assume_the_service_role_for_a_change_set(
    recorded: Recorded,
) -> None:
    client = replace(recorded.client, role_arn=ROLE)
    names = ("StackName", "ChangeSetName", "ChangeSetType", "TemplateBody", "Parameters")
    sent = {**dict.fromkeys((*names, "Capabilities"), ANY), "RoleARN": ROLE}
    recorded.responds("create_change_set", {"Id": CHANGE_SET}, sent).change_set("CREATE_COMPLETE")
    planning.create_change_set(client, DEPLOYED, REQUEST)


def test_changes_are_read_over_all_pages_with_before_and_after(recorded: Recorded) -> None:
    def modified(name: str) -> dict[str, Any]:
        target = {"Path": "/Properties/MemorySize", "BeforeValue": "1769", "AfterValue": "3008"}
        return {
            "Type": "Resource",
            "ResourceChange": {
                "Action": "Modify",
                "LogicalResourceId": name,
                "PhysicalResourceId": f"{name}-physical",
                "ResourceType": "AWS::Lambda::Function",
                "Replacement": "False",
                "Details": [{"Target": target}],
            },
        }

    recorded.responds("create_change_set", {"Id": CHANGE_SET})
    recorded.change_set("CREATE_COMPLETE", Changes=[modified("One")], NextToken="more")
    recorded.change_set("CREATE_COMPLETE", Changes=[modified("Two")])
    plan = planning.create_change_set(recorded.client, DEPLOYED, REQUEST)
    assert [change.logical_id for change in plan.changes] == ["One", "Two"]
    assert plan.changes[0] == Change(
        "Modify",
        "One",
        "One-physical",
        "AWS::Lambda::Function",
        "False",
        (PropertyChange("MemorySize", "1769", "3008"),),
    )


@pytest.mark.parametrize(("policy", "kept"), [("Retain", True), ("Delete", False)])
def test_what_leaves_the_stack_and_exists_on_is_told(
    recorded: Recorded, policy: str, kept: bool
) -> None:
    change = {
        "Type": "Resource",
        "ResourceChange": {
            "Action": "Remove",
            "PolicyAction": policy,
            "LogicalResourceId": "CodeVersion1",
            "ResourceType": "AWS::Lambda::Version",
        },
    }
    recorded.responds("create_change_set", {"Id": CHANGE_SET})
    recorded.change_set("CREATE_COMPLETE", Changes=[change])
    assert planning.create_change_set(recorded.client, DEPLOYED, REQUEST).changes[0].is_kept == kept


def test_a_value_that_cloudformation_does_not_tell_is_that_of_the_parameter(
    recorded: Recorded,
) -> None:
    change = {
        "Type": "Resource",
        "ResourceChange": {
            "Action": "Modify",
            "LogicalResourceId": "Function",
            "ResourceType": "AWS::Lambda::Function",
            "Details": [
                {
                    "Target": {"Attribute": "Properties", "Name": "Code"},
                    "CausingEntity": "Scale",
                },
                {
                    "Target": {"Attribute": "Properties", "Name": "Role"},
                    "CausingEntity": "Other",
                },
            ],
        },
    }
    recorded.responds("create_change_set", {"Id": CHANGE_SET})
    recorded.change_set("CREATE_COMPLETE", Changes=[change])
    plan = planning.create_change_set(recorded.client, DEPLOYED, REQUEST)
    code, role = plan.changes[0].properties
    assert code == PropertyChange("Code", "x", "0.5", "Scale")
    assert role == PropertyChange("Role", None, None)


@pytest.mark.parametrize(
    "reason",
    [
        "The submitted information didn't contain changes. Submit different information.",
        "No updates are to be performed.",
    ],
)
def test_an_update_without_changes_is_an_empty_plan(recorded: Recorded, reason: str) -> None:
    recorded.responds("create_change_set", {"Id": CHANGE_SET})
    recorded.change_set("FAILED", reason).responds("delete_change_set", {})
    assert planning.create_change_set(recorded.client, DEPLOYED, REQUEST).is_empty


def test_a_refused_change_set_says_why_and_leaves_no_empty_stack(recorded: Recorded) -> None:
    recorded.responds("create_change_set", {"Id": CHANGE_SET})
    recorded.change_set("FAILED", "Template error: no such resource").responds(
        "delete_change_set", {}
    )
    recorded.status("REVIEW_IN_PROGRESS").responds("list_change_sets", {"Summaries": []})
    recorded.responds("delete_stack", {})
    with pytest.raises(DeployError, match="no such resource"):
        planning.create_change_set(recorded.client, NEW, REQUEST)


@pytest.mark.parametrize("status", ["UPDATE_IN_PROGRESS", "UPDATE_ROLLBACK_IN_PROGRESS"])
def test_a_stack_that_somebody_else_is_updating_is_left_alone(
    recorded: Recorded, status: str
) -> None:
    with pytest.raises(StackBusy, match=status):
        planning.create_change_set(recorded.client, stack(status), REQUEST)


def test_a_plan_that_is_declined_leaves_nothing_behind(recorded: Recorded) -> None:
    recorded.change_set("CREATE_COMPLETE", ExecutionStatus="AVAILABLE")
    named = {"StackName": "imgctl", "ChangeSetName": CHANGE_SET}
    recorded.responds("delete_change_set", {}, named)
    recorded.status("REVIEW_IN_PROGRESS").responds("list_change_sets", {"Summaries": []})
    recorded.responds("delete_stack", {}, {"StackName": "arn:stack/imgctl/1"})
    planning.discard(
        recorded.client, ChangeSet("imgctl", CHANGE_SET, creates_stack=True, planned_from=NEW)
    )


@pytest.mark.parametrize("executed", ["EXECUTE_IN_PROGRESS", "EXECUTE_COMPLETE", "EXECUTE_FAILED"])
def test_a_plan_that_was_applied_is_not_taken_back(recorded: Recorded, executed: str) -> None:
    recorded.change_set("CREATE_COMPLETE", ExecutionStatus=executed)
    planning.discard(recorded.client, PLANNED)


def test_where_cloudformation_does_not_tell_what_it_found_its_reason_stands(
    recorded: Recorded,
) -> None:
    recorded.responds("create_change_set", {"Id": CHANGE_SET})
    recorded.change_set("FAILED", "Validation failed. Call DescribeEvents to ...")
    recorded.fails("describe_events", "AccessDenied", "no").responds("delete_change_set", {})
    with pytest.raises(DeployError, match="Validation failed"):
        planning.create_change_set(recorded.client, DEPLOYED, REQUEST)


def test_a_plan_that_is_asked_for_too_often_is_waited_for(recorded: Recorded) -> None:
    recorded.responds("create_change_set", {"Id": CHANGE_SET})
    recorded.fails("describe_change_set", "Throttling", "Rate exceeded")
    recorded.change_set("CREATE_COMPLETE")
    assert planning.create_change_set(recorded.client, DEPLOYED, REQUEST).id == CHANGE_SET


def test_what_was_found_before_anything_began_is_told(recorded: Recorded) -> None:
    recorded.responds("create_change_set", {"Id": CHANGE_SET})
    recorded.change_set("FAILED", "Validation failed with 1 error(s). Call DescribeEvents to ...")
    event = {
        "LogicalResourceId": "SourceBucket",
        "ResourceType": "AWS::S3::Bucket",
        "ValidationStatusReason": "Bucket src already exists",
    }
    recorded.responds(
        "describe_events",
        {"OperationEvents": [event]},
        {"ChangeSetName": CHANGE_SET, "Filters": {"FailedEvents": True}},
    )
    recorded.responds("delete_change_set", {}).status(None)
    with pytest.raises(DeployError, match=r"SourceBucket \(AWS::S3::Bucket\): Bucket src already"):
        planning.create_change_set(recorded.client, NEW, REQUEST)


def test_an_empty_stack_with_somebody_elses_plan_in_it_is_left(recorded: Recorded) -> None:
    recorded.change_set("CREATE_COMPLETE", ExecutionStatus="AVAILABLE")
    recorded.responds("delete_change_set", {}).status("REVIEW_IN_PROGRESS")
    recorded.responds("list_change_sets", {"Summaries": [{"ChangeSetId": "a-colleagues"}]})
    planning.discard(
        recorded.client, ChangeSet("imgctl", CHANGE_SET, creates_stack=True, planned_from=NEW)
    )


def test_an_interrupted_plan_is_taken_back(recorded: Recorded) -> None:
    def interrupt(_: float) -> None:
        raise KeyboardInterrupt

    recorded.responds("create_change_set", {"Id": CHANGE_SET})
    recorded.change_set("CREATE_IN_PROGRESS").responds("delete_change_set", {})
    with pytest.raises(KeyboardInterrupt):
        planning.create_change_set(replace(recorded.client, sleep=interrupt), DEPLOYED, REQUEST)


def test_an_update_that_began_while_planning_is_reported_as_such(recorded: Recorded) -> None:
    recorded.fails("create_change_set", "ValidationError", "is in UPDATE_IN_PROGRESS state")
    recorded.status("UPDATE_IN_PROGRESS")
    with pytest.raises(StackBusy):
        planning.create_change_set(recorded.client, DEPLOYED, REQUEST)


OVERTAKEN = [
    ("UPDATE_IN_PROGRESS", StackBusy),  # another deployment has begun
    ("UPDATE_COMPLETE", StackChanged),  # and has ended by now
    (None, StackChanged),
]


@pytest.mark.parametrize(("status", "error"), OVERTAKEN)
def test_a_change_set_that_another_deployment_prevents_or_deletes_says_so(
    recorded: Recorded, status: str | None, error: type[DeployError]
) -> None:
    planned_from = stack("UPDATE_COMPLETE", changed="earlier")
    recorded.fails("create_change_set", "AlreadyExistsException", "exists").status(status)
    with pytest.raises(error):
        planning.create_change_set(recorded.client, planned_from, REQUEST)

    recorded.responds("create_change_set", {"Id": CHANGE_SET})
    recorded.fails("describe_change_set", "ChangeSetNotFound", "gone").status(status)
    recorded.responds("delete_change_set", {})
    with pytest.raises(error):
        planning.create_change_set(recorded.client, planned_from, REQUEST)


def test_a_rejection_that_no_other_deployment_explains_is_reported_as_it_is(
    recorded: Recorded,
) -> None:
    recorded.fails("create_change_set", "LimitExceeded", "too many").status("UPDATE_COMPLETE")
    with pytest.raises(ClientError, match="too many"):
        planning.create_change_set(recorded.client, DEPLOYED, REQUEST)
    recorded.fails("create_change_set", "LimitExceeded", "too many")
    recorded.fails("describe_stacks", "AccessDenied", "no")
    with pytest.raises(ClientError, match="too many"):
        planning.create_change_set(recorded.client, DEPLOYED, REQUEST)


@pytest.mark.parametrize("refused", ["describe_change_set", "delete_change_set"])
def test_a_change_set_that_cannot_be_deleted_is_only_a_warning(
    recorded: Recorded, refused: str
) -> None:
    if refused == "delete_change_set":
        recorded.change_set("CREATE_COMPLETE", ExecutionStatus="AVAILABLE")
    recorded.fails(refused, "AccessDenied", "not allowed")
    planning.discard(recorded.client, PLANNED)
    (warning,) = recorded.warnings
    assert "Could not delete the change set" in warning
    assert "not allowed" in warning


def test_a_change_set_that_another_deployment_has_deleted_needs_no_warning(
    recorded: Recorded,
) -> None:
    recorded.fails("describe_change_set", "ChangeSetNotFound", "gone")
    planning.discard(recorded.client, PLANNED)
    assert recorded.warnings == []


def test_failing_to_clean_up_hides_neither_a_rejection_nor_that_nothing_changes(
    recorded: Recorded,
) -> None:
    for reason in ("Template error", "No updates are to be performed."):
        recorded.responds("create_change_set", {"Id": CHANGE_SET})
        recorded.change_set("FAILED", reason)
        recorded.fails("delete_change_set", "AccessDenied", "not allowed")
    with pytest.raises(DeployError, match="Template error"):
        planning.create_change_set(recorded.client, DEPLOYED, REQUEST)
    assert planning.create_change_set(recorded.client, DEPLOYED, REQUEST).is_empty
    assert len(recorded.warnings) == 2


def test_a_stored_change_set_is_read_as_it_was_planned(recorded: Recorded) -> None:
    change = {
        "Action": "Modify",
        "LogicalResourceId": "Function",
        "ResourceType": "AWS::Lambda::Function",
        "Details": [{"Target": {"Name": "MemorySize"}, "CausingEntity": "Scale"}],
    }
    described: dict[str, Any] = {
        "Parameters": [{"ParameterKey": "Scale", "ParameterValue": "0.5"}],
        "Changes": [{"Type": "Resource", "ResourceChange": change}],
        "Description": "Planned with --allow-data-loss.",
        "ExecutionStatus": "AVAILABLE",
        "ChangeSetName": "imgctl-1",
        "StackName": "imgctl",
        "StackId": "arn:stack/imgctl/1",
    }
    recorded.responds("create_change_set", {"Id": CHANGE_SET}).change_set(
        "CREATE_COMPLETE", **described
    )
    request = replace(REQUEST, allows_data_loss=True)
    planned = planning.create_change_set(recorded.client, DEPLOYED, request)
    recorded.responds(
        "describe_change_set",
        {"Status": "CREATE_COMPLETE", **described},
        {"StackName": "imgctl", "ChangeSetName": CHANGE_SET, "IncludePropertyValues": True},
    )
    found = planning.find_change_set(recorded.client, DEPLOYED, CHANGE_SET)
    assert found == StoredChangeSet(
        planned, "imgctl-1", "imgctl", "arn:stack/imgctl/1", "CREATE_COMPLETE", "AVAILABLE"
    )
    assert planned.allows_data_loss
    assert planned.changes[0].properties == (PropertyChange("MemorySize", "x", "0.5", "Scale"),)


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("ChangeSetNotFound", "ChangeSet [x] does not exist"),
        ("ValidationError", "Stack [imgctl] does not exist"),
    ],
)
def test_a_change_set_that_is_gone_is_none(recorded: Recorded, code: str, message: str) -> None:
    recorded.fails("describe_change_set", code, message)
    assert planning.find_change_set(recorded.client, DEPLOYED, CHANGE_SET) is None
