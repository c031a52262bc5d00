"""Which of the newest records say that the function's limits are too small."""

from typing import Any

import pytest

from imgctl.aws.session import Aws
from imgctl.core import current_record
from imgctl.core.record import Record, Status, to_item
from infra.doctor.facts import Caller, RecentImages
from infra.doctor.readers import READERS
from infra.doctor.reading import Source, system_now
from infra.snapshots import INDEXES
from tests.infra.doctor.test_checks import STACK
from tests.moto_aws import aws, moto_account

__all__ = ["aws", "moto_account"]

NAMES = ("resource-id", "Shard", "ProcessingTime", "OriginalObjectKey", "StatusShard")


@pytest.fixture
def source(aws: Aws) -> Source:
    indexes: Any = INDEXES
    aws.dynamodb.create_table(
        TableName="t",
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in NAMES],
        KeySchema=[{"AttributeName": "resource-id", "KeyType": "HASH"}],
        GlobalSecondaryIndexes=indexes,
    )
    return Source(aws, STACK, Caller("1", "arn:aws:iam::1:root", 0), system_now)


def stored(source: Source, number: int, key: str, **fields: Any) -> Record:
    record = Record(
        resource_id=f"r{number}",
        original_bucket="src",
        original_object_key=key,
        processing_time=f"2026-11-23T15:00:{number:02}.000Z",
        **fields,
    )
    source.aws.dynamodb.put_item(TableName="t", Item=to_item(record))
    return record


def failed(code: str) -> dict[str, Any]:
    return {"status": Status.FAILED, "failure_code": code, "failure_reason": "too much"}


def test_a_failure_counts_until_the_key_succeeds_or_it_is_acknowledged(source: Source) -> None:
    stored(source, 1, "large.jpg", **failed("too_large"))
    stored(source, 2, "slow.jpg", **failed("too_slow"))
    stored(source, 3, "mended.jpg", **failed("too_large"))
    stored(source, 4, "mended.jpg", original_file_size=7, fetch_ms=1, resize_ms=20, store_ms=3)
    stored(source, 5, "damaged.jpg", **failed("damaged"))
    accepted = stored(source, 6, "accepted.jpg", **failed("too_large"))
    item = current_record.to_item(current_record.current_of(accepted))
    acknowledged: Any = {current_record.ACKNOWLEDGED_MARK: {"S": accepted.resource_id}}
    source.aws.dynamodb.put_item(TableName="t", Item=item | acknowledged)
    assert READERS[RecentImages](source) == RecentImages(
        count=6, longest_ms=24, largest_bytes=7, too_large=("large.jpg",), too_slow=("slow.jpg",)
    )


def test_a_table_without_records_says_nothing(source: Source) -> None:
    assert READERS[RecentImages](source) == RecentImages(0, 0, 0, (), ())
