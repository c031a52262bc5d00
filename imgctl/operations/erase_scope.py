"""What an erasure may delete: decided from what was read, without reading anything."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from imgctl.aws.object_versions import ObjectVersion
from imgctl.aws.storage import UnfinishedUpload
from imgctl.core.current_record import CurrentRecord
from imgctl.core.formats import ImageFormat
from imgctl.core.keys import resource_id, version_id_of
from imgctl.core.output_metadata import may_be_of
from imgctl.core.record import Record
from imgctl.core.renditions import RenditionSet
from imgctl.operations.audit import delivery_time

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class LeftObject:
    """A version under the name of one of the key's outputs that is not deleted, and why.

    `is_unproven` if it may still be one of the key's: a person has to look at it.
    """

    version: ObjectVersion
    reason: str
    is_unproven: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyContent:
    """What is stored of one key, and may be deleted; versions are newest first.

    `left` is what lies under the names of its outputs and is not deleted. `later` are uploads that
    came after the erasure began. `other_buckets` hold originals and outputs that records name, and
    are not this stack's.
    """

    key: str
    source_bucket: str
    originals: tuple[ObjectVersion, ...] = ()
    unfinished: tuple[UnfinishedUpload, ...] = ()
    outputs: tuple[ObjectVersion, ...] = ()
    records: tuple[Record, ...] = ()
    current: tuple[CurrentRecord, ...] = ()
    output_keys: frozenset[str] = frozenset()
    left: tuple[LeftObject, ...] = ()
    later: tuple[ObjectVersion, ...] = ()
    other_buckets: tuple[str, ...] = ()

    @property
    def count(self) -> int:
        """The number of versions, markers, unfinished uploads, records and current records."""
        parts: tuple[Sequence[object], ...] = (
            self.originals, self.unfinished, self.outputs, self.records, self.current,
        )  # fmt: skip
        return sum(map(len, parts))

    def including(self, later: "KeyContent") -> "KeyContent":
        """Return this with what was found later, in the place of what is listed here already."""
        records = {r.resource_id: r for r in (*self.records, *later.records)}
        return replace(
            self,
            originals=_merged(self.originals, later.originals),
            unfinished=_merged(self.unfinished, later.unfinished),
            outputs=_merged(self.outputs, later.outputs),
            records=tuple(records.values()),
            current=later.current or self.current,
            other_buckets=_merged(self.other_buckets, later.other_buckets),
        )

    @property
    def unproven(self) -> tuple[LeftObject, ...]:
        """What a person has to look at."""
        return tuple(item for item in self.left if item.is_unproven)


@dataclass(frozen=True, slots=True)
class Scope:
    """The uploads that somebody agreed to erase, and what is known of them: their last records.

    `unfinished` are the IDs of multipart uploads.
    """

    uploads: frozenset[ObjectVersion]
    unfinished: frozenset[str]
    records: Mapping[str, Record]
    output_keys: frozenset[str]

    @classmethod
    def of(cls, content: KeyContent) -> "Scope":
        """Return the scope of an erasure of this content."""
        by_id = {record.resource_id: record for record in content.records}
        unfinished = frozenset(upload.upload_id for upload in content.unfinished)
        return cls(uploads_in(content.originals), unfinished, by_id, content.output_keys)

    def including(self, content: KeyContent) -> "Scope":
        """Return the scope with what was found later: records that were written meanwhile."""
        by_id = {record.resource_id: record for record in content.records}
        return replace(
            self,
            records={**self.records, **by_id},
            output_keys=self.output_keys | content.output_keys,
        )


@dataclass(frozen=True, slots=True)
class KnownUploads:
    """Uploads of a key, by which to recognize their outputs."""

    bucket: str
    key: str
    record_ids: frozenset[str]
    etags: frozenset[str]
    """Of uploads without a version, whose records' IDs also depend on their events."""

    def made(self, metadata: Mapping[str, str]) -> bool:
        """Return whether an output's metadata prove that it was made of one of these uploads."""
        record_id, sequencer = metadata.get("record_id", ""), metadata.get("sequencer", "")
        if not record_id:
            return False
        return record_id in self.record_ids or any(
            record_id == resource_id(self.bucket, self.key, etag=etag, sequencer=sequencer)
            for etag in self.etags
        )


def why_left(
    key: str, metadata: Mapping[str, str], recorded: Mapping[str, Record]
) -> tuple[str, bool]:
    """Return why an output that no upload of the key is known to have made is not deleted.

    `recorded` are the records that such outputs name, by ID. The second value is whether it may
    still be one of the key's.
    """
    owner = recorded.get(metadata.get("record_id", ""))
    if owner is not None:
        return f"an output of {owner.original_object_key}", False
    filename = metadata.get("original_filename", "")
    if not may_be_of(filename, key.rpartition("/")[2]):
        return f"an output of another file, {filename}", False
    if not metadata.get("record_id"):
        return "its metadata do not say which upload it was made of", True
    return f"its record {metadata['record_id']} does not exist", True


def possible_output_keys(
    renditions: RenditionSet, key: str, destination: str, records: Iterable[Record]
) -> frozenset[str]:
    """Return all keys of outputs that records name, or that the present settings would give."""
    recorded = (
        output.key
        for record in records
        if record.resized_bucket in (None, destination)
        for output in record.outputs
    )
    formats = (None, *ImageFormat)
    named = (name for one in formats for name in renditions.output_keys(key, one))
    return frozenset((*recorded, *named))


def _merged(one: tuple[_T, ...], other: tuple[_T, ...]) -> tuple[_T, ...]:
    return tuple(dict.fromkeys((*one, *other)))


def upload_record_id(version: ObjectVersion) -> str:
    """Return the ID of the record of an upload; empty if its event is needed to tell."""
    version_id = version_id_of(version.version_id)
    return version_id and resource_id(version.bucket, version.key, version_id=version_id)


def uploads_in(originals: Iterable[ObjectVersion]) -> frozenset[ObjectVersion]:
    """Return the versions that are no delete markers."""
    return frozenset(version for version in originals if not version.is_marker)


def later_uploads(
    scope: Scope | None, originals: Iterable[ObjectVersion]
) -> frozenset[ObjectVersion]:
    """Return the uploads that nobody has agreed to erase, because they came afterwards."""
    return frozenset() if scope is None else uploads_in(originals) - scope.uploads


def is_of_later(record: Record, scope: Scope | None, later: Iterable[ObjectVersion]) -> bool:
    """Return whether a record is one of an upload that came afterwards."""
    if scope is None or record.resource_id in scope.records:
        return False
    return any(_is_record_of(record, upload) for upload in later)


def settled_at(scope: Scope, timeout_s: float) -> datetime | None:
    """Return when the function can no longer be working on an upload, as far as is known.

    None if that is so already. An upload without a record is still being delivered or processed,
    or will be tried again. After its record is written, an invocation may look at the outputs once
    more and store them again, if there are several uploads.
    """
    times = [
        _time(upload.modified) + delivery_time(timeout_s)
        for upload in scope.uploads
        if not any(_is_record_of(record, upload) for record in scope.records.values())
    ]
    if len(scope.records) + len(times) > 1:
        written = (record.processing_time for record in scope.records.values())
        times += [_time(time) + timedelta(seconds=timeout_s) for time in written if time]
    return max(times, default=None)


def _is_record_of(record: Record, upload: ObjectVersion) -> bool:
    if record_id := upload_record_id(upload):
        return record.resource_id == record_id
    return record.version_id is None and (record.etag or "").strip('"') in ("", upload.etag)


def _time(text: str) -> datetime:
    """Return a record's time; the original function may have written others, which are long ago."""
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        return datetime.min.replace(tzinfo=UTC)
    return time if time.tzinfo else time.replace(tzinfo=UTC)
