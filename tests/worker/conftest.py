"""Fixtures: an emulated AWS for the function, and a temporary folder of its own."""

import itertools
import tempfile
from pathlib import Path

import boto3
import pytest

from imgctl.core.limits import Limits
from imgctl.worker.deadline import Deadline
from imgctl.worker.resizing import Dependencies
from imgctl.worker.settings import Settings
from tests.moto_aws import moto_account
from tests.worker.cloud import DEFAULT, DESTINATION, NOW, SOURCE, TABLE, Cloud, resize_here

__all__ = ["moto_account"]


@pytest.fixture
def cloud(moto_account: None, monkeypatch: pytest.MonkeyPatch) -> Cloud:  # noqa: ARG001
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    s3, dynamodb = boto3.client("s3"), boto3.client("dynamodb")
    for bucket in (SOURCE, DESTINATION):
        s3.create_bucket(Bucket=bucket)
    s3.put_bucket_versioning(Bucket=SOURCE, VersioningConfiguration={"Status": "Enabled"})
    dynamodb.create_table(
        TableName=TABLE,
        AttributeDefinitions=[{"AttributeName": "resource-id", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "resource-id", "KeyType": "HASH"}],
        BillingMode="PAY_PER_REQUEST",
    )
    # Both stopwatches advance by 1/8 s each time they are read.
    stopwatch_ticks, deadline_ticks = itertools.count(), itertools.count()
    return Cloud(
        s3,
        dynamodb,
        Settings(SOURCE, DESTINATION, TABLE, DEFAULT, Limits()),
        Dependencies(
            s3,
            dynamodb,
            resize=resize_here,
            now=lambda: NOW,
            stopwatch_s=lambda: next(stopwatch_ticks) / 8,
            deadline=Deadline(lambda: next(deadline_ticks) / 8),
        ),
    )


@pytest.fixture
def scratch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Replace the function's /tmp with a folder that the test can inspect."""
    folder = tmp_path / "scratch"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder
