"""Gradual releases: which they are, what begins one, what ends it, and what stands in its way."""

from contextlib import nullcontext
from dataclasses import replace
from functools import partial
from typing import Any, Literal, cast

import pytest

from imgctl.aws.session import Aws
from infra.deployed_stack import DeployedStack, RollbackTriggers, StackResource
from infra.function_version import VERSION_BINDINGS
from infra.rollout import (
    RELEASE_AT_ONCE,
    Canary,
    GradualRelease,
    ReleaseAtOnce,
    RolloutAlarm,
    RolloutBlocked,
    all_at_once,
    check_completion,
    check_rollout,
    decide_release,
    parse_rollout,
    plan_release,
    planned_release,
    read_alarm,
    triggers_afterwards,
    triggers_restored,
)
from infra.template import has_same_version, stack_template, with_hashed_ids
from tests.infra.scan import decided
from tests.infra.test_function_version import PARAMETERS, VERSION
from tests.infra.test_template import parameters, parsed
from tests.moto_aws import aws, moto_account

__all__ = ["aws", "moto_account"]

CANARY = Canary(10, 5)
PREFIX = "arn:aws:cloudwatch:eu-west-2:123456789012:alarm:"
OURS, THEIRS = f"{PREFIX}imgctl-RolloutAlarm-1A", f"{PREFIX}imgctl-raw-RolloutAlarm-1A"
ALARM = RolloutAlarm("imgctl-RolloutAlarm-1A", OURS, "OK")
GRADUAL = GradualRelease(CANARY, 2, ALARM)
RESOURCE = StackResource("RolloutAlarm", "AWS::CloudWatch::Alarm", ALARM.name, "CREATE_COMPLETE")
LATER = parameters() | PARAMETERS | {"Rollout": "canary10-5m"}


def make_alarm(aws: Aws, name: str) -> None:
    aws.cloudwatch.put_metric_alarm(
        AlarmName=name,
        MetricName="Errors",
        Namespace="AWS/Lambda",
        Statistic="Sum",
        Period=60,
        EvaluationPeriods=1,
        Threshold=1,
        ComparisonOperator="GreaterThanOrEqualToThreshold",
    )


@pytest.mark.parametrize(
    ("text", "canary"),
    [
        ("all-at-once", None),
        ("canary10-5m", CANARY),
        ("canary1-180m", Canary(1, 180)),
        ("canary99-15m", Canary(99, 15)),
    ],
)
def test_a_rollout_says_which_part_is_first_and_for_how_long(
    text: str, canary: Canary | None
) -> None:
    assert parse_rollout(text) == canary


@pytest.mark.parametrize(("percent", "weight"), [(1, "0.01"), (10, "0.1"), (99, "0.99")])
def test_the_weight_is_what_the_template_accepts(percent: int, weight: str) -> None:
    assert Canary(percent, 5).weight == weight


def test_the_version_before_keeps_the_rest_and_its_parameters_end_with_the_release() -> None:
    assert decide_release(CANARY, VERSION, ALARM, PARAMETERS) == GRADUAL
    assert GRADUAL.parameters == {"LiveVersion": "2", "CanaryWeight": "0.1"}
    ended = {"Scale": "0.5", "LiveVersion": "", "CanaryWeight": ""}
    assert all_at_once({"Scale": "0.5", **GRADUAL.parameters}) == ended


@pytest.mark.parametrize("name", VERSION_BINDINGS)
def test_a_version_that_could_not_run_any_more_keeps_no_part(name: str) -> None:
    release = decide_release(CANARY, VERSION, ALARM, PARAMETERS | {name: "another"})
    assert isinstance(release, ReleaseAtOnce)
    assert f"version 2 could not run any more with the changed {name}" in release.reason


def test_gradual_releases_are_not_turned_off_in_the_middle_of_one() -> None:
    """The template would state no weights any more, and the alias keep the one that it has."""
    during = DeployedStack("imgctl", "UPDATE_COMPLETE", parameters=LATER | GRADUAL.parameters)
    at_once = LATER | {"Rollout": "all-at-once"}
    with pytest.raises(RolloutBlocked, match="takes 10% of the invocations until it is") as refused:
        check_rollout(during, at_once)
    assert 'rollout = "canary10-5m", `imgctl deploy` completes it' in refused.value.hint
    check_rollout(during, LATER | {"Rollout": "canary50-5m"})
    check_rollout(replace(during, parameters=LATER), at_once)


def test_invocations_are_not_divided_with_what_is_no_version() -> None:
    release = decide_release(CANARY, replace(VERSION, number=0), ALARM, PARAMETERS)
    assert release == ReleaseAtOnce("the alias live points at $LATEST")


def test_an_alarm_that_is_on_is_refused_before_cloudformation_rolls_back() -> None:
    with pytest.raises(RolloutBlocked, match="imgctl-RolloutAlarm-1A is on") as refused:
        decide_release(CANARY, VERSION, replace(ALARM, state="ALARM"), PARAMETERS)
    assert "`imgctl deploy --at-once`" in refused.value.hint
    without_data = replace(ALARM, state="INSUFFICIENT_DATA")
    assert decide_release(CANARY, VERSION, without_data, PARAMETERS).__class__ is GradualRelease


@pytest.mark.parametrize(
    ("deployed", "canary", "publishes", "live"),
    [
        (LATER, None, True, ""),
        (LATER, CANARY, False, ""),  # nothing of the function changes
        (LATER | {"LiveVersion": "1"}, CANARY, True, "1"),  # and stays live
        (LATER | GRADUAL.parameters, None, False, ""),  # completed, whatever the alarm says
    ],
)
def test_nothing_is_read_for_a_release_that_is_not_to_be_gradual(
    *, deployed: dict[str, str], canary: Canary | None, publishes: bool, live: str
) -> None:
    stack = DeployedStack("imgctl", "UPDATE_COMPLETE", parameters=deployed)
    release = plan_release(
        cast("Aws", None),
        stack,
        LATER | {"LiveVersion": live},
        canary,
        publishes=publishes,
        list_resources=pytest.fail,
    )
    assert release == RELEASE_AT_ONCE


@pytest.mark.parametrize(("state", "is_blocked"), [("OK", False), ("ALARM", True)])
def test_a_release_is_not_completed_while_its_version_fails(
    aws: Aws, state: Literal["OK", "ALARM"], *, is_blocked: bool
) -> None:
    """Days may have passed since CloudFormation watched it."""
    make_alarm(aws, ALARM.name)
    aws.cloudwatch.set_alarm_state(AlarmName=ALARM.name, StateValue=state, StateReason="x")
    during = DeployedStack("imgctl", "UPDATE_COMPLETE", parameters=LATER | GRADUAL.parameters)
    expected = (
        partial(pytest.raises, RolloutBlocked, match="which takes 10% of the invocations, fails")
        if is_blocked
        else nullcontext
    )
    with expected():
        release = plan_release(
            aws, during, LATER, CANARY, publishes=False, list_resources=lambda: [RESOURCE]
        )
        assert release == RELEASE_AT_ONCE
    with expected():  # nor by a plan that was stored in a file
        release = planned_release(
            aws, during, LATER, publishes=False, list_resources=lambda: [RESOURCE]
        )
        assert release == RELEASE_AT_ONCE


def test_a_release_is_not_completed_without_the_alarm_that_says_whether_its_version_fails(
    aws: Aws,
) -> None:
    """Somebody has deleted it."""
    during = DeployedStack("imgctl", "UPDATE_COMPLETE", parameters=LATER | GRADUAL.parameters)
    with pytest.raises(RolloutBlocked, match="does not exist any more") as refused:
        check_completion(aws, during, [RESOURCE])
    assert "`imgctl deploy --at-once` gives it all of them" in refused.value.hint


def test_the_first_deployment_with_a_rollout_makes_the_alarm_and_says_so(aws: Aws) -> None:
    stack = DeployedStack("imgctl", "UPDATE_COMPLETE", parameters=LATER)
    release = plan_release(aws, stack, LATER, CANARY, publishes=True, list_resources=lambda: ())
    assert isinstance(release, ReleaseAtOnce)
    assert "the alarm that watches a gradual release does not exist yet" in release.reason


def test_a_version_is_not_released_at_once_because_somebody_has_deleted_the_alarm(
    aws: Aws,
) -> None:
    stack = DeployedStack("imgctl", "UPDATE_COMPLETE", parameters=LATER | {"CanaryWeight": ""})
    with pytest.raises(RolloutBlocked, match="deleted outside of imgctl") as refused:
        plan_release(aws, stack, LATER, CANARY, publishes=True, list_resources=lambda: [RESOURCE])
    assert "`imgctl deploy --revert-drift --at-once` makes it again" in refused.value.hint
    later = LATER | GRADUAL.parameters
    with pytest.raises(RolloutBlocked, match="deleted outside of imgctl"):
        planned_release(aws, stack, later, publishes=True, list_resources=lambda: [RESOURCE])


def test_the_alarm_is_the_stacks_own_with_its_present_state(aws: Aws) -> None:
    for name in (ALARM.name, "imgctl-RolloutAlarm-another"):
        make_alarm(aws, name)
    aws.cloudwatch.set_alarm_state(AlarmName=ALARM.name, StateValue="ALARM", StateReason="x")
    assert read_alarm(aws.cloudwatch, [RESOURCE]) == replace(ALARM, state="ALARM")
    assert read_alarm(aws.cloudwatch, [replace(RESOURCE, status="CREATE_FAILED")]) is None
    assert read_alarm(aws.cloudwatch, [replace(RESOURCE, physical_id="gone")]) is None


def test_the_stacks_other_alarms_are_watched_as_well_and_stay() -> None:
    before = RollbackTriggers({THEIRS: "AWS::CloudWatch::CompositeAlarm"}, 2)
    during = GRADUAL.triggers(before)
    assert dict(during.alarms) == {**before.alarms, OURS: "AWS::CloudWatch::Alarm"}
    assert during.minutes == 5
    assert triggers_afterwards("imgctl", during).alarms == before.alarms
    assert triggers_afterwards("imgctl", before) is before


def test_the_stacks_other_alarms_are_watched_for_as_long_as_before_once_a_release_is_complete() -> (
    None
):
    before = RollbackTriggers({THEIRS: "AWS::CloudWatch::CompositeAlarm"}, 2)
    during = GRADUAL.triggers(before)
    assert during.minutes == 5
    assert triggers_restored("imgctl", before, during) == before
    assert triggers_restored("imgctl", during, during) == RollbackTriggers(before.alarms, 5)
    # Somebody has changed what is watched since: that stays.
    changed = RollbackTriggers({}, 3)
    assert triggers_restored("imgctl", before, changed) == changed


def test_a_stack_forgets_the_alarm_and_the_time_after_a_release() -> None:
    during = GRADUAL.triggers(RollbackTriggers())
    assert triggers_afterwards("imgctl", during) == RollbackTriggers()


def alias_of(**given: str) -> Any:
    return decided(parsed(stack_template()), given)["Resources"]["FunctionAlias"]["Properties"]


def test_the_alias_divides_invocations_only_during_a_gradual_release() -> None:
    newest = {"Fn::GetAtt": ["CodeVersion", "Version"]}
    assert "RoutingConfig" not in alias_of()
    # Empty and not absent: what UpdateAlias is not given, it leaves as it is.
    released = alias_of(Rollout="canary10-5m")
    assert released["RoutingConfig"] == {"AdditionalVersionWeights": []}
    assert released["FunctionVersion"] == newest
    during = alias_of(Rollout="canary10-5m", **GRADUAL.parameters)
    assert during["FunctionVersion"] == "2"
    assert during["RoutingConfig"] == {
        "AdditionalVersionWeights": [{"FunctionVersion": newest, "FunctionWeight": "0.1"}]
    }


def test_the_alarm_is_about_the_newest_version_behind_the_alias_and_only_with_a_rollout() -> None:
    template = parsed(stack_template())
    assert "RolloutAlarm" not in decided(template, {})["Resources"]
    alarm: Any = decided(template, {"Rollout": "canary10-5m"})["Resources"]["RolloutAlarm"]
    dimensions = {one["Name"]: one["Value"] for one in alarm["Properties"]["Dimensions"]}
    assert dimensions == {
        "FunctionName": {"Ref": "Function"},
        "Resource": {"Fn::Sub": "${Function}:live"},
        "ExecutedVersion": {"Fn::GetAtt": ["CodeVersion", "Version"]},
    }
    assert alarm["Properties"]["TreatMissingData"] == "notBreaching"


def test_templates_have_the_same_version_unless_the_function_changes() -> None:
    before = with_hashed_ids(stack_template(), parameters())
    other = with_hashed_ids(stack_template(), parameters() | {"ApiAuthorization": "key"})
    assert has_same_version(before, other)
    changed = with_hashed_ids(stack_template(), parameters() | {"Scale": "0.25"})
    assert not has_same_version(before, changed)
