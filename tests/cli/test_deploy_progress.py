from datetime import UTC, datetime, timedelta

import pytest
from rich.console import Console

from imgctl.cli.app import App, make_ui
from imgctl.cli.deploy_progress import DeployProgress, Watch, following
from imgctl.cli.resolved_settings import resolve
from infra.deploy_event import DeployEvent

START = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)


def told(resource: str, type_: str, status: str, second: float, reason: str = "") -> DeployEvent:
    time = START + timedelta(seconds=second)
    return DeployEvent(f"{resource}-{status}", resource, type_, status, reason, time)


def shown(steps: DeployProgress, second: float, *, complete: bool = False) -> str:
    console = Console(width=100, force_terminal=False)
    with console.capture() as capture:
        console.print(steps.tree(START + timedelta(seconds=second), complete=complete))
    return capture.get()


@pytest.fixture
def steps() -> DeployProgress:
    steps = DeployProgress("photos")
    for event in (
        told("photos", "AWS::CloudFormation::Stack", "UPDATE_IN_PROGRESS", 0),
        told("Queue", "AWS::SQS::Queue", "CREATE_IN_PROGRESS", 1),
        told("Source", "AWS::S3::Bucket", "UPDATE_IN_PROGRESS", 1),
        told("Logs", "AWS::S3::Bucket", "CREATE_IN_PROGRESS", 1),
        told("Queue", "AWS::SQS::Queue", "CREATE_COMPLETE", 3.5),
        told("Logs", "AWS::S3::Bucket", "CREATE_COMPLETE", 4),
    ):
        steps.add(event)
    return steps


def test_what_runs_is_shown_and_what_is_done_is_counted(steps: DeployProgress) -> None:
    lines = shown(steps, 71).splitlines()
    assert lines[0] == "◌ photos changed  1 min 11 s"
    assert "◌ S3  1 of 2  1 min 10 s" in lines[1]
    assert "◌ Source changed  1 min 10 s" in lines[2]
    assert "✓ SQS  1  2.5 s" in lines[3]
    assert len(lines) == 4


def test_in_the_end_each_resource_stands_there_with_its_duration(steps: DeployProgress) -> None:
    steps.add(told("Source", "AWS::S3::Bucket", "UPDATE_COMPLETE", 20))
    steps.add(told("photos", "AWS::CloudFormation::Stack", "UPDATE_COMPLETE", 21))
    text = shown(steps, 100, complete=True)
    for line in (
        "✓ photos changed  21 s",
        "✓ Source changed  19 s",
        "✓ Logs  3.0 s",
        "✓ Queue  2.5",
    ):
        assert line in text


def test_a_failure_stays_in_sight_with_its_reason_and_what_followed(steps: DeployProgress) -> None:
    reason = "somebody has [bold]this[/bold] name\x1b[2J"
    steps.add(told("Source", "AWS::S3::Bucket", "UPDATE_FAILED", 20, reason))
    steps.add(told("photos", "AWS::CloudFormation::Stack", "UPDATE_ROLLBACK_IN_PROGRESS", 21))
    steps.add(told("Logs", "AWS::S3::Bucket", "DELETE_COMPLETE", 22))
    text = shown(steps, 30)
    assert "✗ Source changed  19 s  somebody has [bold]this[/bold] name\\x1b[2J" in text
    assert text.startswith("◌ photos rolled back  9.0 s")
    assert "Logs deleted" in shown(steps, 30, complete=True)


def test_what_outlives_the_stack_is_said_to_be_kept(steps: DeployProgress) -> None:
    steps.add(told("Source", "AWS::S3::Bucket", "DELETE_SKIPPED", 20))
    assert "✓ Source kept" in shown(steps, 30, complete=True)


def test_what_the_plan_does_not_change_is_counted_unless_it_fails() -> None:
    steps = DeployProgress("photos", {"Function": "Modify", "Version": "Add"})
    for resource, status in (
        ("photos", "UPDATE_IN_PROGRESS"),
        ("Function", "UPDATE_COMPLETE"),
        ("Version", "UPDATE_COMPLETE"),
        ("Queue", "UPDATE_IN_PROGRESS"),
        ("Queue", "UPDATE_COMPLETE"),
        ("Alarm", "UPDATE_COMPLETE"),
        ("Role", "UPDATE_FAILED"),
    ):
        steps.add(told(resource, "AWS::Some::Thing", status, 1, "because"))
    text = shown(steps, 1, complete=True)
    assert "✓ Function changed\n" in text
    assert "✓ Version\n" in text
    assert "✗ Role changed  because" in text
    assert "2 other resources re-evaluated, without a change" in text
    assert "Queue" not in text
    assert "0.0 s" not in text


def test_while_an_alarm_is_watched_the_time_goes_on() -> None:
    steps = DeployProgress("photos", {"Function": "Modify"}, Watch(5, frozenset({"Function"})))
    steps.add(told("photos", "AWS::CloudFormation::Stack", "UPDATE_IN_PROGRESS", 0))
    assert "watching" not in shown(steps, 10)
    steps.add(told("Function", "AWS::Lambda::Function", "UPDATE_COMPLETE", 20))
    assert "watching the alarm  1 min 40 s of 5 min" in shown(steps, 120)
    steps.add(told("photos", "AWS::CloudFormation::Stack", "UPDATE_ROLLBACK_IN_PROGRESS", 130))
    assert "watching" not in shown(steps, 140)


def test_a_clock_that_is_behind_awss_gives_no_negative_time(steps: DeployProgress) -> None:
    assert "-" not in shown(steps, -60).replace("──", "")


def test_an_interruption_says_how_to_resume_with_the_options_that_were_given(
    capsys: pytest.CaptureFixture[str],
) -> None:
    resolved = resolve({"quiet": True}, {}, None)
    app = App(resolved, make_ui(resolved.settings), "imgctl --stack photos")
    with pytest.raises(KeyboardInterrupt), following(app, "photos", resume_with="destroy"):
        raise KeyboardInterrupt
    assert "continues in the background; run `imgctl --stack photos destroy` to resume" in (
        capsys.readouterr().err
    )
