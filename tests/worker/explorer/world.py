"""What happens to a key in an exploration: changes of its bucket, and deliveries of its events."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, TypeAlias

from imgctl.core.formats import ImageFormat
from imgctl.core.renditions import RenditionSet
from imgctl.worker import identity
from imgctl.worker.events import ObjectCreated
from tests.pictures import encoded, photo
from tests.worker.cloud import DESTINATION, SOURCE, batch_event_for, s3_event_for
from tests.worker.explorer.fake_aws import AwsState, FakeAws

KEY = "a.png"
# Few contents, so that the same bytes recur: S3 distinguishes outputs only by their ETags.
CONTENTS = {
    "A": encoded(photo(8, 16), "PNG"),
    "B": encoded(photo(16, 8), "PNG"),
    "bad": b"not a picture",
}


class Bucket(StrEnum):
    """The kinds of source buckets."""

    VERSIONED = "versioned"
    UNVERSIONED = "unversioned"
    ADOPTED = "adopted"  # versions are enabled after the first upload


@dataclass(frozen=True)
class Upload:
    """An upload of one of `CONTENTS`."""

    content: str

    def apply(self, aws: FakeAws) -> None:
        """Make the change."""
        aws.put_object(Bucket=SOURCE, Key=KEY, Body=CONTENTS[self.content])


@dataclass(frozen=True)
class Delete:
    """The deletion of a key: it adds a delete marker in a bucket with versions."""

    def apply(self, aws: FakeAws) -> None:
        """Make the change."""
        aws.delete_object(Bucket=SOURCE, Key=KEY)


@dataclass(frozen=True)
class DeleteNewestVersion:
    """The permanent deletion of a key's newest version."""

    def apply(self, aws: FakeAws) -> None:
        """Make the change."""
        versions = aws.versions(SOURCE, KEY)
        if versions:
            aws.delete_object(Bucket=SOURCE, Key=KEY, VersionId=versions[-1].version_id)


@dataclass(frozen=True)
class DeleteOutput:
    """The deletion of an output by hand."""

    prefix: str = "resized-"

    def apply(self, aws: FakeAws) -> None:
        """Make the change."""
        for key in (f"{self.prefix}{KEY}", f"{self.prefix}{KEY}.webp", f"{self.prefix}{KEY}.gif"):
            if aws.newest(DESTINATION, key) is not None:
                aws.delete_object(Bucket=DESTINATION, Key=key)


@dataclass(frozen=True)
class EnableVersions:
    """The adoption of a bucket: its versions are enabled."""

    def apply(self, aws: FakeAws) -> None:
        """Make the change."""
        enabled = {"Status": "Enabled"}
        aws.put_bucket_versioning(Bucket=SOURCE, VersioningConfiguration=enabled)


Change: TypeAlias = Upload | Delete | DeleteNewestVersion | DeleteOutput | EnableVersions


class Kind(StrEnum):
    """How the function hears of an upload."""

    S3 = "event"
    REPROCESS = "reprocess"  # without a sequencer
    BATCH = "batch"  # without an ETag either


@dataclass(frozen=True)
class Delivery:
    """An event about the upload of this number, from 1; it can arrive once it was made.

    `after` is the number of changes that precede it.
    """

    upload: int
    kind: Kind = Kind.S3
    after: int = 0


@dataclass(frozen=True)
class Scenario:
    """Changes in this order, and deliveries that happen at the same time, in any order.

    The first `settled` changes are uploads whose events, the first deliveries, are processed one
    after the other before anything else happens.
    """

    changes: tuple[Change, ...]
    deliveries: tuple[Delivery, ...]
    bucket: Bucket = Bucket.VERSIONED
    settled: int = 0


@dataclass(frozen=True, slots=True)
class Uploaded:
    """An upload of a scenario, and its place among the changes."""

    created: ObjectCreated
    change: int


class World:
    """The bucket of a scenario: what has been uploaded and what exists after each change."""

    def __init__(self, scenario: Scenario, renditions: RenditionSet) -> None:
        aws = FakeAws()
        self.renditions = renditions
        self.output_keys = renditions.output_keys(KEY, ImageFormat.PNG)
        self.changes = list(scenario.changes)
        if scenario.bucket is Bucket.VERSIONED:
            EnableVersions().apply(aws)
        elif scenario.bucket is Bucket.ADOPTED:
            self.changes.insert(1, EnableVersions())
        self.bucket = scenario.bucket
        self.deliveries = scenario.deliveries
        self.states: list[AwsState] = [aws.state]
        self.uploads: list[Uploaded] = []
        self._known_numbers: dict[str, frozenset[int]] = {}
        self.newest: list[int | None] = [None]
        self.existing: list[frozenset[int]] = [frozenset()]
        # Of an output, or of a delete marker, which makes an earlier version the newest again.
        self.changed_without_event = False
        for index, change in enumerate(self.changes):
            deleted = bool(aws.versions(SOURCE, KEY)) and aws.newest(SOURCE, KEY) is None
            undeletes = deleted and isinstance(change, DeleteNewestVersion)
            self.changed_without_event |= undeletes or isinstance(change, DeleteOutput)
            change.apply(aws)
            self.states.append(aws.state)
            if isinstance(change, Upload):
                self.uploads.append(Uploaded(self._created(aws), index))
            versions = [v for v in aws.versions(SOURCE, KEY) if v.body is not None]
            numbers = [self._number_of(version.version_id) for version in versions]
            self.existing.append(frozenset(numbers))
            self.newest.append(numbers[-1] if aws.newest(SOURCE, KEY) is not None else None)

    def label(self, change: int) -> str:
        """Return the name of a change."""
        return str(self.changes[change])

    def earliest(self, delivery: Delivery) -> int:
        """Return how many changes precede a delivery."""
        return max(delivery.after, self.uploads[delivery.upload - 1].change + 1)

    def event(self, delivery: Delivery) -> dict[str, Any]:
        """Return the event that the function is invoked with."""
        created = self.uploads[delivery.upload - 1].created
        if delivery.kind is Kind.BATCH:
            return batch_event_for(created)
        if delivery.kind is Kind.REPROCESS:
            created = replace(created, sequencer="", event_name="Reprocess")
        return s3_event_for(created)

    def record_id(self, number: int) -> str:
        """Return the ID of the record of an upload's event."""
        return identity.record_id(self.uploads[number - 1].created)

    def numbers(self, record_id: str) -> frozenset[int]:
        """Return the uploads that a record may be about: without versions, those of its bytes."""
        if record_id not in self._known_numbers:
            self._known_numbers[record_id] = frozenset(self._numbers(record_id))
        return self._known_numbers[record_id]

    def _numbers(self, record_id: str) -> Iterator[int]:
        for number, upload in enumerate(self.uploads, start=1):
            bare = replace(upload.created, sequencer="")
            if record_id in (identity.record_id(upload.created), identity.record_id(bare)):
                yield number

    def _created(self, aws: FakeAws) -> ObjectCreated:
        newest = aws.versions(SOURCE, KEY)[-1]
        number = len(self.uploads) + 1
        return ObjectCreated(
            bucket=SOURCE,
            key=KEY,
            version_id="" if newest.version_id == "null" else newest.version_id,
            etag=newest.etag.strip('"'),
            sequencer=f"0{number}",
            event_name="ObjectCreated:Put",
        )

    def _number_of(self, version_id: str) -> int:
        version_id = "" if version_id == "null" else version_id
        return max(
            number
            for number, upload in enumerate(self.uploads, start=1)
            if upload.created.version_id == version_id
        )
