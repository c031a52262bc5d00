"""A small writer of TIFFs with layouts that Pillow cannot write (TIFF 6.0)."""

import struct
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Literal

Entry = tuple[int, int, Sequence[int] | bytes]
"""Tag, field type, and values; of rationals, numerators and denominators in turn."""

_FORMATS = {1: "B", 3: "H", 4: "I", 5: "I", 6: "b", 7: "B", 16: "Q"}
WHITE_IS_ZERO, BLACK_IS_ZERO, RGB, PALETTE, CMYK, YCBCR, CIELAB = 0, 1, 2, 3, 5, 6, 8
RAW, DEFLATE, PACKBITS = 1, 8, 32773


def packed(entries: Sequence[Entry], start: int, order: str, *, following: int = 0) -> bytes:
    """Return a classic directory that begins at `start`, with its values behind it."""
    rows, values = b"", b""
    position = start + 2 + 12 * len(entries) + 4
    for tag, type_, value in sorted(entries, key=lambda entry: entry[0]):
        if isinstance(value, bytes):
            data, count = value, len(value)
        else:
            data = struct.pack(f"{order}{len(value)}{_FORMATS[type_]}", *value)
            count = len(value) // 2 if type_ == 5 else len(value)
        if len(data) > 4:
            field_ = struct.pack(order + "I", position + len(values))
            values += data + b"\0" * (len(data) % 2)
        else:
            field_ = data.ljust(4, b"\0")
        rows += struct.pack(order + "HHI", tag, type_, count) + field_
    count_bytes = struct.pack(order + "H", len(entries))
    return count_bytes + rows + struct.pack(order + "I", following) + values


def tiff(
    entries: Sequence[Entry], data: bytes = b"", order: str = "<", *, following: int = 0
) -> bytes:
    """Return a TIFF of one directory; `data` begins at offset 8."""
    data += b"\0" * (len(data) % 2)
    signature = b"II*\0" if order == "<" else b"MM\0*"
    header = signature + struct.pack(order + "I", 8 + len(data))
    return header + data + packed(entries, 8 + len(data), order, following=following)


def big_tiff(entries: Sequence[Entry], data: bytes, order: str) -> bytes:
    """Return a BigTIFF of one directory; `data` begins at offset 16, and offsets have 8 bytes."""
    data += b"\0" * (-len(data) % 8)
    rows, values = b"", b""
    position = 16 + len(data) + 8 + 20 * len(entries) + 8
    for tag, type_, value in sorted(entries, key=lambda entry: entry[0]):
        assert not isinstance(value, bytes)
        wide = 16 if tag in (273, 279) else type_
        shifted = [number + 8 for number in value] if tag == 273 else value
        data_ = struct.pack(f"{order}{len(value)}{_FORMATS[wide]}", *shifted)
        if len(data_) > 8:
            field_ = struct.pack(order + "Q", position + len(values))
            values += data_ + b"\0" * (-len(data_) % 8)
        else:
            field_ = data_.ljust(8, b"\0")
        rows += struct.pack(order + "HHQ", tag, wide, len(value)) + field_
    signature = b"II+\0" if order == "<" else b"MM\0+"
    header = signature + struct.pack(order + "HHQ", 8, 0, 16 + len(data))
    count = struct.pack(order + "Q", len(entries))
    return header + data + count + rows + bytes(8) + values


@dataclass(frozen=True, kw_only=True)
class Layout:
    """How the samples of an image are stored. `alpha` is a kind of ExtraSamples."""

    photometric: int = RGB
    bits: int = 8
    channels: int = 3
    planar: int = 1
    compression: int = RAW
    order: str = "<"
    alpha: int | None = None
    fill_order: int = 1
    sample_format: int = 1
    predictor: int = 1
    rows_per_strip: int = 6
    big: bool = False
    extra: Sequence[Entry] = field(default=())


def image(layout: Layout, width: int, height: int, sample: Callable[[int, int, int], int]) -> bytes:
    """Return a TIFF of `sample(x, y, channel)`."""
    channels = range(layout.channels)
    planes = [channels] if layout.planar == 1 else [range(c, c + 1) for c in channels]
    strips = []
    for plane in planes:
        for top in range(0, height, layout.rows_per_strip):
            rows = range(top, min(height, top + layout.rows_per_strip))
            values = [[[sample(x, y, c) for c in plane] for x in range(width)] for y in rows]
            strips.append(_compressed(layout, b"".join(_row(layout, row) for row in values)))
    offsets = [8 + sum(map(len, strips[:index])) for index in range(len(strips))]
    entries: list[Entry] = [
        (256, 4, [width]),
        (257, 4, [height]),
        (258, 3, [layout.bits] * layout.channels),
        (259, 3, [layout.compression]),
        (262, 3, [layout.photometric]),
        (266, 3, [layout.fill_order]),
        (273, 4, offsets),
        (277, 3, [layout.channels]),
        (278, 4, [layout.rows_per_strip]),
        (279, 4, [len(strip) for strip in strips]),
        (284, 3, [layout.planar]),
        *layout.extra,
    ]
    if layout.predictor != 1:
        entries.append((317, 3, [layout.predictor]))
    if layout.alpha is not None:
        entries.append((338, 3, [layout.alpha]))
    if layout.sample_format != 1:
        entries.append((339, 3, [layout.sample_format] * layout.channels))
    data = b"".join(strips)
    return (big_tiff if layout.big else tiff)(entries, data, layout.order)


def _row(layout: Layout, pixels: list[list[int]]) -> bytes:
    if layout.predictor == 2:
        differences = [
            [(a - b) % 2**layout.bits for a, b in zip(pixel, before, strict=True)]
            for before, pixel in pairwise(pixels)
        ]
        pixels = [pixels[0], *differences]
    samples = [value for pixel in pixels for value in pixel]
    if layout.sample_format == 3:
        return struct.pack(f"{layout.order}{len(samples)}f", *samples)
    if layout.bits > 8 and layout.bits % 8 == 0:
        byte_order: Literal["little", "big"] = "little" if layout.order == "<" else "big"
        return b"".join(value.to_bytes(layout.bits // 8, byte_order) for value in samples)
    text = "".join(f"{value:0{layout.bits}b}" for value in samples)
    text += "0" * (-len(text) % 8)
    return bytes(int(text[start : start + 8], 2) for start in range(0, len(text), 8))


def _compressed(layout: Layout, data: bytes) -> bytes:
    if layout.compression == DEFLATE:
        data = zlib.compress(data)
    elif layout.compression == PACKBITS:  # runs of up to 128 literal bytes
        parts = [data[start : start + 128] for start in range(0, len(data), 128)]
        data = b"".join(bytes([len(part) - 1]) + part for part in parts)
    if layout.fill_order == 2:
        data = bytes(int(f"{value:08b}"[::-1], 2) for value in data)
    return data
