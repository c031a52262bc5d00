"""Following an operation on a stack whose history is long."""

from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, cast

from infra.stack_events import EventStream
from tests.infra.recorded import NOW

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient

    from infra.deploy_event import DeployEvent

OURS = "imgctl-ours"
PAGE = 100
POLLS_BEFORE_IT_BEGINS, POLLS = 4, 8


class History:
    """A stack with 4,000 events of earlier operations, to which each poll adds one."""

    def __init__(self, operation: str) -> None:
        self.calls: Counter[str] = Counter()
        self.events = [self._event(f"old-{n}", "somebody-else") for n in range(4000)]
        self.polls = 0
        self.operation = operation

    def _event(self, event_id: str, token: str, *, begins: bool = False) -> dict[str, Any]:
        return {
            "EventId": event_id,
            "StackId": "arn:stack",
            "PhysicalResourceId": "arn:stack" if begins else "x",
            "LogicalResourceId": "imgctl" if begins else "Table",
            "ResourceStatus": self.operation if begins else "UPDATE_COMPLETE",
            "Timestamp": NOW,
            "ClientRequestToken": token,
        }

    def describe_stacks(self, StackName: str) -> dict[str, Any]:  # noqa: N803
        self.calls["DescribeStacks"] += 1
        self.polls += 1
        if self.polls > POLLS_BEFORE_IT_BEGINS:
            begins = self.polls == POLLS_BEFORE_IT_BEGINS + 1
            self.events.insert(0, self._event(f"new-{self.polls}", OURS, begins=begins))
        status = "UPDATE_COMPLETE" if self.polls >= POLLS else "UPDATE_IN_PROGRESS"
        return {"Stacks": [{"StackName": StackName, "StackStatus": status}]}

    def describe_stack_events(self, StackName: str) -> dict[str, Any]:  # noqa: N803
        return next(self.paginate(StackName))

    def get_paginator(self, _: str) -> "History":
        return self

    def paginate(self, StackName: str) -> Iterator[dict[str, Any]]:  # noqa: N803, ARG002
        for begin in range(0, len(self.events), PAGE):
            self.calls["DescribeStackEvents"] += 1
            yield {"StackEvents": self.events[begin : begin + PAGE]}


def follow(history: History, **options: str) -> list[str]:
    told: list[DeployEvent] = []
    stream = EventStream(cast("CloudFormationClient", history), lambda _: None, 2.0)
    stream.follow("imgctl", OURS, told.append, **options)
    return [event.event_id for event in told]


def test_progress_reads_one_page_per_poll_and_never_what_was_there_before() -> None:
    history = History("UPDATE_IN_PROGRESS")
    stream = EventStream(cast("CloudFormationClient", history), lambda _: None, 2.0)
    newest = stream.newest("imgctl")
    assert follow(history, after=newest) == [f"new-{n}" for n in range(5, 9)]
    assert history.calls == {"DescribeStacks": POLLS, "DescribeStackEvents": 1 + POLLS}


def test_an_operation_that_another_run_began_is_read_from_its_beginning_only() -> None:
    history = History("UPDATE_IN_PROGRESS")
    for _ in range(POLLS_BEFORE_IT_BEGINS + 2):
        history.describe_stacks("imgctl")
    history.calls.clear()
    assert follow(history) == [f"new-{n}" for n in range(5, 9)]
    assert history.calls == {"DescribeStacks": 2, "DescribeStackEvents": 2}


def test_where_the_beginning_is_not_found_the_history_is_read_once() -> None:
    history = History("UPDATE_ROLLBACK_IN_PROGRESS")
    follow(history)
    assert history.calls["DescribeStackEvents"] == 4000 // PAGE + POLLS - 1
