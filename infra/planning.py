"""Plans of CloudFormation: change sets, created, found again and deleted."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from infra.change_sets import (
    PREFIX,
    ChangeSetRequest,
    create_arguments,
    is_missing,
    names_of,
    tags_after,
)
from infra.cloudformation import StackClient
from infra.deployed_stack import DeployedStack
from infra.errors import DeployError
from infra.plan import ChangeSet
from infra.recovery import check_updatable
from infra.responses import parse_change_set, parse_stored_change_set
from infra.stack_events import SEE_EVENTS
from infra.stored_change_set import StoredChangeSet

_NO_CHANGES = ("didn't contain changes", "No updates are to be performed")


def create_change_set(
    stacks: StackClient, deployed: DeployedStack, request: ChangeSetRequest
) -> ChangeSet:
    """Have CloudFormation plan what it would do. `discard` deletes the change set again.

    Raises StackBusy or StackChanged if another operation has begun or ended since the stack
    was read, StackNotUpdatable, or DeployError for a template that it rejects.
    """
    check_updatable(deployed)
    creates = not deployed.is_deployed
    arguments = create_arguments(deployed, request, f"{PREFIX}{stacks.unique()}") | stacks.role
    with stacks.explaining(deployed):
        response = stacks.client.create_change_set(**arguments)
    change_set = ChangeSet(
        deployed.name,
        response["Id"],
        creates,
        deployed,
        parameters=request.parameters,
        tags=tags_after(deployed, request),
    )
    try:
        with stacks.explaining(deployed):
            pages = _describe_when_ready(stacks, change_set)
    except BaseException:  # an interruption leaves nothing behind either
        _delete_change_set(stacks, change_set)
        raise
    if pages[0]["Status"] == "FAILED":
        reason = pages[0].get("StatusReason", "")
        if SEE_EVENTS in reason:
            specific = stacks.events.validation_failure(None, ChangeSetName=change_set.id)
            reason = specific or reason
        _delete_change_set(stacks, change_set)
        if any(text in reason for text in _NO_CHANGES):
            return ChangeSet(deployed.name, "", creates, deployed, tags=deployed.tags)
        raise DeployError(
            f"CloudFormation rejected the change set: {reason}",
            hint="Nothing was changed. Fix the cause and deploy again.",
        )
    return parse_change_set(change_set, pages)


@contextmanager
def planned_change_set(
    stacks: StackClient, deployed: DeployedStack, request: ChangeSetRequest, *, keep: bool = False
) -> Iterator[ChangeSet]:
    """Create a change set, and discard it in the end unless it was executed inside.

    With `keep`, it is only discarded if something fails, and can be executed later.
    """
    change_set = create_change_set(stacks, deployed, request)
    try:
        yield change_set
    except BaseException:
        discard(stacks, change_set)
        raise
    if not keep:
        discard(stacks, change_set)


def find_change_set(
    stacks: StackClient, deployed: DeployedStack, change_set_id: str
) -> StoredChangeSet | None:
    """Return a change set of the stack as CloudFormation describes it; None if it is gone."""
    change_set = ChangeSet(
        deployed.name,
        change_set_id,
        creates_stack=not deployed.is_deployed,
        planned_from=deployed,
    )
    try:
        pages = _describe_when_ready(stacks, change_set)
    except ClientError as error:
        if _is_gone(error):
            return None
        raise
    return parse_stored_change_set(change_set, pages)


def discard(stacks: StackClient, change_set: ChangeSet) -> None:
    """Delete a change set that was not executed, and the empty stack that it made.

    An executed one is left alone: it is the stack's history. A failure is only reported as a
    warning: it must neither hide why the deployment failed nor turn a success into a failure.
    """
    if change_set.is_empty:
        return
    with _cleaning_up(stacks, change_set):
        described = stacks.client.describe_change_set(**names_of(change_set))
        # Others are obsolete once one has been executed, which deletes them.
        if described["ExecutionStatus"] in ("AVAILABLE", "OBSOLETE"):
            _delete_change_set(stacks, change_set)


def _describe_when_ready(stacks: StackClient, change_set: ChangeSet) -> list[Any]:
    while True:
        pages: list[Any] = []
        request = names_of(change_set) | {"IncludePropertyValues": True}
        while True:
            describe = partial(stacks.client.describe_change_set, **request)
            pages.append(stacks.events.retry_throttled(describe))
            if not pages[-1].get("NextToken"):
                break
            request["NextToken"] = pages[-1]["NextToken"]
        if pages[0]["Status"] not in ("CREATE_PENDING", "CREATE_IN_PROGRESS"):
            return pages
        stacks.sleep(stacks.poll_s)


def _delete_change_set(stacks: StackClient, change_set: ChangeSet) -> None:
    """Delete a change set and the empty stack that it made; a failure is only a warning."""
    with _cleaning_up(stacks, change_set):
        stacks.client.delete_change_set(**names_of(change_set))
        if not change_set.creates_stack:
            return
        current = stacks.current(change_set.stack)
        if current.status == "REVIEW_IN_PROGRESS":
            others = stacks.client.list_change_sets(StackName=change_set.stack)["Summaries"]
            if all(other.get("ChangeSetId") == change_set.id for other in others):
                stacks.client.delete_stack(StackName=current.stack_id, **stacks.role)


@contextmanager
def _cleaning_up(stacks: StackClient, change_set: ChangeSet) -> Iterator[None]:
    """Report errors as a warning; a change set that no longer exists is none."""
    try:
        yield
    except (ClientError, BotoCoreError) as error:
        if isinstance(error, ClientError) and _is_gone(error):
            return
        stacks.warn(
            f"Could not delete the change set of this plan, {change_set.id}: {error}. It"
            " changes nothing, and CloudFormation deletes it when another one is executed."
        )


def _is_gone(error: ClientError) -> bool:
    """Return whether an error says that there is no such change set, or no such stack."""
    return is_missing(error) or "does not exist" in str(error)
