"""Who owns a bucket or a table, and what proves it.

Nothing is imported, emptied or deleted on the strength of its name. The `imgctl:stack` tag of the
resource itself proves that it belongs to a stack, in this account and region; failing a tag, the
list of resources of a living stack does.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from imgctl.aws.errors import none_if_missing
from imgctl.aws.session import Aws
from imgctl.core.errors import Hint, ImgctlError
from infra import bucket_tags
from infra.deployed_stack import DeployedStack, StackResource, owned_names
from infra.names import Names
from infra.snapshots import encryption_of
from infra.tags import StackTags

if TYPE_CHECKING:
    from mypy_boto3_apigateway import APIGatewayClient
    from mypy_boto3_dynamodb import DynamoDBClient

OWNER_TAG = "imgctl:stack"

_OTHER_NAMES = "Choose other names in imgctl.toml, or another --stack name."


class NameTaken(ImgctlError):
    """A resource of this name exists and does not belong to the stack."""

    code = "name_taken"


class Ownership(Enum):
    """What is known about the owner of a resource."""

    MISSING = "does not exist"
    STACK = "belongs to a stack of imgctl"
    UNTAGGED = "was not created by imgctl"
    ELSEWHERE = "belongs to another account or region, or access is denied"


@dataclass(frozen=True, slots=True)
class Owner:
    """The owner of a resource; `stack` is the name in its tag, empty without one."""

    ownership: Ownership
    stack: str = ""

    @property
    def exists(self) -> bool:
        """Whether there is a resource of the name, readable or not."""
        return self.ownership is not Ownership.MISSING

    def __str__(self) -> str:
        return f"belongs to the stack {self.stack}" if self.stack else self.ownership.value


MISSING = Owner(Ownership.MISSING)
UNTAGGED = Owner(Ownership.UNTAGGED)
ELSEWHERE = Owner(Ownership.ELSEWHERE)


@dataclass(frozen=True, slots=True)
class ExistingResources:
    """Which of a stack's names are in use: `kept` by an earlier destroy of it, or `untagged`."""

    kept: tuple[str, ...] = ()
    untagged: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """All of them."""
        return (*self.kept, *self.untagged)


def is_proven(owner: Owner, stack: str, *, is_listed: bool) -> bool:
    """Return whether a resource is proven to belong to a stack.

    `is_listed` says that the living stack lists it as its own resource, which counts unless a tag
    names another stack.
    """
    if owner.ownership is Ownership.STACK:
        return owner.stack == stack
    return owner.ownership is Ownership.UNTAGGED and is_listed


def find_existing(aws: Aws, names: Names, stack: str) -> ExistingResources:
    """Find buckets and a table with the stack's names, in this account and region.

    Raises NameTaken for one of another stack, or of another account or region.
    """
    owners: dict[str, Owner] = {}
    for name in names.holds_data:
        owner = owners[name] = owner_of(aws, names, name)
        is_others = owner.ownership is Ownership.STACK and owner.stack != stack
        if is_others or owner.ownership is Ownership.ELSEWHERE:
            raise NameTaken(f"{name} exists and {owner}.", hint=_OTHER_NAMES)
    return ExistingResources(
        tuple(name for name, owner in owners.items() if owner.stack == stack),
        tuple(name for name, owner in owners.items() if owner == UNTAGGED),
    )


def find_kept(aws: Aws, names: Names, stack: str) -> ExistingResources:
    """Find the buckets and the table that an earlier `destroy` of this stack kept.

    Raises NameTaken if one of the names is in use by anything else: what imgctl did not create is
    only imported on request.
    """
    existing = find_existing(aws, names, stack)
    if existing.untagged:
        raise NameTaken(
            f"Already exists and was not created by imgctl: {', '.join(existing.untagged)}.",
            hint=Hint(f"If it is yours, {{}} imports it. {_OTHER_NAMES}", "deploy --adopt"),
        )
    return existing


def customer_keys(aws: Aws, names: Names, existing: Collection[str]) -> set[str]:
    """Return the ARNs of the customer managed keys that encrypt these buckets and this table."""
    used = {
        rule["ServerSideEncryptionByDefault"].get("KMSMasterKeyID")
        for bucket in names.buckets
        if bucket in existing
        for rule in encryption_of(aws.s3, bucket)
    }
    if names.table in existing:
        table = aws.dynamodb.describe_table(TableName=names.table)["Table"]
        used.add(table.get("SSEDescription", {}).get("KMSMasterKeyArn"))
    keys = set()
    for key in filter(None, used):
        if "alias/aws/" in key:  # an AWS managed key, by an alias that AWS reserves
            continue
        described = none_if_missing(aws.kms.describe_key, "NotFoundException", KeyId=key)
        if described is None:  # deleted, and AWS managed keys cannot be
            keys.add(key)
        elif described["KeyMetadata"].get("KeyManager") == "CUSTOMER":
            keys.add(described["KeyMetadata"]["Arn"])
    return keys


def tag(aws: Aws, names: Names, resources: Iterable[str], stack: str) -> None:
    """Tag buckets and the table as a stack's, unless they have the tag of some stack already.

    Only call it for what the living stack lists as its own. Their other tags stay.
    """
    for name in resources:
        if owner_of(aws, names, name) != UNTAGGED:
            continue
        own: Any = {"Key": OWNER_TAG, "Value": stack}
        if name == names.table:
            arn = aws.dynamodb.describe_table(TableName=name)["Table"]["TableArn"]
            aws.dynamodb.tag_resource(ResourceArn=arn, Tags=[own])
            continue
        bucket_tags.update(aws, name, StackTags({OWNER_TAG: stack}))


def listed_names(
    names: Names, deployed: DeployedStack, resources: tuple[StackResource, ...]
) -> frozenset[str]:
    """Return which of the stack's buckets and table its own list proves to be its own."""
    buckets = owned_names(deployed, resources, "AWS::S3::Bucket") & set(names.buckets)
    tables = owned_names(deployed, resources, "AWS::DynamoDB::Table") & {names.table}
    return buckets | tables


def api_logging_role(apigateway: "APIGatewayClient") -> str | None:
    """Return the role that API Gateway logs with in this account and region; None if not set."""
    return apigateway.get_account().get("cloudwatchRoleArn") or None


def owner_of(aws: Aws, names: Names, name: str) -> Owner:
    """Return the owner of one of the stack's buckets, or of its table."""
    return _table_owner(aws.dynamodb, name) if name == names.table else bucket_owner(aws, name)


def bucket_owner(aws: Aws, bucket: str) -> Owner:
    """Return the owner of a bucket, by its tag.

    ELSEWHERE for a bucket of another account, or of another region: bucket names are global, and
    another region may have a stack of the same name.
    """
    try:
        head = aws.s3.head_bucket(Bucket=bucket, ExpectedBucketOwner=aws.account_id)
        if head.get("BucketRegion", aws.region) != aws.region:
            return ELSEWHERE
        tagging = aws.s3.get_bucket_tagging(Bucket=bucket, ExpectedBucketOwner=aws.account_id)
    except ClientError as error:
        match error.response["Error"]["Code"]:
            case "404" | "NoSuchBucket":
                return MISSING
            case "NoSuchTagSet":
                return UNTAGGED
            case "301" | "403" | "AccessDenied":
                return ELSEWHERE
            case _:
                raise
    return _owner_in(tagging["TagSet"])


def _table_owner(dynamodb: "DynamoDBClient", table: str) -> Owner:
    try:
        described = dynamodb.describe_table(TableName=table)["Table"]
        if described["TableStatus"] == "DELETING":
            return MISSING
        pages = dynamodb.get_paginator("list_tags_of_resource").paginate(
            ResourceArn=described["TableArn"]
        )
        return _owner_in([tag for page in pages for tag in page["Tags"]])
    except ClientError as error:
        match error.response["Error"]["Code"]:
            case "ResourceNotFoundException":
                return MISSING
            case "AccessDeniedException":
                return ELSEWHERE
            case _:
                raise


def _owner_in(tags: Iterable[Any]) -> Owner:
    stack = next((tag["Value"] for tag in tags if tag["Key"] == OWNER_TAG), "")
    return Owner(Ownership.STACK, stack) if stack else UNTAGGED
