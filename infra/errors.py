"""How builds and deployments fail."""

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


class RollbackRefused(DeployError):
    """There is no rollback to continue, or it cannot be continued in that way."""

    code = "rollback_refused"


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


class PlanObsolete(DeployError):
    """A plan can no longer be executed."""

    code = "plan_obsolete"


class DataLossError(ImgctlError):
    """The plan would replace or delete a resource that holds the user's data."""

    code = "data_loss"


class BundleError(ImgctlError):
    """The bundle cannot be built or would not run."""

    code = "bundle"
