"""The boxes of a HEIC: HEVC pictures in items (ISO/IEC 23008-12, annex B)."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import BinaryIO

from imgctl.core.containers.heif_facts import HeifContainer, PropertyFacts, pixel_notes
from imgctl.core.containers.heif_items import HeifItems
from imgctl.core.containers.isobmff import EXPORT_AGAIN, HeaderBoxes
from imgctl.core.errors import Damaged, TooLarge, Truncated, UnsupportedFormat
from imgctl.core.geometry import Size

_HEVC = (b"hvc1", b"hev1")
_GRID = b"grid"
_OTHERS = {  # what an item of HEIF can be as well
    b"av01": "AV1 without the brand of AVIF",
    b"avc1": "H.264",
    b"vvc1": "H.266",
    b"jpeg": "JPEG",
    b"j2k1": "JPEG 2000",
    b"unci": "without compression",
    b"mski": "a mask",
    b"grid": "a grid",
    b"iden": "derived from another image",
    b"iovl": "an overlay of other images",
    b"tmap": "derived from a gain map",
}
_PICTURES = (*_HEVC, *_OTHERS)
_DEPTH = (b"urn:mpeg:hevc:2015:auxid:2", b"urn:mpeg:mpegB:cicp:systems:auxiliary:depth")
_GAIN_MAP = b"urn:com:apple:photo:2020:aux:hdrgainmap"

_MAX_ITEMS = 1000  # libheif's limit, also on the tiles of a grid
_MAX_METADATA_BYTES = 64 << 20  # all are read, and several items may share the same bytes
_CHROMA = ("4:0:0", "4:2:0", "4:2:2", "4:4:4")  # chroma_format_idc (ISO/IEC 23008-2, 6.2)
_SAMPLES = {"4:0:0": 1.0, "4:2:0": 1.5, "4:2:2": 2.0, "4:4:4": 3.0}
# Measured with noise at high quality, and with tiles of 64 x 64 pixels.
_SECONDS_PER_PIXEL = 100e-9
_SECONDS_PER_BYTE = 60e-9
_CONFIG_BYTES = 23  # of a decoder configuration, without its arrays (ISO/IEC 14496-15, 8.3.3.1)


@dataclass(frozen=True, slots=True, kw_only=True)
class HeicContainer(HeifContainer):
    """What a HEIC's boxes say; `size` is that before it is rotated or cropped."""


@dataclass(frozen=True, slots=True)
class _Picture:
    """An image item: `coded_pixels` are those of all its tiles, of which a plain image has one.

    `tile_bytes` is the length of the longest tile's data.
    """

    facts: PropertyFacts
    size: Size
    coded_pixels: int
    tile_bytes: int
    bits: int
    subsampling: str


def read(file: BinaryIO, file_bytes: int) -> HeicContainer:
    """Read the boxes of a HEIC. Raises Damaged, Truncated, TooLarge or UnsupportedFormat.

    The decoder is shown the primary image alone: it would read the metadata of each.
    """
    boxes = HeaderBoxes(file, file_bytes, "HEIC")
    if not boxes.meta:
        if boxes.moov:
            raise _unsupported("The HEIC file is an image sequence without a still image")
        raise Damaged("The HEIC file has no image.", hint=EXPORT_AGAIN)
    items = HeifItems(boxes, "HEIC")
    if len(items.all) > _MAX_ITEMS:
        raise TooLarge(
            f"The HEIC file has {len(items.all):,} items; the limit is {_MAX_ITEMS:,}.",
            hint=EXPORT_AGAIN,
        )
    picture = _picture(items, items.primary, file_bytes)
    alphas = [_picture(items, item, file_bytes) for item in items.alphas(items.primary)]
    _check_metadata(items, file_bytes)
    notes = [*_auxiliary_notes(items), *_hide_others(items), *items.notes]
    if boxes.moov:
        notes.append("image sequence dropped")
    parts = [picture, *alphas]
    return HeicContainer(
        size=picture.size,
        decoder_bytes=_decoder_bytes(picture, alphas, file_bytes),
        decoder_seconds=(
            _SECONDS_PER_PIXEL * sum(part.coded_pixels for part in parts)
            + _SECONDS_PER_BYTE * file_bytes
        ),
        patches=items.patches,
        notes=(*pixel_notes(picture.facts, picture.bits), *notes),
        bits=picture.bits,
        subsampling=picture.subsampling,
        alpha=bool(alphas),
        color=picture.facts.color,
    )


def _decoder_bytes(picture: _Picture, alphas: Iterable[_Picture], file_bytes: int) -> int:
    """Return the most memory that the decoder holds at once, in bytes.

    The file, of which there are two copies while it is read, and the data of one tile; libde265's
    planes, the colors as bytes, and Pillow's image.
    """
    planes = [
        _SAMPLES[part.subsampling] * (2 if part.bits > 8 else 1) * part.size.pixels
        for part in (picture, *alphas)
    ]
    pixel_bytes = sum(planes, 0.0) + (8 if alphas else 7) * picture.size.pixels
    tile_bytes = max(part.tile_bytes for part in (picture, *alphas))
    return file_bytes + max(file_bytes, int(pixel_bytes + 1.25 * tile_bytes))


def _picture(items: HeifItems, item: int, file_bytes: int) -> _Picture:
    """Return what is known of an image item. Raises Damaged, Truncated or UnsupportedFormat."""
    kind, facts = items.kind(item), items.facts(item)
    if kind not in (*_HEVC, _GRID):
        raise _unsupported_kind("image", kind)
    tiles = items.targets(b"dimg", item) if kind == _GRID else [item]
    by_tile = {tile: items.facts(tile) for tile in tiles}
    if len(by_tile) < len(tiles):  # libheif refuses them too
        raise Damaged("The HEIC image is a grid that repeats a tile.", hint=EXPORT_AGAIN)
    for tile in by_tile:
        if items.kind(tile) not in _HEVC:
            raise _unsupported_kind("image's tile", items.kind(tile))
        if not items.all[tile].ends_within(file_bytes):
            raise Truncated("The image is truncated.", hint="Copy or upload the complete file.")
    sizes = {tile: tile_facts.size for tile, tile_facts in by_tile.items()}
    if facts.size is None or None in sizes.values():
        raise _unsupported("The HEIC image or a part of it has no size (ispe)")
    size = facts.size
    if kind == _GRID:
        size = _larger(size, _grid_size(items.data(item, 12), len(tiles)))
    configs = [tile_facts.config for tile_facts in by_tile.values()]
    if any(len(config) < _CONFIG_BYTES for config in configs):
        raise Damaged("The HEIC image cannot be decoded: hvcC is missing.", hint=EXPORT_AGAIN)
    chroma = [_CHROMA[config[16] & 3] for config in configs]
    return _Picture(
        facts=facts,
        size=size,
        coded_pixels=sum(tile_size.pixels for tile in tiles if (tile_size := sizes[tile])),
        tile_bytes=max(
            sum(length or file_bytes for _, length in items.all[tile].parts) for tile in tiles
        ),
        bits=max(8 + (depth & 7) for config in configs for depth in config[17:19]),
        subsampling=max(chroma, key=lambda name: _SAMPLES[name]),
    )


def _grid_size(data: bytes, tiles: int) -> Size:
    """Return the size of a grid (ISO/IEC 23008-12, 6.6.2.3). Raises Damaged."""
    width = 4 if len(data) > 1 and data[1] & 1 else 2
    if len(data) < 4 + 2 * width or (data[2] + 1) * (data[3] + 1) != tiles:
        raise Damaged("The HEIC image is a grid that lacks tiles.", hint=EXPORT_AGAIN)
    sides = [int.from_bytes(data[at : at + width], "big") for at in (4, 4 + width)]
    if not all(sides):
        raise Damaged("The HEIC image is a grid without a size.", hint=EXPORT_AGAIN)
    return Size(*sides)


def _larger(one: Size, other: Size) -> Size:
    return Size(max(one.width, other.width), max(one.height, other.height))


def _check_metadata(items: HeifItems, file_bytes: int) -> None:
    """Raise TooLarge for more metadata than any picture has.

    What is compressed could expand without bound, and pi-heif crashes if a type is no text: both
    are left out.
    """
    metadata_bytes = 0
    for item in items.all.values():
        if item.kind in _PICTURES:
            continue
        metadata_bytes += sum(length or file_bytes for _, length in item.parts)
        content_type, encoding, *_ = (*item.details.split(b"\0")[1:], b"", b"")
        if item.kind == b"mime" and encoding:
            items.leave_out(item.kind_at, "XMP dropped: compressed")
        elif not (item.kind + content_type).isascii():
            items.leave_out(item.kind_at, "metadata dropped: damaged")
    if metadata_bytes > _MAX_METADATA_BYTES:
        raise TooLarge("The HEIC file has too much metadata.", hint=EXPORT_AGAIN)


def _auxiliary_notes(items: HeifItems) -> list[str]:
    alphas = items.alphas(items.primary)
    others = set(items.sources(b"auxl", items.primary)) - set(alphas)
    kinds = {items.auxiliary_type(item) for item in others}
    notes = []
    if kinds.intersection(_DEPTH):
        notes.append("depth map dropped")
    if _GAIN_MAP in kinds or any(item.kind == b"tmap" for item in items.all.values()):
        notes.append("gain map dropped")
    if kinds.difference(_DEPTH, (_GAIN_MAP,)):
        notes.append("auxiliary images dropped")
    return notes


def _hide_others(items: HeifItems) -> list[str]:
    """Hide all images but the primary one from the decoder; return a note if any were visible.

    Thumbnails and auxiliary images are not images of their own, nor are the tiles of a grid.
    """
    references = items.references
    belonging = {source for kind, source in references if kind in (b"thmb", b"auxl")}
    tiles = {item for (kind, _), found in references.items() if kind == b"dimg" for item in found}
    visible = {
        number
        for number, item in items.all.items()
        if item.kind in _PICTURES and not item.hidden and number != items.primary
    } - belonging
    for number in visible:
        items.hide(number)
    is_burst = any(items.kind(number) != b"tmap" for number in visible - tiles)
    return ["additional images dropped"] if is_burst else []


def _unsupported_kind(part: str, kind: bytes) -> UnsupportedFormat:
    name = _OTHERS.get(kind, "of an unknown kind")
    return _unsupported(f"The HEIC {part} is {name}")


def _unsupported(reason: str) -> UnsupportedFormat:
    return UnsupportedFormat(
        f"{reason}, which is not supported.",
        hint="Convert it to AVIF, WebP, PNG or JPEG first.",
    )
