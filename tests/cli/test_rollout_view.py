"""What a person reads about a gradual release, before and while it happens."""

from dataclasses import replace

import pytest

from imgctl.aws.session import Aws
from imgctl.cli.app import App, make_ui
from imgctl.cli.deploy_progress import following
from imgctl.cli.resolved_settings import resolve
from imgctl.cli.rollout_view import cancel_release, report_incomplete, show_release
from infra.changes import Change
from infra.deployed_stack import DeployedStack
from infra.names import stack_names
from infra.plan import ChangeSet, Plan
from infra.rollout import Canary, GradualRelease, ReleaseAtOnce, RolloutAlarm
from infra.stack_context import StackContext
from tests.cli.test_deploy_progress import told
from tests.infra.recorded import Recorded
from tests.moto_aws import aws, moto_account

__all__ = ["aws", "moto_account"]

STACK = DeployedStack("photos", "UPDATE_COMPLETE")
ALIAS = Change("Modify", "FunctionAlias", "live", "AWS::Lambda::Alias")
VERSION = Change("Add", "CodeVersion1", "", "AWS::Lambda::Version")
FORMER = Change("Remove", "CodeVersion0", "", "AWS::Lambda::Version", is_kept=True)
LOGS = Change("Modify", "ApiLogs", "logs", "AWS::Logs::LogGroup")
GRADUAL = GradualRelease(Canary(10, 15), 6, RolloutAlarm("photos-RolloutAlarm-1", "arn", "OK"))


@pytest.fixture
def app(aws: Aws) -> App:
    resolved = resolve({"yes": True}, {}, None)
    app = App(resolved, make_ui(resolved.settings), "imgctl")
    app.aws = aws
    return app


def plan(*changes: Change, stack: DeployedStack = STACK) -> Plan:
    change_set = ChangeSet("photos", "c", creates_stack=False, planned_from=stack, changes=changes)
    return Plan(change_set, release=GRADUAL)


def shown(app: App, capsys: pytest.CaptureFixture[str], plan: Plan) -> str:
    show_release(app, plan, "canary10-15m")
    return " ".join(capsys.readouterr().err.split())


def test_a_gradual_release_says_what_is_divided_for_how_long_and_what_ends_it(
    app: App, capsys: pytest.CaptureFixture[str]
) -> None:
    text = shown(app, capsys, plan(VERSION, ALIAS, FORMER))
    assert "Gradually: 10% of the invocations for 15 minutes, then all. Version 6 takes" in text
    assert "watches the alarm photos-RolloutAlarm-1 and rolls everything back" in text
    assert "the other changes" not in text
    text = shown(app, capsys, plan(VERSION, ALIAS, FORMER, LOGS))
    assert "Only the function is released gradually: the other changes apply at once." in text


def test_a_release_that_cannot_be_gradual_says_why(
    app: App, capsys: pytest.CaptureFixture[str]
) -> None:
    at_once = replace(plan(VERSION), release=ReleaseAtOnce("there is no alarm"))
    text = shown(app, capsys, at_once)
    assert "The release is not gradual (canary10-15m): there is no alarm." in text
    assert shown(app, capsys, replace(plan(VERSION), release=ReleaseAtOnce())) == ""


def test_a_release_that_was_not_completed_says_that_it_will_be(
    app: App, capsys: pytest.CaptureFixture[str]
) -> None:
    during = replace(STACK, parameters=GRADUAL.parameters)
    completed = replace(plan(ALIAS, stack=during), release=ReleaseAtOnce())
    text = shown(app, capsys, completed)
    assert "takes 10% of the invocations, since a gradual release that was not completed" in text
    rolled_back = replace(completed, live_version="6")
    assert shown(app, capsys, rolled_back) == ""


def test_a_plan_that_was_applied_only_in_part_is_a_warning(
    app: App, capsys: pytest.CaptureFixture[str]
) -> None:
    """As after an interruption of `deploy --apply`, which is then run again by a pipeline."""
    report_incomplete(app, STACK)
    assert capsys.readouterr().err == ""
    report_incomplete(app, replace(STACK, parameters=GRADUAL.parameters))
    text = " ".join(capsys.readouterr().err.split())
    assert "takes 10% of the invocations, since a gradual release that was not completed" in text
    assert "`imgctl deploy` completes it, and `imgctl rollback` ends it." in text


def test_the_minutes_in_which_nothing_but_an_alarm_is_watched_are_announced_once(
    app: App, capsys: pytest.CaptureFixture[str]
) -> None:
    """What the stack gives up is removed after them."""
    with following(app, "photos", plan(VERSION, ALIAS, FORMER)) as on_event:
        on_event(told("photos", "AWS::CloudFormation::Stack", "UPDATE_IN_PROGRESS", 0))
        on_event(told("CodeVersion1", "AWS::Lambda::Version", "CREATE_COMPLETE", 1))
        assert "watches" not in capsys.readouterr().err
        on_event(told("FunctionAlias", "AWS::Lambda::Alias", "UPDATE_COMPLETE", 2))
        on_event(told("Other", "AWS::S3::Bucket", "UPDATE_COMPLETE", 3))
        assert capsys.readouterr().err.count("CloudFormation watches the alarm for 15 min") == 1


def context_of(recorded: Recorded, aws: Aws) -> StackContext:
    return StackContext(aws, recorded.client, "imgctl", stack_names("imgctl", "1", "eu-west-2"))


def test_a_release_under_way_is_cancelled_and_not_awaited(
    aws: Aws, app: App, capsys: pytest.CaptureFixture[str]
) -> None:
    recorded = Recorded()
    context = context_of(recorded, aws)
    recorded.status("UPDATE_IN_PROGRESS", values=GRADUAL.parameters)
    recorded.events(("e1", "Function", "UPDATE_COMPLETE", "", "imgctl-0"))
    recorded.responds("cancel_update_stack", {})
    rolled_back = ("e2", "imgctl", "UPDATE_ROLLBACK_COMPLETE", "", "imgctl-1")
    recorded.status("UPDATE_ROLLBACK_COMPLETE").events(rolled_back)
    recorded.status("UPDATE_ROLLBACK_COMPLETE").events(rolled_back)
    with recorded.stub:
        assert cancel_release(app, context)
        recorded.stub.assert_no_pending_responses()
    assert "undoes whatever else that deployment changed" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("status", "parameters"),
    [("UPDATE_IN_PROGRESS", {}), ("UPDATE_COMPLETE", GRADUAL.parameters)],
)
def test_nothing_else_is_cancelled(
    aws: Aws, app: App, status: str, parameters: dict[str, str]
) -> None:
    recorded = Recorded()
    recorded.status(status, values=parameters)
    if status == "UPDATE_COMPLETE":
        recorded.responds("get_template", {"TemplateBody": "{}"})
    with recorded.stub:
        assert cancel_release(app, context_of(recorded, aws)) is None
