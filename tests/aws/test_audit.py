import itertools
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest

from imgctl.aws.audit import (
    AuditContext,
    Problem,
    SourceObject,
    check,
    check_page,
    head_source_object,
    list_source_objects,
    orphans,
)
from imgctl.aws.session import Aws
from imgctl.core import current_record
from imgctl.core.keys import resource_id
from imgctl.core.record import Record, Status, to_item
from tests.aws.conftest import TABLE
from tests.stack_outputs import OUTPUTS

SOURCE, DESTINATION = OUTPUTS.source_bucket, OUTPUTS.destination_bucket

OBJECT = SourceObject(key="a.jpg", version_id="v2", etag="e2", size=1, modified="2026")
RECORD = Record(
    resource_id="1" * 32,
    original_object_key="a.jpg",
    version_id="v2",
    etag="e2",
    sequencer="0A",
    resized_object_key="resized-a.jpg",
)


@pytest.mark.parametrize(
    ("record", "output", "problem"),
    [
        (RECORD, RECORD.resource_id, None),
        (None, None, Problem.NEVER_PROCESSED),
        (replace(RECORD, version_id="v1"), RECORD.resource_id, Problem.NEVER_PROCESSED),
        (replace(RECORD, status=Status.FAILED), None, Problem.FAILED),
        (RECORD, None, Problem.OUTPUT_GONE),
        (RECORD, "0" * 32, Problem.OUTPUT_STALE),
        # The original function wrote neither versions nor whose output it is.
        (replace(RECORD, version_id=None, etag=None, processing_time="2026-02"), "", None),
        (
            replace(RECORD, version_id=None, etag=None, processing_time="2025-12"),
            "",
            Problem.NEVER_PROCESSED,  # uploaded again since
        ),
        (replace(RECORD, version_id=None, etag="e1"), "", Problem.NEVER_PROCESSED),
    ],
)
def test_an_object_is_judged_by_its_record_and_its_output(
    record: Record | None, output: str | None, problem: Problem | None
) -> None:
    assert check(OBJECT, record, output).problem is problem


def test_without_versions_the_etag_tells_whether_a_record_is_of_this_upload() -> None:
    unversioned = replace(OBJECT, version_id="")
    record = replace(RECORD, version_id=None)
    assert check(unversioned, record, RECORD.resource_id).problem is None
    older = replace(record, etag="e1")
    assert check(unversioned, older, RECORD.resource_id).problem is Problem.NEVER_PROCESSED


def test_what_is_sent_again_carries_the_place_that_it_had_among_the_events() -> None:
    assert check(OBJECT, RECORD, None).source.sequencer == "0A"
    assert check(OBJECT, None, None).source.sequencer == ""


@pytest.fixture
def services(aws: Aws, table: str) -> Iterator[AuditContext]:
    for bucket in (SOURCE, DESTINATION):
        aws.s3.create_bucket(
            Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": "eu-west-2"}
        )
    aws.s3.put_bucket_versioning(Bucket=SOURCE, VersioningConfiguration={"Status": "Enabled"})
    with ThreadPoolExecutor(4) as pool:
        yield AuditContext(aws.s3, aws.dynamodb, pool, replace(OUTPUTS, table=table))


def upload(services: AuditContext, key: str) -> SourceObject:
    services.s3.put_object(Bucket=SOURCE, Key=key, Body=key.encode())
    found = head_source_object(services.s3, SOURCE, key)
    assert found is not None
    return found


def process(services: AuditContext, source: SourceObject, **changes: Any) -> Record:
    """Leave behind what the function does."""
    identity = resource_id(SOURCE, source.key, version_id=source.version_id)
    record = Record(
        resource_id=identity,
        original_bucket=SOURCE,
        original_object_key=source.key,
        version_id=source.version_id,
        etag=source.etag,
        resized_bucket=DESTINATION,
        resized_object_key=f"resized-{source.key}",
        processing_time="2026-11-23T10:00:00.000Z",
        **changes,
    )
    for item in (to_item(record), current_record.to_item(current_record.current_of(record))):
        services.dynamodb.put_item(TableName=TABLE, Item=item)
    if record.status is Status.SUCCEEDED:
        services.s3.put_object(
            Bucket=DESTINATION, Key=f"resized-{source.key}", Metadata={"record_id": identity}
        )
    return record


def problems(services: AuditContext, prefix: str = "") -> dict[str, Problem | None]:
    pages = list_source_objects(services.s3, SOURCE, prefix=prefix)
    found = itertools.chain.from_iterable(check_page(services, page) for page in pages)
    return {one.source.key: one.problem for one in found}


def test_each_thing_that_can_be_missing_is_named(services: AuditContext) -> None:
    process(services, upload(services, "good.jpg"))
    upload(services, "never.jpg")
    process(services, upload(services, "failed.jpg"), status=Status.FAILED, failure_code="damaged")
    process(services, upload(services, "gone.jpg"))
    services.s3.delete_object(Bucket=DESTINATION, Key="resized-gone.jpg")
    process(services, upload(services, "overwritten.jpg"))
    upload(services, "overwritten.jpg")
    process(services, upload(services, "stale.jpg"))
    services.s3.put_object(
        Bucket=DESTINATION, Key="resized-stale.jpg", Metadata={"record_id": "another"}
    )
    process(services, upload(services, "deleted.jpg"))
    services.s3.delete_object(Bucket=SOURCE, Key="deleted.jpg")
    assert problems(services) == {
        "good.jpg": None,
        "never.jpg": Problem.NEVER_PROCESSED,
        "failed.jpg": Problem.FAILED,
        "gone.jpg": Problem.OUTPUT_GONE,
        "overwritten.jpg": Problem.NEVER_PROCESSED,
        "stale.jpg": Problem.OUTPUT_STALE,
    }
    (orphan,) = orphans(services)
    assert (orphan.source.key, orphan.problem) == ("deleted.jpg", Problem.OBJECT_GONE)


def test_a_record_of_the_original_function_counts(services: AuditContext) -> None:
    upload(services, "old.jpg")
    services.dynamodb.put_item(
        TableName=TABLE,
        Item={
            "resource-id": {"S": "0d6f8f3a-0000-0000-0000-000000000000"},
            "OriginalObjectKey": {"S": "old.jpg"},
            "ProcessingTime": {"S": "2999-05-02T14:03:24.552311"},
            "ResizedBucket": {"S": DESTINATION},
            "ResizedObjectKey": {"S": "resized-old.jpg"},
        },
    )
    assert problems(services) == {"old.jpg": Problem.OUTPUT_GONE}
    services.s3.put_object(Bucket=DESTINATION, Key="resized-old.jpg")
    assert problems(services) == {"old.jpg": None}


def test_a_prefix_narrows_both_ways_of_looking(services: AuditContext) -> None:
    for key in ("a/1.jpg", "b/1.jpg"):
        process(services, upload(services, key))
        services.s3.delete_object(Bucket=SOURCE, Key=key)
        upload(services, key.replace("1", "2"))
    assert list(problems(services, "a/")) == ["a/2.jpg"]
    assert [one.source.key for one in orphans(services, prefix="a/")] == ["a/1.jpg"]


def test_a_large_bucket_is_read_page_by_page_and_from_any_key_on(services: AuditContext) -> None:
    keys = [f"{number:04}.jpg" for number in range(1203)]
    for key in keys:
        services.s3.put_object(Bucket=SOURCE, Key=key)
    pages = list(list_source_objects(services.s3, SOURCE))
    assert [one.key for page in pages for one in page] == keys
    assert max(map(len, pages)) <= 1000
    rest = list_source_objects(services.s3, SOURCE, after="1199.jpg")
    assert [one.key for page in rest for one in page] == keys[1200:]
    assert len(check_page(services, pages[0])) == 1000


def test_only_the_newest_version_of_a_key_is_looked_at(services: AuditContext) -> None:
    upload(services, "a.jpg")
    newest = upload(services, "a.jpg")
    upload(services, "deleted.jpg")
    services.s3.delete_object(Bucket=SOURCE, Key="deleted.jpg")
    assert list(list_source_objects(services.s3, SOURCE)) == [[newest]]
    assert head_source_object(services.s3, SOURCE, "deleted.jpg") is None
