from typing import Any

import pytest

from imgctl.aws.session import Aws
from infra.table import BY_TIME, Shape, next_shape, shape_of

TABLE = "hala-db"
PROVISIONED = {"ReadCapacityUnits": 5, "WriteCapacityUnits": 2}
BY_HAND: dict[str, Any] = {
    "TableName": TABLE,
    "KeySchema": [{"AttributeName": "resource-id", "KeyType": "HASH"}],
    "AttributeDefinitions": [{"AttributeName": "resource-id", "AttributeType": "S"}],
    "BillingMode": "PROVISIONED",
    "ProvisionedThroughput": PROVISIONED,
    "DeletionProtectionEnabled": False,
}


def all_steps(shape: Shape) -> list[Shape]:
    steps: list[Shape] = []
    while (following := next_shape(steps[-1] if steps else shape)) is not None:
        steps.append(following)
    return steps


def test_a_table_is_described_as_a_template_would(aws: Aws) -> None:
    request: dict[str, Any] = dict(BY_HAND)
    aws.dynamodb.create_table(**request)
    assert shape_of(aws.dynamodb, TABLE, None) == BY_HAND


def test_a_table_made_by_hand_comes_to_the_templates_a_step_at_a_time() -> None:
    on_demand, with_index = all_steps(BY_HAND)
    assert on_demand == {
        name: value for name, value in BY_HAND.items() if name != "ProvisionedThroughput"
    } | {"BillingMode": "PAY_PER_REQUEST"}
    assert with_index["GlobalSecondaryIndexes"] == [BY_TIME]
    named = [attribute["AttributeName"] for attribute in with_index["AttributeDefinitions"]]
    assert named == ["resource-id", "TimeBucket", "ProcessingTime"]


@pytest.mark.parametrize("index", ["by-time", "by-key"])
def test_a_table_with_one_index_is_a_step_away_whichever_it_is(index: str) -> None:
    shape = {
        **BY_HAND,
        "BillingMode": "PAY_PER_REQUEST",
        "GlobalSecondaryIndexes": [{**BY_TIME, "IndexName": index}],
    }
    assert all_steps(shape) == []


def test_an_index_loses_its_throughput_with_its_table() -> None:
    index = {**BY_TIME, "ProvisionedThroughput": PROVISIONED}
    (on_demand,) = all_steps({**BY_HAND, "GlobalSecondaryIndexes": [index]})
    assert on_demand["GlobalSecondaryIndexes"] == [BY_TIME]


def test_what_is_encrypted_with_the_customers_key_says_so(aws: Aws) -> None:
    key = "arn:aws:kms:eu-west-2:123456789012:key/1"
    request: dict[str, Any] = BY_HAND | {
        "BillingMode": "PAY_PER_REQUEST",
        "SSESpecification": {"Enabled": True, "KMSMasterKeyId": key},
    }
    del request["ProvisionedThroughput"]
    aws.dynamodb.create_table(**request)
    known = shape_of(aws.dynamodb, TABLE, key)["SSESpecification"]
    assert known == {"SSEEnabled": True, "SSEType": "KMS", "KMSMasterKeyId": key}
    assert shape_of(aws.dynamodb, TABLE, None)["SSESpecification"] == {"SSEEnabled": True}
