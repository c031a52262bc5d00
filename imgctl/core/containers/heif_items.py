"""The items of an AVIF or HEIC: pictures, tiles, alpha and metadata (ISO/IEC 23008-12)."""

from dataclasses import dataclass, field

from imgctl.core.containers.container import Patch
from imgctl.core.containers.heif_facts import PropertyFacts, read_property
from imgctl.core.containers.isobmff import EXPORT_AGAIN, Box, BoxReader, HeaderBoxes
from imgctl.core.containers.optional_parts import is_readable_exif
from imgctl.core.errors import Damaged, TooLarge
from imgctl.core.geometry import Size

_MAX_EXIF_BYTES = 16 << 20
_MAX_ENTRIES = 100_000  # properties of items, references between them, and parts of their data
_ALPHA = (b"urn:mpeg:mpegB:cicp:systems:auxiliary:alpha", b"urn:mpeg:hevc:2015:auxid:1")
_UNKNOWN = b"skip"  # a type that decoders ignore


@dataclass(slots=True)
class Item:
    """An item: its type, where in `meta` its entry has its flags and its type, and its data.

    `parts` are the offsets and lengths of its data, in the file or, if `in_meta`, in `idat`.
    `details` is what follows the type in its entry.
    """

    kind: bytes
    flags_at: int
    kind_at: int
    hidden: bool = False
    details: bytes = b""
    in_meta: bool = False
    parts: list[tuple[int, int]] = field(default_factory=list)

    def ends_within(self, file_bytes: int) -> bool:
        """Return whether a file of this length is not too short for the item's data."""
        return self.in_meta or all(sum(part) <= file_bytes for part in self.parts)


@dataclass(frozen=True, slots=True)
class _Property:
    """A property of an item, and where in `meta` its number is stated."""

    box: Box
    number_at: int
    number_bytes: int


class HeifItems:
    """The items in a `meta` box. Raises Damaged or TooLarge; `format_name` is for errors.

    `notes` name what the patches leave out.
    """

    def __init__(self, boxes: HeaderBoxes, format_name: str) -> None:
        self._meta, self._meta_at, self._read_at = boxes.meta, boxes.meta_at, boxes.read_at
        self._format_name = format_name
        self._reader = BoxReader(format_name)
        self._boxes = {box.kind: box for box in self._reader.boxes(self._meta, 4, len(self._meta))}
        self._patches: list[Patch] = []
        self.notes: list[str] = []
        self.all = self._read_infos()
        self._read_locations()
        self._properties = self._read_properties()
        self.references = self._read_references()
        self.primary = self._read_primary()

    @property
    def patches(self) -> tuple[Patch, ...]:
        """What the decoder is to see in place of some bytes, in the order of the file."""
        return tuple(sorted(set(self._patches), key=lambda patch: patch.start))

    def kind(self, item: int) -> bytes:
        """Return the type of an item; it is empty if there is no such item."""
        return self.all[item].kind if item in self.all else b""

    def targets(self, reference: bytes, source: int) -> list[int]:
        """Return the items that an item refers to in this way."""
        return self.references.get((reference, source), [])

    def sources(self, reference: bytes, target: int) -> list[int]:
        """Return the items that refer to an item in this way."""
        return [
            source
            for (kind, source), targets in self.references.items()
            if kind == reference and target in targets
        ]

    def alphas(self, item: int) -> list[int]:
        """Return the items that are the alpha channel of an item."""
        return [aux for aux in self.sources(b"auxl", item) if self.auxiliary_type(aux) in _ALPHA]

    def auxiliary_type(self, item: int) -> bytes:
        """Return the URN that says what an auxiliary image is (6.5.8); an empty one if none."""
        for box in (each.box for each in self._properties.get(item, [])):
            if box.kind == b"auxC":
                return self._meta[box.data + 4 : box.end].partition(b"\0")[0]
        return b""

    def facts(self, item: int) -> PropertyFacts:
        """Return what the properties of an item say; a damaged color profile is left out."""
        facts = PropertyFacts()
        for each in self._properties.get(item, []):
            box = each.box
            damaged = read_property(facts, box.kind, self._meta[box.data : box.end])
            if damaged:  # its number becomes 0, which is no property (9.3.3)
                self._patch(each.number_at, bytes(each.number_bytes))
                self.notes.append("color profile dropped: damaged")
            if box.kind == b"ispe":
                width, height = (self._number(box.data + at, 4) for at in (4, 8))
                facts.size = Size(width, height) if width and height else None
        return facts

    def check_exif(self) -> None:
        """Leave the EXIF out if it cannot be read."""
        number = next((number for number, item in self.all.items() if item.kind == b"Exif"), None)
        if number is not None and not is_readable_exif(self.data(number)[4:]):
            self.leave_out(self.all[number].kind_at, "EXIF dropped: damaged")

    def leave_out(self, kind_at: int, note: str) -> None:
        """Replace a type in `meta` by one that decoders ignore."""
        self._patch(kind_at, _UNKNOWN)
        self.notes.append(note)

    def hide(self, item: int) -> None:
        """Let the decoder take an item for one that is not shown (ISO/IEC 14496-12, 8.11.6)."""
        at = self.all[item].flags_at
        self._patch(at, bytes([self._meta[at] | 1]))

    def data(self, item: int, limit: int = _MAX_EXIF_BYTES) -> bytes:
        """Return an item's data, up to about the limit (ISO/IEC 14496-12, 8.11.3)."""
        found = self.all.get(item)
        read: list[bytes] = []
        for offset, length in found.parts if found else ():
            if sum(map(len, read)) >= limit:
                break
            read.append(
                self._part(offset, min(length, limit), in_meta=bool(found and found.in_meta))
            )
        return b"".join(read)

    def _patch(self, at: int, replacement: bytes) -> None:
        start = self._meta_at + at
        self._patches.append(Patch(start, start + len(replacement), replacement))

    def _part(self, offset: int, length: int, *, in_meta: bool) -> bytes:
        if not in_meta:
            return self._read_at(offset, length)
        idat = self._boxes.get(b"idat")
        return b"" if idat is None else self._meta[idat.data + offset : idat.data + offset + length]

    def _read_primary(self) -> int:
        box = self._boxes.get(b"pitm")
        if box is None:
            raise Damaged(f"The {self._format_name} file has no primary image.", hint=EXPORT_AGAIN)
        width = 4 if self._meta[box.data : box.data + 1] != b"\0" else 2
        return self._number(box.data + 4, width)

    def _number(self, at: int, width: int) -> int:
        return int.from_bytes(self._meta[at : at + width], "big")

    def _read_infos(self) -> dict[int, Item]:
        infos: dict[int, Item] = {}
        iinf = self._boxes.get(b"iinf")
        if iinf is None:
            return infos
        header = 6 if self._meta[iinf.data : iinf.data + 1] == b"\0" else 8
        for box in self._reader.boxes(self._meta, iinf.data + header, iinf.end):
            width = 4 if self._meta[box.data : box.data + 1] == b"\3" else 2
            kind_at = box.data + 4 + width + 2
            infos[self._number(box.data + 4, width)] = Item(
                kind=self._meta[kind_at : kind_at + 4],
                flags_at=box.data + 3,
                kind_at=kind_at,
                hidden=bool(self._number(box.data + 3, 1) & 1),
                details=self._meta[kind_at + 4 : box.end],
            )
        return infos

    def _too_many(self) -> TooLarge:
        return TooLarge(f"The {self._format_name} file has too many items.", hint=EXPORT_AGAIN)

    def _read_locations(self) -> None:
        """Add where the items' data are (ISO/IEC 14496-12, 8.11.3)."""
        iloc = self._boxes.get(b"iloc")
        if iloc is None:
            return
        version = self._number(iloc.data, 1)
        sizes = self._number(iloc.data + 4, 2)
        offset_width, length_width, base_width = sizes >> 12, sizes >> 8 & 15, sizes >> 4 & 15
        index_width = sizes & 15 if version else 0
        part_width = index_width + offset_width + length_width
        id_width = 4 if version == 2 else 2
        count = self._number(iloc.data + 6, id_width)
        at = iloc.data + 6 + id_width
        left = _MAX_ENTRIES
        for _ in range(min(count, len(self._meta))):
            if at >= iloc.end:
                break
            number, at = self._number(at, id_width), at + id_width
            method = self._number(at, 2) & 15 if version else 0
            at += (2 if version else 0) + 2
            base, at = self._number(at, base_width), at + base_width
            parts, at = self._number(at, 2), at + 2
            item = self.all.get(number)
            is_first = item is not None and not item.parts
            for _ in range(parts if part_width else 0):
                if at >= iloc.end:
                    break
                left -= 1
                if left < 0:
                    raise self._too_many()
                offset = base + self._number(at + index_width, offset_width)
                length = self._number(at + index_width + offset_width, length_width)
                at += part_width
                if item is not None and is_first:
                    item.in_meta = method == 1
                    item.parts.append((offset, length))

    def _read_properties(self) -> dict[int, list[_Property]]:
        """Return the properties of each item (ISO/IEC 23008-12, 9.3)."""
        iprp = self._boxes.get(b"iprp")
        if iprp is None:
            return {}
        ipco = self._reader.find(self._meta, iprp.data, iprp.end, b"ipco")
        known = list(self._reader.boxes(self._meta, ipco.data, ipco.end)) if ipco else []
        found: dict[int, list[_Property]] = {}
        left = _MAX_ENTRIES
        for ipma in self._reader.boxes(self._meta, iprp.data, iprp.end):
            if ipma.kind != b"ipma":
                continue
            version, flags = self._number(ipma.data, 1), self._number(ipma.data + 3, 1)
            id_width, index_width = (4 if version else 2), (2 if flags & 1 else 1)
            at = ipma.data + 8
            for _ in range(min(self._number(ipma.data + 4, 4), len(self._meta))):
                if at >= ipma.end:
                    break
                item, count = self._number(at, id_width), self._number(at + id_width, 1)
                at += id_width + 1
                for _ in range(count):
                    index = self._number(at, index_width) & (0x7FFF if index_width == 2 else 0x7F)
                    number_at, at = at, at + index_width
                    left -= 1
                    if left < 0:
                        raise self._too_many()
                    if 0 < index <= len(known):
                        added = _Property(known[index - 1], number_at, index_width)
                        found.setdefault(item, []).append(added)
        return found

    def _read_references(self) -> dict[tuple[bytes, int], list[int]]:
        """Return the targets of each item's references, by their type."""
        iref = self._boxes.get(b"iref")
        found: dict[tuple[bytes, int], list[int]] = {}
        if iref is None:
            return found
        width = 4 if self._number(iref.data, 1) else 2
        left = _MAX_ENTRIES
        for box in self._reader.boxes(self._meta, iref.data + 4, iref.end):
            first = box.data + width + 2
            count = min(self._number(box.data + width, 2), (box.end - first) // width)
            left -= count
            if left < 0:
                raise self._too_many()
            targets = [self._number(first + width * index, width) for index in range(count)]
            found.setdefault((box.kind, self._number(box.data, width)), []).extend(targets)
        return found
