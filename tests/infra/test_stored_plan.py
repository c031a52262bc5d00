"""A plan's file: what it says is read back, and whatever else a file says is refused."""

import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from infra import stored_plan
from infra.bundle import Architecture, Bundle
from infra.changes import Change, PropertyChange
from infra.errors import BundleError
from infra.plan import ChangeSet, Plan
from infra.stored_plan import InvalidPlanFile, StoredPlan, Target
from tests.infra.recorded import stack

TARGET = Target("123456789012", "eu-west-2", "aws", "photos")
CHANGE_SET = "arn:aws:cloudformation:eu-west-2:123456789012:changeSet/imgctl-1/2-3"
DEPLOYED = replace(stack("UPDATE_COMPLETE"), name="photos")
BUNDLE = Bundle(Path("function.zip"), "ab" * 32, 3, 3, Architecture.ARM64, "cd" * 32)
CHANGES = (
    Change(
        "Modify",
        "Function",
        "photos-function",
        "AWS::Lambda::Function",
        "False",
        (PropertyChange("MemorySize", "1769", "3008", "MemoryMegabytes"),),
    ),
    Change("Remove", "Records", "hala-db", "AWS::DynamoDB::Table"),
)
PLAN = Plan(
    ChangeSet(
        "photos",
        CHANGE_SET,
        creates_stack=False,
        planned_from=DEPLOYED,
        changes=CHANGES,
        parameters={"MemoryMegabytes": "3008"},
        allows_data_loss=True,
    )
)
NO_CHANGES = Plan(ChangeSet("photos", "", creates_stack=False, planned_from=DEPLOYED))


def stored(plan: Plan = PLAN, bundle: Bundle = BUNDLE) -> StoredPlan:
    return stored_plan.stored_plan(TARGET, plan, DEPLOYED, bundle)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "plan.json"


def written(path: Path, **changes: Any) -> Path:
    """Write a plan's file with other values than it should have."""
    stored_plan.write(stored(), path)
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))
    return path


@pytest.mark.parametrize("plan", [PLAN, NO_CHANGES], ids=["changes", "no changes"])
def test_what_is_written_is_read_again(path: Path, plan: Plan) -> None:
    stored_plan.write(stored(plan), path)
    read = stored_plan.read(path)
    assert replace(read, before=DEPLOYED) == stored(plan)
    for name in ("status", "stack_id", "changed", "parameters"):
        assert getattr(read.before, name) == getattr(DEPLOYED, name)
    stored_plan.check_target(read, TARGET)
    reordered = replace(plan.change_set, changes=plan.change_set.changes[::-1])
    stored_plan.check_content(read, Plan(reordered))


def test_only_the_user_can_read_it_and_it_says_what_reviewers_ask(path: Path) -> None:
    stored_plan.write(stored(), path)
    assert path.stat().st_mode & 0o777 == 0o600
    document = json.loads(path.read_text())
    assert document["risks"] == {"data_loss": ["Records"], "iam": [], "public_access": []}
    assert (document["allow_data_loss"], document["change_set"]) == (True, CHANGE_SET)
    assert (document["code"]["sources"], document["code"]["sha256"]) == ("cd" * 32, "ab" * 32)


@pytest.mark.parametrize(
    "changes",
    [
        {"schema": 2},
        {"account": "12"},
        {"region": "eu-west-2/../x"},
        {"stack": "x; rm -rf ~"},
        {"stack": "\x1b[31mred"},
        {"imgctl": ["0.1.0"]},
        {"change_set": 1},
        {"change_set": None, "before": dict.fromkeys(("status", "stack_id", "changed"), "")},
        {"change_set": CHANGE_SET.replace("imgctl-", "other-")},
        {"change_set": CHANGE_SET.replace("123456789012", "999999999999")},
        {"change_set": CHANGE_SET + "\n"},
        {"parameters": {"Scale": 1}},
        {"parameters": None},
        {"changes": {}},
        {"allow_data_loss": "true"},
        {"last_step": 1},
        {"termination_protection": "false"},
        {"before": []},
        {"before": {"status": "\x00", "stack_id": "", "changed": "", "parameters": {}}},
        {"code": {"key": "../x.zip", "architecture": "arm64", "sha256": "ab" * 32, "given": False}},
    ],
    ids=json.dumps,
)
def test_a_file_with_other_values_is_refused(path: Path, changes: dict[str, Any]) -> None:
    with pytest.raises(InvalidPlanFile, match="not a plan that imgctl can apply"):
        stored_plan.read(written(path, **changes))


@pytest.mark.parametrize(
    "content", [b"", b"PK", b"[]", b"\xff", b"[" * 100_000, b'{"schema": NaN}', b"1" * 5000]
)
def test_a_file_of_something_else_is_refused(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    with pytest.raises(InvalidPlanFile):
        stored_plan.read(path)


def test_a_huge_file_a_pipe_and_a_folder_are_not_read(path: Path, tmp_path: Path) -> None:
    path.touch()
    os.truncate(path, 10**12)
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    for other in (path, pipe, tmp_path):
        with pytest.raises(OSError, match=str(other)):
            stored_plan.read(other)


@pytest.mark.parametrize(
    ("here", "message"),
    [
        ({"account": "999999999999"}, "for the account 123456789012, and this is the account 9999"),
        ({"region": "us-east-1"}, "region"),
        ({"partition": "aws-cn"}, "partition"),
        ({"stack": "imgctl"}, "for the stack photos, and this is the stack imgctl"),
    ],
)
def test_a_plan_for_somewhere_else_is_refused(here: dict[str, str], message: str) -> None:
    with pytest.raises(InvalidPlanFile, match=message):
        stored_plan.check_target(stored(), replace(TARGET, **here))


@pytest.mark.parametrize(
    ("described", "differs"),
    [
        ({"parameters": {"MemoryMegabytes": "10240"}}, "parameters"),
        ({"changes": CHANGES[:1]}, "changes, risks"),
        ({"allows_data_loss": False}, "allow_data_loss"),
    ],
)
def test_a_file_that_differs_from_the_change_set_is_refused(
    path: Path, described: dict[str, Any], differs: str
) -> None:
    stored_plan.write(stored(), path)
    real = Plan(replace(PLAN.change_set, **described))
    with pytest.raises(InvalidPlanFile, match=f"differ in: {differs}"):
        stored_plan.check_content(stored_plan.read(path), real)


def test_only_the_code_that_was_planned_fits() -> None:
    built_elsewhere = replace(BUNDLE, sha256="ef" * 32)
    stored_plan.check_code(stored(), BUNDLE.key, built_elsewhere, digits=4)
    with pytest.raises(BundleError, match="for the code cdcd, and this imgctl builds 1212"):
        stored_plan.check_code(stored(), BUNDLE.key, replace(BUNDLE, sources="12" * 32), digits=4)

    given = replace(BUNDLE, is_given=True)
    with pytest.raises(BundleError, match=f"another build of the code cdcd.* {BUNDLE.sha256}"):
        stored_plan.check_code(stored(bundle=given), BUNDLE.key, built_elsewhere, digits=4)
    stored_plan.check_code(stored(bundle=given), BUNDLE.key, BUNDLE, digits=4)


def test_the_protection_changes_only_if_the_settings_say_so_too() -> None:
    for planned, wanted, allowed in (
        (None, None, True),
        (None, True, True),
        (False, False, True),
        (False, None, False),
        (False, True, False),
        (True, False, False),
    ):
        plan = stored(replace(PLAN, termination_protection=planned))
        if allowed:
            stored_plan.check_protection(plan, wanted)
        else:
            with pytest.raises(InvalidPlanFile, match="settings here do not say so"):
                stored_plan.check_protection(plan, wanted)
