"""The events of an operation on a stack, followed as they come."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from botocore.exceptions import ClientError

from infra.deploy_event import DeployEvent
from infra.deployed_stack import DeployedStack
from infra.errors import UpdateRolledBack
from infra.recovery import operation_failed
from infra.responses import parse_event, parse_stack

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient

T = TypeVar("T")
OnEvent = Callable[[DeployEvent], None]

APPLIED = frozenset({"CREATE_COMPLETE", "UPDATE_COMPLETE", "IMPORT_COMPLETE"})
"""States of a stack after a deployment that succeeded."""

ROLLED_BACK = frozenset({"UPDATE_ROLLBACK_COMPLETE"})
"""The state of a stack after an update was undone."""

SEE_EVENTS = "DescribeEvents"
"""In a reason that refers to what only `validation_failure` reads."""

_THROTTLED = {"RequestLimitExceeded", "Throttling", "ThrottlingException", "TooManyRequests"}
_THROTTLED_POLLS = 5
# Just after an operation was requested, the stack may still have its previous status.
_MAX_EARLY_POLLS = 5
# Of the stack itself. A rollback also ends an update, as a part of it, so it is not among these.
_BEGINNINGS = {
    "CREATE_IN_PROGRESS",
    "DELETE_IN_PROGRESS",
    "IMPORT_IN_PROGRESS",
    "UPDATE_IN_PROGRESS",
}


@dataclass(frozen=True, slots=True)
class OperationResult:
    """The stack after an operation, and the first failure among the operation's events.

    `rollback_reason` is why CloudFormation rolled the stack back. It says more than the failure
    only if no resource failed: an alarm went off, or somebody cancelled the operation.
    """

    after: DeployedStack
    first_failure: DeployEvent | None
    rollback_reason: str = ""

    @property
    def cause(self) -> str:
        """The resource that failed first, with its reason; empty if none did."""
        return "" if self.first_failure is None else self.first_failure.cause


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

    def newest(self, stack: str) -> str:
        """Return the id of a stack's newest event; empty if there is none, or no such stack.

        It is read before an operation is requested, so that following the operation reads no
        older events: a stack's history may be hundreds of pages long.
        """
        try:
            describe = partial(self.client.describe_stack_events, StackName=stack)
            events = self.retry_throttled(describe)["StackEvents"]
        except ClientError as error:
            if "does not exist" in str(error):
                return ""
            raise
        return events[0]["EventId"] if events else ""

    def follow(
        self, stack: str, token: str, on_event: OnEvent, *, after: str = ""
    ) -> OperationResult:
        """Report each event of an operation once, until it ends.

        Events are identified by their ids and selected by the operation's token: their times are
        not unique, and another operation's events may be among them. Only events newer than the
        one with the id `after` are read; without it, the operation's own beginning is looked for
        once.
        """
        read = {after}
        begun = False
        first_failure = None
        rollback_reason = ""
        early_polls = _MAX_EARLY_POLLS
        while True:
            had_begun = begun  # before the status is read, which may still be the previous one
            described = self.retry_throttled(partial(describe_stack, self.client, stack))
            after_it = parse_stack(stack, described)
            ended = not (after_it.status or "").endswith("_IN_PROGRESS")
            for raw in reversed(self.retry_throttled(lambda: self._unread(stack, token, read))):
                read.add(raw["EventId"])
                if raw.get("ClientRequestToken") != token:
                    continue
                begun = True
                event = parse_event(raw)
                on_event(event)
                if event.is_failure and first_failure is None:
                    first_failure = event
                if event.begins_rollback and not rollback_reason:
                    rollback_reason = event.reason
            if ended and (had_begun or not early_polls):
                return OperationResult(after_it, first_failure, rollback_reason)
            early_polls -= ended
            self.sleep(self.poll_s)

    def follow_to_success(
        self,
        stack: str,
        token: str,
        on_event: OnEvent,
        *,
        after: str = "",
        what: str = "The deployment failed",
        success: Collection[str] = APPLIED,
    ) -> DeployedStack:
        """Follow an operation to its end. Return the stack after it.

        Raises DeployError, which says `what` failed and the first resource that did, unless the
        stack is then in one of the states of `success`.
        """
        outcome = self.follow(stack, token, on_event, after=after)
        status, failure = outcome.after.status, outcome.first_failure
        if status in success:
            return outcome.after
        if failure is not None and SEE_EVENTS in failure.reason:
            reason = self.validation_failure(token, StackName=stack) or failure.reason
            failure = replace(failure, reason=reason)
        if failure is None and status == "UPDATE_ROLLBACK_COMPLETE":
            raise UpdateRolledBack(what, outcome.rollback_reason)
        raise operation_failed(
            f"{what} ({status})", failure.cause if failure else "", outcome.after
        )

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

    def _unread(self, stack: str, token: str, read: Collection[str]) -> list[Any]:
        """Return the events that have not been read, newest first, back to the operation's own."""
        pages = self.client.get_paginator("describe_stack_events").paginate(StackName=stack)
        unread: list[Any] = []
        try:
            for event in (event for page in pages for event in page["StackEvents"]):
                if event["EventId"] in read:
                    break  # the rest are older
                unread.append(event)
                if _is_beginning(event, token):
                    break
        except ClientError as error:
            if "does not exist" not in str(error):  # a deleted stack's events may be gone
                raise
        return unread


def _is_beginning(event: Mapping[str, Any], token: str) -> bool:
    """Return whether an event is the first of the operation with this token."""
    return (
        event.get("ClientRequestToken") == token
        and event.get("PhysicalResourceId") == event["StackId"]
        and event.get("ResourceStatus") in _BEGINNINGS
    )
