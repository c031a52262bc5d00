"""What a plan says beside the changes: its cost, what limits a flood, and what it must not do."""

import re
from dataclasses import replace
from pathlib import Path

import pytest

from imgctl.aws.session import Aws
from imgctl.cli.app import App, make_ui
from imgctl.cli.deploy_documents import plan_document
from imgctl.cli.deploy_plan import show_plan
from imgctl.cli.deploy_workflow import tags_with
from imgctl.cli.resolved_settings import resolve
from imgctl.cli.settings import SettingsError
from infra.bundle import Architecture, Bundle
from infra.changes import Change, PropertyChange
from infra.deployed_stack import DeployedStack
from infra.errors import DataLossError
from infra.plan import ChangeSet, Plan
from infra.settings import StackSettings
from infra.tags import StackTags
from infra.template import stack_template
from tests.cli.test_plan_view import plan_of
from tests.moto_aws import aws, moto_account

__all__ = ["aws", "moto_account"]

FOUND = re.findall(r"^  (\w+):\n    Type: (AWS::\w+::\w+)$", stack_template(), re.MULTILINE)
NEW_STACK = plan_of(
    *(
        Change("Add", name, "", type_)
        for name, type_ in FOUND
        if name not in ("UploadsAlarm", "RolloutAlarm")
    )
)
DEFAULTS = StackSettings()
BUNDLE = Bundle(Path("function.zip"), "ab" * 32, 1, 1, Architecture.ARM64, "cd" * 32)


@pytest.fixture
def app(aws: Aws) -> App:
    resolved = resolve({}, {}, None)
    app = App(resolved, make_ui(resolved.settings), "imgctl")
    app.aws = aws
    return app


def shown(app: App, capsys: pytest.CaptureFixture[str], plan: Plan, settings: StackSettings) -> str:
    show_plan(app, plan, settings, is_result=False, allow_data_loss=False)
    return capsys.readouterr().err


def test_a_new_stack_says_what_it_costs_and_that_nothing_limits_a_flood(
    app: App, capsys: pytest.CaptureFixture[str]
) -> None:
    text = shown(app, capsys, NEW_STACK, DEFAULTS)
    assert "It costs about $3.90 per month when idle, without the free tier:\n" in text
    assert "  9 alarms $0.90, 1 dashboard $3.00 (us-east-1 prices of 20" in text
    assert "explanation/costs.md" in text
    assert "reserved_concurrency is not set" in text
    assert "up to 100 requests per second" in text
    assert "PUBLIC ACCESS" not in text


def test_a_limit_that_is_set_is_not_missed_and_a_key_is_paid_for(
    app: App, capsys: pytest.CaptureFixture[str]
) -> None:
    key = "arn:aws:kms:eu-west-2:123456789012:key/1"
    text = shown(app, capsys, NEW_STACK, StackSettings(reserved_concurrency=5, kms_key=key))
    assert "about $4.90 per month" in text
    assert "1 KMS key $1.00" in text
    assert "reserved_concurrency" not in text


def test_a_change_of_a_deployed_stack_says_nothing_about_costs(
    app: App, capsys: pytest.CaptureFixture[str]
) -> None:
    version = Change("Add", "CodeVersion1", "", "AWS::Lambda::Version")
    text = shown(app, capsys, plan_of(version), DEFAULTS)
    assert "per month" not in text
    assert "reserved_concurrency" not in text
    assert plan_document(plan_of(version), DEFAULTS, BUNDLE)["idle_cost"] is None


def test_a_new_version_with_a_snapshot_takes_minutes_and_costs(
    app: App, capsys: pytest.CaptureFixture[str]
) -> None:
    plan = plan_of(Change("Add", "CodeVersion1", "", "AWS::Lambda::Version"))
    text = shown(app, capsys, plan, StackSettings(snap_start=True))
    assert "What is added costs about $6.74 per month when idle" in text
    assert "1 snapshot of a version $6.74" in text
    assert "takes a few minutes" in text
    assert "reserved_concurrency" not in text
    off = replace(plan, parameters=(PropertyChange("SnapStart", "true", "false"),))
    assert "Earlier versions keep their snapshots" in shown(app, capsys, off, DEFAULTS)
    modified = plan_of(Change("Modify", "ErrorsAlarm", "", "AWS::CloudWatch::Alarm"))
    assert "snapshot" not in shown(app, capsys, modified, StackSettings(snap_start=True))


def test_a_plan_may_change_the_protection_alone_and_is_the_result_then(
    app: App, capsys: pytest.CaptureFixture[str]
) -> None:
    nothing = ChangeSet("s", "", creates_stack=False, planned_from=DeployedStack("s", None))
    plan = Plan(nothing, termination_protection=True)
    show_plan(app, plan, DEFAULTS, is_result=True, allow_data_loss=False)
    assert capsys.readouterr().out == "termination_protection\tfalse → true\n"
    planned = plan_document(plan, DEFAULTS, BUNDLE)["termination_protection"]
    assert planned == {"before": False, "after": True}


def test_a_setting_that_stands_below_tags_by_mistake_is_pointed_out_once(
    app: App, capsys: pytest.CaptureFixture[str]
) -> None:
    role = Change("Modify", "ApiRole", "r", "AWS::IAM::Role", "False")
    added = PropertyChange("rollout", None, "canary10-5m")
    text = shown(app, capsys, replace(plan_of(role), changed_tags=(added,)), DEFAULTS)
    assert "The tag rollout has the name of a setting." in text
    for known in (replace(added, before="canary5-5m"), replace(added, name="team")):
        text = shown(app, capsys, replace(plan_of(role), changed_tags=(known,)), DEFAULTS)
        assert "name of a setting" not in text


def test_tags_that_a_deployment_changes_or_removes_are_shown_and_in_json(
    app: App, capsys: pytest.CaptureFixture[str]
) -> None:
    changed = (PropertyChange("by-hand", "x", None), PropertyChange("team", "a", "b"))
    role = Change("Modify", "ApiRole", "r", "AWS::IAM::Role", "False")
    tags = StackTags({"team": "b"}, frozenset({"by-hand"}))
    plan = replace(plan_of(role), changed_tags=changed, tags=tags)
    show_plan(app, plan, DEFAULTS, is_result=True, allow_data_loss=False)
    captured = capsys.readouterr()
    assert captured.out.startswith("tag by-hand\tx → none\ntag team\ta → b\n")
    assert "neither in the settings nor given with --tag are removed" in captured.err
    assert plan_document(plan, DEFAULTS, BUNDLE)["tags"] == [
        {"key": "by-hand", "before": "x", "after": None},
        {"key": "team", "before": "a", "after": "b"},
    ]


def test_tags_of_the_command_line_are_added_to_those_of_the_settings(app: App) -> None:
    assert tags_with(app, ()) is None
    assert tags_with(app, ("team=ci", "query=a=b")) == {"team": "ci", "query": "a=b"}
    app.resolved = resolve({}, {"IMGCTL_TAGS": '{"team": "photos", "owner": "me"}'}, None)
    assert tags_with(app, ("team=ci",)) == {"team": "ci", "owner": "me"}
    for wrong in ("team", "Owner=you", "aws:x=y", "team="):
        with pytest.raises(SettingsError, match=r"^--tag: "):
            tags_with(app, (wrong,))


def test_an_api_that_anyone_can_use_is_a_warning(
    app: App, capsys: pytest.CaptureFixture[str]
) -> None:
    method = Change("Add", "ApiPut", "", "AWS::ApiGateway::Method")
    opened = plan_of(replace(method, opens_access=True))
    text = shown(app, capsys, opened, StackSettings(api_authorization="none"))
    assert "1 marked PUBLIC ACCESS" in text
    assert "Anyone on the internet" in text
    assert "Anyone" not in shown(app, capsys, plan_of(method), DEFAULTS)


def test_a_loss_of_data_is_refused_after_it_was_shown(
    app: App, capsys: pytest.CaptureFixture[str]
) -> None:
    lost = plan_of(Change("Remove", "Records", "hala-db", "AWS::DynamoDB::Table"))
    with pytest.raises(DataLossError, match=r"Records \(hala-db\)"):
        show_plan(app, lost, DEFAULTS, is_result=False, allow_data_loss=False)
    assert "1 marked LOSES DATA" in capsys.readouterr().err
    show_plan(app, lost, DEFAULTS, is_result=False, allow_data_loss=True)


def test_versions_that_would_expire_at_once_are_a_loss_of_data(app: App) -> None:
    change = Change("Modify", "SourceBucket", "photos", "AWS::S3::Bucket")
    shorter = PropertyChange("KeepVersionsDays", "90", "7")
    plan = replace(plan_of(change), parameters=(shorter,))
    with pytest.raises(DataLossError, match="more than 7 days ago"):
        show_plan(app, plan, DEFAULTS, is_result=False, allow_data_loss=False)
    show_plan(app, plan, DEFAULTS, is_result=False, allow_data_loss=True)


def test_json_has_the_cost_and_the_limits() -> None:
    document = plan_document(NEW_STACK, replace(DEFAULTS, reserved_concurrency=7), BUNDLE)
    assert document["idle_cost"] is not None
    assert document["idle_cost"]["usd_per_month"] == 3.9
    assert document["idle_cost"]["items"][0] == {"name": "alarm", "count": 9, "usd_per_month": 0.9}
    assert document["limits"] == {
        "reserved_concurrency": 7,
        "api_requests_per_s": 100,
        "api_burst": 50,
    }
