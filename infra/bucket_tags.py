"""The tags of one bucket, read and changed without touching what others have put there."""

from typing import Any

from imgctl.aws.errors import none_if_missing
from imgctl.aws.session import Aws
from infra.tags import StackTags, tag_set, users_tags


def read(aws: Aws, bucket: str) -> dict[str, str]:
    """Return a bucket's tags without those that AWS sets itself."""
    return users_tags(_read_all(aws, bucket))


def update(aws: Aws, bucket: str, tags: StackTags) -> None:
    """Give a bucket the tags of its stack; its other tags stay."""
    present = _read_all(aws, bucket)
    wanted = tags.merged_into(present)
    if wanted != present:
        _put(aws, bucket, wanted)


def replace(aws: Aws, bucket: str, tags: dict[str, str]) -> None:
    """Give a bucket these tags and no others, but for those that AWS sets itself."""
    present = _read_all(aws, bucket)
    users = users_tags(present)
    _put(aws, bucket, {**{k: v for k, v in present.items() if k not in users}, **tags})


def _read_all(aws: Aws, bucket: str) -> dict[str, str]:
    response: Any = none_if_missing(
        aws.s3.get_bucket_tagging,
        "NoSuchTagSet",
        Bucket=bucket,
        ExpectedBucketOwner=aws.account_id,
    )
    found = response["TagSet"] if response else []
    return {tag["Key"]: tag["Value"] for tag in found}


def _put(aws: Aws, bucket: str, tags: dict[str, str]) -> None:
    """Set all tags of a bucket, which include those that AWS has set itself.

    S3 refuses a set without them ("System tags cannot be removed by requester"), as of a bucket
    that CloudFormation once made.
    """
    aws.s3.put_bucket_tagging(
        Bucket=bucket, Tagging={"TagSet": tag_set(tags)}, ExpectedBucketOwner=aws.account_id
    )
