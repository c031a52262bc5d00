"""The metadata of a TIFF's first page, read without a decoder: what is broken is left out."""

import struct
from collections.abc import Iterable
from dataclasses import dataclass, field

from PIL.TiffImagePlugin import IFDRational

from imgctl.core.containers.tiff_directory import TYPE_BYTES, Directory, DirectoryReader, Entry, Tag
from imgctl.core.profiles import color_space

# The tags of the page's own directory that EXIF has too (CIPA DC-008, table 4).
_DESCRIPTIVE_TAGS = (
    Tag.DESCRIPTION,
    Tag.MAKE,
    Tag.MODEL,
    Tag.SOFTWARE,
    Tag.DATE_TIME,
    Tag.ARTIST,
    Tag.HOST_COMPUTER,
    Tag.COPYRIGHT,
)
_INTEROPERABILITY = 0xA005  # EXIF's pointer to a directory, which names the color space (DCF 2.0)
_ENTRY_BYTES = 12
_MAX_EXIF_BYTES = 4 * 1024 * 1024
_ASCII, _LONG, _RATIONAL = 2, 4, 5
_BYTES = (1, 2, 7)  # the field types that text and blocks of other formats are found in
_INCHES, _CENTIMETERS = 2, 3  # ResolutionUnit


@dataclass(frozen=True, slots=True, kw_only=True)
class TiffMetadata:
    """Metadata of a TIFF. `exif` is a block as in a JPEG, made of the TIFF's own directories.

    `others` names blocks that imgctl never keeps, and `notes` what could not be read.
    """

    icc_profile: bytes | None = field(default=None, repr=False)
    dpi: tuple[IFDRational, IFDRational] | None = None
    exif: bytes | None = field(default=None, repr=False)
    xmp: bytes | None = field(default=None, repr=False)
    iptc: bytes | None = field(default=None, repr=False)
    others: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def read_tiff_metadata(reader: DirectoryReader, directory: Directory) -> TiffMetadata:
    """Read the metadata of a page."""
    entries, notes = directory.entries, []
    profile = reader.value_bytes(entries.get(Tag.ICC_PROFILE), _BYTES)
    if color_space(profile) is None:
        profile = None
    if Tag.ICC_PROFILE in entries and profile is None:
        notes.append("color profile dropped: damaged")
    xmp = reader.value_bytes(entries.get(Tag.XMP), _BYTES)
    exif, complete = _exif_block(reader, directory)
    if not complete:
        notes.append("EXIF tags dropped: damaged")
    iptc = reader.value_bytes(entries.get(Tag.IPTC), (*_BYTES, _LONG))
    others = {Tag.PHOTOSHOP: "Photoshop data"} | ({} if iptc else {Tag.IPTC: "IPTC"})
    return TiffMetadata(
        icc_profile=profile,
        dpi=_dpi(reader, directory),
        exif=exif,
        xmp=xmp,
        iptc=iptc,
        others=tuple(name for tag, name in others.items() if tag in entries),
        notes=tuple(notes),
    )


def _dpi(reader: DirectoryReader, directory: Directory) -> tuple[IFDRational, IFDRational] | None:
    """Return the resolution in dots per inch, if the file states one (TIFF 6.0, p. 38)."""
    unit = reader.integer(directory, Tag.RESOLUTION_UNIT, _INCHES)
    values = [
        _number(reader, directory.entries.get(t)) for t in (Tag.X_RESOLUTION, Tag.Y_RESOLUTION)
    ]
    if unit not in (_INCHES, _CENTIMETERS) or not all(values):
        return None
    x, y = (
        value * 2.54 if unit == _CENTIMETERS else value for value in values if value is not None
    )
    return x, y


def _number(reader: DirectoryReader, entry: Entry | None) -> IFDRational | None:
    if entry is None or entry.type != _RATIONAL:
        integers = reader.integers(entry, 1)
        return IFDRational(integers[0]) if integers else None
    data = reader.bytes_at(entry.start, 8)
    if len(data) < 8:
        return None
    numerator, denominator = struct.unpack(reader.order + "II", data)
    return IFDRational(numerator, denominator) if denominator else None


def _exif_block(reader: DirectoryReader, directory: Directory) -> tuple[bytes | None, bool]:
    """Return the EXIF block, and whether it has everything that the file has."""
    main = [directory.entries[tag] for tag in _DESCRIPTIVE_TAGS if tag in directory.entries]
    values, complete = _values(reader, [entry for entry in main if entry.type in _BYTES])
    complete = complete and all(entry.type in _BYTES for entry in main)
    parts = []
    interoperability: list[Value] = []
    for tag in (Tag.EXIF, Tag.GPS):
        if pointer := directory.entries.get(tag):
            found = _entries_at(reader, pointer)
            nested = _entries_at(reader, found.pop(_INTEROPERABILITY, None))
            part, readable = _values(reader, found.values())
            complete = complete and readable and bool(part)
            if part:
                parts.append((tag, part))
            if part and tag == Tag.EXIF:
                interoperability, _ = _values(reader, nested.values())
    if not values and not parts:
        return None, complete
    order = reader.order
    header = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "I", 8)
    # The pointers' values follow from the length of the directory before them.
    pointers = [(tag, _LONG, 1, bytes(4)) for tag, _ in parts]
    position = 8 + len(_directory_bytes([*values, *pointers], 8, order))
    sections = []
    for index, (tag, part) in enumerate(parts):
        pointers[index] = (tag, _LONG, 1, struct.pack(order + "I", position))
        if tag == Tag.EXIF and interoperability:
            behind = position + len(_directory_bytes(part, position, order)) + _ENTRY_BYTES
            part.append((_INTEROPERABILITY, _LONG, 1, struct.pack(order + "I", behind)))
            sections.append(_directory_bytes(part, position, order))
            sections.append(_directory_bytes(interoperability, behind, order))
            position = behind + len(sections[-1])
        else:
            sections.append(_directory_bytes(part, position, order))
            position += len(sections[-1])
    block = header + _directory_bytes([*values, *pointers], 8, order) + b"".join(sections)
    return (b"Exif\0\0" + block, complete) if len(block) <= _MAX_EXIF_BYTES else (None, False)


def _entries_at(reader: DirectoryReader, pointer: Entry | None) -> dict[int, Entry]:
    offset = reader.integers(pointer, 1)
    return dict(reader.read(offset[0]).entries) if offset else {}


Value = tuple[int, int, int, bytes]
"""A tag, its field type, the number of values, and their bytes."""


def _values(reader: DirectoryReader, entries: Iterable[Entry]) -> tuple[list[Value], bool]:
    """Return the entries that can be read, and whether these are all."""
    values: list[Value] = []
    complete, size = True, 0
    for entry in entries:
        readable = entry.type in TYPE_BYTES and reader.in_bounds(entry)
        size += entry.size if readable else 0
        if readable and size <= _MAX_EXIF_BYTES:
            data = reader.bytes_at(entry.start, entry.size)
            values.append((entry.tag, entry.type, entry.count, data))
        else:
            complete = False
    return values, complete


def _directory_bytes(values: list[Value], start: int, order: str) -> bytes:
    """Encode a directory that begins at `start`, with its values behind it."""
    position = start + 2 + 12 * len(values) + 4
    rows, data = [], []
    for tag, type_, count, value in sorted(values):
        if len(value) > 4:
            field_ = struct.pack(order + "I", position)
            data.append(value + b"\0" * (len(value) % 2))
            position += len(data[-1])
        else:
            field_ = value.ljust(4, b"\0")
        rows.append(struct.pack(order + "HHI", tag, type_, count) + field_)
    return struct.pack(order + "H", len(rows)) + b"".join(rows) + bytes(4) + b"".join(data)
