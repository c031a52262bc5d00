"""What the state of a stack means, whether it can be updated, and which command helps."""

from collections.abc import Iterable
from dataclasses import dataclass

from imgctl.core.errors import Hint
from imgctl.links import documentation
from infra.deploy_event import DeployEvent
from infra.deployed_stack import DeployedStack
from infra.errors import DeployError, RollbackRefused, StackBusy, StackNotUpdatable

GUIDE = "how-to/recovery.md"

ROLLING_BACK = {"UPDATE_ROLLBACK_IN_PROGRESS", "UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS"}
"""States in which an update is being undone, which ends by itself."""

CAN_ROLL_BACK = {"UPDATE_FAILED", "UPDATE_ROLLBACK_FAILED"}
"""States of an update that failed and was not, or not wholly, undone."""

_WAIT = "Wait until that has ended, then try again."
_FOLLOWS = _WAIT + " {} follows it, if imgctl began it."
_UNDER_WAY = {
    "CREATE_IN_PROGRESS": ("is being created", Hint(_FOLLOWS, "deploy")),
    "DELETE_IN_PROGRESS": ("is being deleted", Hint(_FOLLOWS, "destroy")),
    "IMPORT_IN_PROGRESS": ("is importing resources", Hint(_FOLLOWS, "deploy")),
    "IMPORT_ROLLBACK_IN_PROGRESS": ("is undoing an import that failed", Hint(_WAIT)),
    "ROLLBACK_IN_PROGRESS": ("could not be created, and is being removed", Hint(_WAIT)),
    "UPDATE_IN_PROGRESS": ("is being updated", Hint(_FOLLOWS, "deploy")),
    "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS": (
        "was updated, and what was replaced is being deleted",
        Hint(_FOLLOWS, "deploy"),
    ),
    "UPDATE_ROLLBACK_IN_PROGRESS": (
        "could not be updated, and is being rolled back",
        Hint(_FOLLOWS, "deploy --continue-rollback"),
    ),
    "UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS": (
        "was rolled back, and what the failed update had created is being deleted",
        Hint(_FOLLOWS, "deploy --continue-rollback"),
    ),
}


@dataclass(frozen=True, slots=True)
class StackProblem:
    """Why a stack cannot be updated now, and what to do."""

    message: str
    hint: Hint


def problem_of(stack: DeployedStack) -> StackProblem | None:
    """Return why a stack cannot be updated now; None if it can, or if there is none."""
    if stack.is_updatable or not stack.is_deployed:
        return None
    status = str(stack.status)
    if status.endswith("_IN_PROGRESS"):
        what, hint = _UNDER_WAY.get(status, ("is busy", Hint(_WAIT)))
        return StackProblem(f"The stack {stack.name} {what}: {status}.", hint)
    what, hint = _failure(stack, status)
    reason = f" {stack.reason.strip()}" if stack.reason.strip() else ""
    guide = Hint(f"{hint.text} See {documentation(GUIDE)}", *hint.commands)
    return StackProblem(f"{what}: {status}.{reason}", guide)


def nothing_deployed(stack: DeployedStack) -> StackProblem | None:
    """Return what to do about a stack that was made for a plan, and never deployed."""
    if stack.status != "REVIEW_IN_PROGRESS":
        return None
    return StackProblem(
        f"Nothing was deployed: the stack {stack.name} holds only a plan.",
        Hint("Run {}, or {} to remove it.", "deploy", "destroy"),
    )


def check_updatable(stack: DeployedStack) -> None:
    """Raise StackBusy or StackNotUpdatable if the stack cannot be updated now."""
    problem = problem_of(stack)
    if problem is None:
        return
    if str(stack.status).endswith("_IN_PROGRESS"):
        raise StackBusy(problem.message, hint=problem.hint)
    raise StackNotUpdatable(problem.message, hint=problem.hint)


def check_can_roll_back(stack: DeployedStack) -> None:
    """Raise RollbackRefused unless an update of the stack failed and is still to be undone."""
    if stack.status in CAN_ROLL_BACK:
        return
    problem = problem_of(stack)
    raise RollbackRefused(
        f"The stack {stack.name} is in {stack.status}: there is no rollback to continue.",
        hint="Nothing was changed." if problem is None else problem.hint,
    )


def failures_of(events: Iterable[DeployEvent], stack: str) -> tuple[DeployEvent, ...]:
    """Return the failure of each resource that failed in a stack's last rollback, or update.

    `events` are the stack's, newest first. Of each resource, what was reported last is what
    counts: CloudFormation tries some steps several times.
    """
    last: dict[str, DeployEvent] = {}
    for event in events:
        if not event.is_of(stack):
            last.setdefault(event.logical_id, event)
        elif event.status in ("UPDATE_ROLLBACK_IN_PROGRESS", "UPDATE_IN_PROGRESS"):
            break
    return tuple(event for event in reversed(last.values()) if event.is_failure)


def check_skipped(
    stack: DeployedStack, failures: Iterable[DeployEvent], skipped: Iterable[str]
) -> None:
    """Raise RollbackRefused if CloudFormation would not accept the resources to skip.

    It skips only what is in UPDATE_FAILED because a rollback failed (API reference,
    ContinueUpdateRollback). The rollback of an update that was never begun skips nothing.
    """
    skippable = skippable_of(stack, failures)
    others = [name for name in skipped if name not in skippable]
    if not others:
        return
    can = f"Only {', '.join(skippable)} can be." if skippable else "Nothing can be."
    raise RollbackRefused(
        f"The rollback of the stack {stack.name} cannot skip {', '.join(others)}. {can}",
        hint="CloudFormation skips only resources whose own rollback failed.",
    )


def skippable_of(stack: DeployedStack, failures: Iterable[DeployEvent]) -> tuple[str, ...]:
    """Return the logical IDs of the resources that a continued rollback can skip."""
    if stack.status != "UPDATE_ROLLBACK_FAILED":
        return ()
    return tuple(event.logical_id for event in failures if event.status == "UPDATE_FAILED")


def operation_failed(what: str, cause: str, after: DeployedStack) -> DeployError:
    """Return the error for an operation that failed and left the stack in the state `after`.

    `cause` is the first resource that failed, with its reason; it may be empty.
    """
    message = f"{what}{f': {cause}' if cause else ''}"
    problem = problem_of(after)
    if problem is not None:
        return DeployError(message, hint=problem.hint)
    return DeployError(
        message,
        hint=Hint(
            "The stack was rolled back to its previous state. Fix the cause and run the command"
            " again. If a resource already exists, {} keeps the data, and the next deployment"
            " imports it.",
            "destroy",
        ),
    )


def _failure(stack: DeployedStack, status: str) -> tuple[str, Hint]:
    """Return what failed, and what to do about it."""
    name = stack.name
    match status:
        case "UPDATE_ROLLBACK_FAILED":
            return f"An update of the stack {name} failed, and so did its rollback", Hint(
                "Fix the cause, run {}, then deploy again.", "deploy --continue-rollback"
            )
        case "UPDATE_FAILED":
            return f"An update of the stack {name} failed, and was not rolled back", Hint(
                "Run {}, which rolls it back, then deploy again.", "deploy --continue-rollback"
            )
        case "DELETE_FAILED":
            return f"The stack {name} was deleted only in part", Hint(
                "Fix the cause, then run {} again.", "destroy"
            )
        case "IMPORT_ROLLBACK_FAILED" if not stack.was_never_created:
            return f"An import into the stack {name} failed, and so did its rollback", Hint(
                "CloudFormation can only delete it now. Ask AWS Support to bring it back, or run"
                " {}, which keeps the buckets and the table, then deploy again.",
                "destroy",
            )
        case _:
            return f"The stack {name} could not be created", Hint(
                "Run {}, which removes what is left of it and keeps the buckets and the table, then"
                " deploy again.",
                "destroy",
            )
