"""The one AWS in this process that all tests share: moto's, as fixtures."""

from collections.abc import Iterator
from typing import Any

import pytest
from moto import mock_aws

from imgctl.aws.session import Aws, connect
from infra.snapshots import INDEXES

TABLE = "hala-db"


@pytest.fixture
def moto_account(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Provide an empty account and credentials for it."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    with mock_aws():
        yield


@pytest.fixture
def aws(moto_account: None) -> Aws:  # noqa: ARG001
    """Connect to the account as the command line does."""
    return connect(region="eu-west-2")


@pytest.fixture
def table(aws: Aws) -> str:
    """Create the table of records, with the template's indexes."""
    return create_table(aws.dynamodb, TABLE)


def create_table(dynamodb: Any, name: str) -> str:
    """Create a table of records with the template's indexes; return its name."""
    indexes: Any = list(INDEXES)
    keys = [key["AttributeName"] for index in indexes for key in index["KeySchema"]]
    attributes = dict.fromkeys(["resource-id", *keys])
    dynamodb.create_table(
        TableName=name,
        AttributeDefinitions=[{"AttributeName": a, "AttributeType": "S"} for a in attributes],
        KeySchema=[{"AttributeName": "resource-id", "KeyType": "HASH"}],
        GlobalSecondaryIndexes=indexes,
        BillingMode="PAY_PER_REQUEST",
    )
    return name
