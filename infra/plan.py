"""What a deployment would do: frozen values, rendered elsewhere."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from infra.changes import Change, PropertyChange, split_changes
from infra.deployed_stack import DeployedStack
from infra.rollout import RELEASE_AT_ONCE, RELEASE_PARAMETERS, GradualRelease, ReleaseAtOnce
from infra.tags import StackTags

# How long versions were kept before there was a setting for it.
_UNSET_RETENTION_DAYS = 90


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

    @property
    def publishes(self) -> bool:
        """Whether it makes a version of the function."""
        added = ("Add", "AWS::Lambda::Version")
        return any((change.action, change.resource_type) == added for change in self.changes)


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
