"""The items of an AVIF: the picture, its alpha and tiles, and metadata (ISO/IEC 23008-12)."""

from collections.abc import Callable

from imgctl.core.containers.av1 import estimated_quality
from imgctl.core.containers.avif_facts import (
    AvifContainer,
    PropertyFacts,
    avif_container,
    read_property,
)
from imgctl.core.containers.container import Patch
from imgctl.core.containers.isobmff import Box, BoxReader
from imgctl.core.containers.optional_parts import is_readable_exif
from imgctl.core.errors import Damaged, TooLarge, UnsupportedFormat
from imgctl.core.geometry import Size

_MAX_EXIF_BYTES = 16 << 20
_MAX_ASSOCIATIONS = 100_000  # of items with properties
_ALPHA = (b"urn:mpeg:mpegB:cicp:systems:auxiliary:alpha", b"urn:mpeg:hevc:2015:auxid:1")
_UNKNOWN = b"skip"  # a type that decoders ignore


class AvifItems:
    """The items in a `meta` box: the picture, its alpha and tiles, and metadata."""

    def __init__(
        self, meta: bytes, meta_at: int, file_bytes: int, read_at: Callable[[int, int], bytes]
    ) -> None:
        self._meta, self._meta_at, self._file_bytes, self._read_at = (
            meta,
            meta_at,
            file_bytes,
            read_at,
        )
        self._reader = BoxReader()
        self._boxes = {box.kind: box for box in self._reader.boxes(meta, 4, len(meta))}
        self._patches: list[Patch] = []
        self._notes: list[str] = []
        self._kinds, self._infos = self._read_infos()
        self._properties = self._read_properties()
        self._references = self._read_references()

    def container(self) -> AvifContainer:
        """Return the facts about the primary image. Raises Damaged or UnsupportedFormat."""
        primary = self._primary()
        kind = self._kinds.get(primary, b"")
        if kind in (b"hvc1", b"hev1"):
            raise UnsupportedFormat(
                "The image is in HEIC format, which is not supported.",
                hint="Convert it to AVIF, WebP, PNG or JPEG first.",
            )
        facts = self._facts(primary)
        tiles = self._references.get((b"dimg", primary), []) if kind == b"grid" else []
        if tiles:
            facts.config = facts.config or self._facts(tiles[0]).config
        alpha = [
            source
            for (reference, source), targets in self._references.items()
            if reference == b"auxl" and primary in targets and self._is_alpha(source)
        ]
        if facts.size is None or any(self._facts(item).size is None for item in alpha):
            raise UnsupportedFormat(  # libavif refuses them, and Pillow cannot tell it not to
                "The AVIF image or its alpha channel has no size (ispe).",
                hint="Export it again from the program that created it.",
            )
        self._check_exif()
        if b"tmap" in self._kinds.values():
            self._notes.append("gain map dropped")
        return avif_container(
            facts,
            facts.size,
            self._file_bytes,
            alpha=bool(alpha),
            tiles=max(1, len(tiles)),
            quality=estimated_quality(self._item_data(tiles[0] if tiles else primary, 512)),
            patches=tuple(sorted(self._patches, key=lambda patch: patch.start)),
            notes=tuple(self._notes),
        )

    def _primary(self) -> int:
        box = self._boxes.get(b"pitm")
        if box is None:
            raise Damaged(
                "The AVIF file has no primary image.",
                hint="Export it again from the program that created it.",
            )
        width = 4 if self._meta[box.data : box.data + 1] != b"\0" else 2
        return self._number(box.data + 4, width)

    def _number(self, at: int, width: int) -> int:
        return int.from_bytes(self._meta[at : at + width], "big")

    def _read_infos(self) -> tuple[dict[int, bytes], dict[int, int]]:
        """Return each item's type, and where in `meta` the type is."""
        kinds: dict[int, bytes] = {}
        places: dict[int, int] = {}
        iinf = self._boxes.get(b"iinf")
        if iinf is not None:
            header = 6 if self._meta[iinf.data : iinf.data + 1] == b"\0" else 8
            for box in self._reader.boxes(self._meta, iinf.data + header, iinf.end):
                width = 4 if self._meta[box.data : box.data + 1] == b"\3" else 2
                item = self._number(box.data + 4, width)
                at = box.data + 4 + width + 2
                kinds[item], places[item] = self._meta[at : at + 4], at
        return kinds, places

    def _read_properties(self) -> dict[int, list[Box]]:
        """Return the properties of each item (ISO/IEC 23008-12, 9.3)."""
        iprp = self._boxes.get(b"iprp")
        if iprp is None:
            return {}
        ipco = self._reader.find(self._meta, iprp.data, iprp.end, b"ipco")
        known = list(self._reader.boxes(self._meta, ipco.data, ipco.end)) if ipco else []
        found: dict[int, list[Box]] = {}
        associations = 0
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
                    at += index_width
                    associations += 1
                    if associations > _MAX_ASSOCIATIONS:
                        raise TooLarge(
                            "The AVIF file has too many items.",
                            hint="Export it again from the program that created it.",
                        )
                    if 0 < index <= len(known):
                        found.setdefault(item, []).append(known[index - 1])
        return found

    def _read_references(self) -> dict[tuple[bytes, int], list[int]]:
        """Return the targets of each item's references, by their type."""
        iref = self._boxes.get(b"iref")
        found: dict[tuple[bytes, int], list[int]] = {}
        if iref is None:
            return found
        width = 4 if self._number(iref.data, 1) else 2
        for box in self._reader.boxes(self._meta, iref.data + 4, iref.end):
            first = box.data + width + 2
            count = min(self._number(box.data + width, 2), (box.end - first) // width)
            targets = [self._number(first + width * index, width) for index in range(count)]
            found.setdefault((box.kind, self._number(box.data, width)), []).extend(targets)
        return found

    def _is_alpha(self, item: int) -> bool:
        return any(
            box.kind == b"auxC"
            and any(self._meta.startswith(urn + b"\0", box.data + 4, box.end) for urn in _ALPHA)
            for box in self._properties.get(item, [])
        )

    def _facts(self, item: int) -> PropertyFacts:
        facts = PropertyFacts()
        for box in self._properties.get(item, []):
            damaged = read_property(facts, box.kind, self._meta[box.data : box.end])
            if damaged:
                at = self._meta_at + box.data
                self._patches.append(Patch(at, at + 4, _UNKNOWN))
                self._notes.append("color profile dropped: damaged")
            if box.kind == b"ispe":
                sides = (self._number(box.data + at, 4) for at in (4, 8))
                width, height = sides
                facts.size = Size(width, height) if width and height else None
        return facts

    def _check_exif(self) -> None:
        item = next((item for item, kind in self._kinds.items() if kind == b"Exif"), None)
        if item is not None and not is_readable_exif(self._item_data(item)[4:]):
            at = self._meta_at + self._infos[item]
            self._patches.append(Patch(at, at + 4, _UNKNOWN))
            self._notes.append("EXIF dropped: damaged")

    def _item_data(self, item: int, limit: int = _MAX_EXIF_BYTES) -> bytes:
        """Return an item's data, up to about the limit (ISO/IEC 14496-12, 8.11.3)."""
        iloc = self._boxes.get(b"iloc")
        if iloc is None:
            return b""
        version = self._number(iloc.data, 1)
        sizes = self._number(iloc.data + 4, 2)
        offset_width, length_width, base_width = sizes >> 12, sizes >> 8 & 15, sizes >> 4 & 15
        index_width = sizes & 15 if version else 0
        id_width = 4 if version == 2 else 2
        count = self._number(iloc.data + 6, id_width)
        at = iloc.data + 6 + id_width
        for _ in range(min(count, len(self._meta))):
            if at >= iloc.end:
                break
            found, at = self._number(at, id_width), at + id_width
            method = self._number(at, 2) & 15 if version else 0
            at += (2 if version else 0) + 2
            base, at = self._number(at, base_width), at + base_width
            extents, at = self._number(at, 2), at + 2
            extents = extents if index_width + offset_width + length_width else 0
            parts: list[bytes] = []
            for _ in range(extents):
                if at >= iloc.end:
                    break
                at += index_width
                offset, length = (
                    self._number(at, offset_width),
                    self._number(at + offset_width, length_width),
                )
                at += offset_width + length_width
                if found == item and sum(map(len, parts)) < limit:
                    parts.append(self._extent(method, base + offset, min(length, limit)))
            if found == item:
                return b"".join(parts)
        return b""

    def _extent(self, method: int, offset: int, length: int) -> bytes:
        if method == 1:
            idat = self._boxes.get(b"idat")
            return (
                b""
                if idat is None
                else self._meta[idat.data + offset : idat.data + offset + length]
            )
        return self._read_at(offset, length)
