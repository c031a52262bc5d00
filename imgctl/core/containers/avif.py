"""The boxes of an AVIF (ISO/IEC 14496-12, ISO/IEC 23008-12, AV1 Image File Format)."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import BinaryIO

from imgctl.core.containers.container import Container, Patch
from imgctl.core.containers.isobmff import Box, BoxReader
from imgctl.core.containers.optional_parts import is_icc_profile, is_readable_exif
from imgctl.core.errors import Damaged, TooLarge, Truncated, UnsupportedFormat
from imgctl.core.geometry import Size

_MAX_HEADER_BYTES = 32 << 20  # of `meta` or `moov`
_MAX_FRAMES = 100_000
_MAX_EXIF_BYTES = 16 << 20
_ALPHA = (b"urn:mpeg:mpegB:cicp:systems:auxiliary:alpha", b"urn:mpeg:hevc:2015:auxid:1")
_UNKNOWN = b"skip"  # a type that decoders ignore
_FOR_EVER = (0xFFFFFFFF, 0xFFFFFFFFFFFFFFFF)

UNSPECIFIED, SRGB_PRIMARIES, SRGB_TRANSFER = 2, 1, 13
"""Code points of ITU-T H.273."""


@dataclass(frozen=True, slots=True)
class ColorDescription:
    """Code points of ITU-T H.273 for the primaries and the transfer function."""

    primaries: int = UNSPECIFIED
    transfer: int = UNSPECIFIED

    @property
    def is_srgb(self) -> bool:
        """Whether the colors are sRGB, which is also what unspecified ones are taken for."""
        return self.primaries in (SRGB_PRIMARIES, UNSPECIFIED) and self.transfer in (
            SRGB_TRANSFER,
            UNSPECIFIED,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class AvifContainer(Container):
    """What an AVIF's boxes say. `subsampling` is as Pillow's writer names it."""

    bits: int = 8
    subsampling: str = "4:2:0"
    alpha: bool = False
    color: ColorDescription = field(default_factory=ColorDescription)


@dataclass(slots=True)
class _Facts:
    """What the properties of an item or a track say."""

    size: Size | None = None
    config: bytes = b""
    nclx: bytes = b""
    has_icc: bool = False
    clap: bytes = b""
    pasp: bytes = b""


class _Reader:
    def __init__(self, file: BinaryIO, file_bytes: int) -> None:
        self._file = file
        self._file_bytes = file_bytes

    def read(self) -> AvifContainer:
        meta = moov = b""
        meta_at = 0
        for kind, at, size in self._top_boxes():
            if kind == b"meta" and not meta:
                meta, meta_at = self._header(at, size), at
            elif kind == b"moov" and not moov:
                moov = self._header(at, size)
        brand = self._at(8, 4)
        if moov and (brand != b"avif" or not meta):  # as libavif chooses between them
            return _sequence(moov, self._file_bytes)
        if meta:
            return _Items(meta, meta_at, self._file_bytes, self._at).container()
        raise Damaged("The AVIF file has no image.", hint="Export it again from the program.")

    def _top_boxes(self) -> Iterator[tuple[bytes, int, int]]:
        at = 0
        for _ in range(1000):
            head = self._at(at, 16)
            if len(head) < 8:
                return
            size, header = int.from_bytes(head[:4], "big"), 8
            if size == 1:
                size, header = int.from_bytes(head[8:16], "big"), 16
            elif size == 0:
                size = self._file_bytes - at
            if size < header:
                return
            yield head[4:8], at + header, size - header
            at += size

    def _header(self, at: int, size: int) -> bytes:
        if size > _MAX_HEADER_BYTES:
            raise TooLarge("The AVIF file's header is too large.", hint="Export it again.")
        data = self._at(at, size)
        if len(data) < size:
            raise Truncated("The image is truncated.", hint="Copy or upload the complete file.")
        return data

    def _at(self, position: int, count: int) -> bytes:
        if position >= self._file_bytes:
            return b""
        self._file.seek(position)
        return self._file.read(count)


class _Items:
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
        alpha = any(
            primary in targets and self._is_alpha(source)
            for (reference, source), targets in self._references.items()
            if reference == b"auxl"
        )
        self._check_exif()
        if b"tmap" in self._kinds.values():
            self._notes.append("gain map dropped")
        if facts.size is None:
            raise Damaged("The AVIF image has no size.", hint="Export it again.")
        return _container(
            facts,
            facts.size,
            alpha=alpha,
            tiles=max(1, len(tiles)),
            patches=tuple(sorted(self._patches, key=lambda patch: patch.start)),
            notes=tuple(self._notes),
        )

    def _primary(self) -> int:
        box = self._boxes.get(b"pitm")
        if box is None:
            raise Damaged("The AVIF file has no primary image.", hint="Export it again.")
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
            count = self._number(box.data + width, 2)
            first = box.data + width + 2
            targets = [
                self._number(first + width * index, width)
                for index in range(count)
                if first + width * index < box.end
            ]
            found.setdefault((box.kind, self._number(box.data, width)), []).extend(targets)
        return found

    def _is_alpha(self, item: int) -> bool:
        return any(
            box.kind == b"auxC" and self._meta[box.data + 4 : box.end].split(b"\0")[0] in _ALPHA
            for box in self._properties.get(item, [])
        )

    def _facts(self, item: int) -> _Facts:
        facts = _Facts()
        for box in self._properties.get(item, []):
            damaged = _read_property(facts, box.kind, self._meta[box.data : box.end])
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
        for item, kind in self._kinds.items():
            if kind == b"Exif" and not is_readable_exif(self._item_data(item)[4:]):
                at = self._meta_at + self._infos[item]
                self._patches.append(Patch(at, at + 4, _UNKNOWN))
                self._notes.append("EXIF dropped: damaged")
                return

    def _item_data(self, item: int) -> bytes:
        """Return an item's data, or as much as there is (ISO/IEC 14496-12, 8.11.3)."""
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
                if found == item and sum(map(len, parts)) < _MAX_EXIF_BYTES:
                    parts.append(self._extent(method, base + offset, length))
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
        return self._read_at(offset, min(length, _MAX_EXIF_BYTES))


def _read_property(facts: _Facts, kind: bytes, data: bytes) -> bool:
    """Add what a property says; return whether it is a damaged color profile."""
    if kind == b"av1C":
        facts.config = data
    elif kind == b"clap":
        facts.clap = data
    elif kind == b"pasp":
        facts.pasp = data
    elif kind == b"colr" and data[:4] == b"nclx":
        facts.nclx = data[4:11]
    elif kind == b"colr" and data[:4] in (b"prof", b"rICC"):
        facts.has_icc = is_icc_profile(data[4:])
        return not facts.has_icc
    return False


def _sequence(moov: bytes, file_bytes: int) -> AvifContainer:
    """Read the tracks of an image sequence."""
    reader = BoxReader()
    facts, frames, alpha, plays = _Facts(), 0, False, 0
    for trak in reader.boxes(moov, 0, len(moov)):
        if trak.kind != b"trak":
            continue
        media = reader.find(moov, trak.data, trak.end, b"mdia")
        table = media and reader.find(moov, media.data, media.end, b"minf", b"stbl")
        if media is None or table is None:
            continue
        if reader.find(moov, trak.data, trak.end, b"tref", b"auxl"):
            alpha = True
            continue
        sizes = reader.find(moov, table.data, table.end, b"stsz")
        entry = reader.find(moov, table.data, table.end, b"stsd")
        if frames or sizes is None or entry is None:
            continue
        frames = int.from_bytes(moov[sizes.data + 8 : sizes.data + 12], "big")
        for sample in reader.boxes(moov, entry.data + 8, entry.end):
            if sample.kind == b"av01":  # ISO/IEC 14496-12, 12.1.3: a VisualSampleEntry
                width, height = (
                    int.from_bytes(moov[sample.data + at : sample.data + at + 2], "big")
                    for at in (24, 26)
                )
                facts.size = Size(width, height) if width and height else None
                for box in reader.boxes(moov, sample.data + 78, sample.end):
                    _read_property(facts, box.kind, moov[box.data : box.end])
        plays = _plays(reader, moov, trak)
    if facts.size is None or not frames:
        raise Damaged("The AVIF file has no image.", hint="Export it again from the program.")
    if frames > _MAX_FRAMES or frames > file_bytes:
        raise TooLarge(
            f"The AVIF file has more than {_MAX_FRAMES} frames.",
            hint="Reduce its number of frames.",
        )
    return _container(facts, facts.size, alpha=alpha, frames=frames, plays=plays)


def _plays(reader: BoxReader, moov: bytes, trak: Box) -> int:
    """Return how often a track is shown: its duration by that of its repeated edit, as libavif."""
    header = reader.find(moov, trak.data, trak.end, b"tkhd")
    edits = reader.find(moov, trak.data, trak.end, b"edts", b"elst")
    if header is None or edits is None:
        return 0
    if not moov[edits.data + 3] & 1:
        return 1
    wide = moov[header.data] == 1
    at, width = (header.data + 28, 8) if wide else (header.data + 20, 4)
    duration = int.from_bytes(moov[at : at + width], "big")
    edit_width = 8 if moov[edits.data] == 1 else 4
    edit = int.from_bytes(moov[edits.data + 8 : edits.data + 8 + edit_width], "big")
    if duration in _FOR_EVER or not edit:
        return 0
    return max(1, -(-duration // edit))


def _container(
    facts: _Facts,
    size: Size,
    *,
    alpha: bool,
    tiles: int = 1,
    frames: int = 1,
    plays: int | None = None,
    patches: tuple[Patch, ...] = (),
    notes: tuple[str, ...] = (),
) -> AvifContainer:
    flags = facts.config[2] if len(facts.config) > 2 else 0  # AV1-ISOBMFF, 2.3.3
    bits = (12 if flags & 0x20 else 10) if flags & 0x40 else 8
    subsampling = {0x00: "4:4:4", 0x08: "4:2:2", 0x0C: "4:2:0"}.get(flags & 0x0C, "4:2:0")
    if flags & 0x10:
        subsampling = "4:0:0"
    samples = {"4:0:0": 1.0, "4:2:0": 1.5, "4:2:2": 2.0, "4:4:4": 3.0}[subsampling] + alpha
    planes = samples * (1 if bits == 8 else 2)
    # dav1d's planes, and for a grid those of the whole image or for a sequence those that other
    # frames refer to; the colors as bytes and as Pillow's image; and a copy weighted by alpha.
    held = planes * (2 if tiles > 1 else 14 if frames > 1 else 1)
    per_pixel = held + (14 if alpha else 9)
    color = ColorDescription()
    if len(facts.nclx) >= 4 and not facts.has_icc:
        color = ColorDescription(
            int.from_bytes(facts.nclx[:2], "big"), int.from_bytes(facts.nclx[2:4], "big")
        )
    return AvifContainer(
        size=size,
        frames=frames,
        plays=plays,
        decoder_bytes=int(per_pixel * size.pixels),
        decoder_seconds=(100e-9 * size.pixels + 200e-6) * frames,
        patches=patches,
        notes=(*notes, *_pixel_notes(facts, bits)),
        bits=bits,
        subsampling=subsampling,
        alpha=alpha,
        color=color,
    )


def _pixel_notes(facts: _Facts, bits: int) -> list[str]:
    notes = []
    if bits > 8:
        notes.append(f"reduced from {bits} to 8 bits")
    horizontal, vertical = facts.pasp[:4], facts.pasp[4:8]
    if horizontal != vertical:
        notes.append("pixel aspect ratio dropped")
    if facts.clap:
        notes.append("clean aperture not applied: the whole image is kept")
    return notes


def read_avif(file: BinaryIO, file_bytes: int) -> AvifContainer:
    """Read the boxes of an AVIF. Raises Damaged, Truncated, TooLarge or UnsupportedFormat."""
    return _Reader(file, file_bytes).read()
