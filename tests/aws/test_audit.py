import itertools
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest

from imgctl.aws.audit import (
    AuditContext,
    NothingToAcknowledge,
    acknowledge,
    check_page,
    head_source_object,
    list_source_objects,
    orphans,
)
from imgctl.aws.findings import OutputSettings, Problem, SourceObject
from imgctl.aws.session import Aws
from imgctl.core import current_record
from imgctl.core.keys import resource_id
from imgctl.core.record import Record, Status, to_item
from imgctl.core.renditions import RenditionSet
from imgctl.core.spec import ResizeSpec
from tests.aws.conftest import TABLE
from tests.stack_outputs import OUTPUTS

SOURCE, DESTINATION = OUTPUTS.source_bucket, OUTPUTS.destination_bucket
DEFAULT = OutputSettings(RenditionSet.unnamed("resized-", ResizeSpec()))


@pytest.fixture
def context(aws: Aws, table: str) -> Iterator[AuditContext]:
    for bucket in (SOURCE, DESTINATION):
        aws.s3.create_bucket(
            Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": "eu-west-2"}
        )
    aws.s3.put_bucket_versioning(Bucket=SOURCE, VersioningConfiguration={"Status": "Enabled"})
    with ThreadPoolExecutor(4) as pool:
        yield AuditContext(aws.s3, aws.dynamodb, pool, replace(OUTPUTS, table=table), DEFAULT)


def upload(context: AuditContext, key: str) -> SourceObject:
    context.s3.put_object(Bucket=SOURCE, Key=key, Body=key.encode())
    source = head_source_object(context.s3, SOURCE, key)
    assert source is not None
    return source


def process(context: AuditContext, source: SourceObject, **changes: Any) -> Record:
    """Write the record and the output that the function would."""
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
        context.dynamodb.put_item(TableName=TABLE, Item=item)
    if record.status is Status.SUCCEEDED:
        context.s3.put_object(
            Bucket=DESTINATION, Key=f"resized-{source.key}", Metadata={"record_id": identity}
        )
    return record


def problems(context: AuditContext, prefix: str = "") -> dict[str, Problem | None]:
    pages = list_source_objects(context.s3, SOURCE, prefix=prefix)
    findings = itertools.chain.from_iterable(check_page(context, page) for page in pages)
    return {finding.source.key: finding.problem for finding in findings}


def test_each_kind_of_problem_is_found(context: AuditContext) -> None:
    process(context, upload(context, "good.jpg"))
    upload(context, "never.jpg")
    process(context, upload(context, "failed.jpg"), status=Status.FAILED, failure_code="damaged")
    process(context, upload(context, "gone.jpg"))
    context.s3.delete_object(Bucket=DESTINATION, Key="resized-gone.jpg")
    process(context, upload(context, "overwritten.jpg"))
    upload(context, "overwritten.jpg")
    process(context, upload(context, "stale.jpg"))
    context.s3.put_object(
        Bucket=DESTINATION, Key="resized-stale.jpg", Metadata={"record_id": "another"}
    )
    process(context, upload(context, "deleted.jpg"))
    context.s3.delete_object(Bucket=SOURCE, Key="deleted.jpg")
    assert problems(context) == {
        "good.jpg": None,
        "never.jpg": Problem.NEVER_PROCESSED,
        "failed.jpg": Problem.FAILED,
        "gone.jpg": Problem.OUTPUT_GONE,
        "overwritten.jpg": Problem.NEVER_PROCESSED,
        "stale.jpg": Problem.OUTPUT_STALE,
    }
    (orphan,) = orphans(context)
    assert (orphan.source.key, orphan.problem) == ("deleted.jpg", Problem.OBJECT_GONE)


def test_a_failure_is_acknowledged_until_the_next_upload(context: AuditContext) -> None:
    process(context, upload(context, "a.pdf"), status=Status.FAILED, failure_code="damaged")
    acknowledge(context, "a.pdf")
    source = head_source_object(context.s3, SOURCE, "a.pdf")
    assert source is not None
    assert not check_page(context, [source])[0].is_open
    newer = upload(context, "a.pdf")
    process(context, newer, status=Status.FAILED, failure_code="damaged")
    assert check_page(context, [newer])[0].is_open


def test_a_success_cannot_be_acknowledged(context: AuditContext) -> None:
    process(context, upload(context, "a.jpg"))
    for key in ("a.jpg", "b.jpg"):
        with pytest.raises(NothingToAcknowledge):
            acknowledge(context, key)


def test_a_missing_output_of_the_last_good_upload_is_found(context: AuditContext) -> None:
    good = process(context, upload(context, "a.jpg"))
    newest = upload(context, "a.jpg")
    failed = replace(
        process(context, newest, status=Status.FAILED, failure_code="damaged"), sequencer="0B"
    )
    named = current_record.current_of(failed, current_record.current_of(good))
    context.dynamodb.put_item(TableName=TABLE, Item=current_record.to_item(named))
    assert "last good" not in check_page(context, [newest])[0].reason
    context.s3.delete_object(Bucket=DESTINATION, Key="resized-a.jpg")
    assert "last good output is gone" in check_page(context, [newest])[0].reason


def test_records_of_the_original_function_are_recognized(context: AuditContext) -> None:
    upload(context, "old.jpg")
    context.dynamodb.put_item(
        TableName=TABLE,
        Item={
            "resource-id": {"S": "0d6f8f3a-0000-0000-0000-000000000000"},
            "OriginalObjectKey": {"S": "old.jpg"},
            "ProcessingTime": {"S": "2999-05-02T14:03:24.552311"},
            "ResizedBucket": {"S": DESTINATION},
            "ResizedObjectKey": {"S": "resized-old.jpg"},
        },
    )
    assert problems(context) == {"old.jpg": Problem.OUTPUT_GONE}
    context.s3.put_object(Bucket=DESTINATION, Key="resized-old.jpg")
    assert problems(context) == {"old.jpg": None}


def test_a_prefix_limits_objects_and_orphans(context: AuditContext) -> None:
    for key in ("a/1.jpg", "b/1.jpg"):
        process(context, upload(context, key))
        context.s3.delete_object(Bucket=SOURCE, Key=key)
        upload(context, key.replace("1", "2"))
    assert list(problems(context, "a/")) == ["a/2.jpg"]
    assert [finding.source.key for finding in orphans(context, prefix="a/")] == ["a/1.jpg"]


def test_a_large_bucket_is_listed_by_page_and_from_any_key(context: AuditContext) -> None:
    keys = [f"{number:04}.jpg" for number in range(1203)]
    for key in keys:
        context.s3.put_object(Bucket=SOURCE, Key=key)
    pages = list(list_source_objects(context.s3, SOURCE))
    assert [source.key for page in pages for source in page] == keys
    assert max(map(len, pages)) <= 1000
    rest = list_source_objects(context.s3, SOURCE, after="1199.jpg")
    assert [source.key for page in rest for source in page] == keys[1200:]
    assert len(check_page(context, pages[0])) == 1000


def test_only_the_latest_version_of_a_key_is_listed(context: AuditContext) -> None:
    upload(context, "a.jpg")
    newest = upload(context, "a.jpg")
    upload(context, "deleted.jpg")
    context.s3.delete_object(Bucket=SOURCE, Key="deleted.jpg")
    assert list(list_source_objects(context.s3, SOURCE)) == [[newest]]
    assert head_source_object(context.s3, SOURCE, "deleted.jpg") is None


def test_folders_of_the_console_are_no_objects_to_process(context: AuditContext) -> None:
    for key, body in (("album/", b""), ("album/a.jpg", b"x"), ("slash/", b"x")):
        context.s3.put_object(Bucket=SOURCE, Key=key, Body=body)
    (page,) = list_source_objects(context.s3, SOURCE)
    assert [source.key for source in page] == ["album/a.jpg", "slash/"]
