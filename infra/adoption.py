"""Adopting buckets and a table that imgctl did not create into a stack, with their content.

CloudFormation imports them as they are; the update that follows gives them the template's
properties. What that would overwrite irretrievably is refused here, before anything is changed.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from imgctl.aws.errors import none_if_missing
from imgctl.aws.session import Aws
from imgctl.core.errors import ImgctlError
from imgctl.links import documentation
from infra.names import Names
from infra.ownership import ExistingResources
from infra.snapshots import INDEXES

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_KEY = [{"AttributeName": "resource-id", "KeyType": "HASH"}]


class AdoptionBlocked(ImgctlError):
    """A resource cannot be adopted without overwriting what does not belong to imgctl."""

    code = "not_adoptable"


class ForeignNotifications(ImgctlError):
    """The source bucket notifies others, which an update of the bucket would end."""

    code = "foreign_notifications"


@dataclass(frozen=True, slots=True)
class Adoption:
    """What is adopted, which of its settings the template replaces, and what may be lost."""

    names: tuple[str, ...]
    replaced: tuple[str, ...]
    losses: tuple[str, ...]


def check_adoption(
    aws: Aws, names: Names, existing: ExistingResources, *, keep_versions_days: int
) -> Adoption:
    """Look at what is to be imported into a stack, without changing it.

    `keep_versions_days` is how long the stack's lifecycle rule would keep noncurrent versions.
    Raises AdoptionBlocked naming everything that prevents it, with what to do.
    """
    replaced: list[str] = []
    losses: list[str] = []
    obstacles = [
        f"{bucket} has a bucket policy"
        for bucket in names.buckets
        if bucket in existing.names
        and none_if_missing(aws.s3.get_bucket_policy, "NoSuchBucketPolicy", Bucket=bucket)
    ]
    for bucket in (bucket for bucket in names.buckets if bucket in existing.untagged):
        obstacles += _bucket_conflicts(aws.s3, names, bucket)
        replaced += [f"{setting} of {bucket}" for setting in _replaced_settings(aws.s3, bucket)]
        if aws.s3.get_bucket_versioning(Bucket=bucket).get("Status"):
            losses.append(f"versions in {bucket} that are older than {keep_versions_days} days")
    if names.table in existing.untagged:
        obstacles += _schema_conflicts(aws.dynamodb.describe_table(TableName=names.table))
    if existing.untagged:
        obstacles += _name_conflicts(aws, names)
    if obstacles:
        raise AdoptionBlocked(
            f"Cannot adopt {', '.join(existing.names)}: {'; '.join(obstacles)}.",
            hint="Nothing was changed. Remove or rename these, or choose other names: the stack"
            " would overwrite them, or could not be created."
            f" {documentation('how-to/adopt-existing-resources.md')}",
        )
    return Adoption(existing.untagged, tuple(replaced), tuple(losses))


def check_foreign_notifications(s3: "S3Client", bucket: str, functions: Collection[str]) -> None:
    """Raise if CloudFormation, updating the source bucket, would remove others' notifications."""
    others = foreign_notifications(s3, bucket, functions)
    if others:
        raise ForeignNotifications(
            f"{bucket} also notifies {', '.join(others)}, and updating the bucket would remove"
            " that notification.",
            hint="Nothing was changed. Remove it from the bucket first, and use another mechanism"
            " (such as EventBridge rules on CloudTrail events) for it.",
        )


def foreign_notifications(s3: "S3Client", bucket: str, functions: Collection[str]) -> list[str]:
    """List what a bucket notifies other than our functions, whatever their version or alias."""
    configured: Any = none_if_missing(
        s3.get_bucket_notification_configuration, "NoSuchBucket", Bucket=bucket
    )
    configured = configured or {}
    targets = [
        configuration[key]
        for kind, key in (
            ("TopicConfigurations", "TopicArn"),
            ("QueueConfigurations", "QueueArn"),
            ("LambdaFunctionConfigurations", "LambdaFunctionArn"),
        )
        for configuration in configured.get(kind, [])
    ]
    if configured.get("EventBridgeConfiguration") is not None:
        targets.append("EventBridge")
    own = [f":function:{function}:" for function in functions]
    return [target for target in targets if not any(arn in f"{target}:" for arn in own)]


def _bucket_conflicts(s3: "S3Client", names: Names, bucket: str) -> Iterator[str]:
    if bucket == names.source_bucket:
        for target in foreign_notifications(s3, bucket, {names.function}):
            yield f"{bucket} notifies {target}"
    if bucket == names.access_logs_bucket:
        yield f"{bucket} would be used for access logs, whose lifecycle rule deletes its content"
    acl = s3.get_bucket_acl(Bucket=bucket)
    if any(grant["Grantee"].get("ID") != acl["Owner"]["ID"] for grant in acl["Grants"]):
        yield f"{bucket} grants access by its ACL"


def _replaced_settings(s3: "S3Client", bucket: str) -> Iterator[str]:
    tagging: Any = none_if_missing(s3.get_bucket_tagging, "NoSuchTagSet", Bucket=bucket)
    if tagging:
        yield "the tags " + ", ".join(f"{tag['Key']}={tag['Value']}" for tag in tagging["TagSet"])
    lifecycle: Any = none_if_missing(
        s3.get_bucket_lifecycle_configuration, "NoSuchLifecycleConfiguration", Bucket=bucket
    )
    if lifecycle:
        rules = (rule.get("ID", "(unnamed)") for rule in lifecycle["Rules"])
        yield "the lifecycle rules " + ", ".join(rules)
    if s3.get_bucket_logging(Bucket=bucket).get("LoggingEnabled"):
        yield "the target of its access logs"
    access: Any = none_if_missing(
        s3.get_public_access_block, "NoSuchPublicAccessBlockConfiguration", Bucket=bucket
    )
    blocks = access["PublicAccessBlockConfiguration"].values() if access else []
    if not blocks or not all(blocks):
        yield "the public access settings (all access will be blocked)"


def _schema_conflicts(described: Any) -> Iterator[str]:
    table = described["Table"]
    name = table["TableName"]
    types = {a["AttributeName"]: a["AttributeType"] for a in table["AttributeDefinitions"]}
    if table["KeySchema"] != _KEY or types["resource-id"] != "S":
        yield f"{name} has a key other than the string resource-id"
    declared = {index["IndexName"]: index for index in INDEXES}
    for index in table.get("GlobalSecondaryIndexes", []):
        properties = {key: index[key] for key in ("IndexName", "KeySchema", "Projection")}
        has_strings = all(types[key["AttributeName"]] == "S" for key in index["KeySchema"])
        if properties != declared.get(index["IndexName"]) or not has_strings:
            yield f"{name} has an index {index['IndexName']} that the stack would delete"


def _name_conflicts(aws: Aws, names: Names) -> Iterator[str]:
    """Yield each of the stack's other names that is in use, so that the stack cannot be created."""
    if none_if_missing(
        aws.lambda_.get_function, "ResourceNotFoundException", FunctionName=names.function
    ):
        yield f"the function {names.function} exists"
    for group in (f"/aws/lambda/{names.function}", f"/aws/apigateway/{names.api}"):
        groups = aws.logs.describe_log_groups(logGroupNamePrefix=group)["logGroups"]
        if any(item.get("logGroupName") == group for item in groups):
            yield f"the log group {group} exists"
    for role in (names.function_role, names.api_role):
        if none_if_missing(aws.iam.get_role, "NoSuchEntity", RoleName=role):
            yield f"the role {role} exists"
    missing = ("AWS.SimpleQueueService.NonExistentQueue", "QueueDoesNotExist")
    if none_if_missing(aws.sqs.get_queue_url, *missing, QueueName=names.dead_letter_queue):
        yield f"the queue {names.dead_letter_queue} exists"
