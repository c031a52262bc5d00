"""Rolling back an update that failed, with recorded responses."""

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from infra.errors import DeployError, RollbackRefused, StackChanged
from infra.update_rollback import continue_rollback, find_failures
from tests.infra.recorded import NOW, Recorded, stack

if TYPE_CHECKING:
    from infra.deploy_event import DeployEvent

OURS, ID = "imgctl-1", "arn:stack/imgctl/1"
FAILED = stack("UPDATE_ROLLBACK_FAILED", changed=str(NOW))
BEGUN = ("e1", "imgctl", "UPDATE_ROLLBACK_IN_PROGRESS", "User Initiated", OURS)


def test_it_is_requested_with_a_token_of_its_own_and_followed_to_its_end(
    recorded: Recorded,
) -> None:
    earlier = ("e0", "imgctl", "UPDATE_ROLLBACK_FAILED", "no", "somebody-else")
    done = ("e2", "imgctl", "UPDATE_ROLLBACK_COMPLETE", "", OURS)
    recorded.status("UPDATE_ROLLBACK_FAILED").events(earlier).responds(
        "continue_update_rollback",
        {},
        {"StackName": ID, "ClientRequestToken": OURS, "ResourcesToSkip": ["Function"]},
    )
    recorded.status("UPDATE_ROLLBACK_FAILED").events(earlier)  # it has not begun yet
    recorded.status("UPDATE_ROLLBACK_IN_PROGRESS").events(BEGUN, earlier)
    recorded.status("UPDATE_ROLLBACK_COMPLETE").events(done, BEGUN, earlier)
    told: list[DeployEvent] = []
    after = continue_rollback(recorded.client, FAILED, ["Function"], told.append)
    assert (after.name, after.status) == ("imgctl", "UPDATE_ROLLBACK_COMPLETE")
    assert [event.event_id for event in told] == ["e1", "e2"]


def test_without_anything_to_skip_the_request_names_the_service_role(
    recorded: Recorded,
) -> None:
    failed = ("e2", "Function", "UPDATE_FAILED", "no such code", OURS)
    role = "arn:aws:iam::123456789012:role/imgctl-cloudformation"
    recorded.status("UPDATE_ROLLBACK_FAILED").events().responds(
        "continue_update_rollback",
        {},
        {"StackName": ID, "ClientRequestToken": OURS, "RoleARN": role},
    )
    recorded.status("UPDATE_ROLLBACK_IN_PROGRESS").events(BEGUN)
    recorded.status("UPDATE_ROLLBACK_FAILED").events(failed, BEGUN)
    with pytest.raises(DeployError, match=r"Function .* no such code") as again:
        continue_rollback(replace(recorded.client, role_arn=role), FAILED, [], lambda _: None)
    assert "deploy --continue-rollback" in again.value.hint


def test_an_update_that_was_not_rolled_back_is_rolled_back_from_its_beginning(
    recorded: Recorded,
) -> None:
    recorded.status("UPDATE_FAILED").events().responds(
        "rollback_stack", {}, {"StackName": ID, "ClientRequestToken": OURS}
    )
    recorded.status("UPDATE_ROLLBACK_IN_PROGRESS").events(BEGUN)
    recorded.status("UPDATE_ROLLBACK_COMPLETE").events(BEGUN)
    failed = stack("UPDATE_FAILED", changed=str(NOW))
    assert continue_rollback(recorded.client, failed, [], lambda _: None).status == (
        "UPDATE_ROLLBACK_COMPLETE"
    )


def test_a_rollback_that_somebody_else_has_continued_is_not_continued_again(
    recorded: Recorded,
) -> None:
    recorded.status("UPDATE_ROLLBACK_IN_PROGRESS")
    with pytest.raises(RollbackRefused):
        continue_rollback(recorded.client, FAILED, [], lambda _: None)


def test_another_failed_update_than_the_one_that_was_shown_is_not_rolled_back(
    recorded: Recorded,
) -> None:
    recorded.status("UPDATE_ROLLBACK_FAILED")
    earlier = stack("UPDATE_ROLLBACK_FAILED", changed="earlier")
    with pytest.raises(StackChanged):
        continue_rollback(recorded.client, earlier, [], lambda _: None)


def test_what_failed_is_read_of_the_stack_itself_and_no_further_back_than_it_began(
    recorded: Recorded,
) -> None:
    begun = ("e1", "imgctl", "UPDATE_ROLLBACK_IN_PROGRESS", "", "Console-1")
    failed = ("e2", "Function", "UPDATE_FAILED", "no such code", "Console-1")
    recorded.events(failed, begun, more=True)  # a second page would not be answered
    (failure,) = find_failures(recorded.client, FAILED)
    assert failure.cause == "Function (AWS::S3::Bucket): no such code"


def test_a_rollback_under_way_that_imgctl_began_is_followed(recorded: Recorded) -> None:
    recorded.events(BEGUN).status("UPDATE_ROLLBACK_IN_PROGRESS").events(BEGUN)
    recorded.status("UPDATE_ROLLBACK_COMPLETE").events(BEGUN)
    after = recorded.client.resume(stack("UPDATE_ROLLBACK_IN_PROGRESS"), lambda _: None)
    assert after.status == "UPDATE_ROLLBACK_COMPLETE"
