"""What is there already under the stack's names: kept by an earlier destroy, or not ours."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from imgctl.aws.errors import none_if_missing
from imgctl.aws.session import Aws
from imgctl.aws.storage import bucket_exists
from imgctl.core.errors import ImgctlError
from infra.names import Names
from infra.snapshots import encryption_of

if TYPE_CHECKING:
    from mypy_boto3_apigateway import APIGatewayClient
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_s3 import S3Client

OWNER_TAG = "imgctl:stack"

# Whose a resource is that carries no such tag, or that is not here. No stack is called so.
UNTAGGED = "?"
ELSEWHERE = "another account or region, or is closed to you"

_OTHER_NAMES = "Choose other names in imgctl.toml, or another --stack name."


class NameTaken(ImgctlError):
    """A resource of this name exists and does not belong to the stack."""

    code = "name_taken"


@dataclass(frozen=True, slots=True)
class ExistingResources:
    """What of the stack's names is in use: by what the stack left, and by what nobody marked."""

    kept: tuple[str, ...] = ()
    untagged: tuple[str, ...] = ()


def find(aws: Aws, names: Names, stack: str) -> ExistingResources:
    """Find buckets and table under the stack's names, in this account and region.

    Raises NameTaken for one of another stack, or of another account or region.
    """
    owners = {}
    for name in names.holds_data:
        owner = owners[name] = (
            _table_owner(aws.dynamodb, name) if name == names.table else bucket_owner(aws, name)
        )
        if owner not in (None, UNTAGGED, stack):
            whose = owner if owner == ELSEWHERE else f"the stack {owner}"
            raise NameTaken(f"{name} exists and belongs to {whose}.", hint=_OTHER_NAMES)
    return ExistingResources(
        tuple(name for name, owner in owners.items() if owner == stack),
        tuple(name for name, owner in owners.items() if owner == UNTAGGED),
    )


def find_kept(aws: Aws, names: Names, stack: str) -> ExistingResources:
    """Find the buckets and the table that an earlier `destroy` of this stack kept.

    Raises NameTaken where one of the names is in use by anything else: nothing is taken into
    the stack, unasked, that it did not make.
    """
    found = find(aws, names, stack)
    if found.untagged:
        raise NameTaken(
            f"Existing already, and not made by imgctl: {', '.join(found.untagged)}.",
            hint=f"If it is yours, `imgctl deploy --adopt` takes it into the stack. {_OTHER_NAMES}",
        )
    return found


def customer_keys(aws: Aws, names: Names, there: Collection[str]) -> set[str]:
    """Give the ARNs of the customers' keys that encrypt these buckets and this table."""
    used = {
        rule["ServerSideEncryptionByDefault"].get("KMSMasterKeyID")
        for bucket in names.buckets
        if bucket in there
        for rule in encryption_of(aws.s3, bucket)
    }
    if names.table in there:
        table = aws.dynamodb.describe_table(TableName=names.table)["Table"]
        used.add(table.get("SSEDescription", {}).get("KMSMasterKeyArn"))
    keys = set()
    for key in filter(None, used):
        if "alias/aws/" in key:  # AWS's own, by a name that it keeps for itself
            continue
        told = none_if_missing(aws.kms.describe_key, "NotFoundException", KeyId=key)
        if told is None:  # deleted, but not AWS's own
            keys.add(key)
        elif told["KeyMetadata"].get("KeyManager") == "CUSTOMER":
            keys.add(told["KeyMetadata"]["Arn"])
    return keys


def tag_buckets(s3: "S3Client", names: Names, stack: str) -> None:
    """Tag the buckets as the template does: the embedded AWS's CloudFormation leaves that out.

    Never for AWS, where the template's tags stand, and a bucket's tags are replaced as a whole.
    """
    for bucket in names.buckets:
        if bucket_exists(s3, bucket):
            s3.put_bucket_tagging(
                Bucket=bucket, Tagging={"TagSet": [{"Key": OWNER_TAG, "Value": stack}]}
            )


def api_logging_role(apigateway: "APIGatewayClient") -> str | None:
    """Give the role that API Gateway logs with, in this account and region; None where unset."""
    return apigateway.get_account().get("cloudwatchRoleArn") or None


def bucket_owner(aws: Aws, bucket: str) -> str | None:
    """Give the stack named in a bucket's tag, or UNTAGGED; None where there is no bucket.

    ELSEWHERE for a bucket of another account, or of another region: buckets' names are global, and
    a stack of the same name may live there.
    """
    try:
        head = aws.s3.head_bucket(Bucket=bucket, ExpectedBucketOwner=aws.account_id)
        if head.get("BucketRegion", aws.region) != aws.region:
            return ELSEWHERE
        tagging = aws.s3.get_bucket_tagging(Bucket=bucket, ExpectedBucketOwner=aws.account_id)
    except ClientError as error:
        match error.response["Error"]["Code"]:
            case "404" | "NoSuchBucket":
                return None
            case "NoSuchTagSet":
                return UNTAGGED
            case "301" | "403":
                return ELSEWHERE
            case _:
                raise
    return _owner_among(tagging["TagSet"])


def _table_owner(dynamodb: "DynamoDBClient", table: str) -> str | None:
    try:
        arn = dynamodb.describe_table(TableName=table)["Table"]["TableArn"]
    except dynamodb.exceptions.ResourceNotFoundException:
        return None
    pages = dynamodb.get_paginator("list_tags_of_resource").paginate(ResourceArn=arn)
    return _owner_among(tag for page in pages for tag in page["Tags"])


def _owner_among(tags: Iterable[Any]) -> str:
    return next((tag["Value"] for tag in tags if tag["Key"] == OWNER_TAG), UNTAGGED)
