"""What the page shows of one record: the record itself, and small images."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from imgctl.core.record import Record, to_plain


@dataclass(frozen=True, slots=True, kw_only=True)
class Thumbnails:
    """Small images as data URLs: of the original, of its output, and of each rendition by name.

    None and a name that is missing stand for an image that cannot be shown.
    """

    before: str | None = None
    after: str | None = None
    renditions: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Entry:
    """A record and its thumbnails."""

    record: Record
    thumbnails: Thumbnails = Thumbnails()


def entry_document(entry: Entry) -> dict[str, Any]:
    """Return the entry for JSON; the record as `imgctl history --json` prints it."""
    return {"record": to_plain(entry.record), "thumbnails": thumbnails_document(entry.thumbnails)}


def thumbnails_document(thumbnails: Thumbnails) -> dict[str, Any]:
    """Return the thumbnails for JSON."""
    return {
        "before": thumbnails.before,
        "after": thumbnails.after,
        "renditions": dict(thumbnails.renditions),
    }
