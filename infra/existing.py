"""What is there already under the stack's names: kept by an earlier destroy, or not ours."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from imgctl.core.errors import ImgctlError
from infra.names import Names

if TYPE_CHECKING:
    from mypy_boto3_apigateway import APIGatewayClient
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_s3 import S3Client

OWNER_TAG = "imgctl:stack"


class NameTaken(ImgctlError):
    """A resource of this name exists and does not belong to the stack."""

    code = "name_taken"


def kept_from_before(
    s3: "S3Client",
    dynamodb: "DynamoDBClient",
    names: Names,
    stack: str,
    *,
    account: str,
    region: str,
) -> tuple[str, ...]:
    """List the buckets and the table that an earlier `destroy` of this stack kept.

    Raises NameTaken where one of the names is in use by anything else: nothing is taken into
    the stack that it did not make, in this region.
    """
    kept = []
    for bucket in names.buckets:
        owner = bucket_owner(s3, bucket, account=account, region=region)
        if owner is not None:
            _refuse_foreign(f"A bucket called {bucket}", owner, stack)
            kept.append(bucket)
    owner = _table_owner(dynamodb, names.table)
    if owner is not None:
        _refuse_foreign(f"A table called {names.table}", owner, stack)
        kept.append(names.table)
    return tuple(kept)


def mark_buckets(s3: "S3Client", names: Names, stack: str) -> None:
    """Tag the buckets as the template does: the embedded AWS's CloudFormation leaves that out.

    Never for AWS, where the template's tags stand, and a bucket's tags are replaced as a whole.
    """
    for bucket in names.buckets:
        s3.put_bucket_tagging(
            Bucket=bucket, Tagging={"TagSet": [{"Key": OWNER_TAG, "Value": stack}]}
        )


def api_logging_role(apigateway: "APIGatewayClient") -> str | None:
    """Give the role that API Gateway logs with, in this account and region; None where unset."""
    return apigateway.get_account().get("cloudwatchRoleArn") or None


def _refuse_foreign(what: str, owner: str, stack: str) -> None:
    if owner != stack:
        whose = f"the stack {owner}" if owner else "something else"
        raise NameTaken(
            f"{what} exists and belongs to {whose}.",
            hint="Choose other bucket names in imgctl.toml, or another --stack name.",
        )


def bucket_owner(s3: "S3Client", bucket: str, *, account: str, region: str) -> str | None:
    """Give the stack named in a bucket's tag; None where there is no bucket.

    Empty for a bucket without the tag, of another account, or of another region: buckets' names
    are global, and a stack of the same name may live there.
    """
    try:
        head = s3.head_bucket(Bucket=bucket, ExpectedBucketOwner=account)
        if head.get("BucketRegion", region) != region:
            return ""
        tags = s3.get_bucket_tagging(Bucket=bucket, ExpectedBucketOwner=account)["TagSet"]
    except ClientError as error:
        match error.response["Error"]["Code"]:
            case "404" | "NoSuchBucket":
                return None
            case "301" | "403" | "NoSuchTagSet":
                return ""
            case _:
                raise
    return _owner_among(tags)


def _table_owner(dynamodb: "DynamoDBClient", table: str) -> str | None:
    try:
        arn = dynamodb.describe_table(TableName=table)["Table"]["TableArn"]
    except dynamodb.exceptions.ResourceNotFoundException:
        return None
    pages = dynamodb.get_paginator("list_tags_of_resource").paginate(ResourceArn=arn)
    return _owner_among(tag for page in pages for tag in page["Tags"])


def _owner_among(tags: Iterable[Any]) -> str:
    return next((tag["Value"] for tag in tags if tag["Key"] == OWNER_TAG), "")
