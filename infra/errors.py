"""How builds and deployments fail, and what to do then."""

from imgctl.core.errors import Hint, ImgctlError


class DeployError(ImgctlError):
    """CloudFormation refused or could not finish an operation."""

    code = "deploy"


class StackBusy(DeployError):
    """Another operation on the stack is in progress."""

    code = "stack_busy"


class NotOurStack(DeployError):
    """A stack of this name exists and was not created by imgctl."""

    code = "stack_foreign"


class StackNotUpdatable(DeployError):
    """The stack is in a state that CloudFormation cannot update."""

    code = "stack_broken"

    def __init__(self, stack: str, status: str) -> None:
        super().__init__(
            f"The stack {stack} is in {status}, which CloudFormation cannot update.",
            hint=Hint(
                "Run {}, which keeps the buckets and the table, then deploy again.", "destroy"
            ),
        )


class StackProtected(DeployError):
    """Termination protection prevents the stack's deletion."""

    code = "stack_protected"

    def __init__(self, stack: str, status: str, *, is_updatable: bool) -> None:
        super().__init__(
            f"The stack {stack} has termination protection, which `destroy` never turns off."
            " Nothing was deleted.",
            hint=Hint(
                "Set termination_protection = false and run {}, then {} again.", "deploy", "destroy"
            )
            if is_updatable
            else f"CloudFormation cannot update it in {status}. Turn the protection off with"
            " `aws cloudformation update-termination-protection --no-enable-termination-protection"
            f" --stack-name {stack}`.",
        )


class StackChanged(DeployError):
    """Somebody else has changed the stack since it was read."""

    code = "stack_changed"

    def __init__(self, stack: str, *, hint: Hint | None = None) -> None:
        super().__init__(
            f"The stack {stack} has been changed by somebody else in the meantime.",
            hint=hint or "Nothing was changed. Run the command again to see what it would do now.",
        )


class UpdateRolledBack(DeployError):
    """CloudFormation rolled an update back though no resource failed.

    An alarm that it watches went off, as of a gradual release, or somebody cancelled the update.
    """

    code = "rolled_back"

    def __init__(self, what: str, reason: str) -> None:
        super().__init__(
            f"{what}: CloudFormation rolled it back{f': {reason}' if reason else '.'}",
            hint=Hint(
                "The stack is as it was before. If an alarm went off, {} shows why.",
                "logs --errors",
            ),
        )


class DataLossError(ImgctlError):
    """The plan would replace or delete a resource that holds the user's data."""

    code = "data_loss"


def stack_busy(stack: str, status: str) -> StackBusy:
    """Return the error for a stack that another operation is changing."""
    return StackBusy(
        f"The stack {stack} is busy: {status}.",
        hint="Wait until that operation has ended, then try again.",
    )


class BundleError(ImgctlError):
    """The bundle cannot be built or would not run."""

    code = "bundle"


def operation_failed(what: str, cause: str, status: str | None) -> DeployError:
    """Return the error for an operation that failed with the stack in `status`.

    `cause` is the first resource that failed, with its reason; it may be empty.
    """
    match status:
        case "UPDATE_ROLLBACK_COMPLETE":
            hint = Hint(
                "The stack was rolled back to its previous state. Fix the cause and run the"
                " command again. If a resource already exists, {} keeps the data, and the next"
                " deployment imports it.",
                "destroy",
            )
        case "DELETE_FAILED":
            hint = Hint("Part of the stack is left. Fix the cause, then run {} again.", "destroy")
        case _:
            hint = Hint(
                "Run {}, which removes what is left of the stack and keeps your data, then deploy"
                " again.",
                "destroy",
            )
    return DeployError(f"{what}{f': {cause}' if cause else ''}", hint=hint)
