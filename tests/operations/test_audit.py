from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from imgctl.aws.audit import AuditContext
from imgctl.aws.findings import OutputSettings, Problem
from imgctl.aws.session import Aws
from imgctl.operations.audit import audit, pending_since
from tests.stack_outputs import OUTPUTS

SETTINGS = OutputSettings.of({"SCALE": "0.5", "OUTPUT_PREFIX": "resized-"})


@pytest.fixture
def context(aws: Aws, table: str) -> Iterator[AuditContext]:
    aws.s3.create_bucket(
        Bucket=OUTPUTS.source_bucket, CreateBucketConfiguration={"LocationConstraint": "eu-west-2"}
    )
    with ThreadPoolExecutor(2) as pool:
        yield AuditContext(aws.s3, aws.dynamodb, pool, replace(OUTPUTS, table=table), SETTINGS)


@pytest.mark.parametrize(
    ("age", "problem"),
    [(timedelta(minutes=6), Problem.PENDING), (timedelta(minutes=8), Problem.NEVER_PROCESSED)],
)
def test_an_upload_is_pending_as_long_as_lambda_may_still_process_it(
    context: AuditContext, age: timedelta, problem: Problem
) -> None:
    context.s3.put_object(Bucket=OUTPUTS.source_bucket, Key="a.jpg", Body=b"")
    since = pending_since(60, datetime.now(UTC) + age)
    (page,) = audit(context, pending_since=since)
    (finding,) = page.problems
    assert finding.problem is problem
    assert finding.is_open == (problem is Problem.NEVER_PROCESSED)
