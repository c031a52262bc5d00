"""Whether a change set that another run created can still be executed, and is still the same."""

from dataclasses import replace
from typing import Any

import pytest

from imgctl.core.errors import ImgctlError
from infra.deployed_stack import DeployedStack
from infra.errors import PlanObsolete, StackBusy, StackChanged
from infra.plan import ChangeSet
from infra.stored_change_set import (
    StoredChangeSet,
    check_executable,
    check_ours,
    check_same_stack,
)
from tests.infra.recorded import stack

DEPLOYED = stack("UPDATE_COMPLETE")
NEW = DeployedStack("imgctl", None)
REVIEWED = DeployedStack("imgctl", "REVIEW_IN_PROGRESS", stack_id="arn:stack/imgctl/1")
STORED = StoredChangeSet(
    ChangeSet(
        "imgctl",
        "arn:changeSet/imgctl-1/x",
        creates_stack=False,
        planned_from=DEPLOYED,
        parameters=DEPLOYED.parameters,
    ),
    name="imgctl-1",
    stack="imgctl",
    stack_id="arn:stack/imgctl/1",
    status="CREATE_COMPLETE",
    execution_status="AVAILABLE",
)


def test_one_that_is_available_can_be_executed() -> None:
    assert check_executable(STORED, "imgctl") is STORED
    check_ours(STORED, "imgctl")


@pytest.mark.parametrize(
    ("execution", "status", "error", "reason"),
    [
        ("OBSOLETE", "CREATE_COMPLETE", PlanObsolete, "was updated after it was made"),
        ("EXECUTE_FAILED", "CREATE_COMPLETE", PlanObsolete, "applied before, and that failed"),
        ("EXECUTE_IN_PROGRESS", "CREATE_COMPLETE", StackBusy, "being applied"),
        ("UNAVAILABLE", "FAILED", PlanObsolete, r"cannot be executed \(FAILED: no capacity\)"),
        ("UNAVAILABLE", "DELETE_COMPLETE", PlanObsolete, r"\(DELETE_COMPLETE"),
    ],
)
def test_any_other_state_is_an_error_that_names_it(
    execution: str, status: str, error: type[ImgctlError], reason: str
) -> None:
    found = replace(STORED, execution_status=execution, status=status, reason="no capacity")
    with pytest.raises(error, match=reason) as raised:
        check_executable(found, "imgctl")
    assert "`imgctl deploy" in raised.value.hint


def test_one_that_is_gone_is_obsolete() -> None:
    with pytest.raises(PlanObsolete, match="no longer exists"):
        check_executable(None, "imgctl")


@pytest.mark.parametrize(
    "change",
    [
        {"stack": "other"},
        {"name": "somebody-elses"},
        {"change_set": replace(STORED.change_set, parameters={"Scale": "0.5"})},
    ],
    ids=["stack", "name", "template"],
)
def test_one_of_another_stack_or_program_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(PlanObsolete, match="not one that imgctl made for the stack imgctl"):
        check_ours(replace(STORED, **change), "imgctl")


def test_an_unchanged_stack_is_accepted() -> None:
    check_same_stack(DEPLOYED, DEPLOYED)
    check_same_stack(NEW, REVIEWED, made_stack=REVIEWED.stack_id)
    check_same_stack(REVIEWED, REVIEWED, made_stack=REVIEWED.stack_id)


@pytest.mark.parametrize(
    ("before", "now"),
    [
        (DEPLOYED, replace(DEPLOYED, changed="later")),
        (DEPLOYED, replace(DEPLOYED, parameters={"Scale": "1"})),
        (DEPLOYED, replace(DEPLOYED, status="UPDATE_ROLLBACK_COMPLETE")),
        (DEPLOYED, replace(DEPLOYED, stack_id="arn:stack/imgctl/2")),
        (DEPLOYED, NEW),
        (NEW, DEPLOYED),
        (NEW, replace(REVIEWED, stack_id="arn:stack/imgctl/2")),
        (NEW, NEW),
    ],
    ids=[
        "updated", "parameters", "rolled back", "made again", "deleted", "created", "other", "gone"
    ],
)  # fmt: skip
def test_a_stack_that_changed_since_the_plan_is_refused(
    before: DeployedStack, now: DeployedStack
) -> None:
    with pytest.raises(StackChanged) as raised:
        check_same_stack(before, now, made_stack=REVIEWED.stack_id)
    assert "--plan --out" in raised.value.hint


def test_a_stack_that_is_being_updated_is_busy() -> None:
    with pytest.raises(StackBusy):
        check_same_stack(DEPLOYED, replace(DEPLOYED, status="UPDATE_IN_PROGRESS"))
