"""Auditing the source bucket: which objects lack a current record or an output."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from imgctl.aws.audit import AuditContext, check_page, list_source_objects, orphans
from imgctl.aws.findings import Finding, OutputSettings, Problem
from imgctl.aws.stack import StackOutputs
from imgctl.core.record import timestamp

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_s3 import S3Client

_PARALLEL = 24
_DELIVERY_S = 60  # of the event by S3, which is seconds as a rule


@dataclass(frozen=True, slots=True)
class AuditPage:
    """The result for some objects: how many were checked, and those with a problem."""

    checked: int
    problems: tuple[Finding, ...]


@contextmanager
def audit_context(
    s3: "S3Client", dynamodb: "DynamoDBClient", outputs: StackOutputs, settings: OutputSettings
) -> Iterator[AuditContext]:
    """Provide what an audit reads with, until it is done."""
    with ThreadPoolExecutor(_PARALLEL) as pool:
        yield AuditContext(s3, dynamodb, pool, outputs, settings)


def audit(
    context: AuditContext, *, prefix: str = "", pending_since: str = "~"
) -> Iterator[AuditPage]:
    """Check every object with this key prefix, and then every record without an object.

    Objects stored since `pending_since` (ISO 8601) may still be processed: they are pending. A page
    is forgotten before the next one: memory does not grow with the bucket.
    """
    bucket = context.outputs.source_bucket
    for page in list_source_objects(context.s3, bucket, prefix=prefix):
        findings = [_judged(item, pending_since) for item in check_page(context, page)]
        yield AuditPage(len(page), tuple(item for item in findings if item.problem is not None))
    for finding in orphans(context, prefix=prefix):
        yield AuditPage(0, (finding,))


def delivery_time(timeout_s: float) -> timedelta:
    """Return how long after it was stored Lambda may still be processing an object.

    It runs the function three times, with pauses of one and two minutes (AWS Lambda Developer
    Guide, "Error handling for asynchronous invocation"). Throttled events may take longer.
    """
    return timedelta(seconds=3 * timeout_s + 180 + _DELIVERY_S)


def pending_since(timeout_s: float, now: datetime) -> str:
    """Return since when Lambda may still be processing an object, as a record's time."""
    return timestamp(now - delivery_time(timeout_s))


def _judged(finding: Finding, since: str) -> Finding:
    is_pending = finding.problem is Problem.NEVER_PROCESSED and finding.source.modified >= since
    return replace(finding, problem=Problem.PENDING) if is_pending else finding
