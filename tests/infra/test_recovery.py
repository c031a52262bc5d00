"""What each state of a stack means, and what is said about it wherever it is met."""

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast, get_args

import pytest
from mypy_boto3_cloudformation.literals import StackStatusType

from imgctl.cli.status_view import status_document
from imgctl.operations.status import StackState, StackStatus, Unknown
from infra.deploy_event import DeployEvent
from infra.doctor.examination import examine
from infra.errors import DeployError, RollbackRefused, StackBusy, StackNotUpdatable
from infra.recovery import (
    CAN_ROLL_BACK,
    check_can_roll_back,
    check_skipped,
    check_updatable,
    failures_of,
    operation_failed,
    problem_of,
)
from tests.infra.recorded import NOW, stack

if TYPE_CHECKING:
    from imgctl.aws.session import Aws

CONTINUE, DESTROY, DEPLOY = (
    "`imgctl deploy --continue-rollback`",
    "`imgctl destroy`",
    "`imgctl deploy`",
)
# By state: the error of whatever would update the stack, and the one command that helps.
REFUSED: dict[str, tuple[type[DeployError], str]] = {
    "CREATE_FAILED": (StackNotUpdatable, DESTROY),
    "CREATE_IN_PROGRESS": (StackBusy, DEPLOY),
    "DELETE_FAILED": (StackNotUpdatable, DESTROY),
    "DELETE_IN_PROGRESS": (StackBusy, DESTROY),
    "IMPORT_IN_PROGRESS": (StackBusy, DEPLOY),
    "IMPORT_ROLLBACK_FAILED": (StackNotUpdatable, DESTROY),
    "IMPORT_ROLLBACK_IN_PROGRESS": (StackBusy, ""),
    "ROLLBACK_COMPLETE": (StackNotUpdatable, DESTROY),
    "ROLLBACK_FAILED": (StackNotUpdatable, DESTROY),
    "ROLLBACK_IN_PROGRESS": (StackBusy, ""),
    "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS": (StackBusy, DEPLOY),
    "UPDATE_FAILED": (StackNotUpdatable, CONTINUE),
    "UPDATE_IN_PROGRESS": (StackBusy, DEPLOY),
    "UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS": (StackBusy, CONTINUE),
    "UPDATE_ROLLBACK_FAILED": (StackNotUpdatable, CONTINUE),
    "UPDATE_ROLLBACK_IN_PROGRESS": (StackBusy, CONTINUE),
}
UPDATABLE = {
    "CREATE_COMPLETE",
    "IMPORT_COMPLETE",
    "IMPORT_ROLLBACK_COMPLETE",
    "UPDATE_COMPLETE",
    "UPDATE_ROLLBACK_COMPLETE",
}
NOT_THERE = {"DELETE_COMPLETE", "REVIEW_IN_PROGRESS"}
OUTPUTS = {"SourceBucket": "in"}

# What the examination asks of the account before the stack; the stack's own state is at issue.
AWS = cast("Aws", SimpleNamespace(region="eu-west-2"))
CALLER = SimpleNamespace(clock_ahead_s=0, account="123456789012")


def test_every_state_that_cloudformation_knows_is_decided() -> None:
    assert set(get_args(StackStatusType)) == REFUSED.keys() | UPDATABLE | NOT_THERE


@pytest.mark.parametrize("status", sorted(UPDATABLE | NOT_THERE))
def test_a_stack_that_can_be_updated_or_created_has_no_problem(status: str) -> None:
    assert problem_of(stack(status, outputs=OUTPUTS)) is None
    check_updatable(stack(status, outputs=OUTPUTS))


@pytest.mark.parametrize("status", sorted(REFUSED))
def test_each_state_is_refused_with_the_one_command_that_helps(status: str) -> None:
    error, command = REFUSED[status]
    with pytest.raises(error, match=rf"{status}\.") as refused:
        check_updatable(stack(status, outputs=OUTPUTS))
    assert ("`imgctl" in refused.value.hint) == bool(command)
    assert command in refused.value.hint
    if error is StackNotUpdatable:
        assert "how-to/recovery.md" in refused.value.hint
    if command == CONTINUE:
        assert "destroy" not in refused.value.hint


@pytest.mark.parametrize("status", ["IMPORT_ROLLBACK_COMPLETE", "IMPORT_ROLLBACK_FAILED"])
def test_an_import_that_was_to_create_the_stack_is_a_failed_creation(status: str) -> None:
    with pytest.raises(StackNotUpdatable, match="could not be created") as refused:
        check_updatable(stack(status, outputs={}))
    assert DESTROY in refused.value.hint


def test_cloudformations_own_reason_is_part_of_the_sentence() -> None:
    reason = "The following resource(s) failed to update: [Function]. "
    problem = problem_of(stack("UPDATE_ROLLBACK_FAILED", reason=reason))
    assert problem is not None
    assert problem.message.endswith("UPDATE_ROLLBACK_FAILED. " + reason.strip())


@pytest.mark.parametrize("status", sorted(REFUSED))
def test_an_operation_that_ends_in_a_state_says_the_same_as_whatever_is_refused_there(
    status: str,
) -> None:
    after = stack(status)
    with pytest.raises(DeployError) as refused:
        check_updatable(after)
    failed = operation_failed("The deployment failed", "Table (T): no", after)
    assert failed.message == "The deployment failed: Table (T): no"
    assert failed.hint == refused.value.hint


@pytest.mark.parametrize("status", ["UPDATE_ROLLBACK_FAILED", "DELETE_FAILED", "UPDATE_COMPLETE"])
def test_status_and_doctor_say_the_same(status: str, monkeypatch: pytest.MonkeyPatch) -> None:
    problem = problem_of(stack(status))
    state = StackState(status=status, reason="", changed="", drift="", drift_checked="", outputs={})
    shown = status_document(
        "imgctl",
        StackStatus(
            stack=state,
            live=Unknown("not read"),
            live_since=Unknown("not read"),
            alarms=Unknown("not read"),
            dead_letters=Unknown("not read"),
            today=Unknown("not read"),
        ),
        "imgctl",
    )
    assert (shown["problem"], shown["hint"]) == (
        (None, None) if problem is None else (problem.message, problem.hint.render())
    )
    monkeypatch.setattr("infra.doctor.examination.read_caller", lambda *_: CALLER)
    parameters = {"SourceBucketName": "in"}
    monkeypatch.setattr(
        "infra.doctor.examination._read_stack", lambda *_: stack(status, parameters=parameters)
    )
    examination = examine(lambda: AWS, "imgctl", lambda: NOW)
    (found,) = [result for result in examination.results if result.check.name == "stack"]
    if problem is None:
        assert found.problem is None
    else:
        assert found.problem is not None
        assert found.problem.message == problem.message
        assert found.problem.hint.render() == problem.hint.render()


def event(resource: str, status: str, reason: str = "") -> DeployEvent:
    kind = "AWS::CloudFormation::Stack" if resource == "imgctl" else "AWS::S3::Bucket"
    return DeployEvent(f"{resource}-{status}", resource, kind, status, reason, NOW)


ROLLBACK = (  # newest first, as CloudFormation lists them
    event("imgctl", "UPDATE_ROLLBACK_FAILED", "The following resource(s) failed"),
    event("Alias", "UPDATE_FAILED", "Resource update cancelled"),
    event("Function", "UPDATE_FAILED", "no such code"),
    event("Queue", "DELETE_FAILED", "in use"),
    event("Table", "UPDATE_COMPLETE"),
    event("Table", "UPDATE_FAILED", "throttled"),
    event("imgctl", "UPDATE_ROLLBACK_IN_PROGRESS", "The following resource(s) failed"),
    event("Queue", "UPDATE_FAILED", "what made the update fail"),
    event("imgctl", "UPDATE_IN_PROGRESS", "User Initiated"),
    event("Old", "UPDATE_FAILED", "in an earlier update"),
)


def test_what_kept_the_rollback_from_ending_is_what_failed_last_of_each_resource() -> None:
    assert [(f.logical_id, f.reason) for f in failures_of(ROLLBACK, "imgctl")] == [
        ("Queue", "in use"),
        ("Function", "no such code"),
    ]


def test_of_an_update_that_was_not_rolled_back_its_own_failures_are_found() -> None:
    assert [f.reason for f in failures_of(ROLLBACK[7:], "imgctl")] == ["what made the update fail"]


def test_only_what_cloudformation_would_skip_can_be_skipped() -> None:
    failed, failures = stack("UPDATE_ROLLBACK_FAILED"), failures_of(ROLLBACK, "imgctl")
    check_skipped(failed, failures, ["Function"])
    check_skipped(failed, failures, [])
    for name in ("Queue", "Alias", "Table", "NoSuchThing"):
        with pytest.raises(RollbackRefused, match=f"skip {name}. Only Function can be"):
            check_skipped(failed, failures, ["Function", name])


def test_a_rollback_that_was_turned_off_skips_nothing() -> None:
    with pytest.raises(RollbackRefused, match="Nothing can be"):
        check_skipped(stack("UPDATE_FAILED"), failures_of(ROLLBACK, "imgctl"), ["Function"])


@pytest.mark.parametrize("status", sorted(set(get_args(StackStatusType)) - CAN_ROLL_BACK))
def test_in_any_other_state_there_is_no_rollback_to_continue(status: Any) -> None:
    with pytest.raises(RollbackRefused, match=f"{status}: there is no rollback"):
        check_can_roll_back(stack(status))
