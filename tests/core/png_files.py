"""A writer of PNG files of every kind, which follows the specification and uses no library.

Pixels are `[y][x]` tuples of samples, in values of the bit depth.
"""

import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass

SIGNATURE = b"\x89PNG\r\n\x1a\n"
GRAY, RGB, PALETTE, GRAY_ALPHA, RGB_ALPHA = 0, 2, 3, 4, 6
Pixels = Sequence[Sequence[tuple[int, ...]]]

_ADAM7 = (
    (0, 0, 8, 8),
    (4, 0, 8, 8),
    (0, 4, 4, 8),
    (2, 0, 4, 4),
    (0, 2, 2, 4),
    (1, 0, 2, 2),
    (0, 1, 1, 2),
)


@dataclass(frozen=True)
class Shown:
    """One frame of an animation; `pixels` are of the frame's area."""

    pixels: Pixels
    ms: int = 100
    left: int = 0
    top: int = 0
    disposal: int = 0
    blend: int = 0


def chunk(name: bytes, data: bytes = b"", *, crc: int | None = None) -> bytes:
    """Return a chunk, with a wrong checksum if one is given."""
    right = zlib.crc32(name + data)
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", crc or right)


def png(
    pixels: Pixels,
    color_type: int = RGB,
    depth: int = 8,
    *,
    before: bytes = b"",
    after: bytes = b"",
    interlaced: bool = False,
    end: bytes | None = None,
) -> bytes:
    """Return a still image, with chunks before and after its image data."""
    return (
        SIGNATURE
        + header(pixels, color_type, depth, interlaced=interlaced)
        + before
        + chunk(b"IDAT", compressed(pixels, depth, interlaced=interlaced))
        + after
        + (chunk(b"IEND") if end is None else end)
    )


def apng(
    frames: Sequence[Shown],
    canvas: Pixels,
    color_type: int = RGB_ALPHA,
    *,
    plays: int = 0,
    default: bool = False,
    before: bytes = b"",
    declared: int | None = None,
    depth: int = 8,
) -> bytes:
    """Return an animation; `canvas` gives its size, and its default image if there is one."""
    count = len(frames) if declared is None else declared
    out = SIGNATURE + header(canvas, color_type, depth) + before
    out += chunk(b"acTL", struct.pack(">II", count, plays))
    if default:
        out += chunk(b"IDAT", compressed(canvas, depth))
    number = 0
    for index, frame in enumerate(frames):
        size = len(frame.pixels[0]), len(frame.pixels)
        time = frame.ms, 1000, frame.disposal, frame.blend
        control = struct.pack(">IIIIIHHBB", number, *size, frame.left, frame.top, *time)
        out += chunk(b"fcTL", control)
        number += 1
        data = compressed(frame.pixels, depth)
        if index == 0 and not default:
            out += chunk(b"IDAT", data)
        else:
            out += chunk(b"fdAT", struct.pack(">I", number) + data)
            number += 1
    return out + chunk(b"IEND")


def header(pixels: Pixels, color_type: int, depth: int, *, interlaced: bool = False) -> bytes:
    """Return the chunk IHDR."""
    size = struct.pack(">II", len(pixels[0]), len(pixels))
    return chunk(b"IHDR", size + bytes([depth, color_type, 0, 0, interlaced]))


def compressed(pixels: Pixels, depth: int, *, interlaced: bool = False) -> bytes:
    """Return image data, without filters."""
    passes = _ADAM7 if interlaced else ((0, 0, 1, 1),)
    rows = []
    for left, top, across, down in passes:
        rows += [row[left::across] for row in pixels[top::down] if row[left::across]]
    return zlib.compress(b"".join(b"\0" + _packed(row, depth) for row in rows))


def chunks(data: bytes) -> list[tuple[bytes, bytes]]:
    """Return the names and data of a file's chunks; their checksums must match."""
    found, at = [], len(SIGNATURE)
    while at < len(data):
        length, name = int.from_bytes(data[at : at + 4]), data[at + 4 : at + 8]
        body = data[at + 8 : at + 8 + length]
        assert zlib.crc32(name + body) == int.from_bytes(data[at + 8 + length : at + 12 + length])
        found.append((name, body))
        at += 12 + length
    return found


def _packed(row: Sequence[tuple[int, ...]], depth: int) -> bytes:
    samples = [sample for pixel in row for sample in pixel]
    if depth == 16:
        return struct.pack(f">{len(samples)}H", *samples)
    bits = "".join(f"{sample:0{depth}b}" for sample in samples)
    bits += "0" * (-len(bits) % 8)
    return int(bits, 2).to_bytes(len(bits) // 8)
