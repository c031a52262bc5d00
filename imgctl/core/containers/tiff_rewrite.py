"""Directories written anew for the decoder, with nothing but what it needs for the pixels.

Pillow and libtiff read every tag of a directory, and refuse a picture for one that is broken
though nobody needs it. Strips and tiles stay where they are: the new directories follow the file.
"""

import struct
from collections.abc import Sequence

from imgctl.core.containers.container import Patch
from imgctl.core.containers.tiff_directory import (
    INTEGER_TYPES,
    TYPE_BYTES,
    Directory,
    DirectoryReader,
    Entry,
    Tag,
)
from imgctl.core.containers.tiff_page import BLACK_IS_ZERO, TiffPage
from imgctl.core.errors import TooLarge

_INTEGERS = tuple(INTEGER_TYPES)
_BYTES = (1, 2, 7)
_STRUCTURE: dict[int, tuple[int, ...]] = {  # how pixels are stored: tag -> field types
    **dict.fromkeys((256, 257, 258, 259, 262, 266, 273, 274, 277, 278, 279, 284), _INTEGERS),
    **dict.fromkeys((292, 293, 317, 320, 322, 323, 324, 325, 332, 338, 339), _INTEGERS),
    **dict.fromkeys((512, 513, 514, 515, 519, 520, 521, 530, 531), _INTEGERS),
    529: (5,),  # YCbCrCoefficients
    532: (5,),  # ReferenceBlackWhite
    347: _BYTES,  # JPEGTables
    Tag.ICC_PROFILE: (1, 7),
}
_HARMLESS: dict[int, tuple[int, ...]] = {  # other tags that are left to the decoder
    **dict.fromkeys((254, 255, 263, 280, 281, 296, 297), (3, 4)),
    **dict.fromkeys((269, 270, 271, 272, 285, 305, 306, 315, 316, 337, 33432), (2,)),
    **dict.fromkeys((282, 283, 286, 287, 318, 319), (5,)),
    **dict.fromkeys((Tag.XMP, Tag.IPTC, Tag.PHOTOSHOP), (1, 7)),
}
_EXPECTED = _STRUCTURE | _HARMLESS
_MAX_WRITTEN_BYTES = 32 * 1024 * 1024
_SHORT = 3


def rewrites(
    reader: DirectoryReader,
    directories: Sequence[Directory],
    pages: Sequence[TiffPage],
    *,
    keeps_profile: bool,
) -> tuple[Patch, ...]:
    """Return the patches that replace the directories, or none where the file's own will do."""
    if not _needs_rewriting(reader, directories, pages, keeps_profile=keeps_profile):
        return ()
    start = reader.file_bytes + reader.file_bytes % 2
    written = bytearray(start - reader.file_bytes)
    for index, (directory, page) in enumerate(zip(directories, pages, strict=True)):
        with_profile = keeps_profile and index == 0
        position = reader.file_bytes + len(written)
        last = index == len(pages) - 1
        written += _directory_bytes(
            reader, directory, page, position, last=last, with_profile=with_profile
        )
        if len(written) > _MAX_WRITTEN_BYTES:
            raise TooLarge("The TIFF has too many strips or tiles.", hint="Reduce its size first.")
    signature = b"II*\0" if reader.order == "<" else b"MM\0*"
    header = signature + struct.pack(reader.order + "I", start)
    return (
        Patch(0, len(header), header),
        Patch(reader.file_bytes, reader.file_bytes, bytes(written)),
    )


def _needs_rewriting(
    reader: DirectoryReader,
    directories: Sequence[Directory],
    pages: Sequence[TiffPage],
    *,
    keeps_profile: bool,
) -> bool:
    if reader.big and reader.order == ">":
        return True  # Pillow does not know it
    out_of_line_bytes = 0
    for directory, page in zip(directories, pages, strict=True):
        if not directory.in_order or _replaced_values(reader, directory, page):
            return True
        for tag, entry in directory.entries.items():
            if entry.type not in _EXPECTED.get(tag, ()) or not reader.in_bounds(entry):
                return True
            out_of_line_bytes += 0 if entry.inline else entry.size
        if Tag.ICC_PROFILE in directory.entries and not keeps_profile:
            return True
    # Pillow refuses a file whose directories together refer to more bytes than it has.
    return out_of_line_bytes > reader.file_bytes


def _replaced_values(
    reader: DirectoryReader, directory: Directory, page: TiffPage
) -> dict[int, int]:
    """Return the tags whose values the decoder shall see changed."""
    replaced: dict[int, int] = {}
    if page.inverted and reader.order == ">":
        replaced[Tag.PHOTOMETRIC] = BLACK_IS_ZERO  # Pillow knows it in little-endian files only
    if page.extra_samples and Tag.EXTRA_SAMPLES not in directory.entries:
        replaced[Tag.EXTRA_SAMPLES] = page.extra_samples[0]
    return replaced


def _directory_bytes(
    reader: DirectoryReader,
    directory: Directory,
    page: TiffPage,
    start: int,
    *,
    last: bool,
    with_profile: bool,
) -> bytes:
    """Encode a directory that begins at `start` and is followed by the next unless it is `last`."""
    order = reader.order
    replaced = _replaced_values(reader, directory, page)
    kept = {
        tag: entry
        for tag, entry in directory.entries.items()
        if entry.type in _STRUCTURE.get(tag, ())
        and reader.in_bounds(entry)
        and (tag != Tag.ICC_PROFILE or with_profile)
    }
    tags = sorted({*kept, *replaced})
    position = start + 2 + 12 * len(tags) + 4
    rows, values = [], bytearray()
    for tag in tags:
        if tag in replaced:
            value = struct.pack(order + "HH", replaced[tag], 0)
            rows.append(struct.pack(order + "HHI", tag, _SHORT, 1) + value)
            continue
        entry = kept[tag]
        if not reader.big or (entry.type in TYPE_BYTES and not entry.inline):
            type_, field = entry.type, _field(reader, entry)
        else:
            type_, data = _classic_value(reader, entry)
            field = data.ljust(4, b"\0")
            if len(data) > 4:
                field = struct.pack(order + "I", position + len(values))
                values += data
        rows.append(struct.pack(order + "HHI", tag, type_, entry.count) + field)
    values += b"\0" * (len(values) % 2)
    following = 0 if last else position + len(values)
    return (
        struct.pack(order + "H", len(rows))
        + b"".join(rows)
        + struct.pack(order + "I", following)
        + bytes(values)
    )


def _field(reader: DirectoryReader, entry: Entry) -> bytes:
    """Return the last four bytes of an entry in a classic directory: its value, or where it is."""
    if entry.inline:
        return reader.bytes_at(entry.start, 4)
    return struct.pack(reader.order + "I", entry.start)


def _classic_value(reader: DirectoryReader, entry: Entry) -> tuple[int, bytes]:
    """Return the field type and bytes of a BigTIFF's value in a classic file."""
    if entry.size > _MAX_WRITTEN_BYTES:
        raise TooLarge("The TIFF has too many strips or tiles.", hint="Reduce its size first.")
    if entry.type in TYPE_BYTES:
        return entry.type, reader.bytes_at(entry.start, entry.size)
    numbers = [min(n, 0xFFFFFFFF) for n in reader.integers(entry, entry.count)]
    return 4, struct.pack(f"{reader.order}{len(numbers)}I", *numbers)
