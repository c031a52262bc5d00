"""Removing what a stack's deletion keeps: its buckets, its table and its bundles."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from imgctl.aws import dead_letters, records, storage
from imgctl.aws.session import Aws
from imgctl.aws.storage import BucketContent
from infra import ownership
from infra.deployment import StackContext
from infra.names import deployed_names


@dataclass(frozen=True, slots=True)
class RetainedResources:
    """What the stack's deletion leaves: buckets with their content, the table, the bundles.

    DynamoDB counts items about every six hours, so `records` may be behind. `letters` are what
    goes with the stack: events that the function gave up, and nobody sent again.
    """

    buckets: Mapping[str, BucketContent]
    table: str | None
    records: int
    bundles: str | None
    letters: int

    @property
    def data(self) -> tuple[str, ...]:
        """The names of what holds users' data."""
        return (*self.buckets, *([] if self.table is None else [self.table]))

    @property
    def objects(self) -> int:
        """Versions, delete markers and unfinished uploads of the buckets with data."""
        return sum(content.total for content in self.buckets.values())


def find(target: StackContext) -> RetainedResources:
    """Find what the deletion of a stack leaves, or has left.

    Of a deployed stack, that is what its own parameters name; of one that is gone, what carries
    its tag. Raises NameTaken or NotOurStack for what is not the stack's.
    """
    aws, stack = target.aws, target.stack
    parameters = target.engine.parameters(stack)
    names = deployed_names(parameters) if parameters else target.names
    if parameters:
        data = [bucket for bucket in names.buckets if storage.bucket_exists(aws.s3, bucket)]
    else:
        found = ownership.find_kept(aws, names, stack)
        data = [name for name in found.kept if name != names.table]
    items = records.count(aws.dynamodb, names.table)
    owner = ownership.bucket_owner(aws, names.artifacts_bucket)
    return RetainedResources(
        buckets={bucket: storage.count_content(aws.s3, bucket) for bucket in data},
        table=None if items is None else names.table,
        records=items or 0,
        bundles=names.artifacts_bucket if owner == stack else None,
        letters=dead_letters.count(aws.sqs, names.dead_letter_queue) if parameters else 0,
    )


def delete_data(aws: Aws, left: RetainedResources, on_removed: Callable[[int], None]) -> None:
    """Delete the buckets with all that is in them, and the table; safe to repeat."""
    for bucket in left.buckets:
        _delete_bucket(aws, bucket, on_removed)
    if left.table is not None:
        records.delete_all(aws.dynamodb, left.table)


def delete_bundles(aws: Aws, left: RetainedResources) -> None:
    """Delete the bucket with the stack's bundles, which the next deployment makes again."""
    if left.bundles is not None:
        _delete_bucket(aws, left.bundles, lambda _: None)


def _delete_bucket(aws: Aws, bucket: str, on_removed: Callable[[int], None]) -> None:
    for removed in storage.empty_bucket(aws.s3, bucket):
        on_removed(removed)
    aws.s3.delete_bucket(Bucket=bucket, ExpectedBucketOwner=aws.account_id)
