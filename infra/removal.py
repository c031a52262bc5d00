"""Removing what a stack's deletion keeps: its buckets, its table and its bundles."""

from collections.abc import Callable
from dataclasses import dataclass

from imgctl.aws import records, storage
from imgctl.aws.session import Aws
from imgctl.aws.storage import BucketContent
from infra.names import Names


@dataclass(frozen=True, slots=True)
class KeptData:
    """What is left of a stack: buckets with their content, and the table with its item count.

    DynamoDB counts items about every six hours, so `records` may be behind.
    """

    buckets: dict[str, BucketContent]
    table: str | None
    records: int

    @property
    def objects(self) -> int:
        """Versions, delete markers and unfinished uploads of all buckets."""
        return sum(content.total for content in self.buckets.values())


def count(aws: Aws, kept: tuple[str, ...], names: Names) -> KeptData:
    """Count what the kept buckets and the kept table hold."""
    buckets = {
        bucket: storage.count_content(aws.s3, bucket)
        for bucket in (names.source_bucket, names.destination_bucket)
        if bucket in kept
    }
    table = names.table if names.table in kept else None
    items = 0
    if table is not None:
        items = aws.dynamodb.describe_table(TableName=table)["Table"]["ItemCount"]
    return KeptData(buckets, table, items)


def delete(aws: Aws, data: KeptData, on_removed: Callable[[int], None]) -> None:
    """Delete the kept buckets with all that is in them, and the table; safe to repeat."""
    for bucket in data.buckets:
        _delete_bucket(aws, bucket, on_removed)
    if data.table is not None:
        records.delete_all(aws.dynamodb, data.table)


def delete_bundles(aws: Aws, names: Names) -> None:
    """Delete the bucket with the stack's bundles, which the next deployment makes again."""
    if storage.bucket_exists(aws.s3, names.artifacts_bucket):
        _delete_bucket(aws, names.artifacts_bucket, lambda _: None)


def _delete_bucket(aws: Aws, bucket: str, on_removed: Callable[[int], None]) -> None:
    for removed in storage.empty_bucket(aws.s3, bucket):
        on_removed(removed)
    aws.s3.delete_bucket(Bucket=bucket)
