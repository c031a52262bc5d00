"""Gradual releases: a new version of the function takes a part of the invocations, then all.

A gradual release is two updates of the stack. The first one deploys everything, but the alias
`live` stays at the version before, and the new one has a weight. CloudFormation watches an alarm
on the new version during that update and for some minutes after it, and rolls the whole update
back if the alarm goes off. The second update gives the new version all invocations.

What has been reached is in two parameters of the stack alone: `CanaryWeight` is set between the
two updates, and `LiveVersion` then is the version before. Without a weight, `LiveVersion` is what
a rollback made live.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from imgctl.core.errors import Hint, ImgctlError
from infra.deployed_stack import DeployedStack, RollbackTriggers, StackResource
from infra.function_version import VERSION_BINDINGS, Version, read_live_version
from infra.settings import ROLLOUT

if TYPE_CHECKING:
    from mypy_boto3_cloudwatch import CloudWatchClient

    from imgctl.aws.session import Aws

RELEASE_PARAMETERS = ("LiveVersion", "CanaryWeight")
"""The template's parameters that say which versions are live."""

_ALARM_ID = "RolloutAlarm"
_ALARM_TYPE = "AWS::CloudWatch::Alarm"


class RolloutBlocked(ImgctlError):
    """The alarm that watches a gradual release has gone off, or does not exist."""

    code = "rollout_blocked"


@dataclass(frozen=True, slots=True)
class Canary:
    """The part of the invocations that a new version takes first, and for how long."""

    percent: int
    minutes: int

    @property
    def weight(self) -> str:
        """The part as the alias has it: from 0.01 to 0.99."""
        return f"{self.percent / 100:g}"


@dataclass(frozen=True, slots=True)
class RolloutAlarm:
    """The alarm on the errors of the version that is released; `state` as CloudWatch has it."""

    name: str
    arn: str
    state: str


@dataclass(frozen=True, slots=True)
class GradualRelease:
    """The first of the two updates: `live` is the version that keeps the other invocations."""

    canary: Canary
    live: int
    alarm: RolloutAlarm

    @property
    def parameters(self) -> dict[str, str]:
        """The parameters of the stack while the new version takes its part."""
        return {"LiveVersion": str(self.live), "CanaryWeight": self.canary.weight}

    def triggers(self, present: RollbackTriggers) -> RollbackTriggers:
        """Return what CloudFormation is to watch, in addition to what it watches anyway."""
        alarms = {**present.alarms, self.alarm.arn: _ALARM_TYPE}
        return RollbackTriggers(alarms, max(present.minutes, self.canary.minutes))


@dataclass(frozen=True, slots=True)
class ReleaseAtOnce:
    """A release without a first part; `reason` says why, where a gradual one was asked for."""

    reason: str = ""


RELEASE_AT_ONCE = ReleaseAtOnce()


def parse_rollout(text: str) -> Canary | None:
    """Return what a rollout begins with; None if it is all at once."""
    match = ROLLOUT.fullmatch(text)
    if match is None or match[1] is None:
        return None
    return Canary(int(match[1]), int(match[2]))


def percent_text(weight: str | float) -> str:
    """Return a part of the invocations as a person reads it: `10%`."""
    return f"{float(weight):.0%}"


def all_at_once(parameters: Mapping[str, str]) -> dict[str, str]:
    """Return a stack's parameters with all invocations given to the newest version."""
    return {**parameters, **dict.fromkeys(RELEASE_PARAMETERS, "")}


def triggers_afterwards(stack: str, present: RollbackTriggers) -> RollbackTriggers:
    """Return what CloudFormation is to watch in any other update: a stack remembers its alarms."""
    ours = f":alarm:{stack}-{_ALARM_ID}-"
    others = {arn: type_ for arn, type_ in present.alarms.items() if ours not in arn}
    if len(others) == len(present.alarms):
        return present
    return RollbackTriggers(others, present.minutes if others else 0)


def triggers_restored(
    stack: str, before: RollbackTriggers, present: RollbackTriggers
) -> RollbackTriggers:
    """Return what CloudFormation is to watch after a release that began with the triggers `before`.

    That is what it is to watch in any other update, but for as long as before: others' alarms have
    been watched for the release's minutes, which each later update would wait for as well.
    """
    afterwards = triggers_afterwards(stack, present)
    restored = triggers_afterwards(stack, before)
    return restored if restored.alarms == afterwards.alarms else afterwards


def plan_release(
    aws: "Aws",
    deployed: DeployedStack,
    parameters: Mapping[str, str],
    canary: Canary | None,
    *,
    publishes: bool,
    list_resources: Callable[[], Collection[StackResource]],
) -> GradualRelease | ReleaseAtOnce:
    """Plan how the newest version comes to its invocations in an update to these parameters.

    `publishes` is whether the update makes a new version. Nothing is read unless the release is to
    be gradual, or completes one that is. Raises RolloutBlocked if the alarm has gone off, or if
    somebody has deleted it.
    """
    moves = publishes or bool(deployed.live_version)
    stays_pinned = bool(parameters.get("LiveVersion"))  # by a rollback
    if canary is not None and deployed.canary_weight and not publishes:
        check_completion(aws, deployed, list_resources())
    if canary is None or not deployed.is_deployed or not moves or stays_pinned:
        return RELEASE_AT_ONCE
    resources = list_resources()
    alarm = read_alarm(aws.cloudwatch, resources)
    if alarm is None and _alarm_names(resources):
        raise _alarm_gone()
    if alarm is None or "CanaryWeight" not in deployed.parameters:
        return ReleaseAtOnce(
            "the alarm that watches a gradual release does not exist yet, and is made now"
        )
    live = read_live_version(aws.lambda_, deployed.parameters["FunctionName"])
    return decide_release(canary, live, alarm, parameters)


def check_completion(
    aws: "Aws", deployed: DeployedStack, resources: Collection[StackResource]
) -> None:
    """Raise RolloutBlocked if the version that takes a part of the invocations fails.

    CloudFormation has watched it for some minutes, and nobody has since: an interrupted release may
    be completed days later. Without the alarm nothing says whether it fails.
    """
    alarm = read_alarm(aws.cloudwatch, resources)
    part = percent_text(deployed.canary_weight)
    if alarm is None:
        raise RolloutBlocked(
            "The alarm on the newest version does not exist any more, so that nothing says whether"
            f" that version, which takes {part} of the invocations, fails.",
            hint=Hint(
                "Nothing was changed. {} takes the invocations from it; {} gives it all of them.",
                "rollback",
                "deploy --at-once",
            ),
        )
    if alarm.state == "ALARM":
        raise RolloutBlocked(
            f"The alarm {alarm.name} is on: the newest version, which takes {part} of the"
            " invocations, fails.",
            hint=Hint(
                "Nothing was changed. {} takes the invocations from it, and {} shows why it fails.",
                "rollback",
                "logs --errors",
            ),
        )


def check_rollout(deployed: DeployedStack, parameters: Mapping[str, str]) -> None:
    """Raise RolloutBlocked if an update turns gradual releases off in the middle of one.

    The template then states no weights, and what UpdateAlias is not given, it leaves as it is: the
    alias might keep a weight that nothing knows of any longer.
    """
    if deployed.canary_weight and parse_rollout(parameters.get("Rollout", "")) is None:
        part = percent_text(deployed.canary_weight)
        raise RolloutBlocked(
            f"A gradual release is not complete: the newest version takes {part} of the invocations"
            " until it is. Only then can rollout be turned off.",
            hint=Hint(
                f'Nothing was changed. With rollout = "{deployed.parameters.get("Rollout", "")}",'
                " {} completes it; {} ends it. Then change the setting.",
                "deploy",
                "rollback",
            ),
        )


def planned_release(
    aws: "Aws",
    deployed: DeployedStack,
    parameters: Mapping[str, str],
    *,
    publishes: bool,
    list_resources: Callable[[], Collection[StackResource]],
) -> GradualRelease | ReleaseAtOnce:
    """Return the release that an earlier plan of an update to these parameters begins.

    `publishes` is whether the update makes a new version. Raises RolloutBlocked if the alarm has
    gone off since, also for a plan that completes a release, or if it does not exist any more.
    """
    canary = parse_rollout(parameters.get("Rollout", ""))
    if canary is None:
        return RELEASE_AT_ONCE
    if not parameters.get("CanaryWeight"):
        if deployed.canary_weight and not publishes:
            check_completion(aws, deployed, list_resources())
        return RELEASE_AT_ONCE
    alarm = read_alarm(aws.cloudwatch, list_resources())
    if alarm is None:
        raise _alarm_gone()
    _check_quiet(alarm)
    return GradualRelease(canary, int(parameters["LiveVersion"]), alarm)


def decide_release(
    canary: Canary, live: Version, alarm: RolloutAlarm, parameters: Mapping[str, str]
) -> GradualRelease | ReleaseAtOnce:
    """Decide whether a release can be gradual, from the live version as it is.

    Lambda divides invocations only between two published versions with the same role and the same
    dead-letter queue (Lambda Developer Guide, "Create a routing configuration for a Lambda
    alias"), and a version runs only in a stack that has what it is bound to.
    """
    if not live.number:
        return ReleaseAtOnce("the alias live points at $LATEST")
    changed = [
        name
        for name, read in VERSION_BINDINGS.items()
        if read(live) not in (None, parameters.get(name, ""))
    ]
    if changed:
        return ReleaseAtOnce(
            f"version {live.number} could not run any more with the changed {', '.join(changed)}"
        )
    _check_quiet(alarm)
    return GradualRelease(canary, live.number, alarm)


def _check_quiet(alarm: RolloutAlarm) -> None:
    """Raise RolloutBlocked if the alarm is on: CloudFormation rolls such an update back."""
    if alarm.state == "ALARM":
        raise RolloutBlocked(
            f"The alarm {alarm.name} is on, so that CloudFormation would roll the release back.",
            hint=Hint(
                "Nothing was changed. Wait until the alarm is off; {} releases the new version all"
                " at once.",
                "deploy --at-once",
            ),
        )


def _alarm_gone() -> RolloutBlocked:
    return RolloutBlocked(
        "The alarm that watches a gradual release does not exist any more: it was deleted outside"
        " of imgctl.",
        hint=Hint(
            "Nothing was changed. {} makes it again, and releases the new version all at once.",
            "deploy --revert-drift --at-once",
        ),
    )


def _alarm_names(resources: Collection[StackResource]) -> list[str]:
    return [r.physical_id for r in resources if r.logical_id == _ALARM_ID and r.is_owned]


def read_alarm(
    cloudwatch: "CloudWatchClient", resources: Collection[StackResource]
) -> RolloutAlarm | None:
    """Read the stack's alarm on the version that is released; None if it has none."""
    names = _alarm_names(resources)
    if not names:
        return None
    found = cloudwatch.describe_alarms(AlarmNames=names, AlarmTypes=["MetricAlarm"])["MetricAlarms"]
    return next((RolloutAlarm(a["AlarmName"], a["AlarmArn"], a["StateValue"]) for a in found), None)
