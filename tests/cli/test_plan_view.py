"""A plan as it is shown: on a terminal of 80 columns and 24 lines, and in a pipe."""

import re

import pytest
from rich.console import Console

from imgctl.cli.plan_view import PlanView, changes_grid, plan_total, tags_grid
from infra.changes import Change, PropertyChange
from infra.deployed_stack import DeployedStack
from infra.plan import ChangeSet, Plan
from infra.template import stack_template

ALIAS = Change(
    "Modify",
    "FunctionAlias",
    "live",
    "AWS::Lambda::Alias",
    "False",
    (PropertyChange("FunctionVersion", None, "1", "LiveVersion"),),
)
ROLE = Change(
    "Modify",
    "BatchRole",
    "role",
    "AWS::IAM::Role",
    "False",
    (PropertyChange("Policies", None, None, cause="FunctionAlias"),),
)


def plan_of(*changes: Change) -> Plan:
    stack = DeployedStack("s", None)
    return Plan(ChangeSet("s", "c", creates_stack=False, planned_from=stack, changes=changes))


def shown(view: PlanView) -> list[str]:
    console = Console(width=80, force_terminal=False)
    with console.capture() as capture:
        console.print(view.rendered(80))
    return [line.rstrip() for line in capture.get().splitlines()]


@pytest.fixture(scope="module")
def new_stack() -> Plan:
    found = re.findall(r"^  (\w+):\n    Type: (AWS::\w+::\w+)$", stack_template(), re.MULTILINE)
    return plan_of(*(Change("Add", name, "", type_) for name, type_ in found))


def test_a_new_stack_fits_on_a_screen_and_lists_each_resource_in_a_pipe(new_stack: Plan) -> None:
    lines = shown(PlanView(new_stack))
    assert len(lines) < 16
    assert "Add  S3          3 Bucket" in lines
    assert "Add  S3          3 BucketPolicy  [IAM]" in lines
    assert "PUBLIC" not in "".join(lines)
    assert len(PlanView(new_stack).lines().splitlines()) == len(new_stack.changes)
    assert len(shown(PlanView(new_stack, is_complete=True))) >= len(new_stack.changes)


def test_what_is_only_reevaluated_is_counted_unless_everything_is_wanted() -> None:
    plan = plan_of(ALIAS, ROLE)
    assert shown(PlanView(plan)) == [
        "Modify  FunctionAlias  Lambda::Alias",
        "          FunctionVersion (LiveVersion): none → 1",
    ]
    total = plan_total(plan, is_complete=False)
    assert total == "1 to change, 1 re-evaluated without a change (--verbose lists them)"
    assert "BatchRole" in "\n".join(shown(PlanView(plan, is_complete=True)))
    assert plan_total(plan, is_complete=True).endswith("without a change")
    assert PlanView(plan).lines() == (
        "Modify\tFunctionAlias\tLambda::Alias\tFunctionVersion (LiveVersion): none → 1"
    )


def test_risks_replacements_and_retained_resources_are_marked() -> None:
    bucket = Change("Modify", "SourceBucket", "b", "AWS::S3::Bucket", "True")
    version = Change("Remove", "CodeVersion1", "v", "AWS::Lambda::Version", is_kept=True)
    first, second = shown(PlanView(plan_of(bucket, version)))
    assert first == "Modify        SourceBucket  S3::Bucket  replaced  [LOSES DATA]"
    assert second == "Remove, keep  CodeVersion1  Lambda::Version"


def test_a_long_value_is_cut_on_a_terminal_and_whole_in_a_pipe() -> None:
    long = PropertyChange("Policies", "x" * 300, "y\x1b" * 100)
    plan = plan_of(Change("Modify", "Role", "r", "AWS::IAM::Role", "False", (long,)))
    assert len(shown(PlanView(plan))) < 8
    assert "…" in "".join(shown(PlanView(plan)))
    assert "x" * 300 in PlanView(plan).lines()
    assert "\x1b" not in PlanView(plan).lines()


def test_settings_are_shown_before_and_after_and_code_by_the_start_of_its_digest() -> None:
    changes = (PropertyChange("code", "a" * 44, "b" * 44), PropertyChange("quality", "", "70"))
    lines = changes_grid(changes).lines().splitlines()
    assert lines == [f"code\t{'a' * 12} → {'b' * 12}", "quality\tdefault → 70"]


def test_resources_of_which_only_tags_change_are_counted_on_a_terminal() -> None:
    tags = (PropertyChange("Tags", None, None),)
    types = [f"AWS::{name}" for name in ("S3::Bucket", "S3::Bucket", "IAM::Role", "Logs::LogGroup")]
    tagged = [Change("Modify", f"R{n}", "x", type_, "False", tags) for n, type_ in enumerate(types)]
    plan = plan_of(ALIAS, *tagged)
    assert shown(PlanView(plan)) == [
        "Modify  FunctionAlias  Lambda::Alias",
        "          FunctionVersion (LiveVersion): none → 1",
        "Tag     IAM         Role",
        "Tag     Logs        LogGroup",
        "Tag     S3          2 Bucket",
    ]
    assert plan_total(plan, is_complete=False) == "1 to change, 4 to tag"
    assert len(PlanView(plan).lines().splitlines()) == 5


def test_tags_are_shown_before_and_after_without_control_characters() -> None:
    changes = (
        PropertyChange("new", None, "1"),
        PropertyChange("old\x1b[2J", "by\u202ehand", None),
    )
    lines = tags_grid(changes).lines().splitlines()
    assert lines == ["tag new\tnone → 1", "tag old\\x1b[2J\tby\\u202ehand → none"]
