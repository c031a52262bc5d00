"""A stack as CloudFormation described it at one moment."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from infra.errors import StackProtected

NOT_DEPLOYED = (None, "REVIEW_IN_PROGRESS", "DELETE_COMPLETE")
"""States of a stack on which no operation has been executed, or that is gone."""

_CREATION_FAILED = {"CREATE_FAILED", "ROLLBACK_COMPLETE", "ROLLBACK_FAILED"}
_IMPORT_FAILED = {"IMPORT_ROLLBACK_COMPLETE", "IMPORT_ROLLBACK_FAILED"}
# An update that failed and was not rolled back (UPDATE_FAILED) can only be followed by one without
# rollback, which imgctl never asks for.
_NOT_UPDATABLE = {
    "DELETE_FAILED",
    "IMPORT_ROLLBACK_FAILED",
    "UPDATE_FAILED",
    "UPDATE_ROLLBACK_FAILED",
}
_RESUMABLE = ("CREATE", "UPDATE", "IMPORT")
# A resource in another state may be somebody else's: a bucket that could not be created because
# its name was taken is listed as CREATE_FAILED, with that name.
_OWNED_RESOURCE = frozenset({"CREATE_COMPLETE", "IMPORT_COMPLETE", "UPDATE_COMPLETE"})


class AdoptionStep(StrEnum):
    """The last step that an adoption has completed, as the deployed template's Metadata says."""

    IMPORT = "import"
    TABLE = "table"  # the table has been brought closer to the template's capacity and indexes


@dataclass(frozen=True, slots=True)
class StackResource:
    """One resource that a stack lists; the `physical_id` of a bucket or a table is its name."""

    logical_id: str
    resource_type: str
    physical_id: str
    status: str

    @property
    def is_owned(self) -> bool:
        """Whether the stack has created or imported it, and has not given it up since."""
        return self.status in _OWNED_RESOURCE


@dataclass(frozen=True, slots=True)
class RollbackTriggers:
    """The alarms on which CloudFormation rolls an update back: types by ARN.

    It watches them during an update and for `minutes` after it, and remembers them for the next.
    """

    alarms: Mapping[str, str] = field(default_factory=dict)
    minutes: int = 0


@dataclass(frozen=True, slots=True)
class DeployedStack:
    """A stack's state, read once and passed on. `status` is None if there is no such stack.

    `reason` is CloudFormation's for the status, such as the resources that failed; often empty.
    `changed` is the time of the last operation on it, for comparison only. `parameters` and `tags`,
    without those that AWS sets itself, are empty unless an operation has been executed, and
    `template` unless the stack can be updated. `adoption_step` is None unless an adoption has begun
    and is not yet complete. A stack that `is_protected` cannot be deleted until its termination
    protection is turned off. `role_arn` is the service role that CloudFormation remembers.
    """

    name: str
    status: str | None
    stack_id: str = ""
    changed: str = ""
    parameters: Mapping[str, str] = field(default_factory=dict)
    outputs: Mapping[str, str] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    template: str = ""
    adoption_step: AdoptionStep | None = None
    is_protected: bool = False
    role_arn: str = ""
    triggers: RollbackTriggers = field(default_factory=RollbackTriggers)
    reason: str = ""

    @property
    def exists(self) -> bool:
        """Whether CloudFormation has a stack of this name, in whatever state."""
        return self.status not in (None, "DELETE_COMPLETE")

    @property
    def is_deployed(self) -> bool:
        """Whether an operation has been executed on the stack, successfully or not."""
        return self.status not in NOT_DEPLOYED

    @property
    def was_never_created(self) -> bool:
        """Whether the stack is what a failed creation has left.

        imgctl only imports into new stacks. A stack with outputs has been created: somebody tried
        to import something into it by other means.
        """
        failed_import = self.status in _IMPORT_FAILED and not self.outputs
        return failed_import or self.status in _CREATION_FAILED

    @property
    def is_living(self) -> bool:
        """Whether the stack was created and has not begun to be deleted.

        Only a living stack's list of resources proves that they belong to it.
        """
        status = self.status or ""
        return status in ("CREATE_COMPLETE", "IMPORT_COMPLETE") or status.startswith("UPDATE_")

    @property
    def is_updatable(self) -> bool:
        """Whether the stack is deployed and no state or operation prevents an update."""
        status = self.status or ""
        return (
            self.is_deployed
            and not status.endswith("_IN_PROGRESS")
            and status not in _NOT_UPDATABLE
            and not self.was_never_created
        )

    @property
    def is_pending(self) -> bool:
        """Whether a creation, update or import is in progress that could be followed."""
        status = self.status or ""
        return (
            status.endswith("_IN_PROGRESS")
            and status.startswith(_RESUMABLE)
            and "ROLLBACK" not in status
        )

    @property
    def live_version(self) -> str:
        """The function's version that a rollback has made live; empty for the newest."""
        return "" if self.canary_weight else self.parameters.get("LiveVersion", "")

    @property
    def canary_weight(self) -> str:
        """The part of the invocations that the newest version takes, while it does not take all.

        From 0.01 to 0.99, and empty unless a gradual release has begun and is not yet complete.
        """
        return self.parameters.get("CanaryWeight", "")


def owned_names(
    stack: DeployedStack, resources: tuple[StackResource, ...], resource_type: str
) -> frozenset[str]:
    """Return the names of one type that a stack's own list proves to be the stack's.

    Empty unless the stack is living: what a failed stack lists may belong to another one.
    """
    if not stack.is_living:
        return frozenset()
    return frozenset(
        r.physical_id for r in resources if r.is_owned and r.resource_type == resource_type
    )


def check_deletable(stack: DeployedStack) -> None:
    """Raise StackProtected if termination protection prevents the stack's deletion."""
    if stack.is_protected:
        raise StackProtected(stack.name, str(stack.status), is_updatable=stack.is_updatable)
