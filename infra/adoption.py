"""Taking buckets and a table that imgctl did not make into a stack, with what is in them.

CloudFormation imports them as they are; the update that follows makes them as the template says.
What that would overwrite, and nobody could bring back, is refused here, before anything is changed.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from imgctl.aws.errors import none_if_missing
from imgctl.aws.session import Aws
from imgctl.core.errors import ImgctlError
from infra.names import Names
from infra.ownership import ExistingResources
from infra.snapshots import INDEXES

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

KEPT_VERSION_DAYS = 90
"""How long the template's lifecycle rule keeps versions that are not the newest."""

_KEY = [{"AttributeName": "resource-id", "KeyType": "HASH"}]


class AdoptionBlocked(ImgctlError):
    """A resource cannot become the stack's without losing what is not imgctl's to take."""

    code = "not_adoptable"


class ForeignNotifications(ImgctlError):
    """The source bucket tells others of its events, which an update of the bucket would end."""

    code = "foreign_notifications"


@dataclass(frozen=True, slots=True)
class Adoption:
    """What becomes the stack's, what the template replaces about it, and what may be lost by it."""

    names: tuple[str, ...]
    replaced: tuple[str, ...]
    loses: tuple[str, ...]


def check_adoption(aws: Aws, names: Names, found: ExistingResources) -> Adoption:
    """Look at what is to be taken into a stack, without changing it.

    Raises AdoptionBlocked naming all that stands in the way, with what to do.
    """
    replaced: list[str] = []
    loses: list[str] = []
    obstacles = [
        f"{bucket} has a bucket policy"
        for bucket in names.buckets
        if bucket in (*found.kept, *found.untagged)
        and none_if_missing(aws.s3.get_bucket_policy, "NoSuchBucketPolicy", Bucket=bucket)
    ]
    for bucket in (bucket for bucket in names.buckets if bucket in found.untagged):
        if bucket == names.source_bucket:
            obstacles += [
                f"{bucket} sends its events to {target}"
                for target in foreign_notifications(aws.s3, bucket, {names.function})
            ]
        if bucket == names.access_logs_bucket:
            obstacles.append(f"{bucket} is to hold access logs, which expire with all in it")
        acl = aws.s3.get_bucket_acl(Bucket=bucket)
        if any(g["Grantee"].get("ID") != acl["Owner"]["ID"] for g in acl["Grants"]):
            obstacles.append(f"{bucket} grants rights by its ACL")
        replaced += [f"{bucket}: {what}" for what in _replaced_settings(aws.s3, bucket)]
        if aws.s3.get_bucket_versioning(Bucket=bucket).get("Status"):
            loses.append(f"versions in {bucket} that are older than {KEPT_VERSION_DAYS} days")
    if names.table in found.untagged:
        obstacles += _schema_conflicts(aws.dynamodb.describe_table(TableName=names.table))
    if found.untagged:
        obstacles += _name_conflicts(aws, names)
    if obstacles:
        raise AdoptionBlocked(
            f"This stands in the way of taking {', '.join((*found.kept, *found.untagged))} into the"
            f" stack: {'; '.join(obstacles)}.",
            hint="Nothing was changed. Remove or rename these, or choose other names: the stack"
            " would overwrite them, or could not be made.",
        )
    return Adoption(found.untagged, tuple(replaced), tuple(loses))


def check_foreign_notifications(s3: "S3Client", bucket: str, functions: Collection[str]) -> None:
    """Raise where CloudFormation, changing the source bucket, would end what others set up."""
    others = foreign_notifications(s3, bucket, functions)
    if others:
        raise ForeignNotifications(
            f"{bucket} sends its events to {', '.join(others)} too, and this update"
            " of the bucket would end that.",
            hint="Nothing was changed. Take them off the bucket first, and have them told in"
            " another way.",
        )


def foreign_notifications(s3: "S3Client", bucket: str, functions: Collection[str]) -> list[str]:
    """List where a bucket sends its events besides our functions, whatever version or alias."""
    told: Any = none_if_missing(
        s3.get_bucket_notification_configuration, "NoSuchBucket", Bucket=bucket
    )
    told = told or {}
    targets = [
        configuration[key]
        for kind, key in (
            ("TopicConfigurations", "TopicArn"),
            ("QueueConfigurations", "QueueArn"),
            ("LambdaFunctionConfigurations", "LambdaFunctionArn"),
        )
        for configuration in told.get(kind, [])
    ]
    if told.get("EventBridgeConfiguration") is not None:
        targets.append("EventBridge")
    ours = [f":function:{function}:" for function in functions]
    return [target for target in targets if not any(one in f"{target}:" for one in ours)]


def _replaced_settings(s3: "S3Client", bucket: str) -> Iterator[str]:
    tags: Any = none_if_missing(s3.get_bucket_tagging, "NoSuchTagSet", Bucket=bucket)
    if tags:
        yield "its tags " + ", ".join(f"{tag['Key']}={tag['Value']}" for tag in tags["TagSet"])
    lifecycle: Any = none_if_missing(
        s3.get_bucket_lifecycle_configuration, "NoSuchLifecycleConfiguration", Bucket=bucket
    )
    if lifecycle:
        rules = (rule.get("ID", "without a name") for rule in lifecycle["Rules"])
        yield "its lifecycle rules " + ", ".join(rules)
    if s3.get_bucket_logging(Bucket=bucket).get("LoggingEnabled"):
        yield "where it logs to"
    access: Any = none_if_missing(
        s3.get_public_access_block, "NoSuchPublicAccessBlockConfiguration", Bucket=bucket
    )
    blocks = access["PublicAccessBlockConfiguration"].values() if access else []
    if not blocks or not all(blocks):
        yield "its public access, which is closed"


def _schema_conflicts(described: Any) -> Iterator[str]:
    table = described["Table"]
    name = table["TableName"]
    types = {a["AttributeName"]: a["AttributeType"] for a in table["AttributeDefinitions"]}
    if table["KeySchema"] != _KEY or types["resource-id"] != "S":
        yield f"{name} has another key than the text resource-id"
    ours = {index["IndexName"]: index for index in INDEXES}
    for index in table.get("GlobalSecondaryIndexes", []):
        told = {name: index[name] for name in ("IndexName", "KeySchema", "Projection")}
        of_text = all(types[key["AttributeName"]] == "S" for key in index["KeySchema"])
        if told != ours.get(index["IndexName"]) or not of_text:
            yield f"{name} has an index {index['IndexName']} that the stack would delete"


def _name_conflicts(aws: Aws, names: Names) -> Iterator[str]:
    """Name what of the stack's other names is in use, so that the stack could not be made."""
    if none_if_missing(
        aws.lambda_.get_function, "ResourceNotFoundException", FunctionName=names.function
    ):
        yield f"there is a function {names.function}"
    for group in (f"/aws/lambda/{names.function}", f"/aws/apigateway/{names.api}"):
        told = aws.logs.describe_log_groups(logGroupNamePrefix=group)["logGroups"]
        if any(one.get("logGroupName") == group for one in told):
            yield f"there is a log group {group}"
    for role in (names.function_role, names.api_role):
        if none_if_missing(aws.iam.get_role, "NoSuchEntity", RoleName=role):
            yield f"there is a role {role}"
    missing = ("AWS.SimpleQueueService.NonExistentQueue", "QueueDoesNotExist")
    if none_if_missing(aws.sqs.get_queue_url, *missing, QueueName=names.dead_letter_queue):
        yield f"there is a queue {names.dead_letter_queue}"
