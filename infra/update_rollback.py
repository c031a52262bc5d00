"""Rolling back an update that failed, after its own rollback failed or was turned off."""

from collections.abc import Sequence
from typing import Any

from infra.cloudformation import StackClient, check_unchanged
from infra.deploy_event import DeployEvent
from infra.deployed_stack import DeployedStack
from infra.recovery import check_can_roll_back, failures_of
from infra.responses import parse_event
from infra.stack_events import ROLLED_BACK, OnEvent


def find_failures(client: StackClient, stack: DeployedStack) -> tuple[DeployEvent, ...]:
    """Find what failed in the stack's last rollback, or in its last update without one."""
    # By its id: by now another stack may have its name.
    pages = client.client.get_paginator("describe_stack_events").paginate(StackName=stack.stack_id)
    events = (parse_event(event) for page in pages for event in page["StackEvents"])
    return failures_of(events, stack.name)


def continue_rollback(
    client: StackClient, failed: DeployedStack, skipped: Sequence[str], on_event: OnEvent
) -> DeployedStack:
    """Roll an update back and follow that to its end. Return the stack as it is then.

    CloudFormation leaves the `skipped` resources as they are, and takes them for what they were
    before the update. The stack is read once more just before. Raises RollbackRefused or
    StackChanged if somebody else has begun or finished an operation since it was read, and
    DeployError naming the first resource that could not be rolled back.
    """
    current = client.current(failed.name)
    check_can_roll_back(current)
    check_unchanged(failed, current)
    token, newest = client.new_token(), client.events.newest(failed.stack_id)
    request: Any = {"StackName": failed.stack_id, "ClientRequestToken": token, **client.role}
    if failed.status == "UPDATE_FAILED":
        client.client.rollback_stack(**request)
    else:
        if skipped:
            request["ResourcesToSkip"] = list(skipped)
        client.client.continue_update_rollback(**request)
    return client.events.follow_to_success(
        failed.stack_id,
        token,
        on_event,
        after=newest,
        what="The rollback failed",
        success=ROLLED_BACK,
    )
