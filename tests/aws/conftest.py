"""An AWS account in this process, as the command line connects to it."""

from collections.abc import Iterator

import pytest
from moto import mock_aws

from imgctl.aws.session import Aws, connect
from infra.template import stack_template

TABLE = "hala-db"


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[Aws]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    with mock_aws():
        yield connect(region="eu-west-2")


@pytest.fixture
def table(aws: Aws) -> str:
    indexes = [("by-time", "TimeBucket"), ("by-key", "OriginalObjectKey")]
    for name, attribute in indexes:  # as in the template
        assert f"IndexName: {name}" in stack_template()
        assert f"AttributeName: {attribute}, KeyType: HASH" in stack_template()
    attributes = ["resource-id", "TimeBucket", "ProcessingTime", "OriginalObjectKey"]
    aws.dynamodb.create_table(
        TableName=TABLE,
        AttributeDefinitions=[{"AttributeName": a, "AttributeType": "S"} for a in attributes],
        KeySchema=[{"AttributeName": "resource-id", "KeyType": "HASH"}],
        GlobalSecondaryIndexes=[
            {
                "IndexName": name,
                "KeySchema": [
                    {"AttributeName": attribute, "KeyType": "HASH"},
                    {"AttributeName": "ProcessingTime", "KeyType": "RANGE"},
                ],
                "Projection": {"ProjectionType": "ALL"},
            }
            for name, attribute in indexes
        ],
        BillingMode="PAY_PER_REQUEST",
    )
    return TABLE
