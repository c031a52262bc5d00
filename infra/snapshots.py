"""Existing buckets and tables as a template would declare them, and the table's migration.

An import has to declare a resource as it is: a rollback removes from the resource what the import
left out. DynamoDB creates or deletes one index at a time, and changes nothing else with it
(CloudFormation's resource reference, AWS::DynamoDB::Table).
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from imgctl.aws.errors import none_if_missing
from imgctl.aws.session import Aws
from infra.names import Names

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_s3 import S3Client

ResourceProperties = Mapping[str, Any]
"""The properties of a resource, by CloudFormation's names."""


def _index(name: str, partition: str) -> ResourceProperties:
    keys = ((partition, "HASH"), ("ProcessingTime", "RANGE"))
    return {
        "IndexName": name,
        "KeySchema": [{"AttributeName": key, "KeyType": type_} for key, type_ in keys],
        "Projection": {"ProjectionType": "KEYS_ONLY"},
    }


INDEXES = (
    _index("by-time", "Shard"),
    _index("by-key", "OriginalObjectKey"),
    _index("by-status", "StatusShard"),
)
"""The indexes of the records, as the template declares them."""

_ATTRIBUTE_ORDER = ("resource-id", "Shard", "ProcessingTime", "OriginalObjectKey", "StatusShard")
_POLL_S = 2.0


def take(
    aws: Aws, names: Names, resources: Collection[str], customer_keys: Collection[str]
) -> dict[str, ResourceProperties]:
    """Return the properties of these buckets, and of the table if it is among them, by name."""
    taken = {
        bucket: bucket_snapshot(aws.s3, bucket) for bucket in names.buckets if bucket in resources
    }
    if names.table in resources:
        taken[names.table] = table_snapshot(aws.dynamodb, names.table, customer_keys)
    return taken


def bucket_snapshot(s3: "S3Client", bucket: str) -> ResourceProperties:
    """Return the properties of a bucket that the template sets.

    Not its lifecycle, logging and notifications, which the update after the import replaces.
    """
    properties: dict[str, Any] = {"BucketName": bucket}
    versioning = s3.get_bucket_versioning(Bucket=bucket).get("Status")
    if versioning:
        properties["VersioningConfiguration"] = {"Status": versioning}
    access = none_if_missing(
        s3.get_public_access_block, "NoSuchPublicAccessBlockConfiguration", Bucket=bucket
    )
    if access:
        properties["PublicAccessBlockConfiguration"] = access["PublicAccessBlockConfiguration"]
    ownership = none_if_missing(
        s3.get_bucket_ownership_controls, "OwnershipControlsNotFoundError", Bucket=bucket
    )
    if ownership:
        rules = ownership["OwnershipControls"]["Rules"]
        properties["OwnershipControls"] = {
            "Rules": [{"ObjectOwnership": rule["ObjectOwnership"]} for rule in rules]
        }
    encryption = encryption_of(s3, bucket)
    if encryption:
        properties["BucketEncryption"] = {"ServerSideEncryptionConfiguration": encryption}
    tagging = none_if_missing(s3.get_bucket_tagging, "NoSuchTagSet", Bucket=bucket)
    if tagging and (tags := _own_tags(tagging["TagSet"])):
        properties["Tags"] = tags
    return properties


def encryption_of(s3: "S3Client", bucket: str) -> list[dict[str, Any]]:
    """Return a bucket's encryption as CloudFormation's ServerSideEncryptionRules."""
    described = none_if_missing(
        s3.get_bucket_encryption,
        "NoSuchBucket",
        "ServerSideEncryptionConfigurationNotFoundError",
        Bucket=bucket,
    )
    rules = described["ServerSideEncryptionConfiguration"]["Rules"] if described else []
    return [
        {
            "BucketKeyEnabled": rule.get("BucketKeyEnabled", False),
            "ServerSideEncryptionByDefault": rule["ApplyServerSideEncryptionByDefault"],
        }
        for rule in rules
        if "ApplyServerSideEncryptionByDefault" in rule
    ]


def table_snapshot(
    dynamodb: "DynamoDBClient", table: str, customer_keys: Collection[str]
) -> ResourceProperties:
    """Return a table's properties.

    Its KMS key is included only if it is one of `customer_keys`: AWS managed keys are implied.
    """
    described: Any = dynamodb.describe_table(TableName=table)["Table"]
    billing = described.get("BillingModeSummary", {}).get("BillingMode", "PROVISIONED")
    properties: dict[str, Any] = {
        "TableName": described["TableName"],
        "KeySchema": described["KeySchema"],
        "AttributeDefinitions": _in_order(described["AttributeDefinitions"]),
        "BillingMode": billing,
        "DeletionProtectionEnabled": described.get("DeletionProtectionEnabled", False),
    }
    if billing == "PROVISIONED":
        properties["ProvisionedThroughput"] = _throughput(described)
    encryption = described.get("SSEDescription", {})
    if encryption.get("Status") in ("ENABLED", "UPDATING"):
        properties["SSESpecification"] = {"SSEEnabled": True}
        if (key := encryption.get("KMSMasterKeyArn")) in customer_keys:
            properties["SSESpecification"] |= {"SSEType": "KMS", "KMSMasterKeyId": key}
    backups: Any = dynamodb.describe_continuous_backups(TableName=table)
    recovery = backups["ContinuousBackupsDescription"].get("PointInTimeRecoveryDescription", {})
    if recovery.get("PointInTimeRecoveryStatus") == "ENABLED":
        properties["PointInTimeRecoverySpecification"] = {"PointInTimeRecoveryEnabled": True}
    indexes = [_index_of(index, billing) for index in described.get("GlobalSecondaryIndexes", [])]
    if indexes:
        properties["GlobalSecondaryIndexes"] = indexes
    pages = dynamodb.get_paginator("list_tags_of_resource").paginate(
        ResourceArn=described["TableArn"]
    )
    if tags := _own_tags([tag for page in pages for tag in page["Tags"]]):
        properties["Tags"] = tags
    return properties


def next_migration_step(properties: ResourceProperties) -> ResourceProperties | None:
    """Return the table's properties after the next change towards the template.

    First on-demand capacity, then one index at a time: those that an earlier version of imgctl
    defined otherwise are deleted, then the missing ones created. None if nothing is missing.
    """
    if properties["BillingMode"] == "PROVISIONED":
        rest = {
            name: value for name, value in properties.items() if name != "ProvisionedThroughput"
        }
        indexes = [
            {name: value for name, value in index.items() if name != "ProvisionedThroughput"}
            for index in properties.get("GlobalSecondaryIndexes", [])
        ]
        on_demand = {"GlobalSecondaryIndexes": indexes} if indexes else {}
        return rest | {"BillingMode": "PAY_PER_REQUEST"} | on_demand
    existing = properties.get("GlobalSecondaryIndexes", [])
    declared = {index["IndexName"]: index for index in INDEXES}
    outdated = next((one for one in existing if declared.get(one["IndexName"], one) != one), None)
    if outdated is not None:
        return _without_index(properties, outdated)
    names = {index["IndexName"] for index in existing}
    missing = next((index for index in INDEXES if index["IndexName"] not in names), None)
    if missing is None:
        return None
    attributes = {a["AttributeName"]: a for a in properties["AttributeDefinitions"]}
    for name in _key_attributes(missing):
        attributes.setdefault(name, {"AttributeName": name, "AttributeType": "S"})
    return {
        **properties,
        "AttributeDefinitions": _in_order(attributes.values()),
        "GlobalSecondaryIndexes": [*existing, missing],
    }


def _without_index(properties: ResourceProperties, index: ResourceProperties) -> ResourceProperties:
    """Return a table without an index, and without the attributes that only its key declares."""
    rest = [one for one in properties["GlobalSecondaryIndexes"] if one is not index]
    used = {name for one in (properties, *rest) for name in _key_attributes(one)}
    unused = set(_key_attributes(index)) - used
    changed = {
        **properties,
        "AttributeDefinitions": [
            attribute
            for attribute in properties["AttributeDefinitions"]
            if attribute["AttributeName"] not in unused
        ],
        "GlobalSecondaryIndexes": rest,
    }
    if not rest:
        del changed["GlobalSecondaryIndexes"]
    return changed


def _key_attributes(schema: ResourceProperties) -> list[str]:
    return [key["AttributeName"] for key in schema["KeySchema"]]


def wait_until_settled(
    dynamodb: "DynamoDBClient", table: str, sleep: Callable[[float], None]
) -> None:
    """Wait until a table and its indexes are no longer being changed.

    Until then DynamoDB rejects the next change.
    """
    while True:
        described: Any = dynamodb.describe_table(TableName=table)["Table"]
        states = {described["TableStatus"]}
        states |= {
            index.get("IndexStatus", "ACTIVE")
            for index in described.get("GlobalSecondaryIndexes", [])
        }
        if not states & {"CREATING", "DELETING", "UPDATING"}:
            return
        sleep(_POLL_S)


def _in_order(attributes: Iterable[Any]) -> list[Any]:
    """Sort attributes as the template does: DynamoDB returns them in any order."""
    return sorted(attributes, key=lambda a: (a["AttributeName"] not in _ATTRIBUTE_ORDER, _place(a)))


def _place(attribute: Any) -> int:
    name = attribute["AttributeName"]
    return _ATTRIBUTE_ORDER.index(name) if name in _ATTRIBUTE_ORDER else 0


def _own_tags(tags: Collection[Any]) -> list[dict[str, str]]:
    """Return the tags without those that AWS sets itself and reserves."""
    return [
        {"Key": tag["Key"], "Value": tag["Value"]}
        for tag in tags
        if not tag["Key"].startswith("aws:")
    ]


def _index_of(described: Any, billing: str) -> dict[str, Any]:
    index = {name: described[name] for name in ("IndexName", "KeySchema", "Projection")}
    if billing == "PROVISIONED":
        index["ProvisionedThroughput"] = _throughput(described)
    return index


def _throughput(described: Any) -> dict[str, int]:
    units = ("ReadCapacityUnits", "WriteCapacityUnits")
    return {unit: described["ProvisionedThroughput"][unit] for unit in units}
