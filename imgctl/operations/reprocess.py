"""Sending objects of the source bucket to the function again."""

import tempfile
from collections.abc import Generator, Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from imgctl.aws import batch
from imgctl.aws.audit import (
    AuditContext,
    check_page,
    head_source_object,
    list_source_objects,
)
from imgctl.aws.findings import Problem, SourceObject, affected
from imgctl.aws.invoke import InvokeResult, invoke_each
from imgctl.aws.session import Aws
from imgctl.aws.stack import StackOutputs, load_tags
from imgctl.core.errors import Hint, ImgctlError
from imgctl.operations.key_spelling import spellings

if TYPE_CHECKING:
    from mypy_boto3_lambda import LambdaClient
    from mypy_boto3_s3 import S3Client


class ObjectNotFound(ImgctlError):
    """The source bucket has no object of this key."""

    code = "no_object"


class BatchUnavailable(ImgctlError):
    """The embedded AWS has no S3 Batch Operations."""

    code = "no_batch"


@dataclass(frozen=True, slots=True)
class Selection:
    """Which objects to reprocess: those with `prefix`, in key order, from after the key `after`.

    With `missing`, `failed` or both, only those without a record or with an output that is missing
    or made with other settings, or that failed.
    """

    prefix: str = ""
    after: str = ""
    missing: bool = False
    failed: bool = False

    @property
    def problems(self) -> frozenset[Problem]:
        """The problems that are selected; empty for every object, with or without one."""
        missing = {
            Problem.NEVER_PROCESSED,
            Problem.OUTPUT_MISSING,
            Problem.OUTPUT_GONE,
            Problem.OUTPUT_STALE,
            Problem.OUTPUT_OUTDATED,
        }
        return frozenset(
            (missing if self.missing else set()) | ({Problem.FAILED} if self.failed else set())
        )


@dataclass(frozen=True, slots=True)
class ReprocessResult:
    """What the function made of one object; `reason` is set where it failed.

    `status` is a record's status in lowercase, or `unknown`.
    """

    key: str
    status: str
    reason: str

    @property
    def failed(self) -> bool:
        """Whether the object has no output."""
        return self.status == "failed"


@dataclass(frozen=True, slots=True)
class PreparedJob:
    """The manifest of a job of S3 Batch Operations that is not created yet."""

    manifest: Path
    objects: int


def named_objects(context: AuditContext, keys: Iterable[str]) -> Iterator[SourceObject]:
    """Look up objects by their keys; raises ObjectNotFound before any is returned."""
    bucket = context.outputs.source_bucket
    sources = [named_source(context.s3, bucket, key) for key in dict.fromkeys(keys)]
    return iter(affected(check_page(context, sources)))


def named_source(s3: "S3Client", bucket: str, key: str) -> SourceObject:
    """Look up the newest version of an object by its key; raises ObjectNotFound."""
    found = (head_source_object(s3, bucket, one) for one in spellings(key))
    source = next(filter(None, found), None)
    if source is None:
        raise ObjectNotFound(
            f"No object {key} in {bucket}.", hint=Hint("Upload it with {}.", "upload FILE")
        )
    return source


def selected_objects(context: AuditContext, selection: Selection) -> Iterator[SourceObject]:
    """List the selected objects in the order of their keys."""
    problems = selection.problems
    pages = list_source_objects(
        context.s3, context.outputs.source_bucket, prefix=selection.prefix, after=selection.after
    )
    for page in pages:
        yield from affected(
            [
                finding
                for finding in check_page(context, page)
                if not problems or (finding.problem in problems and not finding.acknowledged)
            ]
        )


def reprocess(
    lambda_: "LambdaClient", outputs: StackOutputs, sources: Iterable[SourceObject], *, jobs: int
) -> Generator[ReprocessResult]:
    """Invoke the function for each object, `jobs` in parallel; yields results in their order.

    The last key that was yielded is where to resume (`Selection.after`).
    """
    responses = invoke_each(
        lambda_, outputs.function_alias, outputs.source_bucket, sources, jobs=jobs
    )
    with closing(responses):  # what has not started is left out when the reader stops
        for source, response in responses:
            yield _result(source, response)


@contextmanager
def prepared_job(
    aws: Aws, outputs: StackOutputs, sources: Iterable[SourceObject]
) -> Iterator[PreparedJob]:
    """Write the manifest of a batch job to a temporary file; nothing is sent to AWS.

    Raises BatchUnavailable on the embedded AWS.
    """
    if aws.is_local:
        raise BatchUnavailable(
            "The embedded AWS has no S3 Batch Operations.", hint="Leave out --batch."
        )
    with tempfile.TemporaryDirectory(prefix="imgctl-") as folder:
        manifest = Path(folder, "manifest.csv")
        with manifest.open("w", encoding="utf-8") as file:
            count = batch.write_manifest(file, outputs.source_bucket, sources)
        yield PreparedJob(manifest, count)


def create_job(
    aws: Aws, outputs: StackOutputs, job: PreparedJob, *, stack: str, now: datetime
) -> str:
    """Create the batch job with the stack's tags, and return its ID."""
    return batch.create_job(
        aws,
        outputs,
        job.manifest,
        name=f"{stack}-{now.strftime('%Y%m%dT%H%M%SZ')}",
        description=f"imgctl reprocess of the stack {stack}",
        tags=load_tags(aws, stack),
    )


def _result(source: SourceObject, response: InvokeResult) -> ReprocessResult:
    reason = response.error or next((item.reason for item in response.outcomes if item.reason), "")
    if reason:
        return ReprocessResult(source.key, "failed", reason)
    # An older version of the function returns no outcomes.
    statuses = (item.status.value.lower() for item in response.outcomes)
    return ReprocessResult(source.key, next(statuses, "unknown"), "")
