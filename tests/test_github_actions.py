"""The workflow and the roles of docs/how-to/github-actions: valid, pinned, and with few rights."""

import json
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cfnlint import decode

from tests.infra.iam_coverage import granted
from tests.test_docs import parse

FOLDER = Path(__file__).parents[1] / "docs" / "how-to" / "github-actions"
WORKFLOW = FOLDER / "imgctl.yml"
ROLES = FOLDER / "roles.yaml"
SUBJECT = "token.actions.githubusercontent.com:sub"


def read(path: Path) -> Any:
    """Read YAML by the parser of cfn-lint, to which `on` is a word and no boolean."""
    document, problems = decode.decode_str(path.read_text(encoding="utf-8"))
    assert not problems
    return json.loads(json.dumps(document))


def jobs() -> dict[str, Any]:
    found: dict[str, Any] = read(WORKFLOW)["jobs"]
    return found


def steps() -> Iterator[dict[str, Any]]:
    return (step for job in jobs().values() for step in job["steps"])


def commands(script: str) -> Iterator[str]:
    """Iterate over the commands of imgctl in a script, each up to what the shell does with it."""
    for line in script.replace("\\\n", " ").splitlines():
        if match := re.match(r"\s*(?P<command>imgctl .*?)(?= 2>&1|$)", line):
            yield match["command"]


COMMANDS = [text for step in steps() for text in commands(step.get("run", ""))]


def test_the_workflow_is_one_that_github_accepts() -> None:
    checker = [sys.executable, "-m", "check_jsonschema", "--builtin-schema"]
    checked = subprocess.run(
        [*checker, "vendor.github-workflows", WORKFLOW],
        capture_output=True,
        text=True,
        check=False,
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr


@pytest.mark.parametrize("text", COMMANDS)
def test_a_command_of_the_workflow_parses(text: str) -> None:
    parse(shlex.split(text)[1:])


def test_the_workflow_plans_packages_and_applies() -> None:
    options = [set(shlex.split(text)[1:]) for text in COMMANDS]
    for wanted in ({"--plan", "--exit-code"}, {"--out", "--bundle"}, {"package"}, {"--apply"}):
        assert any(wanted <= given for given in options)


def test_every_action_is_pinned_to_a_commit_and_says_its_version() -> None:
    used = re.findall(r"uses: (.*)", WORKFLOW.read_text(encoding="utf-8"))
    assert used
    for action in used:
        assert re.fullmatch(r"[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", action), action


def test_a_job_may_read_the_repository_and_ask_for_a_token_and_nothing_else() -> None:
    assert read(WORKFLOW)["permissions"] == {}
    for name, job in jobs().items():
        assert job["permissions"] == {"contents": "read", "id-token": "write"}, name
        assert job["concurrency"]["group"]
        assert job["timeout-minutes"]


def test_only_the_approved_job_has_the_role_that_changes_something() -> None:
    roles = {
        name: step["with"]["role-to-assume"]
        for name, job in jobs().items()
        for step in job["steps"]
        if "role-to-assume" in step.get("with", {})
    }
    assert roles == {
        "preview": "${{ vars.IMGCTL_PLAN_ROLE }}",
        "plan": "${{ vars.IMGCTL_PLAN_ROLE }}",
        "apply": "${{ vars.IMGCTL_APPLY_ROLE }}",
    }
    assert [name for name, job in jobs().items() if "environment" in job] == ["apply"]


def test_nothing_that_others_write_becomes_a_part_of_a_script() -> None:
    """A branch may be called `$(...)`: expressions reach a script through variables only."""
    assert not any("${{" in step.get("run", "") for step in steps())
    assert "secrets." not in WORKFLOW.read_text(encoding="utf-8")


def test_the_roles_are_a_template_without_findings() -> None:
    linter = [str(Path(sys.executable).parent / "cfn-lint"), "--include-checks", "I", "--template"]
    checked = subprocess.run([*linter, ROLES], capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout


@pytest.mark.parametrize(
    ("role", "subjects"),
    [
        ("PlanRole", ["pull_request", "ref:refs/heads/${Branch}"]),
        ("ApplyRole", ["environment:${Environment}"]),
    ],
)
def test_a_role_trusts_exact_subjects_of_one_repository(role: str, subjects: list[str]) -> None:
    properties = read(ROLES)["Resources"][role]["Properties"]
    (statement,) = properties["AssumeRolePolicyDocument"]["Statement"]
    ((operator, conditions),) = statement["Condition"].items()
    assert operator == "StringEquals"
    assert conditions.pop("token.actions.githubusercontent.com:aud") == "sts.amazonaws.com"
    trusted = conditions.pop(SUBJECT)
    trusted = trusted if isinstance(trusted, list) else [trusted]
    assert [one["Fn::Sub"] for one in trusted] == [f"repo:${{Repository}}:{s}" for s in subjects]
    assert not conditions
    assert "Policies" not in properties  # only what `imgctl policy` prints


@pytest.mark.parametrize(
    ("parameter", "hostile"),
    [
        ("Repository", "octo/*"),
        ("Repository", "octo/repo:ref:refs/heads/x"),
        ("Branch", "*"),
        ("Environment", "production*"),
    ],
)
def test_no_wildcard_and_no_other_part_of_a_subject_can_be_passed(
    parameter: str, hostile: str
) -> None:
    pattern = read(ROLES)["Parameters"][parameter]["AllowedPattern"]
    assert not re.fullmatch(pattern, hostile)


def test_a_planner_changes_nothing_but_change_sets() -> None:
    changing = {a for a in granted("planner") if not re.match(r"\w+:(Get|List|Describe)", a)}
    tags = {"cloudformation:TagResource", "cloudformation:UntagResource"}  # of a change set's stack
    role = {"iam:PassRole"}  # the service role, which a change set names
    assert changing - tags - role == {
        "cloudformation:CreateChangeSet",
        "cloudformation:DeleteChangeSet",
    }
