"""A change set that another run created, and whether it can still be executed."""

from dataclasses import dataclass

from imgctl.core.errors import Hint
from infra.change_sets import PREFIX
from infra.deployed_stack import DeployedStack
from infra.errors import PlanObsolete, StackBusy, StackChanged
from infra.names import OUR_PARAMETERS
from infra.plan import ChangeSet
from infra.recovery import check_updatable

PLAN_AGAIN = Hint("Nothing was changed. Plan again with {}.", "deploy --plan --out FILE")


@dataclass(frozen=True, slots=True)
class StoredChangeSet:
    """A change set as CloudFormation describes it, with the stack that CloudFormation names.

    `status` is how its creation ended and `execution_status` whether it can be, or has been,
    executed, in CloudFormation's words.
    """

    change_set: ChangeSet
    name: str
    stack: str
    stack_id: str
    status: str
    execution_status: str
    reason: str = ""

    @property
    def is_applied(self) -> bool:
        """Whether it has been executed successfully."""
        return self.execution_status == "EXECUTE_COMPLETE"


def check_ours(stored: StoredChangeSet, stack: str) -> None:
    """Raise PlanObsolete unless the change set is one of imgctl's for the stack of this name."""
    is_named = stored.stack == stack and stored.name.startswith(PREFIX)
    if not is_named or not stored.change_set.parameters.keys() >= OUR_PARAMETERS:
        raise PlanObsolete(
            f"The plan's change set is not one that imgctl made for the stack {stack}.",
            hint=PLAN_AGAIN,
        )


def check_executable(stored: StoredChangeSet | None, stack: str) -> StoredChangeSet:
    """Return the change set if it can be executed.

    Raises StackBusy while it is being executed, and PlanObsolete if it cannot be any more.
    """
    if stored is None:
        raise PlanObsolete(
            "The change set of this plan no longer exists: CloudFormation deletes it when another"
            " one of the stack is executed, and with the stack.",
            hint=PLAN_AGAIN,
        )
    match stored.execution_status:
        case "AVAILABLE":
            return stored
        case "EXECUTE_IN_PROGRESS":
            raise StackBusy(
                f"This plan is being applied to the stack {stack} by another run.",
                hint=Hint("Follow it with {}.", "deploy"),
            )
        case "EXECUTE_FAILED":
            reason = "was applied before, and that failed"
        case "OBSOLETE":
            reason = f"is obsolete: the stack {stack} was updated after it was made"
        case _:
            cause = f": {stored.reason}" if stored.reason else ""
            reason = f"cannot be executed ({stored.status}{cause})"
    raise PlanObsolete(f"This plan {reason}.", hint=PLAN_AGAIN)


def check_same_stack(before: DeployedStack, now: DeployedStack, *, made_stack: str = "") -> None:
    """Raise StackBusy or StackChanged unless the stack is as it was when it was planned.

    `made_stack` is the id of the stack that the change set is of: if there was none `before`, the
    change set has made an empty one.
    """
    if now.is_deployed and str(now.status).endswith("_IN_PROGRESS"):
        check_updatable(now)
    if not before.is_deployed:
        if now.is_deployed or now.stack_id != made_stack:
            raise StackChanged(now.name, hint=PLAN_AGAIN)
        return
    then = (before.stack_id, before.status, before.changed, before.parameters)
    if (now.stack_id, now.status, now.changed, now.parameters) != then:
        raise StackChanged(now.name, hint=PLAN_AGAIN)
