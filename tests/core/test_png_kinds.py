"""Every kind of PNG: halved, it is close to an exact average, and keeps what it was."""

import itertools
from collections.abc import Sequence

import pytest

from imgctl.core.formats import ImageFormat
from imgctl.core.spec import ResizeSpec
from tests.core.png_files import (
    GRAY,
    GRAY_ALPHA,
    PALETTE,
    RGB,
    RGB_ALPHA,
    Pixels,
    chunk,
    chunks,
    png,
)
from tests.core.resizing import halve
from tests.pictures import decoded, deep_values

WIDTH, HEIGHT = 24, 16
Premultiplied = Sequence[Sequence[tuple[float, float, float, float]]]

KINDS = [
    *((GRAY, depth, alpha) for depth in (1, 2, 4, 8, 16) for alpha in ("opaque", "key")),
    *((RGB, depth, alpha) for depth in (8, 16) for alpha in ("opaque", "key")),
    *((PALETTE, depth, alpha) for depth in (1, 2, 4, 8) for alpha in ("opaque", "palette")),
    *((type_, depth, "channel") for type_ in (GRAY_ALPHA, RGB_ALPHA) for depth in (8, 16)),
]


def is_clear(x: int, y: int) -> bool:
    """Return whether the pixel is in the part that is transparent: its edge halves a pixel."""
    return x < 9 and 3 <= y < 12


def level(x: int, y: int, depth: int) -> int:
    """Return a smooth gray of this depth, never the key, which is the lowest level but one."""
    top = (1 << depth) - 1
    value = round(top * (0.25 + 0.75 * (x + y) / (WIDTH + HEIGHT - 2)))
    return value if value != key(depth) else value + 1


def key(depth: int) -> int:
    return min(1, (1 << depth) - 2)


def picture(color_type: int, depth: int, alpha: str) -> tuple[Pixels, bytes, Premultiplied]:
    """Return pixels as stored, the chunks that they need, and what they show."""
    top = (1 << depth) - 1
    palette = [(i * 255 // top, 255 - i * 200 // top, 40) for i in range(min(top, 255) + 1)]
    stored, shown = [], []
    pixel: tuple[int, ...]
    color: tuple[float, ...]
    for y in range(HEIGHT):
        row, seen = [], []
        for x in range(WIDTH):
            clear = alpha != "opaque" and is_clear(x, y)
            value = key(depth) if clear and alpha in ("key", "palette") else level(x, y, depth)
            opacity = (0 if clear else top) if alpha == "channel" else top
            gray = value / top
            match color_type:
                case 0 | 4:
                    pixel, color = (value,), (gray, gray, gray)
                case 3:
                    pixel, color = (value,), tuple(c / 255 for c in palette[value])
                case _:
                    pixel = (value, top - value, value) if not clear else (value, value, value)
                    color = tuple(sample / top for sample in pixel)
            row.append((*pixel, opacity) if alpha == "channel" else pixel)
            visible = 0.0 if clear else 1.0
            seen.append((*(visible * c for c in color), visible))
        stored.append(row)
        shown.append(seen)
    before = b""
    if color_type == PALETTE:
        before += chunk(b"PLTE", bytes(v for color in palette for v in color))
    if alpha == "palette":
        before += chunk(b"tRNS", bytes([255] * key(depth) + [0]))
    if alpha == "key":
        before += chunk(b"tRNS", key(depth).to_bytes(2) * (1 if color_type == GRAY else 3))
    return stored, before, shown  # type: ignore[return-value]


def averaged(shown: Premultiplied) -> Premultiplied:
    """Return the exact average of each 2 x 2 pixels."""
    return [
        [
            tuple(  # type: ignore[misc]
                sum(shown[y + j][x + i][c] for i in (0, 1) for j in (0, 1)) / 4 for c in range(4)
            )
            for x in range(0, WIDTH, 2)
        ]
        for y in range(0, HEIGHT, 2)
    ]


def shown_by(data: bytes) -> Premultiplied:
    """Return the premultiplied values of a PNG, from 0 to 1."""
    (_, header), *_ = chunks(data)
    if header[8] == 16 and header[9] != GRAY:
        _, color_type, values = deep_values(data)
        flat = [[tuple(v / 65535 for v in pixel) for pixel in row] for row in values]
        if color_type == GRAY_ALPHA:
            flat = [[(g, g, g, a) for g, a in row] for row in flat]
        flat = [[(*p, 1.0)[:4] for p in row] for row in flat]
    else:
        image = decoded(data)
        if image.mode == "I;16":
            gray = [
                [image.getpixel((x, y)) for x in range(image.width)] for y in range(image.height)
            ]
            flat = [[(value / 65535,) * 3 for value in row] for row in gray]  # type: ignore[operator]
        else:
            rows = image.convert("RGBA").tobytes()
            samples = [value / 255 for value in rows]
            pixels = [tuple(samples[at : at + 4]) for at in range(0, len(samples), 4)]
            width = image.width
            flat = [pixels[at : at + width] for at in range(0, len(pixels), width)]
        flat = [[(*p, 1.0)[:4] for p in row] for row in flat]
    return [[(r * a, g * a, b * a, a) for r, g, b, a in row] for row in flat]


def mean_error(first: Premultiplied, second: Premultiplied) -> float:
    """Return the mean difference of all values, of 255."""
    pairs = [
        abs(a - b)
        for rows in zip(first, second, strict=True)
        for pixels in zip(*rows, strict=True)
        for a, b in zip(*pixels, strict=True)
    ]
    return 255 * sum(pairs) / len(pairs)


@pytest.mark.parametrize("interlaced", [False, True])
@pytest.mark.parametrize(("color_type", "depth", "alpha"), KINDS)
def test_every_kind_is_averaged_and_keeps_its_transparency_and_depth(
    color_type: int, depth: int, alpha: str, interlaced: bool
) -> None:
    pixels, before, shown = picture(color_type, depth, alpha)
    result = halve(png(pixels, color_type, depth, before=before, interlaced=interlaced))
    expected = averaged(shown)
    assert mean_error(shown_by(result.data), expected) < 6
    half_clear = shown_by(result.data)[3][4][3]
    assert half_clear == pytest.approx(1.0 if alpha == "opaque" else 0.5, abs=0.15)
    assert set(result.notes) <= {
        "result is larger than the source file",
        "stored without a palette: a palette would be larger",
    }
    if depth == 16:
        assert chunks(result.data)[0][1][8] == 16


@pytest.mark.parametrize("output_format", [ImageFormat.WEBP, ImageFormat.TIFF, ImageFormat.GIF])
@pytest.mark.parametrize(
    ("color_type", "depth", "alpha"), [kind for kind in KINDS if kind[2] != "opaque"]
)
def test_transparency_of_every_kind_reaches_other_formats(
    color_type: int, depth: int, alpha: str, output_format: ImageFormat
) -> None:
    pixels, before, _ = picture(color_type, depth, alpha)
    data = png(pixels, color_type, depth, before=before)
    result = halve(data, ResizeSpec(format=output_format))
    half = decoded(result.data).convert("RGBA")
    assert half.getpixel((1, 3))[3] == 0  # type: ignore[index]
    assert half.getpixel((10, 6))[3] == 255  # type: ignore[index]
    assert ("reduced from 16 to 8 bits" in result.notes) == (depth == 16)


@pytest.mark.parametrize("depth", [1, 2, 4, 8, 16])
def test_where_every_other_pixel_is_clear_the_half_is_half_clear(depth: int) -> None:
    top = (1 << depth) - 1
    pixels = [[(top if (x + y) % 2 else 0,) for x in range(16)] for y in range(16)]
    key_chunk = chunk(b"tRNS", top.to_bytes(2))
    shown = shown_by(halve(png(pixels, GRAY, depth, before=key_chunk)).data)
    for x, y in itertools.product(range(2, 6), range(2, 6)):
        red, _, _, alpha = shown[y][x]
        assert red == 0
        assert alpha == pytest.approx(0.5, abs=0.01)


def test_only_the_bits_of_the_depth_count_in_a_color_key() -> None:
    pixels = [[(1,)] * 8 for _ in range(8)]
    result = halve(png(pixels, GRAY, 2, before=chunk(b"tRNS", b"\xff\xfd")))
    assert {pixel[3] for row in shown_by(result.data) for pixel in row} == {0.0}


def test_a_key_of_16_bits_is_compared_in_both_bytes() -> None:
    near, exact = (0x1235, 5, 5), (0x1234, 5, 5)
    pixels = [[exact if x < 8 else near for x in range(16)] for _ in range(8)]
    before = chunk(b"tRNS", b"\x12\x34\x00\x05\x00\x05")
    for spec in (ResizeSpec(), ResizeSpec(format=ImageFormat.WEBP)):
        half = decoded(halve(png(pixels, RGB, 16, before=before), spec).data).convert("RGBA")
        assert [half.getpixel((x, 2))[3] for x in (1, 6)] == [0, 255]  # type: ignore[index]
