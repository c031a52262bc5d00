"""What a deployment would do, and what it does: frozen values, made here and rendered elsewhere."""

from dataclasses import dataclass

# What holds what users put there, and the properties whose change can replace it
# (CloudFormation's resource reference, "Update requires").
_HOLDS_DATA = {
    "AWS::S3::Bucket": {"BucketName"},
    "AWS::DynamoDB::Table": {
        "AttributeDefinitions",
        "ImportSourceSpecification",
        "KeySchema",
        "TableName",
    },
}


@dataclass(frozen=True, slots=True)
class ImportedResource:
    """A resource that exists, to be taken into a stack; `name` is its `identifier`'s value."""

    logical_id: str
    resource_type: str
    identifier: str
    name: str


@dataclass(frozen=True, slots=True)
class PropertyChange:
    """One property, `BucketName`; `before` and `after` are None where nobody tells them."""

    name: str
    before: str | None
    after: str | None


@dataclass(frozen=True, slots=True)
class Change:
    """One resource's change. `action` is Add, Modify, Remove, Import or Dynamic.

    `replacement` is True, False or Conditional, and empty where it does not apply.
    """

    action: str
    logical_id: str
    physical_id: str
    resource_type: str
    replacement: str = ""
    properties: tuple[PropertyChange, ...] = ()

    @property
    def loses_data(self) -> bool:
        """Whether a bucket or the table would, or might, be replaced or leave the stack."""
        replacing = _HOLDS_DATA.get(self.resource_type)
        if replacing is None:
            return False
        if self.replacement == "Conditional":
            return any(change.name.split("/")[0] in replacing for change in self.properties)
        return self.action == "Remove" or self.replacement == "True"


@dataclass(frozen=True, slots=True)
class Plan:
    """A change set that is ready to be executed; empty where nothing would change.

    `live_version` is the function's version that a rollback chose, which it leaves live.
    """

    stack: str
    change_set: str
    creates_stack: bool
    changes: tuple[Change, ...]
    live_version: str = ""

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

    @property
    def is_failure(self) -> bool:
        """Whether the step failed; what was cancelled because of another is no failure."""
        return self.status.endswith("_FAILED") and "cancelled" not in self.reason.lower()

    @property
    def is_done(self) -> bool:
        """Whether the step ended well."""
        return self.status.endswith("_COMPLETE")
