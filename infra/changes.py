"""Changes of resources, as a change set describes them: which are real, and which are risks."""

from collections.abc import Collection
from dataclasses import dataclass, replace
from enum import StrEnum

from infra.tags import TAGGABLE_TYPES

# Resources that hold what users put there, and the properties whose change may replace them
# (CloudFormation's resource reference, "Update requires"). A table's attributes may come and go
# with its indexes; only another type for one of them replaces the table.
_DATA_TYPES = {
    "AWS::S3::Bucket": {"BucketName"},
    "AWS::DynamoDB::Table": {
        "ImportSourceSpecification",
        "KeySchema",
        "TableName",
    },
    # Dead letters: events that failed after all retries, and that have not been redriven.
    "AWS::SQS::Queue": {"QueueName"},
}

# The same, and for an alias, which a rollback changes: other properties never replace these, though
# CloudFormation may report that it cannot tell.
_REPLACING_PROPERTIES = {**_DATA_TYPES, "AWS::Lambda::Alias": {"FunctionName", "Name"}}

# Roles, and resource policies.
_IAM_TYPES = {"AWS::IAM::Role", "AWS::Lambda::Permission", "AWS::S3::BucketPolicy"}

_TAGS = "Tags"  # as a change set calls the tags of a resource


class Risk(StrEnum):
    """What a reader of a plan should not miss about a change."""

    DATA_LOSS = "LOSES DATA"
    IAM = "IAM"
    PUBLIC_ACCESS = "PUBLIC ACCESS"


@dataclass(frozen=True, slots=True)
class ImportedResource:
    """An existing resource to be imported into a stack; `name` is its `identifier`'s value."""

    logical_id: str
    resource_type: str
    identifier: str
    name: str


@dataclass(frozen=True, slots=True)
class PropertyChange:
    """One property, such as `BucketName`; `before` and `after` are None if they are not reported.

    If CloudFormation does not report them, they are those of the template's `parameter` that the
    property depends on. `cause` is set if the property only refers to another resource that
    changes: it is that resource's logical ID, and the value may turn out to be the same.
    """

    name: str
    before: str | None
    after: str | None
    parameter: str = ""
    cause: str = ""

    @property
    def has_values(self) -> bool:
        """Whether the value before or after is known."""
        return self.before is not None or self.after is not None


@dataclass(frozen=True, slots=True)
class Change:
    """One resource's change. `action` is Add, Modify, Remove, Import, Dynamic or SyncWithActual.

    `replacement` is True, False or Conditional, and empty if it does not apply. A resource that is
    removed and kept leaves the stack, but still exists. `opens_access` is whether it gives more
    callers access than before.
    """

    action: str
    logical_id: str
    physical_id: str
    resource_type: str
    replacement: str = ""
    properties: tuple[PropertyChange, ...] = ()
    is_kept: bool = False
    opens_access: bool = False

    @property
    def distinct_properties(self) -> tuple[PropertyChange, ...]:
        """The changes of properties, without one that has no values if another has them.

        CloudFormation lists a property once for each cause of its change.
        """
        with_values = {item.name for item in self.properties if item.has_values}
        distinct = {
            (item.name, item.before, item.after, item.parameter): item
            for item in self.properties
            if item.has_values or item.name not in with_values
        }
        return tuple(distinct.values())

    @property
    def loses_data(self) -> bool:
        """Whether a bucket, the table or the queue would, or might, be replaced or removed."""
        if self.resource_type not in _DATA_TYPES:
            return False
        return self.action == "Remove" or self.replacement == "True" or self.may_be_replaced

    @property
    def may_be_replaced(self) -> bool:
        """Whether the resource would possibly be replaced, depending on a property's new value."""
        if self.replacement != "Conditional":
            return False
        replacing = _REPLACING_PROPERTIES.get(self.resource_type)
        if replacing is None:
            return True
        names = (change.name.split("/") for change in self.properties)
        return any(name[0] in replacing or name[-1] == "AttributeType" for name in names)

    @property
    def is_of_tags(self) -> bool:
        """Whether nothing but the resource's tags changes."""
        names = {item.name for item in self.properties}
        return self.action == "Modify" and names == {_TAGS} and self.replacement != "True"

    @property
    def risks(self) -> tuple[Risk, ...]:
        """What should not be missed: lost data, changed permissions, public access."""
        marked = (
            (Risk.DATA_LOSS, self.loses_data),
            (Risk.IAM, self.resource_type in _IAM_TYPES and not self.is_of_tags),
            (Risk.PUBLIC_ACCESS, self.opens_access),
        )
        return tuple(risk for risk, applies in marked if applies)

    def is_affected_by(self, replaced: Collection[str]) -> bool:
        """Return whether the change is more than a reference to resources that keep their identity.

        `replaced` are the logical IDs of the resources that do not. Nor does a change of the
        stack's tags affect a resource that cannot have any.
        """
        real = [item for item in self.properties if item.name != _TAGS or self._has_tags]
        return (
            self.action != "Modify"
            or self.loses_data
            or not self.properties
            or any(not item.cause or item.cause in replaced for item in real)
        )

    def without_references(self, replaced: Collection[str]) -> "Change":
        """Return the change with its tags alone, if all else refers to what keeps its identity."""
        kept = tuple(p for p in self.properties if not p.cause or p.cause in replaced)
        only_tags = replace(self, properties=kept)
        may_lose = self.loses_data or self.may_be_replaced
        return only_tags if only_tags.is_of_tags and self._has_tags and not may_lose else self

    @property
    def _has_tags(self) -> bool:
        return self.resource_type in TAGGABLE_TYPES


def split_changes(changes: Collection[Change]) -> tuple[tuple[Change, ...], tuple[Change, ...]]:
    """Split changes into those that change something, and those that are only re-evaluated.

    CloudFormation lists every resource that refers to a changed one, as its attributes might
    change. Those that the template refers to (ARNs, names, IDs) only do if it is replaced.
    """
    replaced = _replaced(changes)
    effective = tuple(change for change in changes if change.is_affected_by(replaced))
    return effective, tuple(change for change in changes if change not in effective)


def without_references(changes: Collection[Change]) -> tuple[Change, ...]:
    """Return changes of which those that give a resource new tags say nothing else.

    Such a resource may also refer to a changed one that is not replaced, as in `split_changes`. A
    role would otherwise be marked as if its permissions changed, whenever a tag does.
    """
    replaced = _replaced(changes)
    return tuple(change.without_references(replaced) for change in changes)


def _replaced(changes: Collection[Change]) -> set[str]:
    """Return the logical IDs of the resources that do not, or might not, keep their identity."""
    replaced = {
        change.logical_id
        for change in changes
        if change.action != "Modify" or change.replacement == "True"
    }
    while True:
        # What may be replaced counts if its own property changes, or what it refers to is replaced.
        more = {
            change.logical_id
            for change in changes
            if change.may_be_replaced and change.is_affected_by(replaced)
        }
        if more <= replaced:
            return replaced
        replaced |= more
