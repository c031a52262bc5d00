from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import boto3
import pytest
from botocore.stub import ANY, Stubber

from infra.cloudformation import StackClient, StackRequest
from infra.errors import DeployError, NotOurStack, StackBusy, StackNotUpdatable
from infra.plan import Change, DeployEvent, ImportedResource, Plan, PropertyChange

NOW = datetime(2026, 11, 23, tzinfo=UTC)
REQUEST = StackRequest("imgctl", "Resources: {}", {"Scale": "0.5"})
CHANGE_SET = "arn:aws:cloudformation:eu-west-2:1:changeSet/imgctl-1/x"
PLAN = Plan("imgctl", CHANGE_SET, creates_stack=False, changes=())


OURS = ("SourceBucketName", "DestinationBucketName", "TableName", "CodeBucket", "Scale")


class Recorded:
    """CloudFormation, answering as it was recorded to, in order."""

    def __init__(self) -> None:
        self.client = boto3.client(
            "cloudformation",
            region_name="eu-west-2",
            aws_access_key_id="x",
            aws_secret_access_key="x",
        )
        self.stub = Stubber(self.client)
        self.slept_s: list[float] = []
        self.engine = StackClient(self.client, self.slept_s.append, 2.0, unique=lambda: "1")

    def answers(self, operation: str, answer: dict[str, Any], expected: Any = None) -> "Recorded":
        self.stub.add_response(operation, answer, expected)
        return self

    def refuses(self, operation: str, code: str, message: str) -> "Recorded":
        self.stub.add_client_error(operation, code, message)
        return self

    def status(self, status: str | None, *, parameters: Sequence[str] = OURS) -> "Recorded":
        if status is None:
            message = "Stack with id imgctl does not exist"
            return self.refuses("describe_stacks", "ValidationError", message)
        stack = {
            "StackName": "imgctl",
            "StackId": "arn:stack/imgctl/1",
            "CreationTime": NOW,
            "StackStatus": status,
            "Parameters": [{"ParameterKey": k, "ParameterValue": "x"} for k in parameters],
        }
        return self.answers("describe_stacks", {"Stacks": [stack]})

    def change_set(self, status: str, reason: str = "", **more: Any) -> "Recorded":
        described = {"Status": status, "StatusReason": reason, "Changes": [], **more}
        return self.answers("describe_change_set", described)

    def events(self, *events: tuple[str, str, str, str, str]) -> "Recorded":
        """Answer with events, newest first: id, resource, status, reason, token."""
        told = [
            {
                "StackId": "arn:stack/imgctl/1",
                "EventId": event_id,
                "StackName": "imgctl",
                "LogicalResourceId": resource,
                "ResourceType": "AWS::S3::Bucket",
                "Timestamp": NOW,
                "ResourceStatus": status,
                "ResourceStatusReason": reason,
                "ClientRequestToken": token,
            }
            for event_id, resource, status, reason, token in events
        ]
        return self.answers("describe_stack_events", {"StackEvents": told})


@pytest.fixture
def recorded() -> Any:
    recorded = Recorded()
    with recorded.stub:
        yield recorded
    recorded.stub.assert_no_pending_responses()


def test_a_new_stack_is_planned_as_one_that_is_created(recorded: Recorded) -> None:
    recorded.status(None).answers(
        "create_change_set",
        {"Id": CHANGE_SET},
        {
            "StackName": "imgctl",
            "ChangeSetName": "imgctl-1",
            "ChangeSetType": "CREATE",
            "TemplateBody": "Resources: {}",
            "Parameters": [{"ParameterKey": "Scale", "ParameterValue": "0.5"}],
            "Capabilities": ["CAPABILITY_NAMED_IAM"],
        },
    ).change_set("CREATE_PENDING").change_set("CREATE_IN_PROGRESS").change_set("CREATE_COMPLETE")
    plan = recorded.engine.plan(REQUEST)
    assert plan == Plan("imgctl", CHANGE_SET, creates_stack=True, changes=())
    assert recorded.slept_s == [2.0, 2.0]


def test_express_mode_keeps_the_rollback_that_it_would_turn_off(recorded: Recorded) -> None:
    recorded.status("UPDATE_COMPLETE").answers(
        "create_change_set",
        {"Id": CHANGE_SET},
        {
            "StackName": "imgctl",
            "ChangeSetName": "imgctl-1",
            "ChangeSetType": "UPDATE",
            "TemplateBody": ANY,
            "Parameters": ANY,
            "Capabilities": ANY,
            "DeploymentConfig": {"Mode": "EXPRESS", "DisableRollback": False},
        },
    ).change_set("CREATE_COMPLETE")
    recorded.engine.plan(replace(REQUEST, express=True))


def test_what_is_taken_into_a_stack_is_named_by_its_identifier(recorded: Recorded) -> None:
    bucket = ImportedResource("SourceBucket", "AWS::S3::Bucket", "BucketName", "mine")
    recorded.status(None).answers(
        "create_change_set",
        {"Id": CHANGE_SET},
        {
            "StackName": "imgctl",
            "ChangeSetName": "imgctl-1",
            "ChangeSetType": "IMPORT",
            "TemplateBody": "Resources: {}",
            "Parameters": ANY,
            "Capabilities": ["CAPABILITY_NAMED_IAM"],
            "ResourcesToImport": [
                {
                    "ResourceType": "AWS::S3::Bucket",
                    "LogicalResourceId": "SourceBucket",
                    "ResourceIdentifier": {"BucketName": "mine"},
                }
            ],
        },
    ).change_set("CREATE_COMPLETE")
    recorded.engine.plan(StackRequest("imgctl", "Resources: {}", {}, imports=[bucket]))


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

    recorded.status("UPDATE_COMPLETE").answers("create_change_set", {"Id": CHANGE_SET})
    recorded.change_set("CREATE_COMPLETE", Changes=[modified("One")], NextToken="more")
    recorded.change_set("CREATE_COMPLETE", Changes=[modified("Two")])
    plan = recorded.engine.plan(REQUEST)
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
    recorded.status("UPDATE_COMPLETE").answers("create_change_set", {"Id": CHANGE_SET})
    recorded.change_set("CREATE_COMPLETE", Changes=[change])
    assert recorded.engine.plan(REQUEST).changes[0].is_kept == kept


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
    recorded.status("UPDATE_COMPLETE").answers("create_change_set", {"Id": CHANGE_SET})
    recorded.change_set("CREATE_COMPLETE", Changes=[change])
    plan = recorded.engine.plan(REQUEST)
    code, role = plan.changes[0].properties
    assert code == PropertyChange("Code", "x", "0.5", "Scale")
    assert role == PropertyChange("Role", None, None)
    assert plan.parameters == (PropertyChange("Scale", "x", "0.5"),)


@pytest.mark.parametrize(("wanted", "left"), [("", "x"), ("other", "x"), ("x", "")])
def test_a_key_that_is_no_longer_used_is_told_of(
    recorded: Recorded, wanted: str, left: str
) -> None:
    recorded.status("UPDATE_COMPLETE", parameters=(*OURS, "KmsKeyArn"))
    recorded.answers("create_change_set", {"Id": CHANGE_SET}).change_set("CREATE_COMPLETE")
    plan = recorded.engine.plan(replace(REQUEST, parameters={"KmsKeyArn": wanted}))
    assert plan.left_key == left


@pytest.mark.parametrize(
    "reason",
    [
        "The submitted information didn't contain changes. Submit different information.",
        "No updates are to be performed.",
    ],
)
def test_an_update_without_changes_is_an_empty_plan(recorded: Recorded, reason: str) -> None:
    recorded.status("UPDATE_COMPLETE").answers("create_change_set", {"Id": CHANGE_SET})
    recorded.change_set("FAILED", reason).answers("delete_change_set", {})
    assert recorded.engine.plan(REQUEST).is_empty


def test_a_refused_change_set_says_why_and_leaves_no_empty_stack(recorded: Recorded) -> None:
    recorded.status(None).answers("create_change_set", {"Id": CHANGE_SET})
    recorded.change_set("FAILED", "Template error: no such resource").answers(
        "delete_change_set", {}
    )
    recorded.status("REVIEW_IN_PROGRESS").answers("list_change_sets", {"Summaries": []})
    recorded.answers("delete_stack", {})
    with pytest.raises(DeployError, match="no such resource"):
        recorded.engine.plan(REQUEST)


@pytest.mark.parametrize(
    "status", ["ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "CREATE_FAILED", "DELETE_FAILED"]
)
def test_a_stack_that_cannot_be_updated_is_never_deleted_unasked(
    recorded: Recorded, status: str
) -> None:
    recorded.status(status)
    with pytest.raises(StackNotUpdatable, match=status) as refused:
        recorded.engine.plan(REQUEST)
    assert "imgctl destroy" in refused.value.hint


@pytest.mark.parametrize("status", ["UPDATE_IN_PROGRESS", "UPDATE_ROLLBACK_IN_PROGRESS"])
def test_a_stack_that_somebody_else_is_updating_is_left_alone(
    recorded: Recorded, status: str
) -> None:
    recorded.status(status)
    with pytest.raises(StackBusy, match=status):
        recorded.engine.plan(REQUEST)


def test_a_plan_that_is_declined_leaves_nothing_behind(recorded: Recorded) -> None:
    recorded.change_set("CREATE_COMPLETE", ExecutionStatus="AVAILABLE")
    named = {"StackName": "imgctl", "ChangeSetName": CHANGE_SET}
    recorded.answers("delete_change_set", {}, named)
    recorded.status("REVIEW_IN_PROGRESS").answers("list_change_sets", {"Summaries": []})
    recorded.answers("delete_stack", {}, {"StackName": "imgctl"})
    recorded.engine.discard(Plan("imgctl", CHANGE_SET, creates_stack=True, changes=()))


@pytest.mark.parametrize("executed", ["EXECUTE_IN_PROGRESS", "EXECUTE_COMPLETE", "EXECUTE_FAILED"])
def test_a_plan_that_was_applied_is_not_taken_back(recorded: Recorded, executed: str) -> None:
    recorded.change_set("CREATE_COMPLETE", ExecutionStatus=executed)
    recorded.engine.discard(PLAN)


def test_each_event_of_the_operation_is_told_once_and_in_order(recorded: Recorded) -> None:
    ours, theirs = "imgctl-1", "somebody-else"
    first = ("e1", "Table", "CREATE_IN_PROGRESS", "", ours)
    second = ("e2", "Table", "CREATE_COMPLETE", "", ours)
    foreign = ("e0", "Table", "DELETE_COMPLETE", "", theirs)
    recorded.status("CREATE_COMPLETE").answers(
        "execute_change_set",
        {},
        {"StackName": "imgctl", "ChangeSetName": CHANGE_SET, "ClientRequestToken": ours},
    )
    recorded.status("CREATE_COMPLETE").events(foreign)  # not begun, though it looks done
    recorded.status("UPDATE_IN_PROGRESS").events(first, foreign)
    recorded.status("UPDATE_COMPLETE").events(second, first, foreign)
    recorded.status("UPDATE_COMPLETE")
    told: list[DeployEvent] = []
    recorded.engine.apply(PLAN, told.append)
    assert [event.event_id for event in told] == ["e1", "e2"]
    assert [event.is_done for event in told] == [False, True]


def test_the_first_failure_is_reported_and_not_what_followed_from_it(recorded: Recorded) -> None:
    ours = "imgctl-1"
    cancelled = ("e3", "Function", "CREATE_FAILED", "Resource creation cancelled", ours)
    second = ("e2", "Queue", "CREATE_FAILED", "Rate exceeded", ours)
    first = ("e1", "SourceBucket", "CREATE_FAILED", "src-bucket already exists", ours)
    recorded.status("REVIEW_IN_PROGRESS").answers("execute_change_set", {})
    recorded.status("ROLLBACK_COMPLETE").events(cancelled, second, first)
    recorded.status("ROLLBACK_COMPLETE").events(cancelled, second, first)
    recorded.status("ROLLBACK_COMPLETE")
    with pytest.raises(DeployError, match=r"SourceBucket.*src-bucket already exists") as failed:
        recorded.engine.apply(PLAN, lambda _: None)
    assert "ROLLBACK_COMPLETE" in failed.value.message
    assert "Rate exceeded" not in failed.value.message


def test_a_poll_that_comes_too_often_is_asked_again_later(recorded: Recorded) -> None:
    ours = "imgctl-1"
    done = ("e1", "Table", "UPDATE_COMPLETE", "", ours)
    recorded.status("CREATE_COMPLETE").answers("execute_change_set", {})
    recorded.refuses("describe_stacks", "Throttling", "Rate exceeded")
    recorded.status("UPDATE_COMPLETE")
    recorded.refuses("describe_stack_events", "ThrottlingException", "Rate exceeded")
    recorded.events(done).status("UPDATE_COMPLETE").events(done).status("UPDATE_COMPLETE")
    told: list[DeployEvent] = []
    recorded.engine.apply(PLAN, told.append)
    assert [event.event_id for event in told] == ["e1"]
    assert recorded.slept_s == [10.0, 10.0, 2.0]


def test_an_operation_that_begins_between_two_calls_is_not_taken_for_one_that_ended(
    recorded: Recorded,
) -> None:
    begun = ("e1", "imgctl", "DELETE_IN_PROGRESS", "", "imgctl-1")
    gone = ("e2", "imgctl", "DELETE_COMPLETE", "", "imgctl-1")
    recorded.status("UPDATE_COMPLETE").answers("delete_stack", {})
    recorded.status("UPDATE_COMPLETE").events(begun)  # the status of before, the event of now
    recorded.status("DELETE_IN_PROGRESS").events(begun)
    recorded.status("DELETE_COMPLETE").events(gone, begun).status("DELETE_COMPLETE")
    told: list[DeployEvent] = []
    assert recorded.engine.destroy("imgctl", told.append)
    assert [event.event_id for event in told] == ["e1", "e2"]


def test_where_cloudformation_does_not_tell_what_it_found_its_reason_stands(
    recorded: Recorded,
) -> None:
    recorded.status("UPDATE_COMPLETE").answers("create_change_set", {"Id": CHANGE_SET})
    recorded.change_set("FAILED", "Validation failed. Call DescribeEvents to ...")
    recorded.refuses("describe_events", "AccessDenied", "no").answers("delete_change_set", {})
    with pytest.raises(DeployError, match="Validation failed"):
        recorded.engine.plan(REQUEST)


def test_a_plan_that_is_asked_for_too_often_is_waited_for(recorded: Recorded) -> None:
    recorded.status("UPDATE_COMPLETE").answers("create_change_set", {"Id": CHANGE_SET})
    recorded.refuses("describe_change_set", "Throttling", "Rate exceeded")
    recorded.change_set("CREATE_COMPLETE")
    assert recorded.engine.plan(REQUEST).change_set == CHANGE_SET


def test_what_an_interrupted_run_had_begun_is_followed_to_its_end(recorded: Recorded) -> None:
    ours = "imgctl-of-an-earlier-run"
    first = ("e1", "Table", "CREATE_IN_PROGRESS", "", ours)
    second = ("e2", "Table", "CREATE_COMPLETE", "", ours)
    recorded.status("CREATE_IN_PROGRESS").events(first)
    recorded.status("CREATE_IN_PROGRESS").events(first)
    recorded.status("CREATE_COMPLETE").events(second, first)
    recorded.status("CREATE_COMPLETE")
    told: list[DeployEvent] = []
    assert recorded.engine.watch("imgctl", told.append)
    assert [event.event_id for event in told] == ["e1", "e2"]


def test_what_an_interrupted_run_had_begun_may_fail(recorded: Recorded) -> None:
    ours = "imgctl-of-an-earlier-run"
    failure = ("e1", "Table", "CREATE_FAILED", "no such thing", ours)
    recorded.status("CREATE_IN_PROGRESS").events(failure)
    recorded.status("ROLLBACK_COMPLETE").events(failure)
    recorded.status("ROLLBACK_COMPLETE").events(failure).status("ROLLBACK_COMPLETE")
    with pytest.raises(DeployError, match="no such thing"):
        recorded.engine.watch("imgctl", lambda _: None)


def test_what_another_program_has_begun_is_not_followed(recorded: Recorded) -> None:
    recorded.status("UPDATE_IN_PROGRESS")
    recorded.events(("e1", "Table", "UPDATE_IN_PROGRESS", "", "Console-1234"))
    with pytest.raises(StackBusy, match="UPDATE_IN_PROGRESS"):
        recorded.engine.watch("imgctl", lambda _: None)


@pytest.mark.parametrize("status", [None, "CREATE_COMPLETE", "REVIEW_IN_PROGRESS", "DELETE_FAILED"])
def test_where_nothing_is_under_way_there_is_nothing_to_follow(
    recorded: Recorded, status: str | None
) -> None:
    recorded.status(status)
    assert not recorded.engine.watch("imgctl", lambda _: None)


def test_destroying_what_is_not_there_does_nothing(recorded: Recorded) -> None:
    recorded.status(None)
    assert not recorded.engine.destroy("imgctl", lambda _: None)


def test_destroying_again_joins_the_deletion_under_way(recorded: Recorded) -> None:
    recorded.status("DELETE_IN_PROGRESS")
    recorded.answers("delete_stack", {}, {"StackName": ANY, "ClientRequestToken": "imgctl-1"})
    gone = ("e1", "imgctl", "DELETE_COMPLETE", "", "imgctl-1")
    recorded.status("DELETE_COMPLETE").events(gone)
    recorded.status("DELETE_COMPLETE").events(gone).status("DELETE_COMPLETE")
    assert recorded.engine.destroy("imgctl", lambda _: None)


def test_a_stack_that_cannot_be_deleted_says_which_resource_stays(recorded: Recorded) -> None:
    stays = ("e1", "SourceBucket", "DELETE_FAILED", "The bucket is not empty", "imgctl-1")
    recorded.status("UPDATE_COMPLETE").answers("delete_stack", {})
    recorded.status("DELETE_FAILED").events(stays)
    recorded.status("DELETE_FAILED").events(stays).status("DELETE_FAILED")
    with pytest.raises(DeployError, match=r"SourceBucket.*not empty") as failed:
        recorded.engine.destroy("imgctl", lambda _: None)
    assert "run `imgctl destroy` again" in failed.value.hint


def test_a_stack_that_is_being_updated_is_not_destroyed(recorded: Recorded) -> None:
    recorded.status("UPDATE_IN_PROGRESS")
    with pytest.raises(StackBusy):
        recorded.engine.destroy("imgctl", lambda _: None)


def test_what_was_found_before_anything_began_is_told(recorded: Recorded) -> None:
    recorded.status(None).answers("create_change_set", {"Id": CHANGE_SET})
    recorded.change_set("FAILED", "Validation failed with 1 error(s). Call DescribeEvents to ...")
    event = {
        "LogicalResourceId": "SourceBucket",
        "ResourceType": "AWS::S3::Bucket",
        "ValidationStatusReason": "Bucket src already exists",
    }
    recorded.answers(
        "describe_events",
        {"OperationEvents": [event]},
        {"ChangeSetName": CHANGE_SET, "Filters": {"FailedEvents": True}},
    )
    recorded.answers("delete_change_set", {}).status(None)
    with pytest.raises(DeployError, match=r"SourceBucket \(AWS::S3::Bucket\): Bucket src already"):
        recorded.engine.plan(REQUEST)


@pytest.mark.parametrize("status", ["CREATE_COMPLETE", "UPDATE_COMPLETE", "ROLLBACK_COMPLETE"])
def test_a_stack_that_imgctl_did_not_make_is_neither_updated_nor_deleted(
    recorded: Recorded, status: str
) -> None:
    foreign = ("TableName", "SourceBucketName", "VpcId")
    recorded.status(status, parameters=foreign).status(status, parameters=foreign)
    with pytest.raises(NotOurStack):
        recorded.engine.plan(REQUEST)
    with pytest.raises(NotOurStack):
        recorded.engine.destroy("imgctl", lambda _: None)


def test_an_empty_stack_with_somebody_elses_plan_in_it_is_left(recorded: Recorded) -> None:
    recorded.change_set("CREATE_COMPLETE", ExecutionStatus="AVAILABLE")
    recorded.answers("delete_change_set", {}).status("REVIEW_IN_PROGRESS")
    recorded.answers("list_change_sets", {"Summaries": [{"ChangeSetId": "a-colleagues"}]})
    recorded.engine.discard(Plan("imgctl", CHANGE_SET, creates_stack=True, changes=()))


def test_an_interrupted_plan_is_taken_back(recorded: Recorded) -> None:
    def interrupt(_: float) -> None:
        raise KeyboardInterrupt

    recorded.status("UPDATE_COMPLETE").answers("create_change_set", {"Id": CHANGE_SET})
    recorded.change_set("CREATE_IN_PROGRESS").answers("delete_change_set", {})
    with pytest.raises(KeyboardInterrupt):
        replace(recorded.engine, sleep=interrupt).plan(REQUEST)


def test_a_plan_is_not_applied_while_another_is(recorded: Recorded) -> None:
    recorded.status("UPDATE_IN_PROGRESS")
    with pytest.raises(StackBusy):
        recorded.engine.apply(PLAN, lambda _: None)
