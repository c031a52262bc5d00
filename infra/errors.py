"""How a deployment fails, and what to do then."""

from imgctl.core.errors import ImgctlError
from infra.plan import DeployEvent

NEVER_CREATED = {
    "CREATE_FAILED",
    "IMPORT_ROLLBACK_COMPLETE",
    "IMPORT_ROLLBACK_FAILED",
    "ROLLBACK_COMPLETE",
    "ROLLBACK_FAILED",
}
"""The states of a stack that was never whole; imgctl imports into new stacks alone."""

_BROKEN = NEVER_CREATED | {"DELETE_FAILED", "UPDATE_ROLLBACK_FAILED"}


class DeployError(ImgctlError):
    """CloudFormation would not do, or did not finish, what was asked."""

    code = "deploy"


class StackBusy(DeployError):
    """Somebody else's operation on the stack is under way."""

    code = "stack_busy"


class NotOurStack(DeployError):
    """The stack of this name was made by something else."""

    code = "stack_foreign"


class StackNotUpdatable(DeployError):
    """The stack is in a state that CloudFormation cannot update."""

    code = "stack_broken"


def check_state(stack: str, status: str | None) -> None:
    """Raise for a stack that cannot be updated now, or not at all."""
    if status is None or status == "REVIEW_IN_PROGRESS":
        return
    if status.endswith("_IN_PROGRESS"):
        raise busy(stack, status)
    if status in _BROKEN:
        raise StackNotUpdatable(
            f"The stack {stack} is in {status}, which CloudFormation cannot update.",
            hint="`imgctl destroy` removes it and keeps the buckets and the table; then deploy.",
        )


def busy(stack: str, status: str) -> StackBusy:
    """Make the error for a stack that somebody else is changing."""
    return StackBusy(
        f"The stack {stack} is busy: {status}.", hint="Wait for that to end, and try again."
    )


def failed(what: str, first: DeployEvent | None, status: str | None) -> DeployError:
    """Make the error for an operation that failed: its first failure, and what to do now."""
    cause = f": {first.logical_id} ({first.resource_type}): {first.reason}" if first else ""
    match status:
        case "UPDATE_ROLLBACK_COMPLETE":
            hint = (
                "The stack is as it was before. Mend the cause, and run the command again. If the"
                " cause is that something exists already, `imgctl destroy` keeps the data, and the"
                " deployment after it takes all of it in."
            )
        case "DELETE_FAILED":
            hint = "Part of the stack is left. Mend the cause, and run `imgctl destroy` again."
        case _:
            hint = "`imgctl destroy` removes what is left of the stack and keeps data; then deploy."
    return DeployError(f"{what}{cause}", hint=hint)
