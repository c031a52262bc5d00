"""The events of an operation on a stack, followed as they come."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from botocore.exceptions import ClientError

from infra.deployed_stack import DeployedStack
from infra.plan import DeployEvent
from infra.responses import parse_event, parse_stack

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient

T = TypeVar("T")
OnEvent = Callable[[DeployEvent], None]

_THROTTLED = {"RequestLimitExceeded", "Throttling", "ThrottlingException", "TooManyRequests"}
_THROTTLED_POLLS = 5
# Just after an operation was requested, the stack may still have its previous status.
_MAX_EARLY_POLLS = 5


@dataclass(frozen=True, slots=True)
class OperationResult:
    """The stack after an operation, and the first failure among the operation's events.

    `rollback_reason` is why CloudFormation rolled the stack back. It says more than the failure
    only if no resource failed: an alarm went off, or somebody cancelled the operation.
    """

    after: DeployedStack
    first_failure: DeployEvent | None
    rollback_reason: str = ""


def describe_stack(client: "CloudFormationClient", stack: str) -> Any:
    """Return a stack as DescribeStacks describes it; None if there is no such stack."""
    try:
        return client.describe_stacks(StackName=stack)["Stacks"][0]
    except ClientError as error:
        if "does not exist" in str(error):
            return None
        raise


@dataclass(frozen=True, slots=True)
class EventStream:
    """The events that CloudFormation reports, polled every `poll_s` seconds."""

    client: "CloudFormationClient"
    sleep: Callable[[float], None]
    poll_s: float

    def follow(self, stack: str, token: str, on_event: OnEvent) -> OperationResult:
        """Report each event of an operation once, until it ends.

        Events are identified by their ids
        and selected by the operation's token: their times are not unique, and another operation's
        events may be among them.
        """
        seen: set[str] = set()
        first_failure = None
        rollback_reason = ""
        early_polls = _MAX_EARLY_POLLS
        while True:
            begun = bool(seen)  # before the status is read, which may still be the previous one
            described = self.retry_throttled(partial(describe_stack, self.client, stack))
            after = parse_stack(stack, described)
            ended = not (after.status or "").endswith("_IN_PROGRESS")
            new = self.retry_throttled(lambda: list(self._unseen(stack, token, seen)))
            for event in reversed(new):
                seen.add(event.event_id)
                on_event(event)
                if event.is_failure and first_failure is None:
                    first_failure = event
                if event.begins_rollback and not rollback_reason:
                    rollback_reason = event.reason
            if ended and (begun or not early_polls):
                return OperationResult(after, first_failure, rollback_reason)
            early_polls -= ended
            self.sleep(self.poll_s)

    def retry_throttled(self, call: Callable[[], T]) -> T:
        """Repeat a call for as long as CloudFormation throttles it.

        That is after botocore's own retries: the operation that is waited for continues anyway.
        """
        while True:
            try:
                return call()
            except ClientError as error:
                if error.response["Error"]["Code"] not in _THROTTLED:
                    raise
            self.sleep(_THROTTLED_POLLS * self.poll_s)

    def validation_failure(self, token: str | None, **operation: Any) -> str:
        """Return what CloudFormation found before it began, which only DescribeEvents reports.

        Empty if it reports nothing: the caller then has a less specific reason.
        """
        pages = self.client.get_paginator("describe_events").paginate(
            **operation, Filters={"FailedEvents": True}
        )
        try:
            events = [event for page in pages for event in page["OperationEvents"]]
        except ClientError:
            return ""
        reasons = (
            f"{event.get('LogicalResourceId', '')} ({event.get('ResourceType', '')}):"
            f" {event['ValidationStatusReason']}"
            for event in events
            if event.get("ValidationStatusReason")
            and token in (None, event.get("ClientRequestToken", token))
        )
        return "; ".join(dict.fromkeys(reasons))

    def _unseen(self, stack: str, token: str, seen: set[str]) -> Iterator[DeployEvent]:
        """Iterate over the operation's events that have not been seen, newest first."""
        pages = self.client.get_paginator("describe_stack_events").paginate(StackName=stack)
        try:
            for event in (event for page in pages for event in page["StackEvents"]):
                if event["EventId"] in seen:
                    return  # the rest are older
                if event.get("ClientRequestToken") == token:
                    yield parse_event(event)
        except ClientError as error:
            if "does not exist" not in str(error):  # a deleted stack's events may be gone
                raise
