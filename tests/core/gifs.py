"""GIFs that Pillow does not write, and how a browser shows them."""

from collections.abc import Sequence
from dataclasses import dataclass

Color = tuple[int, int, int, int]
Picture = list[list[Color]]

CLEAR: Color = (0, 0, 0, 0)


@dataclass(frozen=True)
class Frame:
    """One image: its indexes by row, and the fields of its descriptor and graphic control."""

    rows: Sequence[Sequence[int]]
    left: int = 0
    top: int = 0
    palette: Sequence[tuple[int, int, int]] | None = None
    transparency: int | None = None
    disposal: int = 0
    duration: int | None = 10
    interlaced: bool = False


def gif(
    size: tuple[int, int],
    palette: Sequence[tuple[int, int, int]],
    frames: Sequence[Frame],
    *,
    repeats: int | None = None,
    background: int = 0,
    trailer: bytes = b";",
    between: bytes = b"",
) -> bytes:
    """Return a GIF. `repeats` is what its loop extension says, `between` what is before a frame."""
    out = (
        b"GIF89a" + _sides(size) + bytes([0xF0 | _depth(palette), background, 0]) + _table(palette)
    )
    if repeats is not None:
        out += b"!\xff\x0bNETSCAPE2.0\x03\x01" + repeats.to_bytes(2, "little") + b"\0"
    for frame in frames:
        out += between
        if frame.duration is not None:
            flags = frame.disposal << 2 | (frame.transparency is not None)
            out += b"!\xf9\x04" + bytes([flags]) + frame.duration.to_bytes(2, "little")
            out += bytes([frame.transparency or 0, 0])
        height, width = len(frame.rows), len(frame.rows[0]) if frame.rows else 0
        out += b"," + _sides((frame.left, frame.top)) + _sides((width, height))
        own = b"" if frame.palette is None else _table(frame.palette)
        flags = 0 if frame.palette is None else 0x80 | _depth(frame.palette)
        out += bytes([flags | 0x40 * frame.interlaced]) + own + lzw(_stored(frame))
    return out + trailer


def shown(
    size: tuple[int, int], palette: Sequence[tuple[int, int, int]], frames: Sequence[Frame]
) -> list[Picture]:
    """Return what is on the screen after each frame, as browsers compose it."""
    screen = [[CLEAR] * size[0] for _ in range(size[1])]
    pictures = []
    for frame in frames:
        before = [row[:] for row in screen]
        colors = frame.palette or palette
        places = [
            (frame.left + x, frame.top + y, index)
            for y, row in enumerate(frame.rows)
            for x, index in enumerate(row)
            if frame.left + x < size[0] and frame.top + y < size[1]
        ]
        transparency = frame.transparency if frame.duration is not None else None
        for x, y, index in places:
            if index != transparency:
                screen[y][x] = (*colors[index], 255)
        pictures.append([row[:] for row in screen])
        disposal = frame.disposal if frame.duration is not None else 0
        for x, y, _ in places:
            if disposal == 2:
                screen[y][x] = CLEAR
            elif disposal == 3:
                screen[y][x] = before[y][x]
    return pictures


def halved(picture: Picture) -> list[list[tuple[float, ...]]]:
    """Return the 2x2 averages, with colors weighted by alpha; both sides must be even."""
    result = []
    for y in range(0, len(picture), 2):
        row: list[tuple[float, ...]] = []
        for x in range(0, len(picture[0]), 2):
            four = [picture[y + i][x + j] for i in (0, 1) for j in (0, 1)]
            alpha = sum(pixel[3] for pixel in four)
            colors = (
                sum(pixel[c] * pixel[3] for pixel in four) / alpha if alpha else 0.0
                for c in range(3)
            )
            row.append((*colors, alpha / 4))
        result.append(row)
    return result


def lzw(indexes: Sequence[int]) -> bytes:
    """Return the data of an image with codes of 9 bits only, by clearing the table in time."""
    bits = count = 0
    out = bytearray()
    codes = [
        code for at, index in enumerate(indexes) for code in ([256] * (at % 100 == 0) + [index])
    ]
    for code in [*codes, 257]:
        bits |= code << count
        count += 9
        while count >= 8:
            out.append(bits & 255)
            bits >>= 8
            count -= 8
    out.append(bits & 255)
    blocks = (out[at : at + 255] for at in range(0, len(out), 255))
    return b"\x08" + b"".join(bytes([len(block)]) + block for block in blocks) + b"\0"


def _stored(frame: Frame) -> list[int]:
    height = len(frame.rows)
    order: list[int] = list(range(height))
    if frame.interlaced:  # GIF89a, appendix E
        order = [
            y
            for first, step in ((0, 8), (4, 8), (2, 4), (1, 2))
            for y in range(first, height, step)
        ]
    return [index for y in order for index in frame.rows[y]]


def _sides(sides: tuple[int, int]) -> bytes:
    return b"".join(side.to_bytes(2, "little") for side in sides)


def _depth(palette: Sequence[tuple[int, int, int]]) -> int:
    return max(1, (len(palette) - 1).bit_length()) - 1


def _table(palette: Sequence[tuple[int, int, int]]) -> bytes:
    colors = bytes(value for color in palette for value in color)
    return colors.ljust(3 << (_depth(palette) + 1), b"\0")
