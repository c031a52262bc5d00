"""The outputs of an upload as its record names them: renditions in the attribute `Renditions`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from decimal import Decimal, InvalidOperation
from typing import Any

from imgctl.core.rendition_tables import settings_digest
from imgctl.core.renditions import RenditionSet


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedOutput:
    """An output that a record names: its sizes are in pixels and bytes, None if not recorded.

    `name` is that of a rendition, and empty for the one result of a stack without any.
    """

    name: str
    key: str
    width: int | None = None
    height: int | None = None
    format: str | None = None
    file_bytes: int | None = None
    notes: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedRendition:
    """One rendition that was stored: its sizes are in pixels and bytes.

    `settings` identifies how it was made (`settings_digest`). `quality` and `notes` are None where
    there is none.
    """

    name: str
    key: str
    width: int
    height: int
    format: str
    file_bytes: int
    settings: str
    quality: int | None = None
    notes: str | None = None

    @property
    def output(self) -> RecordedOutput:
        """The rendition as one of the record's outputs."""
        return RecordedOutput(
            name=self.name,
            key=self.key,
            width=self.width,
            height=self.height,
            format=self.format,
            file_bytes=self.file_bytes,
            notes=self.notes,
        )


_NAMES = {
    field.name: "bytes" if field.name == "file_bytes" else field.name
    for field in fields(RecordedRendition)
}
_INTEGERS = frozenset(f.name for f in fields(RecordedRendition) if f.type in (int, int | None))
_OPTIONAL = ("quality", "notes")


def recorded_renditions(
    renditions: RenditionSet,
    keys: Sequence[str],
    described: Sequence[tuple[Mapping[str, Any], int | None]],
) -> tuple[RecordedRendition, ...] | None:
    """Return what a record lists, None where renditions have no names.

    Each is `described` by the fields of a record about its result, and by the quality that it was
    encoded with; one without fields is left out.
    """
    if not renditions.are_named:
        return None
    return tuple(
        RecordedRendition(
            name=rendition.name,
            key=key,
            width=fields["resized_width"],
            height=fields["resized_height"],
            format=fields["resized_format"],
            file_bytes=fields["resized_file_size"],
            settings=settings_digest(rendition),
            quality=quality,
            notes=fields.get("notes"),
        )
        for rendition, key, (fields, quality) in zip(
            renditions.renditions, keys, described, strict=True
        )
        if fields
    )


def to_attribute(renditions: Sequence[RecordedRendition]) -> dict[str, Any]:
    """Return the list as a value of DynamoDB."""
    return {"L": [{"M": _typed(to_plain(rendition))} for rendition in renditions]}


def _typed(plain: Mapping[str, str | int]) -> dict[str, Any]:
    return {
        name: {"N": str(value)} if isinstance(value, int) else {"S": value}
        for name, value in plain.items()
    }


def from_attribute(stored: Mapping[str, Any]) -> tuple[RecordedRendition, ...] | None:
    """Read a value of DynamoDB; None for anything but a list, whose other entries are left out."""
    entries = stored.get("L")
    if not isinstance(entries, list):
        return None
    read = (_read(entry.get("M", {})) for entry in entries if isinstance(entry, Mapping))
    return tuple(rendition for rendition in read if rendition is not None)


def _read(entry: Mapping[str, Any]) -> RecordedRendition | None:
    values: dict[str, Any] = {}
    for name, stored_name in _NAMES.items():
        stored = entry.get(stored_name, {})
        try:
            if name in _INTEGERS and "N" in stored:
                values[name] = int(Decimal(stored["N"]))
            elif name not in _INTEGERS and "S" in stored:
                values[name] = str(stored["S"])
        except (InvalidOperation, ValueError, OverflowError):
            return None
    is_whole = all(name in values or name in _OPTIONAL for name in _NAMES)
    return RecordedRendition(**values) if is_whole else None


def to_plain(rendition: RecordedRendition) -> dict[str, str | int]:
    """Return a rendition for JSON, without what is None."""
    values = ((stored_name, getattr(rendition, name)) for name, stored_name in _NAMES.items())
    return {name: value for name, value in values if value is not None}
