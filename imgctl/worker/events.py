"""S3's event notifications, read into values.

The shape is that of the S3 User Guide, "Event message structure". What the seed's own test event
leaves out (time, size, ETag, version, sequencer) may be absent.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from imgctl.core.keys import decode_event_key


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectCreated:
    """One object that arrived; `size` in bytes, texts empty where the event has none."""

    bucket: str
    key: str
    version_id: str = ""
    etag: str = ""
    sequencer: str = ""
    size: int | None = None
    event_name: str = ""
    event_time: str = ""
    event_source: str = ""
    event_version: str = ""
    region: str = ""


def objects_created(event: Mapping[str, Any]) -> list[ObjectCreated]:
    """List the objects that an event tells of, in its order.

    An `s3:TestEvent`, which S3 sends when a notification is set up, tells of none. Raises
    ValueError for an event that is not of S3.
    """
    if event.get("Event") == "s3:TestEvent":
        return []
    records = event.get("Records")
    if not isinstance(records, list):
        raise ValueError(f"not an S3 event: it has no Records, only {sorted(event)}")
    return list(_read(records))


def _read(records: Iterable[Mapping[str, Any]]) -> Iterable[ObjectCreated]:
    for record in records:
        try:
            bucket = record["s3"]["bucket"]["name"]
            item = record["s3"]["object"]
            key = decode_event_key(item["key"])
        except (KeyError, TypeError) as error:
            raise ValueError(f"not an S3 event record: {error} is missing") from error
        yield ObjectCreated(
            bucket=bucket,
            key=key,
            version_id=item.get("versionId", ""),
            etag=item.get("eTag", ""),
            sequencer=item.get("sequencer", ""),
            size=item.get("size"),
            event_name=record.get("eventName", ""),
            event_time=record.get("eventTime", ""),
            event_source=record.get("eventSource", ""),
            event_version=record.get("eventVersion", ""),
            region=record.get("awsRegion", ""),
        )
