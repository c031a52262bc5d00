"""CloudFormation through boto3: read, update and delete a stack; infra/planning.py plans.

The stack is the only state: nothing is kept on this machine. An operation continues when this
process ends.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from infra.change_sets import (
    PREFIX,
    names_of,
    unusable_plan,
)
from infra.deployed_stack import DeployedStack, StackResource, check_deletable
from infra.errors import NotOurStack, StackBusy, StackChanged
from infra.names import OUR_PARAMETERS
from infra.plan import ChangeSet
from infra.recovery import ROLLING_BACK, check_updatable, operation_failed, problem_of
from infra.responses import (
    parse_resource,
    parse_stack,
)
from infra.stack_events import (
    APPLIED,
    ROLLED_BACK,
    EventStream,
    OnEvent,
    describe_stack,
)

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient

_PROTECTED = "TerminationProtection"


@dataclass(frozen=True, slots=True)
class StackClient:
    """CloudFormation, how to wait for it, and a source of unique names.

    `warn` is told what could not be cleaned up. `role_arn` is the role that CloudFormation assumes,
    with which each operation is asked for; without one it assumes the stack's last one.
    """

    client: "CloudFormationClient"
    sleep: Callable[[float], None]
    poll_s: float
    unique: Callable[[], str]
    warn: Callable[[str], None]
    role_arn: str | None = None

    def read(self, stack: str) -> DeployedStack:
        """Read a stack's state, and its template if it is deployed and can be updated.

        Raises NotOurStack for a stack that imgctl did not create.
        """
        described = describe_stack(self.client, stack)
        deployed = parse_stack(stack, described)
        if deployed.status == "REVIEW_IN_PROGRESS":
            self._check_review(stack)
        if not deployed.is_deployed:
            return deployed
        if not deployed.parameters.keys() >= OUR_PARAMETERS:
            raise _not_ours(stack)
        if not deployed.is_updatable:
            return deployed
        body: Any = self.client.get_template(StackName=stack).get("TemplateBody", "")
        return parse_stack(stack, described, str(body))

    def list_resources(self, stack: DeployedStack) -> tuple[StackResource, ...]:
        """List what the stack itself says its resources are; none if it is not deployed."""
        if not stack.is_deployed:
            return ()
        # By its id: by now another stack may have its name.
        pages = self.client.get_paginator("list_stack_resources").paginate(StackName=stack.stack_id)
        try:
            summaries = [s for page in pages for s in page["StackResourceSummaries"]]
        except ClientError as error:
            if "does not exist" in str(error):  # deleted in the meantime
                return ()
            raise
        return tuple(map(parse_resource, summaries))

    def execute(self, change_set: ChangeSet, on_event: OnEvent) -> DeployedStack:
        """Execute a change set and follow it to its end. Return the stack as it is then.

        The stack is read once more just before. Raises StackBusy if another operation has begun
        since it was planned, StackChanged if one has ended, and DeployError naming the first
        resource that failed; the stack has then been rolled back.
        """
        stack, current = change_set.stack, self.current(change_set.stack)
        if not current.exists:
            raise StackChanged(stack)
        _check_not_overtaken(change_set.planned_from, current)
        token, newest = self.new_token(), self.events.newest(stack)
        with self.explaining(change_set.planned_from):
            self.client.execute_change_set(**names_of(change_set), ClientRequestToken=token)
        return self.events.follow_to_success(stack, token, on_event, after=newest)

    def resume(self, pending: DeployedStack, on_event: OnEvent) -> DeployedStack:
        """Follow an operation that another run of imgctl began. Return the stack after it.

        The other run may have been interrupted, or be somebody else's. The operation is a creation,
        an update or an import, or an update's rollback.

        Raises StackBusy if another program began it, and DeployError if it fails.
        """
        rolls_back = pending.status in ROLLING_BACK
        operation = "rollback" if rolls_back else "deployment"
        return self.events.follow_to_success(
            pending.name,
            self._own_event(pending)["ClientRequestToken"],
            on_event,
            what=f"The {operation} that was under way failed",
            success=ROLLED_BACK if rolls_back else APPLIED,
        )

    def cancel(self, pending: DeployedStack, on_event: OnEvent) -> DeployedStack:
        """Cancel an update that imgctl began, and follow its rollback. Return the stack after it.

        Raises StackBusy if another program began it, StackChanged if it has ended meanwhile, and
        DeployError if it cannot be rolled back.
        """
        token, newest = self.new_token(), self._own_event(pending)["EventId"]
        try:
            self.client.cancel_update_stack(StackName=pending.stack_id, ClientRequestToken=token)
        except ClientError as error:
            if self.current(pending.name).status == pending.status:
                raise
            raise StackChanged(pending.name) from error
        outcome = self.events.follow(pending.stack_id, token, on_event, after=newest)
        if outcome.after.status != "UPDATE_ROLLBACK_COMPLETE":
            raise operation_failed("The update was not cancelled", outcome.cause, outcome.after)
        return outcome.after

    def set_termination_protection(
        self, deployed: DeployedStack, *, enabled: bool
    ) -> DeployedStack:
        """Turn a stack's protection from deletion on or off. Return the stack as it is then."""
        self.client.update_termination_protection(
            StackName=deployed.stack_id, EnableTerminationProtection=enabled
        )
        return replace(deployed, is_protected=enabled)

    def delete(self, deployed: DeployedStack, on_event: OnEvent) -> bool:
        """Delete the stack and follow the deletion to its end; False if there is no stack.

        The stack is read once more just before. The template retains resources that hold data.
        Raises StackProtected, StackBusy or StackChanged if somebody else has begun or finished an
        operation since it was read, and DeployError naming the first resource that could not be
        deleted.
        """
        current = self.current(deployed.name)
        status = str(current.status)
        if status.endswith("_IN_PROGRESS") and status not in (
            "DELETE_IN_PROGRESS",
            "REVIEW_IN_PROGRESS",
        ):
            check_updatable(current)
        if not current.exists:
            return False
        if not deployed.exists:
            raise StackChanged(deployed.name)
        if not status.startswith("DELETE_"):
            check_unchanged(deployed, current)
        check_deletable(current)
        # By its id: once it is gone, its name describes nothing, or another stack.
        token, newest = self.new_token(), self.events.newest(current.stack_id)
        try:
            self.client.delete_stack(
                StackName=current.stack_id, ClientRequestToken=token, **self.role
            )
        except ClientError as error:
            if _PROTECTED in str(error):  # since it was read
                check_deletable(replace(current, is_protected=True))
            raise
        outcome = self.events.follow(current.stack_id, token, on_event, after=newest)
        if outcome.after.exists:
            raise operation_failed("The stack could not be deleted", outcome.cause, outcome.after)
        return True

    def new_token(self) -> str:
        """Return a token for an operation, by which its events are known as those of imgctl."""
        return f"{PREFIX}{self.unique()}"

    @property
    def role(self) -> dict[str, Any]:
        """The argument of every request for an operation that may change resources."""
        return {} if self.role_arn is None else {"RoleARN": self.role_arn}

    @property
    def events(self) -> EventStream:
        """The events of this CloudFormation's stacks."""
        return EventStream(self.client, self.sleep, self.poll_s)

    def _own_event(self, pending: DeployedStack) -> Any:
        """Return the newest event of an operation in progress that imgctl began.

        Raises StackBusy if another program began it.
        """
        event = self.client.describe_stack_events(StackName=pending.name)["StackEvents"][0]
        if not event.get("ClientRequestToken", "").startswith(PREFIX):
            problem = problem_of(pending)
            assert problem is not None
            raise StackBusy(
                problem.message,
                hint="Another program began that. Wait until it has ended, then try again.",
            )
        return event

    @contextmanager
    def explaining(self, planned_from: DeployedStack) -> Iterator[None]:
        """Turn a rejection into StackBusy or StackChanged if another operation explains it.

        CloudFormation reports such an operation in several ways. It may be another deployment that
        began between two calls, and that deletes the change sets of all others.
        """
        try:
            yield
        except ClientError as error:
            try:
                current = self.current(planned_from.name)
            except (ClientError, BotoCoreError):
                current = planned_from  # the rejection itself says more
            _check_not_overtaken(planned_from, current)
            if (unusable := unusable_plan(error)) is not None:
                raise unusable from error
            raise

    def current(self, stack: str) -> DeployedStack:
        """Return a stack as it is now, without its template."""
        return parse_stack(stack, describe_stack(self.client, stack))

    def _check_review(self, stack: str) -> None:
        """Raise NotOurStack for an empty stack that another program's change set made."""
        pages = self.client.get_paginator("list_change_sets").paginate(StackName=stack)
        names = [s.get("ChangeSetName", "") for page in pages for s in page["Summaries"]]
        if any(not name.startswith(PREFIX) for name in names):
            raise _not_ours(stack)


def _check_not_overtaken(planned_from: DeployedStack, current: DeployedStack) -> None:
    """Raise StackBusy or StackChanged if another operation has begun or ended since planning."""
    if planned_from.is_deployed and not current.exists:
        raise StackChanged(planned_from.name)
    check_updatable(current)
    check_unchanged(planned_from, current)


def check_unchanged(planned_from: DeployedStack, current: DeployedStack) -> None:
    """Raise StackChanged if the stack is not what it was when the operation was planned."""
    if planned_from.is_deployed:
        before = (planned_from.stack_id, planned_from.changed, planned_from.parameters)
        if (current.stack_id, current.changed, current.parameters) != before:
            raise StackChanged(current.name)
    elif current.status not in (planned_from.status, "REVIEW_IN_PROGRESS"):
        raise StackChanged(current.name)


def _not_ours(stack: str) -> NotOurStack:
    return NotOurStack(
        f"The stack {stack} exists and was not created by imgctl.",
        hint="Choose another name with --stack.",
    )
