"""Erasing all that is stored of one key: its originals, its outputs and its records.

The order makes an interruption harmless. Nothing goes while the function may be working on one of
the uploads: it would store what is made of it afterwards. Then the outputs go first, because the
records and the originals prove whose they are. Then the originals, so that nothing can be made of
them again. The records go last, and each only if the function has not written it again since it was
read: whatever it stored for that is found by the next look, by the record. The erasure ends with a
look that finds nothing.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from imgctl.aws import records
from imgctl.aws.errors import none_if_missing
from imgctl.aws.object_versions import (
    ObjectVersion,
    RefusedDeletion,
    delete_versions,
    in_safe_order,
)
from imgctl.operations.erase_content import EraseContext, find
from imgctl.operations.erase_scope import KeyContent, LeftObject, Scope, settled_at

_MAX_LOOKS = 10
_POLL_S = 5


@dataclass(frozen=True, slots=True)
class Refusal:
    """A version that S3 did not delete, and why."""

    bucket: str
    key: str
    version_id: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Erased:
    """The result for one key.

    `content` is what was found, in the beginning and meanwhile; `objects` and `records` are the
    numbers of what was deleted. `kept_records` were kept because
    something was refused: they prove what belongs to the key. `unproven` and `later` are as in
    KeyContent. `is_settled` is false if something was still storing what is made of the key.
    """

    content: KeyContent
    objects: int = 0
    records: int = 0
    kept_records: int = 0
    refused: tuple[Refusal, ...] = ()
    unproven: tuple[LeftObject, ...] = ()
    later: tuple[ObjectVersion, ...] = ()
    is_settled: bool = True

    @property
    def is_complete(self) -> bool:
        """Whether the last look found nothing that belongs to the key, or that may."""
        return self.is_settled and not (self.refused or self.unproven or self.later)


@dataclass(frozen=True, slots=True)
class EraseEvents:
    """What an erasure reports: how many items are deleted, and until when it waits at most."""

    on_deleted: Callable[[int], None]
    on_wait: Callable[[datetime], None]


def erase(context: EraseContext, content: KeyContent, events: EraseEvents) -> Erased:
    """Delete what was found of a key, and look again until nothing is left.

    If the function may be working on one of the uploads, waits until it no longer can. What was
    uploaded since is left. Safe to run again after an interruption.
    """
    scope = Scope.of(content)
    result = Erased(content=content)
    for _ in range(_MAX_LOOKS):
        content, scope = _when_settled(context, content, scope, events.on_wait)
        result = _delete(context, content, result, events.on_deleted)
        if result.refused:
            return replace(result, unproven=content.unproven, kept_records=len(content.records))
        content = find(context, content.key, scope)
        scope = scope.including(content)
        if not content.count:
            return replace(result, unproven=content.unproven, later=content.later)
    return replace(result, unproven=content.unproven, later=content.later, is_settled=False)


def _when_settled(
    context: EraseContext, content: KeyContent, scope: Scope, on_wait: Callable[[datetime], None]
) -> tuple[KeyContent, Scope]:
    """Return what is stored once the function can no longer be working on the uploads.

    Nothing is deleted before: an interruption meanwhile would lose the knowledge that it may be.
    """
    told: datetime | None = None
    while True:
        until = settled_at(scope, context.timeout_s)
        if until is None or context.now() >= until:
            return content, scope
        if told is None or until > told:
            on_wait(until)
            told = until
        context.sleep(min(_POLL_S, (until - context.now()).total_seconds()))
        content = find(context, content.key, scope)
        scope = scope.including(content)


def _delete(
    context: EraseContext,
    content: KeyContent,
    result: Erased,
    on_deleted: Callable[[int], None],
) -> Erased:
    s3, outputs, owner = context.aws.s3, context.outputs, context.aws.account_id
    refused: list[Refusal] = []
    objects = deleted_records = 0
    for bucket, versions in (
        (outputs.destination_bucket, content.outputs),
        (outputs.source_bucket, content.originals),
    ):
        for deleted, refusals in _delete_objects(context, bucket, versions, owner):
            objects += deleted
            refused += refusals
            on_deleted(deleted)
    for upload in content.unfinished:
        none_if_missing(
            s3.abort_multipart_upload,
            "NoSuchUpload",
            Bucket=outputs.source_bucket,
            ExpectedBucketOwner=owner,
            Key=upload.key,
            UploadId=upload.upload_id,
        )
        objects += 1
        on_deleted(1)
    if not refused:
        # The key's items first: those of other buckets are found by the records.
        for current in content.current:
            on_deleted(records.delete_current(context.aws.dynamodb, outputs.table, current))
        for record in content.records:
            is_gone = records.delete_unchanged(context.aws.dynamodb, outputs.table, record)
            deleted_records += is_gone
            on_deleted(is_gone)
    return replace(
        result,
        content=result.content.including(content),
        objects=result.objects + objects,
        records=result.records + deleted_records,
        refused=tuple(refused),
    )


def _delete_objects(
    context: EraseContext, bucket: str, versions: Sequence[ObjectVersion], owner: str
) -> Iterator[tuple[int, list[Refusal]]]:
    """Delete versions, and then the markers of those keys of which nothing was refused.

    Without its marker, a version that cannot be deleted would be the current one again.
    """
    refused: set[str] = set()
    ordered = in_safe_order(versions)
    for is_marker in (False, True):
        part = [v for v in ordered if v.is_marker == is_marker and v.key not in refused]
        for batch in delete_versions(context.aws.s3, bucket, part, owner=owner):
            refused |= {one.key for one in batch.refused}
            yield batch.deleted, [_refusal(bucket, one) for one in batch.refused]


def _refusal(bucket: str, refused: RefusedDeletion) -> Refusal:
    return Refusal(bucket, refused.key, refused.version_id, refused.reason)
