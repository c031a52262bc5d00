"""HEIC files: HEVC pictures by pillow-heif's encoder, in boxes that the tests write themselves."""

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache

import pillow_heif
from PIL import Image

from imgctl.core.containers.heif_items import HeifItems
from imgctl.core.containers.isobmff import BoxReader, HeaderBoxes
from tests.pictures import encoded, photo

ALPHA = b"urn:mpeg:hevc:2015:auxid:1"
DEPTH = b"urn:mpeg:hevc:2015:auxid:2"
GAIN_MAP = b"urn:com:apple:photo:2020:aux:hdrgainmap"
MATTE = b"urn:com:apple:photo:2018:aux:portraiteffectsmatte"

# EXIF's orientation -> the boxes by which HEIC says the same, applied in this order.
TURNS: Mapping[int, tuple[tuple[bytes, int], ...]] = {
    1: (),
    2: ((b"imir", 1),),
    3: ((b"irot", 2),),
    4: ((b"imir", 0),),
    5: ((b"irot", 1), (b"imir", 0)),
    6: ((b"irot", 3),),
    7: ((b"irot", 3), (b"imir", 0)),
    8: ((b"irot", 1),),
}


def libheif(data: bytes) -> Image.Image:
    """Return what libheif shows of a file's primary image."""
    image = pillow_heif.open_heif(io.BytesIO(data)).to_pillow()
    assert isinstance(image, Image.Image)
    return image


@dataclass(frozen=True)
class Coded:
    """A picture's HEVC data and the configuration of its decoder, as a box."""

    size: tuple[int, int]
    data: bytes
    config: bytes


def coded(image: Image.Image, quality: int = 90) -> Coded:
    """Return a picture encoded; its sides are multiples of 64, to which the encoder pads."""
    assert (image.width % 64, image.height % 64) == (0, 0)
    file = encoded(image, "HEIC", quality=quality)
    boxes = HeaderBoxes(io.BytesIO(file), len(file), "HEIC")
    items = HeifItems(boxes, "HEIC")
    meta = boxes.meta
    found = BoxReader("HEIC").find(meta, 4, len(meta), b"iprp", b"ipco", b"hvcC")
    assert found is not None
    return Coded(image.size, items.data(items.primary), meta[found.start : found.end])


@dataclass(frozen=True)
class HeicItem:
    """An item of a file: its data and properties; `references` are to other items, by their type.

    `details` follow the type in its entry.
    """

    kind: bytes
    data: bytes
    properties: Sequence[bytes] = ()
    references: Mapping[bytes, Sequence[int]] = field(default_factory=dict)
    hidden: bool = False
    details: bytes = b"\0"


def box(kind: bytes, content: bytes) -> bytes:
    return (8 + len(content)).to_bytes(4) + kind + content


def full_box(kind: bytes, content: bytes, version: int = 0, flags: int = 0) -> bytes:
    return box(kind, bytes([version]) + flags.to_bytes(3) + content)


def ispe(size: tuple[int, int]) -> bytes:
    return full_box(b"ispe", size[0].to_bytes(4) + size[1].to_bytes(4))


def nclx(primaries: int, transfer: int, matrix: int = 6) -> bytes:
    numbers = b"".join(number.to_bytes(2) for number in (primaries, transfer, matrix))
    return box(b"colr", b"nclx" + numbers + b"\x80")


def icc(profile: bytes) -> bytes:
    return box(b"colr", b"prof" + profile)


def auxiliary(urn: bytes) -> bytes:
    return full_box(b"auxC", urn + b"\0")


def picture(
    source: Coded,
    *properties: bytes,
    size: tuple[int, int] | None = None,
    hidden: bool = False,
    references: Mapping[bytes, Sequence[int]] | None = None,
) -> HeicItem:
    """Return an item that is a picture."""
    known = (source.config, ispe(size or source.size), *properties)
    return HeicItem(b"hvc1", source.data, known, references or {}, hidden)


def grid(
    rows: int, columns: int, size: tuple[int, int], tiles: Sequence[int], *properties: bytes
) -> HeicItem:
    """Return an item that is a grid of others (ISO/IEC 23008-12, 6.6.2.3)."""
    sides = size[0].to_bytes(4) + size[1].to_bytes(4)
    data = bytes([0, 1, rows - 1, columns - 1]) + sides
    return HeicItem(b"grid", data, (ispe(size), *properties), {b"dimg": tiles})


def heic(
    items: Sequence[HeicItem], *, primary: int = 1, brand: bytes = b"heic", more: bytes = b""
) -> bytes:
    """Return a file with items numbered from 1; `more` are boxes that follow."""
    properties = list(dict.fromkeys(each for item in items for each in item.properties))
    infos = b"".join(
        full_box(b"infe", number.to_bytes(2) + bytes(2) + item.kind + item.details, 2, item.hidden)
        for number, item in enumerate(items, 1)
    )
    associations = b"".join(
        number.to_bytes(2)
        + bytes([len(item.properties)])
        + b"".join((properties.index(each) + 1).to_bytes(2) for each in item.properties)
        for number, item in enumerate(items, 1)
    )
    references = b"".join(
        box(
            kind,
            number.to_bytes(2) + len(to).to_bytes(2) + b"".join(each.to_bytes(2) for each in to),
        )
        for number, item in enumerate(items, 1)
        for kind, to in item.references.items()
    )
    count = len(items).to_bytes(2)
    head = box(b"ftyp", brand + bytes(4) + b"mif1" + brand)

    def meta(start: int) -> bytes:
        places, at = b"", start
        for number, item in enumerate(items, 1):
            length = len(item.data).to_bytes(4)
            places += number.to_bytes(2) + bytes(2) + b"\0\1" + at.to_bytes(4) + length
            at += len(item.data)
        boxes = (
            full_box(b"hdlr", bytes(4) + b"pict" + bytes(13)),
            full_box(b"pitm", primary.to_bytes(2)),
            full_box(b"iinf", count + infos),
            full_box(b"iref", references) if references else b"",
            box(
                b"iprp",
                box(b"ipco", b"".join(properties))
                + full_box(b"ipma", len(items).to_bytes(4) + associations, flags=1),
            ),
            full_box(b"iloc", b"\x44\0" + count + places),
        )
        return full_box(b"meta", b"".join(boxes))

    body = b"".join(item.data for item in items)
    start = len(head) + len(meta(0)) + 8
    return head + meta(start) + box(b"mdat", body) + more


@cache
def turned(orientation: int) -> bytes:
    """Return a file that states an orientation by boxes, and in EXIF as cameras do."""
    turns = [box(kind, bytes([value])) for kind, value in TURNS[orientation]]
    exif = Image.Exif()
    exif[0x0112] = orientation
    metadata = HeicItem(b"Exif", bytes(4) + exif.tobytes()[6:], references={b"cdsc": [1]})
    return heic([picture(coded(photo(128, 64)), *turns), metadata])
