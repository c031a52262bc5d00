"""The function's two services, in this process."""

import itertools
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import pytest

from imgctl.core import current_record
from imgctl.core.current_record import CurrentRecord
from imgctl.core.limits import Limits
from imgctl.core.record import Record, from_item
from imgctl.core.spec import ResizeSpec
from imgctl.worker.deadline import Deadline
from imgctl.worker.events import ObjectCreated
from imgctl.worker.handler import Invocation
from imgctl.worker.pipeline import Dependencies
from imgctl.worker.settings import Settings
from tests.moto_aws import moto_account

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_s3 import S3Client

__all__ = ["moto_account"]

SOURCE = "src-bucket-image-in"
DESTINATION = "dest-bucket-image-out"
NOW = datetime(2026, 11, 23, 15, 25, 9, tzinfo=UTC)


@dataclass
class Cloud:
    """Two buckets and a table, with what the function is given to reach them."""

    s3: "S3Client"
    dynamodb: "DynamoDBClient"
    settings: Settings
    effects: Dependencies
    lines: list[Mapping[str, Any]] = field(default_factory=list)

    @property
    def invocation(self) -> Invocation:
        """What the handler is given; its log is `lines`."""
        return Invocation(
            settings=self.settings,
            effects=self.effects,
            request_id="request-1",
            cold=False,
            log=self.lines.append,
        )

    def put(self, key: str, data: bytes, sequencer: str = "") -> ObjectCreated:
        """Store an object, and give what its event would tell."""
        answer = self.s3.put_object(Bucket=SOURCE, Key=key, Body=data)
        return ObjectCreated(
            bucket=SOURCE,
            key=key,
            version_id=answer.get("VersionId", ""),
            etag=answer["ETag"].strip('"'),
            sequencer=sequencer,
            size=len(data),
            event_name="ObjectCreated:Put",
        )

    def records(self) -> list[Record]:
        """List the records that the table holds."""
        return [from_item(item) for item in self._items() if current_record.MARK not in item]

    def currents(self) -> list[CurrentRecord]:
        """List which record of each key is the current one."""
        return [
            current_record.from_item(item) for item in self._items() if current_record.MARK in item
        ]

    def _items(self) -> list[dict[str, Any]]:
        return list(self.dynamodb.scan(TableName="hala-db")["Items"])

    def output(self, key: str) -> bytes:
        """Give an output's bytes."""
        return self.s3.get_object(Bucket=DESTINATION, Key=key)["Body"].read()

    def outputs(self) -> list[str]:
        """List what the destination bucket holds."""
        return [o["Key"] for o in self.s3.list_objects_v2(Bucket=DESTINATION).get("Contents", [])]


@pytest.fixture
def cloud(moto_account: None, monkeypatch: pytest.MonkeyPatch) -> Cloud:  # noqa: ARG001
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    s3, dynamodb = boto3.client("s3"), boto3.client("dynamodb")
    for bucket in (SOURCE, DESTINATION):
        s3.create_bucket(Bucket=bucket)
    s3.put_bucket_versioning(Bucket=SOURCE, VersioningConfiguration={"Status": "Enabled"})
    dynamodb.create_table(
        TableName="hala-db",
        AttributeDefinitions=[{"AttributeName": "resource-id", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "resource-id", "KeyType": "HASH"}],
        BillingMode="PAY_PER_REQUEST",
    )
    ticks, looks = itertools.count(), itertools.count()
    return Cloud(
        s3,
        dynamodb,
        Settings(SOURCE, DESTINATION, "hala-db", "resized-", ResizeSpec(), Limits()),
        Dependencies(
            s3,
            dynamodb,
            now=lambda: NOW,
            stopwatch_s=lambda: next(ticks) / 8,
            deadline=Deadline(lambda: next(looks) / 8),
        ),
    )


@pytest.fixture
def scratch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give the function a /tmp of its own, to look into afterwards."""
    folder = tmp_path / "scratch"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder
