"""One event of an operation on a stack."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class DeployEvent:
    """One event of a stack operation, as CloudFormation reports it."""

    event_id: str
    logical_id: str
    resource_type: str
    status: str
    reason: str
    time: datetime

    def is_of(self, stack: str) -> bool:
        """Return whether the event is about the stack itself, and not a resource in it."""
        return self.logical_id == stack and self.resource_type == "AWS::CloudFormation::Stack"

    @property
    def is_failure(self) -> bool:
        """Whether the step failed; one that was cancelled because of another does not count."""
        return self.status.endswith("_FAILED") and "cancelled" not in self.reason.lower()

    @property
    def begins_rollback(self) -> bool:
        """Whether the stack itself begins to be rolled back."""
        is_stack = self.resource_type == "AWS::CloudFormation::Stack"
        return is_stack and self.status.endswith("ROLLBACK_IN_PROGRESS")

    @property
    def is_done(self) -> bool:
        """Whether the step succeeded; the deletion of a retained resource is skipped."""
        return self.status.endswith(("_COMPLETE", "_SKIPPED"))

    @property
    def cause(self) -> str:
        """The resource, its type and the reason, in one line."""
        return f"{self.logical_id} ({self.resource_type}): {self.reason}"
