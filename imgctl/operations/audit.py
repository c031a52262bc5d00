"""Auditing the source bucket: which objects lack a current record or an output."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from imgctl.aws.audit import AuditContext, Finding, check_page, list_source_objects, orphans
from imgctl.aws.stack import StackOutputs

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_s3 import S3Client

_PARALLEL = 24


@dataclass(frozen=True, slots=True)
class AuditPage:
    """The result for some objects: how many were checked, and those with a problem."""

    checked: int
    problems: tuple[Finding, ...]


@contextmanager
def audit_context(
    s3: "S3Client", dynamodb: "DynamoDBClient", outputs: StackOutputs
) -> Iterator[AuditContext]:
    """Provide what an audit reads with, until it is done."""
    with ThreadPoolExecutor(_PARALLEL) as pool:
        yield AuditContext(s3, dynamodb, pool, outputs)


def audit(context: AuditContext, *, prefix: str = "") -> Iterator[AuditPage]:
    """Check every object with this key prefix, and then every record without an object.

    A page is forgotten before the next one: memory does not grow with the bucket.
    """
    bucket = context.outputs.source_bucket
    for page in list_source_objects(context.s3, bucket, prefix=prefix):
        findings = check_page(context, page)
        yield AuditPage(len(page), tuple(item for item in findings if item.problem is not None))
    for finding in orphans(context, prefix=prefix):
        yield AuditPage(0, (finding,))
