"""The tags of one bucket, read and changed without touching what others have put there."""

from typing import Any

from imgctl.aws.errors import none_if_missing
from imgctl.aws.session import Aws
from infra.tags import StackTags, tag_set, users_tags


def read(aws: Aws, bucket: str) -> dict[str, str]:
    """Return a bucket's tags without those that AWS sets itself."""
    response: Any = none_if_missing(
        aws.s3.get_bucket_tagging,
        "NoSuchTagSet",
        Bucket=bucket,
        ExpectedBucketOwner=aws.account_id,
    )
    found = response["TagSet"] if response else []
    return users_tags({tag["Key"]: tag["Value"] for tag in found})


def update(aws: Aws, bucket: str, tags: StackTags) -> None:
    """Give a bucket the tags of its stack; its other tags stay."""
    present = read(aws, bucket)
    wanted = tags.merged_into(present)
    if wanted != present:
        replace(aws, bucket, wanted)


def replace(aws: Aws, bucket: str, tags: dict[str, str]) -> None:
    """Give a bucket these tags and no others, but for those that AWS sets itself."""
    aws.s3.put_bucket_tagging(
        Bucket=bucket, Tagging={"TagSet": tag_set(tags)}, ExpectedBucketOwner=aws.account_id
    )
