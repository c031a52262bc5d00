"""Finding everything that is stored of one key: versions, outputs, records."""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from imgctl.aws import records, storage
from imgctl.aws.object_versions import ObjectVersion, version_metadata, versions_of_key
from imgctl.aws.record_index import by_key, positions
from imgctl.aws.session import Aws
from imgctl.aws.stack import StackOutputs
from imgctl.core.current_record import CurrentRecord
from imgctl.core.errors import InvalidInput
from imgctl.core.record import Record
from imgctl.core.renditions import RenditionSet
from imgctl.operations.erase_scope import (
    KeyContent,
    KnownUploads,
    LeftObject,
    Scope,
    is_of_later,
    later_uploads,
    possible_output_keys,
    upload_record_id,
    uploads_in,
    why_left,
)
from imgctl.operations.key_spelling import all_spellings

_PARALLEL = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class EraseContext:
    """What an erasure works with; `timeout_s` is the function's, and `pool` is for reading."""

    aws: Aws
    outputs: StackOutputs
    renditions: RenditionSet
    timeout_s: float
    pool: Executor
    now: Callable[[], datetime]
    sleep: Callable[[float], Any]


@contextmanager
def reading_pool() -> Iterator[Executor]:
    """Provide the threads that an erasure reads with."""
    with ThreadPoolExecutor(_PARALLEL) as pool:
        yield pool


def find_all(context: EraseContext, key: str) -> list[KeyContent]:
    """Find what is stored of a key in each spelling that looks the same.

    Those of which nothing is stored are left out. Raises InvalidInput for an empty key.
    """
    if not key:
        raise InvalidInput("The key is empty.", hint="No object has an empty key.")
    contents = (find(context, spelling) for spelling in all_spellings(key))
    return [content for content in contents if content.count or content.left]


def find(context: EraseContext, key: str, scope: Scope | None = None) -> KeyContent:
    """Find what is stored of exactly this key.

    With a scope, only that of its uploads, and of those that are gone: what was uploaded later is
    listed apart. The records are read before the outputs: an invocation stores its outputs first,
    so that those of each record that is returned are found.
    """
    s3, outputs = context.aws.s3, context.outputs
    source, destination = outputs.source_bucket, outputs.destination_bucket
    originals = versions_of_key(s3, source, key)
    later = later_uploads(scope, originals)
    uploads = uploads_in(originals) if scope is None else scope.uploads
    recorded = _read_records(context, key, [*originals, *uploads], scope)
    kept = [record for record in recorded if not is_of_later(record, scope, later)]
    known = KnownUploads(
        source,
        key,
        frozenset(record.resource_id for record in kept)
        | frozenset(filter(None, map(upload_record_id, uploads))),
        frozenset(upload.etag for upload in uploads),
    )
    output_keys = possible_output_keys(context.renditions, key, destination, kept)
    output_keys |= frozenset() if scope is None else scope.output_keys
    proven, left = _outputs(context, key, sorted(output_keys), known)
    return KeyContent(
        key=key,
        source_bucket=source,
        # A delete marker may be of a later upload.
        originals=tuple(v for v in originals if v not in later and not (later and v.is_marker)),
        unfinished=tuple(_unfinished(context, key, scope)),
        outputs=tuple(proven),
        records=tuple(kept),
        current=tuple(_current_records(context, key, kept, is_reused=bool(later))),
        output_keys=output_keys,
        left=tuple(left),
        later=tuple(v for v in originals if v in later),
        other_buckets=_other_buckets(kept, (source, destination)),
    )


def _unfinished(
    context: EraseContext, key: str, scope: Scope | None
) -> Iterator[storage.UnfinishedUpload]:
    bucket, owner = context.outputs.source_bucket, context.aws.account_id
    for upload in storage.unfinished_uploads(context.aws.s3, bucket, owner, prefix=key):
        if upload.key == key and (scope is None or upload.upload_id in scope.unfinished):
            yield upload


def _current_records(
    context: EraseContext, key: str, kept: Iterable[Record], *, is_reused: bool
) -> Iterator[CurrentRecord]:
    """Read the key's items, of each bucket that records name.

    If the key `is_reused`, only those that do not name the record of a later upload.
    """
    ids = {record.resource_id for record in kept}
    buckets = (record.original_bucket for record in kept)
    for bucket in dict.fromkeys((context.outputs.source_bucket, *filter(None, buckets))):
        current = records.current_at(context.aws.dynamodb, context.outputs.table, bucket, key)
        if current is not None and not (is_reused and current.record_id not in ids):
            yield current


def _read_records(
    context: EraseContext, key: str, versions: Iterable[ObjectVersion], scope: Scope | None
) -> list[Record]:
    """Read the records of a key, strongly consistent.

    The index may list a new one some moments late, so that those that uploads would have are read
    as well, and those that the key's item names.
    """
    dynamodb, table = context.aws.dynamodb, context.outputs.table
    current = records.current_at(dynamodb, table, context.outputs.source_bucket, key)
    ids = {
        *(position.resource_id for position in positions(dynamodb, table, by_key(key))),
        *map(upload_record_id, versions),
        *(() if scope is None else scope.records),
        *_named_by(current),
    }
    by_id = _read_many(context, sorted(ids - {""}))
    return [record for record in by_id.values() if record.original_object_key == key]


def _named_by(current: CurrentRecord | None) -> Iterator[str]:
    if current is not None:
        yield current.record_id
        if current.good_before is not None:
            yield current.good_before.record_id


def _read_many(context: EraseContext, ids: list[str]) -> dict[str, Record]:
    found: dict[str, Record] = {}
    for start in range(0, len(ids), records.MAX_MANY):
        chunk = ids[start : start + records.MAX_MANY]
        found |= records.get_many(context.aws.dynamodb, context.outputs.table, chunk)
    return found


def _outputs(
    context: EraseContext, key: str, output_keys: Iterable[str], known: KnownUploads
) -> tuple[list[ObjectVersion], list[LeftObject]]:
    """Return the versions that are proven to be outputs of the uploads, and the others."""
    s3, bucket = context.aws.s3, context.outputs.destination_bucket
    by_name = list(context.pool.map(lambda name: versions_of_key(s3, bucket, name), output_keys))
    data = [v for versions in by_name for v in versions if not v.is_marker]
    metadata = dict(
        zip(data, context.pool.map(lambda v: version_metadata(s3, v), data), strict=True)
    )
    unknown = {v: m for v, m in metadata.items() if m is not None and not known.made(m)}
    recorded = _read_many(
        context, sorted({m.get("record_id", "") for m in unknown.values()} - {""})
    )
    left = [LeftObject(version, *why_left(key, m, recorded)) for version, m in unknown.items()]
    proven = [
        version
        for versions in by_name
        for version in versions
        # A marker may hide what another key has stored under this name.
        if not (any(v in unknown for v in versions) if version.is_marker else version in unknown)
    ]
    return proven, left


def _other_buckets(found: Iterable[Record], own: tuple[str, str]) -> tuple[str, ...]:
    named = {bucket for r in found for bucket in (r.original_bucket, r.resized_bucket) if bucket}
    return tuple(sorted(named - set(own)))
