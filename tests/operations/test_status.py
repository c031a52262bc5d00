"""The status of a stack: read at once, and as far as the permissions go."""

import threading
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError

from imgctl.aws.errors import PermissionMissing, StackNotFound, translate
from imgctl.aws.session import Aws, connect
from imgctl.operations.status import (
    Known,
    LiveAlias,
    StackStatus,
    Today,
    Unknown,
    read_status,
)

TIME = datetime(2026, 11, 23, 15, 25, 9, tzinfo=UTC)
TEXT = "2026-11-23T15:25:09.000Z"
OUTPUTS = {
    "FunctionAlias": "arn:aws:lambda:eu-west-2:123456789012:function:f:live",
    "DeadLetterQueue": "https://sqs.eu-west-2.amazonaws.com/123456789012/q",
    "Table": "records",
}


def described(**more: Any) -> dict[str, Any]:
    outputs = [{"OutputKey": k, "OutputValue": v} for k, v in OUTPUTS.items()]
    stack = {"StackName": "photos", "StackStatus": "UPDATE_COMPLETE", "CreationTime": TIME}
    return {"Stacks": [{**stack, "Outputs": outputs, **more}]}


def alarm(name: str, state: str) -> dict[str, Any]:
    return {"AlarmName": name, "StateValue": state, "StateUpdatedTimestamp": TIME}


ANSWERS: dict[str, dict[str, Any]] = {
    "DescribeStacks": described(),
    "DescribeStackResource": {"StackResourceDetail": {"LastUpdatedTimestamp": TIME}},
    "GetAlias": {"FunctionVersion": "7"},
    "GetQueueAttributes": {"Attributes": {"ApproximateNumberOfMessages": "3"}},
    "DescribeAlarms": {
        "MetricAlarms": [
            alarm("photos-ErrorsAlarm-1A", "ALARM"),
            alarm("photos-raw-ErrorsAlarm-1A", "ALARM"),  # of the stack photos-raw
        ]
    },
    "GetMetricData": {
        "MetricDataResults": [
            {"Id": "m0", "Values": [3.0, 4.0]},
            {"Id": "m1", "Values": [1.0]},
            {"Id": "m2", "Values": [-500.0]},
        ]
    },
}


def denied(name: str) -> ClientError:
    return ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, name)


class Answered:
    """An AWS that answers each operation, and notes what it was asked."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "x")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "x")
        self.aws: Aws = connect(region="eu-west-2")
        self.answers: dict[str, Any] = dict(ANSWERS)
        self.requests: list[tuple[str, Any]] = []
        self.on_call: Any = lambda: None
        self.aws.session.events.register("before-call", self._answer)

    def _answer(self, model: Any, params: Any, **_: object) -> Any:
        self.requests.append((model.name, params))
        self.on_call()
        answer = self.answers[model.name]
        if isinstance(answer, Exception):
            raise answer
        return SimpleNamespace(status_code=200), answer

    def read(self, expected: dict[str, str] | None = None) -> StackStatus:
        midnight = TIME.replace(hour=0, minute=0, second=0)
        return read_status(self.aws, "photos", midnight=midnight, now=TIME, expected=expected or {})


@pytest.fixture
def answered(monkeypatch: pytest.MonkeyPatch) -> Answered:
    return Answered(monkeypatch)


def test_everything_is_read(answered: Answered) -> None:
    status = answered.read()
    assert (status.stack.status, status.stack.changed) == ("UPDATE_COMPLETE", TEXT)
    assert (status.live, status.live_since) == (Known(LiveAlias("7")), Known(TEXT))
    assert isinstance(status.alarms, Known)
    assert [one.name for one in status.alarms.value] == ["photos-ErrorsAlarm-1A"]
    assert status.dead_letters == Known(3)
    assert status.today == Known(Today(processed=7, failed=1, saved_bytes=-500))
    assert status.stack.drift == ""


def test_no_call_waits_for_another_where_the_outputs_are_known(answered: Answered) -> None:
    all_are_under_way = threading.Barrier(len(ANSWERS), timeout=30)
    answered.on_call = all_are_under_way.wait
    assert answered.read(OUTPUTS).live == Known(LiveAlias("7"))
    assert len(answered.requests) == len(ANSWERS)


def test_outputs_that_have_changed_since_are_not_relied_on(answered: Answered) -> None:
    answered.read({**OUTPUTS, "FunctionAlias": "arn:of:another:function:old:live"})
    asked = [params["url_path"] for name, params in answered.requests if name == "GetAlias"]
    assert len(asked) == 2
    assert "f/aliases/live" in asked[-1]


def test_a_gradual_release_shows_which_version_takes_which_part(answered: Answered) -> None:
    weights = {"8": 0.1, "9": 0.0}
    answered.answers["GetAlias"] = {
        "FunctionVersion": "7", "RoutingConfig": {"AdditionalVersionWeights": weights}
    }  # fmt: skip
    assert answered.read(OUTPUTS).live == Known(LiveAlias("7", {"8": 0.1}))


@pytest.mark.parametrize("name", sorted(ANSWERS.keys() - {"DescribeStacks"}))
def test_what_is_not_permitted_leaves_out_that_part_only(answered: Answered, name: str) -> None:
    answered.answers[name] = denied(name)
    status = answered.read()
    parts = (
        status.live, status.live_since, status.alarms, status.dead_letters, status.today
    )  # fmt: skip
    (unknown,) = [part for part in parts if isinstance(part, Unknown)]
    assert unknown.is_denied


def test_the_stack_itself_has_to_be_readable(answered: Answered) -> None:
    answered.answers["DescribeStacks"] = denied("DescribeStacks")
    with pytest.raises(ClientError) as raised:
        answered.read()
    assert isinstance(translate(raised.value), PermissionMissing)
    missing: Any = {"Error": {"Code": "ValidationError", "Message": "photos does not exist"}}
    answered.answers["DescribeStacks"] = ClientError(missing, "DescribeStacks")
    with pytest.raises(StackNotFound):
        answered.read()


def test_a_stack_that_is_being_created_has_a_state_and_nothing_else(answered: Answered) -> None:
    answered.answers["DescribeStacks"] = described(
        Outputs=[], StackStatus="CREATE_IN_PROGRESS", StackStatusReason="wait"
    )
    status = answered.read()
    assert (status.stack.status, status.stack.reason) == ("CREATE_IN_PROGRESS", "wait")
    assert status.live == Unknown("The stack has no output FunctionAlias.", is_missing=True)


def test_drift_is_what_was_found_when_somebody_looked(answered: Answered) -> None:
    drift = {"StackDriftStatus": "DRIFTED", "LastCheckTimestamp": TIME}
    answered.answers["DescribeStacks"] = described(DriftInformation=drift)
    stack = answered.read().stack
    assert (stack.drift, stack.drift_checked) == ("DRIFTED", TEXT)


def test_the_first_moment_of_a_day_is_a_span_that_cloudwatch_accepts(answered: Answered) -> None:
    read_status(answered.aws, "photos", midnight=TIME, now=TIME, expected={})
    ((_, request),) = [one for one in answered.requests if one[0] == "GetMetricData"]
    assert str(TIME.timestamp())[:8] in str(request["body"])
    assert str((TIME + timedelta(minutes=1)).timestamp())[:10] in str(request["body"])
