"""What a deployment would do, and what it does: frozen values, rendered elsewhere."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from infra.deployed_stack import DeployedStack
from infra.rollout import RELEASE_AT_ONCE, RELEASE_PARAMETERS, GradualRelease, ReleaseAtOnce
from infra.tags import TAGGABLE_TYPES, StackTags

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

# How long versions were kept before there was a setting for it.
_UNSET_RETENTION_DAYS = 90


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

    @property
    def _has_tags(self) -> bool:
        return self.resource_type in TAGGABLE_TYPES


def split_changes(changes: Collection[Change]) -> tuple[tuple[Change, ...], tuple[Change, ...]]:
    """Split changes into those that change something, and those that are only re-evaluated.

    CloudFormation lists every resource that refers to a changed one, as its attributes might
    change. Those that the template refers to (ARNs, names, IDs) only do if it is replaced.
    """
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
            break
        replaced |= more
    effective = tuple(change for change in changes if change.is_affected_by(replaced))
    return effective, tuple(change for change in changes if change not in effective)


@dataclass(frozen=True, slots=True)
class ChangeSet:
    """A change set of CloudFormation that is ready to be executed; empty if nothing would change.

    `creates_stack` is true for the first change set of a stack, which makes an empty stack.
    `planned_from` is the stack that it changes. `parameters` and `tags` are those that it would
    have then. `allows_data_loss` is whether it was planned with --allow-data-loss.
    """

    stack: str
    id: str
    creates_stack: bool
    planned_from: DeployedStack
    changes: tuple[Change, ...] = ()
    parameters: Mapping[str, str] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    allows_data_loss: bool = False

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to execute."""
        return not self.id

    @property
    def is_import(self) -> bool:
        """Whether it imports existing resources."""
        return any(change.action == "Import" for change in self.changes)


@dataclass(frozen=True, slots=True)
class Plan:
    """A change set, and what a person has to know before it is executed.

    `live_version` is the function's version that a rollback made live, and that stays live.
    `abandoned_key` is a customer managed key that the stack would no longer use, while data is
    still encrypted with it. `parameters` are the changed parameters of a deployed stack, without
    those that say which versions are live. `release` is how a new version comes to its
    invocations: a gradual release's plan is followed by one that gives the version all of them.
    A plan that is not the last step is one of an adoption, or of a change of indexes, and another
    follows. `termination_protection` is whether it is turned on or off; None if it stays as it is.
    `tags` are those of the stack after the plan, and `changed_tags` how they differ from now.
    """

    change_set: ChangeSet
    live_version: str = ""
    abandoned_key: str = ""
    parameters: tuple[PropertyChange, ...] = ()
    is_last_step: bool = True
    termination_protection: bool | None = None
    release: GradualRelease | ReleaseAtOnce = RELEASE_AT_ONCE
    tags: StackTags = field(default_factory=StackTags)
    changed_tags: tuple[PropertyChange, ...] = ()

    @property
    def stack(self) -> str:
        """The stack's name."""
        return self.change_set.stack

    @property
    def changes(self) -> tuple[Change, ...]:
        """The changes of resources, as CloudFormation lists them."""
        return self.change_set.changes

    @property
    def effective_changes(self) -> tuple[Change, ...]:
        """The changes without resources that are only re-evaluated; see `split_changes`."""
        return split_changes(self.changes)[0]

    @property
    def reevaluated(self) -> tuple[Change, ...]:
        """The resources that CloudFormation only re-evaluates."""
        return split_changes(self.changes)[1]

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to do."""
        return self.change_set.is_empty and self.termination_protection is None

    @property
    def gradual(self) -> GradualRelease | None:
        """How the new version is released gradually; None if it is not."""
        return self.release if isinstance(self.release, GradualRelease) else None

    @property
    def loses_data(self) -> tuple[Change, ...]:
        """The changes that would lose data."""
        return tuple(change for change in self.changes if change.loses_data)

    @property
    def shortened_retention_days(self) -> int | None:
        """For how many days versions would be kept, if that is less than now; else None."""
        for changed in self.parameters:
            if changed.name == "KeepVersionsDays" and changed.after is not None:
                before = int(changed.before or _UNSET_RETENTION_DAYS)
                return int(changed.after) if int(changed.after) < before else None
        return None


def assemble_plan(
    deployed: DeployedStack,
    change_set: ChangeSet,
    parameters: Mapping[str, str],
    *,
    keys_in_use: Collection[str] = (),
    is_last_step: bool = True,
    termination_protection: bool | None = None,
    release: GradualRelease | ReleaseAtOnce = RELEASE_AT_ONCE,
) -> Plan:
    """Assemble the plan for a change set that gives a stack these parameters.

    `keys_in_use` are the customer managed keys that encrypt buckets and a table to be imported.
    `termination_protection` is whether the stack is to have it in the end; None if that is left.
    """
    key_before = deployed.parameters.get("KmsKeyArn", "")
    key_after = parameters.get("KmsKeyArn", key_before)
    abandoned = {key_before, *keys_in_use} - {"", key_after}
    changed = tuple(
        PropertyChange(name, deployed.parameters.get(name), value)
        for name, value in parameters.items()
        if deployed.parameters
        and deployed.parameters.get(name) != value
        and name not in RELEASE_PARAMETERS
    )
    before, after = deployed.tags, change_set.tags
    return Plan(
        change_set,
        live_version="" if parameters.get("CanaryWeight") else parameters.get("LiveVersion", ""),
        abandoned_key=min(abandoned, default=""),
        parameters=() if change_set.is_empty else changed,
        is_last_step=is_last_step,
        termination_protection=(
            termination_protection
            if is_last_step and termination_protection != deployed.is_protected
            else None
        ),
        release=release,
        tags=StackTags.after(before, after),
        changed_tags=tuple(
            PropertyChange(key, before.get(key), after.get(key))
            for key in sorted({*before, *after})
            if before.get(key) != after.get(key)
        ),
    )


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
