"""The records' table as it is, told to CloudFormation; and the steps to what the template says.

An import has to tell a table's schema as it is. DynamoDB then makes one index at a time
(CloudFormation's resource reference, AWS::DynamoDB::Table), and nothing else with it.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

Shape = Mapping[str, Any]
"""The properties of an AWS::DynamoDB::Table."""

BY_TIME: Shape = {
    "IndexName": "by-time",
    "KeySchema": [
        {"AttributeName": "TimeBucket", "KeyType": "HASH"},
        {"AttributeName": "ProcessingTime", "KeyType": "RANGE"},
    ],
    "Projection": {"ProjectionType": "ALL"},
}
"""The template's first index."""


def shape_of(dynamodb: "DynamoDBClient", table: str, kms_key: str | None) -> Shape:
    """Describe a table as a template would; of its key, whether it is the customer's `kms_key`."""
    told: Any = dynamodb.describe_table(TableName=table)["Table"]
    billing = told.get("BillingModeSummary", {}).get("BillingMode", "PROVISIONED")
    shape: dict[str, Any] = {
        "TableName": told["TableName"],
        "KeySchema": told["KeySchema"],
        "AttributeDefinitions": told["AttributeDefinitions"],
        "BillingMode": billing,
        "DeletionProtectionEnabled": told.get("DeletionProtectionEnabled", False),
    }
    if billing == "PROVISIONED":
        shape["ProvisionedThroughput"] = _throughput(told)
    encryption = told.get("SSEDescription", {})
    if encryption.get("Status") in ("ENABLED", "UPDATING"):
        shape["SSESpecification"] = {"SSEEnabled": True}
        if kms_key is not None and encryption.get("KMSMasterKeyArn") == kms_key:
            shape["SSESpecification"] |= {"SSEType": "KMS", "KMSMasterKeyId": kms_key}
    indexes = [_index(index, billing) for index in told.get("GlobalSecondaryIndexes", [])]
    if indexes:
        shape["GlobalSecondaryIndexes"] = indexes
    return shape


def next_shape(shape: Shape) -> Shape | None:
    """Give the next shape on the way to where the template's own is one step away.

    None where it is: with throughput on demand, and the first of its two indexes.
    """
    if shape["BillingMode"] == "PROVISIONED":
        rest = {name: value for name, value in shape.items() if name != "ProvisionedThroughput"}
        indexes = [
            {name: value for name, value in index.items() if name != "ProvisionedThroughput"}
            for index in shape.get("GlobalSecondaryIndexes", [])
        ]
        told = {"GlobalSecondaryIndexes": indexes} if indexes else {}
        return rest | {"BillingMode": "PAY_PER_REQUEST"} | told
    if shape.get("GlobalSecondaryIndexes"):
        return None
    typed = {a["AttributeName"]: a for a in shape["AttributeDefinitions"]}
    for key in BY_TIME["KeySchema"]:
        name = key["AttributeName"]
        typed.setdefault(name, {"AttributeName": name, "AttributeType": "S"})
    return {
        **shape,
        "AttributeDefinitions": list(typed.values()),
        "GlobalSecondaryIndexes": [BY_TIME],
    }


def _index(told: Any, billing: str) -> dict[str, Any]:
    index = {name: told[name] for name in ("IndexName", "KeySchema", "Projection")}
    if billing == "PROVISIONED":
        index["ProvisionedThroughput"] = _throughput(told)
    return index


def _throughput(told: Any) -> dict[str, int]:
    units = ("ReadCapacityUnits", "WriteCapacityUnits")
    return {unit: told["ProvisionedThroughput"][unit] for unit in units}
