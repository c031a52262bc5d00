"""CloudFormation: reading, changing and deleting stacks, with recorded responses."""

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from botocore.stub import ANY

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
from infra.responses import parse_stack
from tests.infra.recorded import CHANGE_SET, DEPLOYED, NEW, NOW, PLANNED, Recorded, stack

if TYPE_CHECKING:
    from infra.deploy_event import DeployEvent

BUCKET = "AWS::S3::Bucket"


OUR_ALARM = "arn:aws:cloudwatch:eu-west-2:1:alarm:imgctl-RolloutAlarm-1A"
THEIR_ALARM = "arn:aws:cloudwatch:eu-west-2:1:alarm:latency"
WATCHED = dict.fromkeys((THEIR_ALARM, OUR_ALARM), "AWS::CloudWatch::Alarm")


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


ROLE = "arn:aws:iam::123456789012:role/imgctl-cloudformation"


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


@pytest.mark.parametrize("status", ["CREATE_COMPLETE", "UPDATE_COMPLETE", "ROLLBACK_COMPLETE"])
def test_a_stack_that_imgctl_did_not_make_is_neither_updated_nor_deleted(
    recorded: Recorded, status: str
) -> None:
    foreign = ("TableName", "SourceBucketName", "VpcId")
    recorded.status(status, parameters=foreign)
    with pytest.raises(NotOurStack):
        recorded.client.read("imgctl")


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
    monkeypatch.setattr(StackClient, "current", lambda *_: current)
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
