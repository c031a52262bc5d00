"""Plan, apply and destroy a stack: CloudFormation through boto3, and nothing kept on this machine.

The stack is the only state. What is under way goes on when this process ends.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from botocore.exceptions import ClientError

from infra.errors import DeployError, NotOurStack, busy, check_state, failed
from infra.plan import DeployEvent, ImportedResource, Plan, PropertyChange
from infra.responses import parameters_of, read_change, read_event

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient

T = TypeVar("T")
OnEvent = Callable[[DeployEvent], None]

_UNMADE = (None, "REVIEW_IN_PROGRESS", "DELETE_COMPLETE")

# The parameters by which a stack of this template, whichever version of it, is known.
_OUR_PARAMETERS = {"SourceBucketName", "DestinationBucketName", "TableName", "CodeBucket"}

# How often an operation may seem to be over before its first event is seen.
_MAX_EARLY_POLLS = 5
_OURS = "imgctl-"  # begins the token of each operation that imgctl asks for
_APPLIED = {"CREATE_COMPLETE", "UPDATE_COMPLETE", "IMPORT_COMPLETE"}
_SEE_EVENTS = "DescribeEvents"
_THROTTLED = {"RequestLimitExceeded", "Throttling", "ThrottlingException", "TooManyRequests"}
_THROTTLED_PAUSES = 5
_NO_CHANGES = ("didn't contain changes", "No updates are to be performed")


@dataclass(frozen=True, slots=True)
class StackRequest:
    """What is wanted: a template under a stack's name, with its parameters.

    With `imports`, the template holds just these resources, and the stack is made of them.
    `express` does not wait for resources to become stable.
    """

    stack: str
    template: str
    parameters: Mapping[str, str]
    imports: Sequence[ImportedResource] = ()
    express: bool = False


@dataclass(frozen=True, slots=True)
class StackClient:
    """CloudFormation, and how to wait for it."""

    client: "CloudFormationClient"
    sleep: Callable[[float], None]
    poll_s: float
    unique: Callable[[], str]  # a token for each change set and each operation

    def status(self, stack: str) -> str | None:
        """Give the stack's status; None where there is no such stack."""
        described = self._describe(stack)
        return None if described is None else str(described["StackStatus"])

    def parameters(self, stack: str) -> dict[str, str]:
        """Give the parameters that the stack was deployed with; none where it is not deployed.

        Raises NotOurStack for a stack that is not of imgctl's template.
        """
        described = self._describe_ours(stack)
        return {} if _is_unmade(described) else parameters_of(described)

    def check_updatable(self, stack: str) -> None:
        """Raise StackBusy, StackNotUpdatable or NotOurStack if the stack cannot be updated."""
        deployed = self._describe_ours(stack)
        check_state(stack, None if deployed is None else deployed["StackStatus"])

    def template(self, stack: str) -> str:
        """Give the template that the stack was deployed with."""
        return str(self.client.get_template(StackName=stack)["TemplateBody"])

    def plan(self, request: StackRequest) -> Plan:
        """Ask CloudFormation what it would do. `discard` takes a plan back.

        Raises StackBusy, StackNotUpdatable, or DeployError for a template that it refuses.
        """
        deployed = self._describe_ours(request.stack)
        status = None if deployed is None else deployed["StackStatus"]
        check_state(request.stack, status)
        creates = status in _UNMADE
        before = parameters_of(deployed)
        live_version = request.parameters.get("LiveVersion", "")
        key = before.get("KmsKeyArn", "")
        left_key = key if key != request.parameters.get("KmsKeyArn", key) else ""
        wanted: dict[str, Any] = {
            "StackName": request.stack,
            "ChangeSetName": f"imgctl-{self.unique()}",
            "ChangeSetType": "CREATE" if creates else "UPDATE",
            "TemplateBody": request.template,
            "Parameters": [
                {"ParameterKey": key, "ParameterValue": value}
                for key, value in request.parameters.items()
            ],
            "Capabilities": ["CAPABILITY_NAMED_IAM"],
        }
        if request.express:  # where rollback is off unless it is asked for
            wanted["DeploymentConfig"] = {"Mode": "EXPRESS", "DisableRollback": False}
        if request.imports:
            wanted["ChangeSetType"] = "IMPORT"
            wanted["ResourcesToImport"] = [
                {
                    "ResourceType": resource.resource_type,
                    "LogicalResourceId": resource.logical_id,
                    "ResourceIdentifier": {resource.identifier: resource.name},
                }
                for resource in request.imports
            ]
        change_set = self.client.create_change_set(**wanted)["Id"]
        try:
            pages = self._describe_when_ready(request.stack, change_set)
        except BaseException:  # an interruption leaves nothing behind either
            self._delete_change_set(request.stack, change_set, creates)
            raise
        described = pages[0]
        if described["Status"] == "FAILED":
            reason = described.get("StatusReason", "")
            if _SEE_EVENTS in reason:
                reason = self._validation_failure(None, ChangeSetName=change_set) or reason
            self._delete_change_set(request.stack, change_set, creates)
            if any(text in reason for text in _NO_CHANGES):
                return Plan(request.stack, "", creates, (), live_version)
            raise DeployError(
                f"CloudFormation refuses the change set: {reason}",
                hint="Nothing was changed. Mend what it names, and deploy again.",
            )
        values = {name: (before.get(name), value) for name, value in request.parameters.items()}
        changes = tuple(read_change(c, values) for page in pages for c in page["Changes"])
        changed = tuple(
            PropertyChange(name, old, new)
            for name, (old, new) in values.items()
            if before and old != new
        )
        return Plan(request.stack, change_set, creates, changes, live_version, left_key, changed)

    @contextmanager
    def planned(self, request: StackRequest) -> Iterator[Plan]:
        """Plan; what is not applied inside is taken back after."""
        plan = self.plan(request)
        try:
            yield plan
        finally:
            self.discard(plan)

    def discard(self, plan: Plan) -> None:
        """Take a plan back, with the empty stack that a first change set makes.

        A plan that was applied is not touched: its change set is the stack's history.
        """
        if plan.is_empty:
            return
        try:
            described = self.client.describe_change_set(**_named(plan.stack, plan.change_set))
        except ClientError as error:
            if error.response["Error"]["Code"] in (
                "ChangeSetNotFound",
                "ChangeSetNotFoundException",
            ):
                return
            raise
        if described["ExecutionStatus"] == "AVAILABLE":
            self._delete_change_set(plan.stack, plan.change_set, plan.creates_stack)

    def apply(self, plan: Plan, on_event: OnEvent) -> None:
        """Execute a plan and follow it to its end.

        Raises DeployError naming the first resource that failed, with its reason; the stack is
        then as it was before.
        """
        token = f"{_OURS}{self.unique()}"
        status = self.status(plan.stack)
        if status is None or (status.endswith("_IN_PROGRESS") and status != "REVIEW_IN_PROGRESS"):
            raise busy(plan.stack, status or "deleted meanwhile")
        named = _named(plan.stack, plan.change_set)
        self.client.execute_change_set(**named, ClientRequestToken=token)
        self._follow_to_success(plan.stack, token, on_event)

    def watch(self, stack: str, on_event: OnEvent) -> bool:
        """Follow what an imgctl that was interrupted had begun, to its end.

        False where nothing is under way. Raises StackBusy where it is another program's, and
        DeployError where it fails.
        """
        status = self.status(stack) or ""
        begun = status.startswith(("CREATE", "UPDATE", "IMPORT")) and "ROLLBACK" not in status
        if not begun or not status.endswith("_IN_PROGRESS"):
            return False
        newest = self.client.describe_stack_events(StackName=stack)["StackEvents"][0]
        token = newest.get("ClientRequestToken", "")
        if not token.startswith(_OURS):
            raise busy(stack, status)
        self._follow_to_success(stack, token, on_event)
        return True

    def _follow_to_success(self, stack: str, token: str, on_event: OnEvent) -> None:
        first_failure = self._follow(stack, token, on_event)
        status = self.status(stack)
        if status in _APPLIED:
            return
        if first_failure is not None and _SEE_EVENTS in first_failure.reason:
            reason = self._validation_failure(token, StackName=stack) or first_failure.reason
            first_failure = replace(first_failure, reason=reason)
        raise failed(f"The deployment failed ({status})", first_failure, status)

    def destroy(self, stack: str, on_event: OnEvent) -> bool:
        """Delete the stack and follow it to its end; False where there is none.

        Resources that hold data are retained by the template. Raises DeployError naming the
        first resource that could not be deleted.
        """
        deployed = self._describe_ours(stack)
        if deployed is None or deployed["StackStatus"] == "DELETE_COMPLETE":
            return False
        status = deployed["StackStatus"]
        if status.endswith("_IN_PROGRESS") and status not in (
            "DELETE_IN_PROGRESS",
            "REVIEW_IN_PROGRESS",
        ):
            raise busy(stack, status)
        stack_id = deployed["StackId"]
        token = f"{_OURS}{self.unique()}"
        self.client.delete_stack(StackName=stack_id, ClientRequestToken=token)
        first_failure = self._follow(stack_id, token, on_event)
        if (status := self.status(stack_id)) not in (None, "DELETE_COMPLETE"):
            raise failed("The stack could not be deleted", first_failure, status)
        return True

    def _describe_when_ready(self, stack: str, change_set: str) -> list[Any]:
        while True:
            pages: list[Any] = []
            request = _named(stack, change_set) | {"IncludePropertyValues": True}
            while True:
                pages.append(
                    self._retry_throttled(partial(self.client.describe_change_set, **request))
                )
                if not pages[-1].get("NextToken"):
                    break
                request["NextToken"] = pages[-1]["NextToken"]
            if pages[0]["Status"] in ("CREATE_COMPLETE", "FAILED"):
                return pages
            self.sleep(self.poll_s)

    def _delete_change_set(self, stack: str, change_set: str, creates: bool) -> None:  # noqa: FBT001
        self.client.delete_change_set(**_named(stack, change_set))
        if creates and self.status(stack) == "REVIEW_IN_PROGRESS":
            others = self.client.list_change_sets(StackName=stack)["Summaries"]
            if all(other.get("ChangeSetId") == change_set for other in others):
                self.client.delete_stack(StackName=stack)

    def _follow(self, stack: str, token: str, on_event: OnEvent) -> DeployEvent | None:
        """Tell each event of an operation once, until it ends; give its first failure.

        Events are told apart by their ids and chosen by the operation's token: their times are
        not unique, and another operation's events may lie between.
        """
        seen: set[str] = set()
        first_failure = None
        patience = _MAX_EARLY_POLLS
        while True:
            begun = bool(seen)  # before the status is asked for, which may still be that of before
            status = self._retry_throttled(partial(self.status, stack))
            ended = not (status or "").endswith("_IN_PROGRESS")
            news = self._retry_throttled(lambda: list(self._events(stack, token, seen)))
            for event in reversed(news):
                seen.add(event.event_id)
                on_event(event)
                if event.is_failure and first_failure is None:
                    first_failure = event
            # Just after an operation was asked for, the status may still be that of the last.
            if ended and (begun or not patience):
                return first_failure
            patience -= ended
            self.sleep(self.poll_s)

    def _retry_throttled(self, ask: Callable[[], T]) -> T:
        """Ask again for as long as CloudFormation says that it is asked too often.

        That is after botocore's own retries, and what is waited for goes on meanwhile.
        """
        while True:
            try:
                return ask()
            except ClientError as error:
                if error.response["Error"]["Code"] not in _THROTTLED:
                    raise
            self.sleep(_THROTTLED_PAUSES * self.poll_s)

    def _describe_ours(self, stack: str) -> Any:
        """Describe a stack of imgctl's template; None for none. Raises NotOurStack."""
        described = self._describe(stack)
        if _is_unmade(described):
            return described
        if not parameters_of(described).keys() >= _OUR_PARAMETERS:
            raise NotOurStack(
                f"There is a stack called {stack}, and imgctl did not make it.",
                hint="Choose another name with --stack.",
            )
        return described

    def _describe(self, stack: str) -> Any:
        try:
            return self.client.describe_stacks(StackName=stack)["Stacks"][0]
        except ClientError as error:
            if "does not exist" in str(error):
                return None
            raise

    def _validation_failure(self, token: str | None, **operation: Any) -> str:
        """Say what CloudFormation found before it began, which it tells nowhere else.

        Empty where it does not tell: the caller then has a reason, though a poorer one.
        """
        pages = self.client.get_paginator("describe_events").paginate(
            **operation, Filters={"FailedEvents": True}
        )
        try:
            events = [event for page in pages for event in page["OperationEvents"]]
        except ClientError:
            return ""
        found = (
            f"{event.get('LogicalResourceId', '')} ({event.get('ResourceType', '')}):"
            f" {event['ValidationStatusReason']}"
            for event in events
            if event.get("ValidationStatusReason")
            and token in (None, event.get("ClientRequestToken", token))
        )
        return "; ".join(dict.fromkeys(found))

    def _events(self, stack: str, token: str, seen: set[str]) -> Iterator[DeployEvent]:
        """List the operation's events that were not seen yet, newest first."""
        pages = self.client.get_paginator("describe_stack_events").paginate(StackName=stack)
        try:
            for event in (event for page in pages for event in page["StackEvents"]):
                if event["EventId"] in seen:
                    return  # all that follow are older
                if event.get("ClientRequestToken") == token:
                    yield read_event(event)
        except ClientError as error:
            if "does not exist" not in str(error):  # a deleted stack's events may be gone
                raise


def _is_unmade(described: Any) -> bool:
    return described is None or described["StackStatus"] in _UNMADE


def _named(stack: str, change_set: str) -> dict[str, Any]:
    """Name a change set by its stack too: rights are given on stacks."""
    return {"StackName": stack, "ChangeSetName": change_set}
