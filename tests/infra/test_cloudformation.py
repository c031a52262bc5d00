"""CloudFormation: reading, planning, executing and deleting stacks, with recorded responses."""

from dataclasses import replace
from typing import Any

import pytest
from botocore.exceptions import ClientError
from botocore.stub import ANY

from infra.change_sets import ChangeSetRequest, create_arguments
from infra.cloudformation import StackClient
from infra.deployed_stack import (
    AdoptionStep,
    DeployedStack,
    RollbackTriggers,
    StackResource,
    owned_names,
)
from infra.errors import (
    DeployError,
    NotOurStack,
    StackBusy,
    StackChanged,
    StackProtected,
    UpdateRolledBack,
)
from infra.plan import Change, ChangeSet, DeployEvent, ImportedResource, PropertyChange
from infra.responses import parse_stack
from infra.stored_change_set import StoredChangeSet
from tests.infra.recorded import NOW, Recorded, stack

BUCKET = "AWS::S3::Bucket"
REQUEST = ChangeSetRequest("Resources: {}", {"Scale": "0.5"})
CHANGE_SET = "arn:aws:cloudformation:eu-west-2:1:changeSet/imgctl-1/x"


NEW = DeployedStack("imgctl", None)
DEPLOYED = stack("UPDATE_COMPLETE")
PLANNED = ChangeSet("imgctl", CHANGE_SET, creates_stack=False, planned_from=DEPLOYED)


@pytest.fixture
def recorded() -> Any:
    recorded = Recorded()
    with recorded.stub:
        yield recorded
    recorded.stub.assert_no_pending_responses()


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
    plan = recorded.client.create_change_set(NEW, REQUEST)
    assert plan == ChangeSet(
        "imgctl", CHANGE_SET, creates_stack=True, planned_from=NEW, parameters={"Scale": "0.5"}
    )
    assert recorded.slept_s == [2.0, 2.0]


def test_express_mode_keeps_the_rollback_that_it_would_turn_off(recorded: Recorded) -> None:
    express = {"Mode": "EXPRESS", "DisableRollback": False}
    asked(recorded, DeploymentConfig=express).change_set("CREATE_COMPLETE")
    recorded.client.create_change_set(DEPLOYED, replace(REQUEST, express=True))


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
    plan = recorded.client.create_change_set(DEPLOYED, replace(REQUEST, revert_drift=True))
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
    recorded.client.create_change_set(replace(DEPLOYED, triggers=present), request)


def test_what_a_stack_watches_is_read_with_it() -> None:
    configuration = {
        "RollbackTriggers": [{"Arn": OUR_ALARM, "Type": "AWS::CloudWatch::Alarm"}],
        "MonitoringTimeInMinutes": 5,
    }
    described = {"StackStatus": "UPDATE_COMPLETE", "RollbackConfiguration": configuration}
    triggers = RollbackTriggers({OUR_ALARM: "AWS::CloudWatch::Alarm"}, 5)
    assert parse_stack("imgctl", described).triggers == triggers
    assert parse_stack("imgctl", {"StackStatus": "UPDATE_COMPLETE"}).triggers == RollbackTriggers()


def test_a_release_that_an_alarm_ended_says_why_it_was_rolled_back(recorded: Recorded) -> None:
    ours, stack_type = "imgctl-1", "AWS::CloudFormation::Stack"
    reason = f"Alarm {OUR_ALARM} went to ALARM"
    changed = ("e1", "Function", "UPDATE_COMPLETE", "", ours)
    begins = ("e2", "imgctl", "UPDATE_ROLLBACK_IN_PROGRESS", reason, ours, stack_type)
    restored = ("e3", "Function", "UPDATE_COMPLETE", "", ours)
    recorded.status("UPDATE_COMPLETE").events().responds("execute_change_set", {})
    recorded.status("UPDATE_IN_PROGRESS").events(changed)
    recorded.status("UPDATE_ROLLBACK_IN_PROGRESS").events(restored, begins, changed)
    recorded.status("UPDATE_ROLLBACK_COMPLETE").events(restored, begins, changed)
    with pytest.raises(UpdateRolledBack, match=reason) as failed:
        recorded.client.execute(PLANNED, lambda _: None)
    assert failed.value.code == "rolled_back"
    assert "`imgctl logs --errors` shows why" in failed.value.hint


CANCEL = {"StackName": "arn:stack/imgctl/1", "ClientRequestToken": "imgctl-1"}


def test_an_update_is_cancelled_and_its_rollback_followed(recorded: Recorded) -> None:
    begun = ("e1", "Function", "UPDATE_COMPLETE", "", "imgctl-of-another-run")
    restored = ("e2", "Function", "UPDATE_COMPLETE", "", "imgctl-1")
    recorded.events(begun).responds("cancel_update_stack", {}, CANCEL)
    recorded.status("UPDATE_ROLLBACK_IN_PROGRESS").events(restored, begun)
    recorded.status("UPDATE_ROLLBACK_COMPLETE").events(restored, begun)
    told: list[DeployEvent] = []
    after = recorded.client.cancel(stack("UPDATE_IN_PROGRESS"), told.append)
    assert after.status == "UPDATE_ROLLBACK_COMPLETE"
    assert [event.event_id for event in told] == ["e2"]


def test_an_update_of_another_program_is_not_cancelled(recorded: Recorded) -> None:
    recorded.events(("e1", "Table", "UPDATE_IN_PROGRESS", "", "Console-1234"))
    with pytest.raises(StackBusy, match="UPDATE_IN_PROGRESS"):
        recorded.client.cancel(stack("UPDATE_IN_PROGRESS"), lambda _: None)


def test_an_update_that_ended_before_it_was_cancelled_stays(recorded: Recorded) -> None:
    recorded.events(("e1", "Function", "UPDATE_COMPLETE", "", "imgctl-of-another-run"))
    message = "CancelUpdateStack cannot be called from current stack status"
    recorded.fails("cancel_update_stack", "ValidationError", message)
    recorded.status("UPDATE_COMPLETE")
    with pytest.raises(StackChanged):
        recorded.client.cancel(stack("UPDATE_IN_PROGRESS"), lambda _: None)


def test_what_is_taken_into_a_stack_is_named_by_its_identifier(recorded: Recorded) -> None:
    bucket = ImportedResource("SourceBucket", "AWS::S3::Bucket", "BucketName", "mine")
    imported = {
        "ResourceType": "AWS::S3::Bucket",
        "LogicalResourceId": "SourceBucket",
        "ResourceIdentifier": {"BucketName": "mine"},
    }
    asked(recorded, "IMPORT", ResourcesToImport=[imported]).change_set("CREATE_COMPLETE")
    recorded.client.create_change_set(NEW, ChangeSetRequest("Resources: {}", {}, imports=[bucket]))


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
    client.create_change_set(DEPLOYED, REQUEST)


def test_cloudformation_is_asked_to_assume_the_service_role_for_a_deletion(
    recorded: Recorded,
) -> None:
    sent = {"StackName": ANY, "ClientRequestToken": "imgctl-1", "RoleARN": ROLE}
    recorded.status("DELETE_IN_PROGRESS").events().responds("delete_stack", {}, sent)
    gone = ("e1", "imgctl", "DELETE_COMPLETE", "", "imgctl-1")
    recorded.status("DELETE_COMPLETE").events(gone)
    recorded.status("DELETE_COMPLETE").events(gone)
    client = replace(recorded.client, role_arn=ROLE)
    assert client.delete(stack("DELETE_IN_PROGRESS"), lambda _: None)


def test_the_tags_of_a_stack_are_those_that_somebody_can_change() -> None:
    pairs = [{"Key": "team", "Value": "photos"}, {"Key": "aws:servicecatalog:x", "Value": "y"}]
    described = {"StackName": "imgctl", "StackStatus": "CREATE_COMPLETE", "Tags": pairs}
    assert parse_stack("imgctl", described).tags == {"team": "photos"}


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
    plan = recorded.client.create_change_set(DEPLOYED, REQUEST)
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
    assert recorded.client.create_change_set(DEPLOYED, REQUEST).changes[0].is_kept == kept


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
    plan = recorded.client.create_change_set(DEPLOYED, REQUEST)
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
    assert recorded.client.create_change_set(DEPLOYED, REQUEST).is_empty


def test_a_refused_change_set_says_why_and_leaves_no_empty_stack(recorded: Recorded) -> None:
    recorded.responds("create_change_set", {"Id": CHANGE_SET})
    recorded.change_set("FAILED", "Template error: no such resource").responds(
        "delete_change_set", {}
    )
    recorded.status("REVIEW_IN_PROGRESS").responds("list_change_sets", {"Summaries": []})
    recorded.responds("delete_stack", {})
    with pytest.raises(DeployError, match="no such resource"):
        recorded.client.create_change_set(NEW, REQUEST)


@pytest.mark.parametrize("status", ["UPDATE_IN_PROGRESS", "UPDATE_ROLLBACK_IN_PROGRESS"])
def test_a_stack_that_somebody_else_is_updating_is_left_alone(
    recorded: Recorded, status: str
) -> None:
    with pytest.raises(StackBusy, match=status):
        recorded.client.create_change_set(stack(status), REQUEST)


def test_a_plan_that_is_declined_leaves_nothing_behind(recorded: Recorded) -> None:
    recorded.change_set("CREATE_COMPLETE", ExecutionStatus="AVAILABLE")
    named = {"StackName": "imgctl", "ChangeSetName": CHANGE_SET}
    recorded.responds("delete_change_set", {}, named)
    recorded.status("REVIEW_IN_PROGRESS").responds("list_change_sets", {"Summaries": []})
    recorded.responds("delete_stack", {}, {"StackName": "arn:stack/imgctl/1"})
    recorded.client.discard(ChangeSet("imgctl", CHANGE_SET, creates_stack=True, planned_from=NEW))


@pytest.mark.parametrize("executed", ["EXECUTE_IN_PROGRESS", "EXECUTE_COMPLETE", "EXECUTE_FAILED"])
def test_a_plan_that_was_applied_is_not_taken_back(recorded: Recorded, executed: str) -> None:
    recorded.change_set("CREATE_COMPLETE", ExecutionStatus=executed)
    recorded.client.discard(PLANNED)


def test_each_event_of_the_operation_is_told_once_and_in_order(recorded: Recorded) -> None:
    ours, theirs = "imgctl-1", "somebody-else"
    first = ("e1", "Table", "CREATE_IN_PROGRESS", "", ours)
    second = ("e2", "Table", "CREATE_COMPLETE", "", ours)
    foreign = ("e0", "Table", "DELETE_COMPLETE", "", theirs)
    recorded.status("CREATE_COMPLETE").events(foreign).responds(
        "execute_change_set",
        {},
        {"StackName": "imgctl", "ChangeSetName": CHANGE_SET, "ClientRequestToken": ours},
    )
    recorded.status("CREATE_COMPLETE").events(foreign)  # not begun, though it looks done
    recorded.status("UPDATE_IN_PROGRESS").events(first, foreign)
    recorded.status("UPDATE_COMPLETE").events(second, first, foreign)
    told: list[DeployEvent] = []
    assert recorded.client.execute(PLANNED, told.append).status == "UPDATE_COMPLETE"
    assert [event.event_id for event in told] == ["e1", "e2"]
    assert [event.is_done for event in told] == [False, True]


def test_the_first_failure_is_reported_and_not_what_followed_from_it(recorded: Recorded) -> None:
    ours = "imgctl-1"
    cancelled = ("e3", "Function", "CREATE_FAILED", "Resource creation cancelled", ours)
    second = ("e2", "Queue", "CREATE_FAILED", "Rate exceeded", ours)
    first = ("e1", "SourceBucket", "CREATE_FAILED", "src-bucket already exists", ours)
    recorded.status("REVIEW_IN_PROGRESS").events().responds("execute_change_set", {})
    recorded.status("ROLLBACK_COMPLETE").events(cancelled, second, first)
    recorded.status("ROLLBACK_COMPLETE").events(cancelled, second, first)
    with pytest.raises(DeployError, match=r"SourceBucket.*src-bucket already exists") as failed:
        recorded.client.execute(replace(PLANNED, planned_from=NEW), lambda _: None)
    assert "ROLLBACK_COMPLETE" in failed.value.message
    assert "Rate exceeded" not in failed.value.message


def test_a_poll_that_comes_too_often_is_asked_again_later(recorded: Recorded) -> None:
    ours = "imgctl-1"
    done = ("e1", "Table", "UPDATE_COMPLETE", "", ours)
    recorded.status("CREATE_COMPLETE").events().responds("execute_change_set", {})
    recorded.fails("describe_stacks", "Throttling", "Rate exceeded")
    recorded.status("UPDATE_COMPLETE")
    recorded.fails("describe_stack_events", "ThrottlingException", "Rate exceeded")
    recorded.events(done).status("UPDATE_COMPLETE").events(done)
    told: list[DeployEvent] = []
    recorded.client.execute(PLANNED, told.append)
    assert [event.event_id for event in told] == ["e1"]
    assert recorded.slept_s == [10.0, 10.0, 2.0]


def test_an_operation_that_begins_between_two_calls_is_not_taken_for_one_that_ended(
    recorded: Recorded,
) -> None:
    begun = ("e1", "imgctl", "DELETE_IN_PROGRESS", "", "imgctl-1")
    gone = ("e2", "imgctl", "DELETE_COMPLETE", "", "imgctl-1")
    recorded.status("UPDATE_COMPLETE").events().responds("delete_stack", {})
    recorded.status("UPDATE_COMPLETE").events(begun)  # the status of before, the event of now
    recorded.status("DELETE_IN_PROGRESS").events(begun)
    recorded.status("DELETE_COMPLETE").events(gone, begun)
    told: list[DeployEvent] = []
    assert recorded.client.delete(DEPLOYED, told.append)
    assert [event.event_id for event in told] == ["e1", "e2"]


def test_where_cloudformation_does_not_tell_what_it_found_its_reason_stands(
    recorded: Recorded,
) -> None:
    recorded.responds("create_change_set", {"Id": CHANGE_SET})
    recorded.change_set("FAILED", "Validation failed. Call DescribeEvents to ...")
    recorded.fails("describe_events", "AccessDenied", "no").responds("delete_change_set", {})
    with pytest.raises(DeployError, match="Validation failed"):
        recorded.client.create_change_set(DEPLOYED, REQUEST)


def test_a_plan_that_is_asked_for_too_often_is_waited_for(recorded: Recorded) -> None:
    recorded.responds("create_change_set", {"Id": CHANGE_SET})
    recorded.fails("describe_change_set", "Throttling", "Rate exceeded")
    recorded.change_set("CREATE_COMPLETE")
    assert recorded.client.create_change_set(DEPLOYED, REQUEST).id == CHANGE_SET


def test_what_an_interrupted_run_had_begun_is_followed_to_its_end(recorded: Recorded) -> None:
    ours = "imgctl-of-an-earlier-run"
    first = ("e1", "Table", "CREATE_IN_PROGRESS", "", ours)
    second = ("e2", "Table", "CREATE_COMPLETE", "", ours)
    recorded.events(first)
    recorded.status("CREATE_IN_PROGRESS").events(first)
    recorded.status("CREATE_COMPLETE").events(second, first)
    told: list[DeployEvent] = []
    recorded.client.resume(stack("CREATE_IN_PROGRESS"), told.append)
    assert [event.event_id for event in told] == ["e1", "e2"]


def test_what_an_interrupted_run_had_begun_may_fail(recorded: Recorded) -> None:
    ours = "imgctl-of-an-earlier-run"
    failure = ("e1", "Table", "CREATE_FAILED", "no such thing", ours)
    recorded.events(failure)
    recorded.status("ROLLBACK_COMPLETE").events(failure)
    recorded.status("ROLLBACK_COMPLETE").events(failure)
    with pytest.raises(DeployError, match="no such thing"):
        recorded.client.resume(stack("CREATE_IN_PROGRESS"), lambda _: None)


def test_what_another_program_has_begun_is_not_followed(recorded: Recorded) -> None:
    recorded.events(("e1", "Table", "UPDATE_IN_PROGRESS", "", "Console-1234"))
    with pytest.raises(StackBusy, match="UPDATE_IN_PROGRESS"):
        recorded.client.resume(stack("UPDATE_IN_PROGRESS"), lambda _: None)


@pytest.mark.parametrize("status", [None, "CREATE_COMPLETE", "REVIEW_IN_PROGRESS", "DELETE_FAILED"])
def test_only_an_operation_in_progress_can_be_resumed(status: str | None) -> None:
    assert not stack(status).is_pending


def test_destroying_what_is_not_there_does_nothing(recorded: Recorded) -> None:
    recorded.status(None)
    assert not recorded.client.delete(NEW, lambda _: None)


def test_destroying_again_joins_the_deletion_under_way(recorded: Recorded) -> None:
    recorded.status("DELETE_IN_PROGRESS").events().responds(
        "delete_stack", {}, {"StackName": ANY, "ClientRequestToken": "imgctl-1"}
    )
    gone = ("e1", "imgctl", "DELETE_COMPLETE", "", "imgctl-1")
    recorded.status("DELETE_COMPLETE").events(gone)
    recorded.status("DELETE_COMPLETE").events(gone)
    assert recorded.client.delete(stack("DELETE_IN_PROGRESS"), lambda _: None)


def test_a_stack_that_cannot_be_deleted_says_which_resource_stays(recorded: Recorded) -> None:
    stays = ("e1", "SourceBucket", "DELETE_FAILED", "The bucket is not empty", "imgctl-1")
    recorded.status("UPDATE_COMPLETE").events().responds("delete_stack", {})
    recorded.status("DELETE_FAILED").events(stays)
    recorded.status("DELETE_FAILED").events(stays)
    with pytest.raises(DeployError, match=r"SourceBucket.*not empty") as failed:
        recorded.client.delete(DEPLOYED, lambda _: None)
    assert "run `imgctl destroy` again" in failed.value.hint


def test_a_protected_stack_is_not_asked_to_be_deleted(recorded: Recorded) -> None:
    recorded.status("UPDATE_COMPLETE", is_protected=True)
    with pytest.raises(StackProtected) as refused:
        recorded.client.delete(DEPLOYED, lambda _: None)
    assert "Set termination_protection = false and run `imgctl deploy`" in refused.value.hint


def test_a_protected_stack_that_cannot_be_updated_is_released_without_imgctl(
    recorded: Recorded,
) -> None:
    recorded.status("ROLLBACK_COMPLETE", is_protected=True)
    with pytest.raises(StackProtected) as refused:
        recorded.client.delete(stack("ROLLBACK_COMPLETE"), lambda _: None)
    assert "aws cloudformation update-termination-protection" in refused.value.hint


def test_a_protection_that_came_after_the_stack_was_read_is_said_in_plain_words(
    recorded: Recorded,
) -> None:
    recorded.status("UPDATE_COMPLETE").events().fails(
        "delete_stack",
        "ValidationError",
        "Stack [imgctl] cannot be deleted while TerminationProtection is enabled",
    )
    with pytest.raises(StackProtected, match="Nothing was deleted"):
        recorded.client.delete(DEPLOYED, lambda _: None)


def test_protection_is_turned_on_for_the_very_stack_that_was_read(recorded: Recorded) -> None:
    recorded.responds(
        "update_termination_protection",
        {"StackId": DEPLOYED.stack_id},
        {"StackName": DEPLOYED.stack_id, "EnableTerminationProtection": True},
    )
    assert recorded.client.set_termination_protection(DEPLOYED, enabled=True).is_protected


def test_a_stack_that_is_being_updated_is_not_destroyed(recorded: Recorded) -> None:
    recorded.status("UPDATE_IN_PROGRESS")
    with pytest.raises(StackBusy):
        recorded.client.delete(DEPLOYED, lambda _: None)


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
        recorded.client.create_change_set(NEW, REQUEST)


@pytest.mark.parametrize("status", ["CREATE_COMPLETE", "UPDATE_COMPLETE", "ROLLBACK_COMPLETE"])
def test_a_stack_that_imgctl_did_not_make_is_neither_updated_nor_deleted(
    recorded: Recorded, status: str
) -> None:
    foreign = ("TableName", "SourceBucketName", "VpcId")
    recorded.status(status, parameters=foreign)
    with pytest.raises(NotOurStack):
        recorded.client.read("imgctl")


def test_an_empty_stack_with_somebody_elses_plan_in_it_is_left(recorded: Recorded) -> None:
    recorded.change_set("CREATE_COMPLETE", ExecutionStatus="AVAILABLE")
    recorded.responds("delete_change_set", {}).status("REVIEW_IN_PROGRESS")
    recorded.responds("list_change_sets", {"Summaries": [{"ChangeSetId": "a-colleagues"}]})
    recorded.client.discard(ChangeSet("imgctl", CHANGE_SET, creates_stack=True, planned_from=NEW))


def test_an_interrupted_plan_is_taken_back(recorded: Recorded) -> None:
    def interrupt(_: float) -> None:
        raise KeyboardInterrupt

    recorded.responds("create_change_set", {"Id": CHANGE_SET})
    recorded.change_set("CREATE_IN_PROGRESS").responds("delete_change_set", {})
    with pytest.raises(KeyboardInterrupt):
        replace(recorded.client, sleep=interrupt).create_change_set(DEPLOYED, REQUEST)


def test_a_plan_is_not_applied_while_another_is(recorded: Recorded) -> None:
    recorded.status("UPDATE_IN_PROGRESS")
    with pytest.raises(StackBusy):
        recorded.client.execute(PLANNED, lambda _: None)


def test_a_stack_is_read_once_with_its_template_and_the_step_of_an_adoption(
    recorded: Recorded,
) -> None:
    template = 'Metadata: {"imgctl": {"AdoptionStep": "table"}}\nResources: {}\n'
    recorded.status("IMPORT_COMPLETE").responds("get_template", {"TemplateBody": template})
    read = recorded.client.read("imgctl")
    assert read == stack("IMPORT_COMPLETE", template=template, adoption_step=AdoptionStep.TABLE)
    assert read.is_living


@pytest.mark.parametrize("status", [None, "DELETE_COMPLETE"])
def test_a_stack_that_is_gone_has_no_template_to_read(
    recorded: Recorded, status: str | None
) -> None:
    recorded.status(status)
    read = recorded.client.read("imgctl")
    assert (read.exists, read.is_deployed, read.template) == (False, False, "")


@pytest.mark.parametrize(
    ("change_sets", "is_ours"), [([], True), (["imgctl-1"], True), (["imgctl-1", "theirs"], False)]
)
def test_an_empty_stack_is_ours_if_only_our_change_sets_are_in_it(
    recorded: Recorded, change_sets: list[str], is_ours: bool
) -> None:
    summaries = [{"ChangeSetName": name} for name in change_sets]
    recorded.status("REVIEW_IN_PROGRESS").responds("list_change_sets", {"Summaries": summaries})
    if is_ours:
        assert recorded.client.read("imgctl").status == "REVIEW_IN_PROGRESS"
    else:
        with pytest.raises(NotOurStack):
            recorded.client.read("imgctl")


def test_resources_are_listed_over_all_pages(recorded: Recorded) -> None:
    def page(name: str, **more: str) -> dict[str, Any]:
        summary = {
            "LogicalResourceId": name,
            "PhysicalResourceId": f"{name}-physical",
            "ResourceType": "AWS::S3::Bucket",
            "ResourceStatus": "CREATE_COMPLETE",
            "LastUpdatedTimestamp": NOW,
        }
        return {"StackResourceSummaries": [summary], **more}

    recorded.responds("list_stack_resources", page("One", NextToken="more"))
    recorded.responds("list_stack_resources", page("Two"))
    assert recorded.client.list_resources(DEPLOYED) == (
        StackResource("One", BUCKET, "One-physical", "CREATE_COMPLETE"),
        StackResource("Two", BUCKET, "Two-physical", "CREATE_COMPLETE"),
    )
    assert recorded.client.list_resources(NEW) == ()


RESOURCES = (
    StackResource("SourceBucket", BUCKET, "mine", "CREATE_COMPLETE"),
    StackResource("DestinationBucket", BUCKET, "imported", "IMPORT_COMPLETE"),
    StackResource("AccessLogs", BUCKET, "taken-by-another", "CREATE_FAILED"),
    StackResource("Records", BUCKET, "left-again", "DELETE_SKIPPED"),
    StackResource("Function", "AWS::Lambda::Function", "a-functions-name", "CREATE_COMPLETE"),
)


@pytest.mark.parametrize(
    "status", ["CREATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE", "UPDATE_FAILED", "IMPORT_COMPLETE"]
)
def test_a_living_stacks_list_proves_what_it_owns(status: str) -> None:
    assert owned_names(stack(status), RESOURCES, BUCKET) == {"mine", "imported"}


@pytest.mark.parametrize(
    "status",
    [
        "CREATE_FAILED",
        "CREATE_IN_PROGRESS",
        "DELETE_FAILED",
        "DELETE_IN_PROGRESS",
        "IMPORT_IN_PROGRESS",
        "IMPORT_ROLLBACK_COMPLETE",
        "IMPORT_ROLLBACK_FAILED",
        "REVIEW_IN_PROGRESS",
        "ROLLBACK_COMPLETE",
        "ROLLBACK_FAILED",
        None,
    ],
)
def test_a_failed_stacks_list_proves_nothing(status: str | None) -> None:
    assert owned_names(stack(status), RESOURCES, BUCKET) == frozenset()


@pytest.mark.parametrize(
    "current",
    [
        stack("UPDATE_COMPLETE", changed="2026-11-25 12:00:00+00:00"),
        stack("UPDATE_COMPLETE", parameters={**DEPLOYED.parameters, "LiveVersion": "1"}),
        stack("UPDATE_COMPLETE", stack_id="arn:stack/imgctl/2"),
    ],
)
def test_a_plan_is_not_applied_to_a_stack_that_has_changed_since(
    recorded: Recorded, monkeypatch: pytest.MonkeyPatch, current: DeployedStack
) -> None:
    """A colleague's rollback or settings, made while the bundle was built, are not undone."""
    monkeypatch.setattr(StackClient, "_current", lambda *_: current)
    with pytest.raises(StackChanged, match="changed by somebody else"):
        recorded.client.execute(PLANNED, lambda _: None)


@pytest.mark.parametrize("read", [NEW, DEPLOYED])
def test_a_plan_is_not_applied_to_a_stack_that_is_gone(
    recorded: Recorded, read: DeployedStack
) -> None:
    recorded.status(None)
    with pytest.raises(StackChanged):
        recorded.client.execute(replace(PLANNED, planned_from=read), lambda _: None)


@pytest.mark.parametrize(
    ("read", "status"),
    [
        (NEW, "CREATE_COMPLETE"),  # deployed while the question was waiting for an answer
        (NEW, "REVIEW_IN_PROGRESS"),
        (stack("REVIEW_IN_PROGRESS", parameters={}), "CREATE_COMPLETE"),
        (stack("ROLLBACK_COMPLETE", stack_id="arn:stack/imgctl/0"), "CREATE_COMPLETE"),
    ],
)
def test_a_stack_that_was_deployed_in_the_meantime_is_not_deleted(
    recorded: Recorded, read: DeployedStack, status: str
) -> None:
    recorded.status(status)
    with pytest.raises(StackChanged):
        recorded.client.delete(read, lambda _: None)


def test_an_update_that_began_while_planning_is_reported_as_such(recorded: Recorded) -> None:
    recorded.fails("create_change_set", "ValidationError", "is in UPDATE_IN_PROGRESS state")
    recorded.status("UPDATE_IN_PROGRESS")
    with pytest.raises(StackBusy):
        recorded.client.create_change_set(DEPLOYED, REQUEST)


def test_a_stack_that_vanishes_while_its_resources_are_listed_has_none(recorded: Recorded) -> None:
    recorded.fails("list_stack_resources", "ValidationError", "Stack x does not exist")
    assert recorded.client.list_resources(DEPLOYED) == ()


@pytest.mark.parametrize("outputs", [{}, {"SourceBucket": "in"}])
def test_a_failed_import_into_a_stack_that_was_created_is_no_failed_creation(
    outputs: dict[str, str],
) -> None:
    failed = stack("IMPORT_ROLLBACK_COMPLETE", outputs=outputs)
    assert failed.was_never_created == (not outputs)
    assert failed.is_updatable == bool(outputs)


def test_an_unknown_step_of_an_adoption_is_not_guessed(recorded: Recorded) -> None:
    template = 'Metadata: {"imgctl": {"AdoptionStep": "replicas"}}\n'
    recorded.status("IMPORT_COMPLETE").responds("get_template", {"TemplateBody": template})
    with pytest.raises(DeployError, match="replicas"):
        recorded.client.read("imgctl")


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
        recorded.client.create_change_set(planned_from, REQUEST)

    recorded.responds("create_change_set", {"Id": CHANGE_SET})
    recorded.fails("describe_change_set", "ChangeSetNotFound", "gone").status(status)
    recorded.responds("delete_change_set", {})
    with pytest.raises(error):
        recorded.client.create_change_set(planned_from, REQUEST)


@pytest.mark.parametrize(("status", "error"), OVERTAKEN[:2])
def test_a_change_set_that_is_obsolete_when_it_is_executed_says_why(
    recorded: Recorded, status: str, error: type[DeployError]
) -> None:
    recorded.status("REVIEW_IN_PROGRESS").events()
    recorded.fails("execute_change_set", "InvalidChangeSetStatus", "OBSOLETE").status(status)
    with pytest.raises(error):
        recorded.client.execute(replace(PLANNED, planned_from=NEW), lambda _: None)


@pytest.mark.parametrize(
    ("code", "message", "said"),
    [
        ("ChangeSetNotFound", "ChangeSet [x] does not exist", "was deleted in the meantime"),
        ("InvalidChangeSetStatus", "ChangeSet is OBSOLETE", "can no longer execute the plan"),
    ],
)
def test_a_plan_that_cannot_be_executed_any_more_says_so_in_plain_words(
    recorded: Recorded, code: str, message: str, said: str
) -> None:
    recorded.status("UPDATE_COMPLETE").events()
    recorded.fails("execute_change_set", code, message).status("UPDATE_COMPLETE")
    with pytest.raises(DeployError, match=said) as refused:
        recorded.client.execute(PLANNED, lambda _: None)
    assert "Nothing was changed" in refused.value.hint


def test_a_rejection_that_no_other_deployment_explains_is_reported_as_it_is(
    recorded: Recorded,
) -> None:
    recorded.fails("create_change_set", "LimitExceeded", "too many").status("UPDATE_COMPLETE")
    with pytest.raises(ClientError, match="too many"):
        recorded.client.create_change_set(DEPLOYED, REQUEST)
    recorded.fails("create_change_set", "LimitExceeded", "too many")
    recorded.fails("describe_stacks", "AccessDenied", "no")
    with pytest.raises(ClientError, match="too many"):
        recorded.client.create_change_set(DEPLOYED, REQUEST)


@pytest.mark.parametrize("refused", ["describe_change_set", "delete_change_set"])
def test_a_change_set_that_cannot_be_deleted_is_only_a_warning(
    recorded: Recorded, refused: str
) -> None:
    if refused == "delete_change_set":
        recorded.change_set("CREATE_COMPLETE", ExecutionStatus="AVAILABLE")
    recorded.fails(refused, "AccessDenied", "not allowed")
    recorded.client.discard(PLANNED)
    (warning,) = recorded.warnings
    assert "Could not delete the change set" in warning
    assert "not allowed" in warning


def test_a_change_set_that_another_deployment_has_deleted_needs_no_warning(
    recorded: Recorded,
) -> None:
    recorded.fails("describe_change_set", "ChangeSetNotFound", "gone")
    recorded.client.discard(PLANNED)
    assert recorded.warnings == []


def test_failing_to_clean_up_hides_neither_a_rejection_nor_that_nothing_changes(
    recorded: Recorded,
) -> None:
    for reason in ("Template error", "No updates are to be performed."):
        recorded.responds("create_change_set", {"Id": CHANGE_SET})
        recorded.change_set("FAILED", reason)
        recorded.fails("delete_change_set", "AccessDenied", "not allowed")
    with pytest.raises(DeployError, match="Template error"):
        recorded.client.create_change_set(DEPLOYED, REQUEST)
    assert recorded.client.create_change_set(DEPLOYED, REQUEST).is_empty
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
    planned = recorded.client.create_change_set(DEPLOYED, request)
    recorded.responds(
        "describe_change_set",
        {"Status": "CREATE_COMPLETE", **described},
        {"StackName": "imgctl", "ChangeSetName": CHANGE_SET, "IncludePropertyValues": True},
    )
    found = recorded.client.find_change_set(DEPLOYED, CHANGE_SET)
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
    assert recorded.client.find_change_set(DEPLOYED, CHANGE_SET) is None
