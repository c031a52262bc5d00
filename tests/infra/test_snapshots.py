from typing import Any

import pytest
from botocore.stub import Stubber

from imgctl.aws.session import Aws
from infra.snapshots import (
    INDEXES,
    ResourceProperties,
    bucket_snapshot,
    next_migration_step,
    table_snapshot,
    wait_until_settled,
)

TABLE = "hala-db"
ATTRIBUTES = ("resource-id", "Shard", "ProcessingTime", "OriginalObjectKey", "StatusShard")
PROVISIONED = {"ReadCapacityUnits": 5, "WriteCapacityUnits": 2}
BY_HAND: dict[str, Any] = {
    "TableName": TABLE,
    "KeySchema": [{"AttributeName": "resource-id", "KeyType": "HASH"}],
    "AttributeDefinitions": [{"AttributeName": "resource-id", "AttributeType": "S"}],
    "BillingMode": "PROVISIONED",
    "ProvisionedThroughput": PROVISIONED,
    "DeletionProtectionEnabled": False,
}


def all_steps(shape: ResourceProperties) -> list[ResourceProperties]:
    steps: list[ResourceProperties] = []
    while (following := next_migration_step(steps[-1] if steps else shape)) is not None:
        steps.append(following)
    return steps


def test_a_table_is_described_as_a_template_would(aws: Aws) -> None:
    request: dict[str, Any] = dict(BY_HAND)
    aws.dynamodb.create_table(**request)
    assert table_snapshot(aws.dynamodb, TABLE, set()) == BY_HAND
    aws.dynamodb.update_continuous_backups(
        TableName=TABLE, PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True}
    )
    backed_up = table_snapshot(aws.dynamodb, TABLE, set())
    assert backed_up["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}


def test_a_table_made_by_hand_comes_to_the_templates_a_step_at_a_time() -> None:
    on_demand, one_index, _, complete = all_steps(BY_HAND)
    assert on_demand == {
        name: value for name, value in BY_HAND.items() if name != "ProvisionedThroughput"
    } | {"BillingMode": "PAY_PER_REQUEST"}
    assert one_index["GlobalSecondaryIndexes"] == [INDEXES[0]]
    assert complete["GlobalSecondaryIndexes"] == list(INDEXES)
    named = [attribute["AttributeName"] for attribute in complete["AttributeDefinitions"]]
    assert named == [*ATTRIBUTES]


@pytest.mark.parametrize("there", range(len(INDEXES)))
def test_a_table_with_one_index_gets_the_others_one_at_a_time(there: int) -> None:
    shape = {
        **BY_HAND,
        "BillingMode": "PAY_PER_REQUEST",
        "GlobalSecondaryIndexes": [INDEXES[there]],
    }
    steps = all_steps(shape)
    assert [len(step["GlobalSecondaryIndexes"]) for step in steps] == [2, 3]
    others = [index for index in INDEXES if index is not INDEXES[there]]
    assert steps[-1]["GlobalSecondaryIndexes"] == [INDEXES[there], *others]


def test_indexes_of_an_earlier_version_are_deleted_before_the_present_ones_are_created() -> None:
    whole = {"ProjectionType": "ALL"}
    keys = ("TimeBucket", "ProcessingTime"), ("OriginalObjectKey", "ProcessingTime")
    earlier = [
        {
            "IndexName": name,
            "KeySchema": [
                {"AttributeName": partition, "KeyType": "HASH"},
                {"AttributeName": sort, "KeyType": "RANGE"},
            ],
            "Projection": whole,
        }
        for name, (partition, sort) in zip(("by-time", "by-key"), keys, strict=True)
    ]
    attributes = ("resource-id", "TimeBucket", "ProcessingTime", "OriginalObjectKey")
    shape = {
        **BY_HAND,
        "BillingMode": "PAY_PER_REQUEST",
        "AttributeDefinitions": [{"AttributeName": n, "AttributeType": "S"} for n in attributes],
        "GlobalSecondaryIndexes": earlier,
    }
    steps = all_steps(shape)
    assert [step.get("GlobalSecondaryIndexes", []) for step in steps] == [
        earlier[1:],
        [],
        *(list(INDEXES[: n + 1]) for n in range(len(INDEXES))),
    ]
    for step in steps:  # DynamoDB refuses attributes that no key uses
        schemas = (step, *step.get("GlobalSecondaryIndexes", []))
        used = {key["AttributeName"] for one in schemas for key in one["KeySchema"]}
        assert {a["AttributeName"] for a in step["AttributeDefinitions"]} == used


def test_attributes_stand_in_the_templates_order_whatever_dynamodb_says() -> None:
    told = [{"AttributeName": name, "AttributeType": "S"} for name in ("ProcessingTime", "user")]
    shape = BY_HAND | {"AttributeDefinitions": [*told, *BY_HAND["AttributeDefinitions"]]}
    (*_, last) = all_steps(shape)
    named = [attribute["AttributeName"] for attribute in last["AttributeDefinitions"]]
    assert named == [*ATTRIBUTES, "user"]


def test_an_index_loses_its_throughput_with_its_table() -> None:
    index = {**INDEXES[0], "ProvisionedThroughput": PROVISIONED}
    on_demand, *_ = all_steps({**BY_HAND, "GlobalSecondaryIndexes": [index]})
    assert on_demand["GlobalSecondaryIndexes"] == [INDEXES[0]]


def test_what_is_encrypted_with_the_customers_key_says_so(aws: Aws) -> None:
    key = "arn:aws:kms:eu-west-2:123456789012:key/1"
    request: dict[str, Any] = BY_HAND | {
        "BillingMode": "PAY_PER_REQUEST",
        "SSESpecification": {"Enabled": True, "KMSMasterKeyId": key},
    }
    del request["ProvisionedThroughput"]
    aws.dynamodb.create_table(**request)
    known = table_snapshot(aws.dynamodb, TABLE, {key})["SSESpecification"]
    assert known == {"SSEEnabled": True, "SSEType": "KMS", "KMSMasterKeyId": key}
    assert table_snapshot(aws.dynamodb, TABLE, set())["SSESpecification"] == {"SSEEnabled": True}


def test_a_bucket_is_described_with_what_the_template_will_set(aws: Aws) -> None:
    aws.s3.create_bucket(
        Bucket="mine", CreateBucketConfiguration={"LocationConstraint": "eu-west-2"}
    )
    plain = bucket_snapshot(aws.s3, "mine")
    assert plain["BucketName"] == "mine"
    assert not plain.keys() & {"VersioningConfiguration", "Tags"}

    blocked: Any = {
        "BlockPublicAcls": True,
        "BlockPublicPolicy": False,
        "IgnorePublicAcls": True,
        "RestrictPublicBuckets": False,
    }
    encrypted: Any = {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": "alias/mine"}
    rules: Any = [{"ApplyServerSideEncryptionByDefault": encrypted, "BucketKeyEnabled": True}]
    tags: Any = [{"Key": "team", "Value": "x"}]
    owners: Any = [{"ObjectOwnership": "BucketOwnerPreferred"}]
    aws.s3.put_bucket_versioning(Bucket="mine", VersioningConfiguration={"Status": "Suspended"})
    aws.s3.put_public_access_block(Bucket="mine", PublicAccessBlockConfiguration=blocked)
    aws.s3.put_bucket_encryption(Bucket="mine", ServerSideEncryptionConfiguration={"Rules": rules})
    aws.s3.put_bucket_tagging(Bucket="mine", Tagging={"TagSet": tags})
    aws.s3.put_bucket_ownership_controls(Bucket="mine", OwnershipControls={"Rules": owners})
    assert bucket_snapshot(aws.s3, "mine") == {
        "BucketName": "mine",
        "VersioningConfiguration": {"Status": "Suspended"},
        "PublicAccessBlockConfiguration": blocked,
        "OwnershipControls": {"Rules": owners},
        "BucketEncryption": {
            "ServerSideEncryptionConfiguration": [
                {"BucketKeyEnabled": True, "ServerSideEncryptionByDefault": encrypted}
            ]
        },
        "Tags": tags,
    }


def test_the_next_step_waits_until_an_index_is_made(aws: Aws) -> None:
    def told(index: str) -> dict[str, Any]:
        table = {"TableStatus": "ACTIVE", "GlobalSecondaryIndexes": [{"IndexStatus": index}]}
        return {"Table": table}

    slept_s: list[float] = []
    with Stubber(aws.dynamodb) as stub:
        for index in ("CREATING", "CREATING", "ACTIVE"):
            stub.add_response("describe_table", told(index))
        wait_until_settled(aws.dynamodb, TABLE, slept_s.append)
    assert len(slept_s) == 2
