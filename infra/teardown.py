"""Deleting what remains after a stack's deletion: its buckets, its table and its bundles.

Only what is proven to belong to the stack is counted, emptied or deleted (infra/ownership.py). A
stack's parameters prove nothing: a failed creation may name another stack's buckets.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from imgctl.aws import dead_letters, records, storage
from imgctl.aws.session import Aws
from imgctl.aws.storage import BucketContent
from infra.deployed_stack import DeployedStack
from infra.names import Names, deployed_names
from infra.ownership import (
    Owner,
    Ownership,
    bucket_owner,
    is_proven,
    listed_names,
    owner_of,
    tag,
)
from infra.stack_context import StackContext


@dataclass(frozen=True, slots=True)
class UnprovenResource:
    """A resource with one of the stack's names that nothing proves to be the stack's."""

    name: str
    owner: Owner

    def __str__(self) -> str:
        return f"{self.name} ({self.owner})"


@dataclass(frozen=True, slots=True)
class RetainedResources:
    """What a stack's deletion leaves: buckets with their content, the table, the bundles.

    `owners` is what proved the ownership of each. `unproven` is left alone. DynamoDB updates its
    item count about every six hours, so `records` may be out of date. `dead_letters` are deleted
    with the stack: events that failed after all retries.
    """

    names: Names
    owners: Mapping[str, Owner]
    buckets: Mapping[str, BucketContent]
    table: str | None
    records: int
    bundles: str | None
    dead_letters: int
    unproven: tuple[UnprovenResource, ...] = ()

    @property
    def data(self) -> tuple[str, ...]:
        """The names of the resources that hold the user's data."""
        return (*self.buckets, *([] if self.table is None else [self.table]))

    @property
    def objects(self) -> int:
        """Versions, delete markers and incomplete uploads in the buckets with data."""
        return sum(content.total for content in self.buckets.values())


@dataclass(frozen=True, slots=True)
class DeletedData:
    """What was deleted, and what was not because its ownership is no longer proven."""

    deleted: tuple[str, ...]
    unproven: tuple[UnprovenResource, ...]


def find_retained(context: StackContext, deployed: DeployedStack) -> RetainedResources:
    """Find what the deletion of a stack leaves, or has left.

    The names are those that the stack was deployed with, or those in the settings if it is gone.
    """
    aws, stack = context.aws, context.stack
    names = deployed_names(deployed.parameters) if deployed.is_deployed else context.names
    resources = context.client.list_resources(deployed)
    listed = listed_names(names, deployed, resources)
    owners = {name: owner_of(aws, names, name) for name in dict.fromkeys(names.holds_data)}
    owners[names.artifacts_bucket] = bucket_owner(aws, names.artifacts_bucket)
    proven = {
        name: owner
        for name, owner in owners.items()
        if is_proven(owner, stack, is_listed=name in listed)
    }
    table = names.table if names.table in proven else None
    return RetainedResources(
        names=names,
        owners=proven,
        buckets={
            bucket: storage.count_content(aws.s3, bucket, owner=aws.account_id)
            for bucket in names.buckets
            if bucket in proven
        },
        table=table,
        records=(records.count(aws.dynamodb, table) or 0) if table is not None else 0,
        bundles=_bundles(names, proven),
        dead_letters=sum(
            # A queue's physical id is its URL. CloudFormation deletes what the stack owns.
            dead_letters.count(aws.sqs, resource.physical_id.rpartition("/")[2])
            for resource in resources
            if resource.resource_type == "AWS::SQS::Queue" and resource.is_owned
        ),
        unproven=tuple(
            UnprovenResource(name, owner)
            for name, owner in owners.items()
            if owner.exists and name not in proven
        ),
    )


def claim(context: StackContext, retained: RetainedResources) -> RetainedResources:
    """Tag what only the list of the living stack proves to be its own, as during an adoption.

    Without the tag nothing would prove it once the stack is deleted, and an interrupted deletion
    of the data could not be resumed.
    """
    untagged = [name for name in retained.data if not retained.owners[name].stack]
    tag(context.aws, retained.names, untagged, context.stack)
    claimed = dict.fromkeys(untagged, Owner(Ownership.STACK, context.stack))
    return replace(retained, owners={**retained.owners, **claimed})


def delete_data(
    aws: Aws, retained: RetainedResources, on_removed: Callable[[int], None]
) -> DeletedData:
    """Delete the buckets with all their content, and the table. Safe to repeat.

    The owner of each is read once more just before: minutes may have passed since it was proven.
    """
    deleted: list[str] = []
    unproven: list[UnprovenResource] = []
    for name in retained.data:
        owner = owner_of(aws, retained.names, name)
        if not owner.exists:
            continue
        if owner != retained.owners[name]:
            unproven.append(UnprovenResource(name, owner))
            continue
        if name == retained.table:
            records.delete_all(aws.dynamodb, name)
        else:
            _delete_bucket(aws, name, on_removed)
        deleted.append(name)
    return DeletedData(tuple(deleted), tuple(unproven))


def delete_bundles(aws: Aws, retained: RetainedResources) -> UnprovenResource | None:
    """Delete the bucket with the stack's bundles, which the next deployment creates again.

    Return the bucket if its ownership is no longer proven: it is left alone then.
    """
    bucket = retained.bundles
    if bucket is None:
        return None
    owner = bucket_owner(aws, bucket)
    if owner == retained.owners[bucket]:
        _delete_bucket(aws, bucket, lambda _: None)
    elif owner.exists:
        return UnprovenResource(bucket, owner)
    return None


def _delete_bucket(aws: Aws, bucket: str, on_removed: Callable[[int], None]) -> None:
    for removed in storage.empty_bucket(aws.s3, bucket, owner=aws.account_id):
        on_removed(removed)
    aws.s3.delete_bucket(Bucket=bucket, ExpectedBucketOwner=aws.account_id)


def _bundles(names: Names, proven: Mapping[str, Owner]) -> str | None:
    """Return the artifacts bucket if it is the stack's, and not one of those that hold data."""
    bucket = names.artifacts_bucket
    return bucket if bucket in proven and bucket not in names.holds_data else None
