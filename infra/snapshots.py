"""What exists and is to be imported, described as a template would; and the table's way from there.

An import has to tell what it imports as it is: what it leaves out, a deployment that is rolled back
takes off the resource. DynamoDB then makes one index at a time, and nothing else with it
(CloudFormation's resource reference, AWS::DynamoDB::Table).
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from imgctl.aws.errors import none_if_missing

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_s3 import S3Client

ResourceProperties = Mapping[str, Any]
"""The properties of a resource, under the names that CloudFormation gives them."""


def _index(name: str, partition: str) -> ResourceProperties:
    keys = ((partition, "HASH"), ("ProcessingTime", "RANGE"))
    return {
        "IndexName": name,
        "KeySchema": [{"AttributeName": key, "KeyType": type_} for key, type_ in keys],
        "Projection": {"ProjectionType": "ALL"},
    }


INDEXES = (_index("by-time", "TimeBucket"), _index("by-key", "OriginalObjectKey"))
"""The template's own indexes of the records."""

_ORDER = ("resource-id", "TimeBucket", "ProcessingTime", "OriginalObjectKey")
_SETTLING_S = 2.0


def bucket_snapshot(s3: "S3Client", bucket: str) -> ResourceProperties:
    """Describe what of a bucket the template sets, but for its lifecycle, logging and events."""
    shape: dict[str, Any] = {"BucketName": bucket}
    versioning = s3.get_bucket_versioning(Bucket=bucket).get("Status")
    if versioning:
        shape["VersioningConfiguration"] = {"Status": versioning}
    access = none_if_missing(
        s3.get_public_access_block, "NoSuchPublicAccessBlockConfiguration", Bucket=bucket
    )
    if access:
        shape["PublicAccessBlockConfiguration"] = access["PublicAccessBlockConfiguration"]
    ownership = none_if_missing(
        s3.get_bucket_ownership_controls, "OwnershipControlsNotFoundError", Bucket=bucket
    )
    if ownership:
        rules = ownership["OwnershipControls"]["Rules"]
        shape["OwnershipControls"] = {
            "Rules": [{"ObjectOwnership": rule["ObjectOwnership"]} for rule in rules]
        }
    encryption = encryption_of(s3, bucket)
    if encryption:
        shape["BucketEncryption"] = {"ServerSideEncryptionConfiguration": encryption}
    tagging = none_if_missing(s3.get_bucket_tagging, "NoSuchTagSet", Bucket=bucket)
    if tagging and (tags := _own_tags(tagging["TagSet"])):
        shape["Tags"] = tags
    return shape


def encryption_of(s3: "S3Client", bucket: str) -> list[dict[str, Any]]:
    """Describe a bucket's encryption, as CloudFormation's ServerSideEncryptionRules."""
    told = none_if_missing(
        s3.get_bucket_encryption,
        "NoSuchBucket",
        "ServerSideEncryptionConfigurationNotFoundError",
        Bucket=bucket,
    )
    rules = told["ServerSideEncryptionConfiguration"]["Rules"] if told else []
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
    """Describe a table; of its key, that it is one of the customers', where it is."""
    told: Any = dynamodb.describe_table(TableName=table)["Table"]
    billing = told.get("BillingModeSummary", {}).get("BillingMode", "PROVISIONED")
    shape: dict[str, Any] = {
        "TableName": told["TableName"],
        "KeySchema": told["KeySchema"],
        "AttributeDefinitions": _in_order(told["AttributeDefinitions"]),
        "BillingMode": billing,
        "DeletionProtectionEnabled": told.get("DeletionProtectionEnabled", False),
    }
    if billing == "PROVISIONED":
        shape["ProvisionedThroughput"] = _throughput(told)
    encryption = told.get("SSEDescription", {})
    if encryption.get("Status") in ("ENABLED", "UPDATING"):
        shape["SSESpecification"] = {"SSEEnabled": True}
        if (key := encryption.get("KMSMasterKeyArn")) in customer_keys:
            shape["SSESpecification"] |= {"SSEType": "KMS", "KMSMasterKeyId": key}
    backups: Any = dynamodb.describe_continuous_backups(TableName=table)
    recovery = backups["ContinuousBackupsDescription"].get("PointInTimeRecoveryDescription", {})
    if recovery.get("PointInTimeRecoveryStatus") == "ENABLED":
        shape["PointInTimeRecoverySpecification"] = {"PointInTimeRecoveryEnabled": True}
    indexes = [_index_of(index, billing) for index in told.get("GlobalSecondaryIndexes", [])]
    if indexes:
        shape["GlobalSecondaryIndexes"] = indexes
    pages = dynamodb.get_paginator("list_tags_of_resource").paginate(ResourceArn=told["TableArn"])
    if tags := _own_tags([tag for page in pages for tag in page["Tags"]]):
        shape["Tags"] = tags
    return shape


def next_migration_step(shape: ResourceProperties) -> ResourceProperties | None:
    """Give the next shape on the way to the template's throughput and indexes; None at its end."""
    if shape["BillingMode"] == "PROVISIONED":
        rest = {name: value for name, value in shape.items() if name != "ProvisionedThroughput"}
        indexes = [
            {name: value for name, value in index.items() if name != "ProvisionedThroughput"}
            for index in shape.get("GlobalSecondaryIndexes", [])
        ]
        told = {"GlobalSecondaryIndexes": indexes} if indexes else {}
        return rest | {"BillingMode": "PAY_PER_REQUEST"} | told
    there = shape.get("GlobalSecondaryIndexes", [])
    names = {index["IndexName"] for index in there}
    wanted = next((index for index in INDEXES if index["IndexName"] not in names), None)
    if wanted is None:
        return None
    typed = {a["AttributeName"]: a for a in shape["AttributeDefinitions"]}
    for key in wanted["KeySchema"]:
        name = key["AttributeName"]
        typed.setdefault(name, {"AttributeName": name, "AttributeType": "S"})
    return {
        **shape,
        "AttributeDefinitions": _in_order(typed.values()),
        "GlobalSecondaryIndexes": [*there, wanted],
    }


def wait_until_settled(
    dynamodb: "DynamoDBClient", table: str, sleep: Callable[[float], None]
) -> None:
    """Wait until a table and its indexes are made: before, DynamoDB refuses the next change."""
    while True:
        told: Any = dynamodb.describe_table(TableName=table)["Table"]
        states = {told["TableStatus"]}
        states |= {
            index.get("IndexStatus", "ACTIVE") for index in told.get("GlobalSecondaryIndexes", [])
        }
        if not states & {"CREATING", "DELETING", "UPDATING"}:
            return
        sleep(_SETTLING_S)


def _in_order(attributes: Iterable[Any]) -> list[Any]:
    """Put attributes in the template's order: DynamoDB tells them in any."""
    return sorted(attributes, key=lambda a: (a["AttributeName"] not in _ORDER, _place(a)))


def _place(attribute: Any) -> int:
    name = attribute["AttributeName"]
    return _ORDER.index(name) if name in _ORDER else 0


def _own_tags(tags: Collection[Any]) -> list[dict[str, str]]:
    """Leave out the tags that AWS itself sets, and lets nobody else set."""
    return [
        {"Key": tag["Key"], "Value": tag["Value"]}
        for tag in tags
        if not tag["Key"].startswith("aws:")
    ]


def _index_of(told: Any, billing: str) -> dict[str, Any]:
    index = {name: told[name] for name in ("IndexName", "KeySchema", "Projection")}
    if billing == "PROVISIONED":
        index["ProvisionedThroughput"] = _throughput(told)
    return index


def _throughput(told: Any) -> dict[str, int]:
    units = ("ReadCapacityUnits", "WriteCapacityUnits")
    return {unit: told["ProvisionedThroughput"][unit] for unit in units}
