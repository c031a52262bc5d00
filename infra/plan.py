"""What a deployment would do, and what it does: frozen values, made here and rendered elsewhere."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

# What holds what users put there, and the properties whose change can replace it
# (CloudFormation's resource reference, "Update requires"). A table's attributes may come and go
# with its indexes; only another type of one replaces it.
_HOLDS_DATA = {
    "AWS::S3::Bucket": {"BucketName"},
    "AWS::DynamoDB::Table": {
        "ImportSourceSpecification",
        "KeySchema",
        "TableName",
    },
    # Its letters are events that were given up, and that nobody has sent again.
    "AWS::SQS::Queue": {"QueueName"},
}

# Who may do what: roles, and what resources say themselves of who may use them.
_IAM_TYPES = {"AWS::IAM::Role", "AWS::Lambda::Permission", "AWS::S3::BucketPolicy"}

# What opens or closes a resource to the world: any change of these types, or of these properties.
_PUBLIC_ACCESS_PROPERTIES: dict[str, set[str]] = {
    "AWS::ApiGateway::ApiKey": set(),
    "AWS::ApiGateway::Method": {"ApiKeyRequired", "AuthorizationType"},
    "AWS::ApiGateway::UsagePlanKey": set(),
    "AWS::S3::Bucket": {"AccessControl", "OwnershipControls", "PublicAccessBlockConfiguration"},
}


class Risk(StrEnum):
    """What a reader of a plan should not miss about a change."""

    DATA_LOSS = "LOSES DATA"
    IAM = "IAM"
    PUBLIC_ACCESS = "PUBLIC ACCESS"


@dataclass(frozen=True, slots=True)
class ImportedResource:
    """A resource that exists, to be taken into a stack; `name` is its `identifier`'s value."""

    logical_id: str
    resource_type: str
    identifier: str
    name: str


@dataclass(frozen=True, slots=True)
class PropertyChange:
    """One property, `BucketName`; `before` and `after` are None where nobody tells them.

    Where CloudFormation does not tell them, they are those of the template's `parameter` that the
    property follows.
    """

    name: str
    before: str | None
    after: str | None
    parameter: str = ""


@dataclass(frozen=True, slots=True)
class Change:
    """One resource's change. `action` is Add, Modify, Remove, Import or Dynamic.

    `replacement` is True, False or Conditional, and empty where it does not apply. What is removed
    and kept leaves the stack, and exists on.
    """

    action: str
    logical_id: str
    physical_id: str
    resource_type: str
    replacement: str = ""
    properties: tuple[PropertyChange, ...] = ()
    is_kept: bool = False

    @property
    def loses_data(self) -> bool:
        """Whether a bucket, the table or the queue would, or might, be replaced or leave."""
        replacing = _HOLDS_DATA.get(self.resource_type)
        if replacing is None:
            return False
        if self.replacement == "Conditional":
            names = (change.name.split("/") for change in self.properties)
            return any(name[0] in replacing or name[-1] == "AttributeType" for name in names)
        return self.action == "Remove" or self.replacement == "True"

    @property
    def risks(self) -> tuple[Risk, ...]:
        """What should not be missed: lost data, changed rights, a door to the world.

        A bucket that is added, or taken in, is closed by the template, and no door.
        """
        risks = [Risk.DATA_LOSS] if self.loses_data else []
        if self.resource_type in _IAM_TYPES:
            risks.append(Risk.IAM)
        doors = _PUBLIC_ACCESS_PROPERTIES.get(self.resource_type)
        if doors is not None:
            touched = {change.name.split("/")[0] for change in self.properties}
            is_bucket = self.resource_type == "AWS::S3::Bucket"
            if not doors or touched & doors or (self.action != "Modify" and not is_bucket):
                risks.append(Risk.PUBLIC_ACCESS)
        return tuple(risks)


@dataclass(frozen=True, slots=True)
class Plan:
    """A change set that is ready to be executed; empty where nothing would change.

    `live_version` is the function's version that a rollback chose, which it leaves live.
    `left_key` is the customer's key that the stack would use no longer, while what it encrypted
    stays encrypted with it. `parameters` are those of the template that a deployed stack would get
    anew. A plan that is not whole is a step on the way, and leads to another.
    """

    stack: str
    change_set: str
    creates_stack: bool
    changes: tuple[Change, ...]
    live_version: str = ""
    left_key: str = ""
    parameters: tuple[PropertyChange, ...] = ()
    is_whole: bool = True

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to do."""
        return not self.change_set

    @property
    def loses_data(self) -> tuple[Change, ...]:
        """The changes that would lose data."""
        return tuple(change for change in self.changes if change.loses_data)


@dataclass(frozen=True, slots=True)
class DeployEvent:
    """One step of a deployment, as CloudFormation told it."""

    event_id: str
    logical_id: str
    resource_type: str
    status: str
    reason: str
    time: datetime

    @property
    def is_failure(self) -> bool:
        """Whether the step failed; what was cancelled because of another is no failure."""
        return self.status.endswith("_FAILED") and "cancelled" not in self.reason.lower()

    @property
    def is_done(self) -> bool:
        """Whether the step ended well; what is kept, for its deletion policy, is skipped."""
        return self.status.endswith(("_COMPLETE", "_SKIPPED"))
