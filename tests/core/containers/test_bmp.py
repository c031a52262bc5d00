"""BMP: which headers, masks and compressions are read, and what is refused by name."""

import io
import struct
from itertools import product
from pathlib import Path

import pytest
from PIL import Image

from imgctl.core.containers.bmp import read
from imgctl.core.errors import Damaged, PictureError, TooLarge, UnsupportedFormat
from imgctl.core.formats import ImageFormat
from imgctl.core.spec import ResizeSpec
from tests.core.costs import measured_cost
from tests.core.resizing import halve
from tests.pictures import decoded, encoded, photo

RAW, RLE8, RLE4, BIT_FIELDS = 0, 1, 2, 3
GRAYS = b"".join(bytes([level, level, level, 0]) for level in range(256))


def bmp(
    bits: int,
    pixels: bytes,
    *,
    size: tuple[int, int] = (8, 4),
    compression: int = RAW,
    masks: tuple[int, ...] = (),
    header_bytes: int = 40,
    palette: bytes = b"",
) -> bytes:
    """Return a BMP with this header; in one of 40 bytes, masks follow it."""
    width, height = size
    info = struct.pack("<IiiHHI", header_bytes, width, height, 1, bits, compression)
    info += struct.pack("<IiiII", len(pixels), 0, 0, len(palette) // 4, 0)
    info = (info + struct.pack(f"<{len(masks)}I", *masks)).ljust(header_bytes, b"\0")
    offset = 14 + len(info) + len(palette)
    return (
        b"BM" + struct.pack("<IHHI", offset + len(pixels), 0, 0, offset) + info + palette + pixels
    )


def level(x: int, y: int) -> int:
    """Return a ramp from 0 to 248, in steps that 5 bits can store."""
    return 8 * (4 * x + y) % 256 if x < 8 else 0


def expected(x: int, y: int) -> float:
    """Return the mean of the four pixels that become one; rows are counted from the top."""
    return sum(level(2 * x + dx, 2 * y + dy) for dx, dy in product((0, 1), (0, 1))) / 4


def assert_halved(data: bytes) -> None:
    half = decoded(halve(data).data).convert("RGB")
    differences = [
        abs(half.getpixel((x, y))[channel] - expected(x, y))  # type: ignore[index]
        for x, y, channel in product(range(4), range(2), range(3))
    ]
    assert sum(differences) / len(differences) < 6


def rows(top_down: bool = False) -> list[list[int]]:
    """Return the levels of the rows as stored: upwards, unless `top_down`."""
    order = range(4) if top_down else range(3, -1, -1)
    return [[level(x, y) for x in range(8)] for y in order]


@pytest.mark.parametrize("top_down", [False, True])
def test_24_and_32_bits_are_read_in_both_directions(*, top_down: bool) -> None:
    size = (8, -4 if top_down else 4)
    levels = [value for row in rows(top_down) for value in row]
    assert_halved(bmp(24, b"".join(bytes([v] * 3) for v in levels), size=size))
    # The fourth byte is reserved: it is no alpha (BITMAPINFOHEADER).
    assert_halved(bmp(32, b"".join(bytes([v, v, v, 0]) for v in levels), size=size))


@pytest.mark.parametrize(
    ("masks", "compression", "scale"),
    [
        ((), RAW, (10, 5, 0)),
        ((0x7C00, 0x3E0, 0x1F), BIT_FIELDS, (10, 5, 0)),
        ((0xF800, 0x7E0, 0x1F), BIT_FIELDS, (11, 6, 0)),
    ],
)
def test_16_bits_are_read(
    masks: tuple[int, ...], compression: int, scale: tuple[int, int, int]
) -> None:
    pixels = b"".join(
        struct.pack("<H", sum(value >> 3 << shift for shift in scale))
        for row in rows()
        for value in row
    )
    assert_halved(bmp(16, pixels, masks=masks, compression=compression))


def test_an_os2_header_is_read() -> None:
    pixels = b"".join(bytes([value] * 3) for row in rows() for value in row)
    header = struct.pack("<IHHHH", 12, 8, 4, 1, 24)
    assert_halved(b"BM" + struct.pack("<IHHI", 26 + len(pixels), 0, 0, 26) + header + pixels)


def test_run_lengths_and_literal_pixels_are_read() -> None:
    literal = b"".join(bytes([0, 8, *row, 0, 0]) for row in rows()) + b"\0\1"
    assert_halved(bmp(8, literal, compression=RLE8, palette=GRAYS))
    ends = b"\0\0"
    runs = b"".join(b"".join(bytes([1, v]) for v in row) + ends for row in rows())
    assert_halved(bmp(8, runs + b"\0\1", compression=RLE8, palette=GRAYS))
    palette = b"".join(bytes([v * 16] * 3 + [0]) for v in range(16))
    nibbles = b""
    for row in rows():
        pairs = zip(row[::2], row[1::2], strict=True)
        nibbles += b"".join(bytes([2, left >> 4 << 4 | right >> 4]) for left, right in pairs) + ends
    assert_halved(bmp(4, nibbles + b"\0\1", compression=RLE4, palette=palette))


def test_a_bitmap_may_end_before_its_last_row() -> None:
    row = b"\x08\x50\0\0"
    result = decoded(halve(bmp(8, row * 2 + b"\0\1", compression=RLE8, palette=GRAYS)).data)
    assert [result.convert("L").getpixel((2, y)) for y in (0, 1)] == pytest.approx([0, 80], abs=8)
    with pytest.raises(PictureError):  # but not without saying so
        halve(bmp(8, row * 2, compression=RLE8, palette=GRAYS))


@pytest.mark.parametrize("header_bytes", [56, 108, 124])
def test_a_mask_of_alpha_is_read(header_bytes: int) -> None:
    masks = (0xFF0000, 0xFF00, 0xFF, 0xFF000000)
    pixels = bytes([10, 20, 30, 128]) * 32
    data = bmp(32, pixels, masks=masks, compression=BIT_FIELDS, header_bytes=header_bytes)
    for output in (ImageFormat.BMP, ImageFormat.PNG):
        result = halve(data, ResizeSpec(format=output))
        pixel = decoded(result.data).getpixel((1, 1))
        assert pixel == pytest.approx((30, 20, 10, 128), abs=1)  # rounded when premultiplied
        assert not result.notes


def test_transparency_is_written_with_a_mask_of_alpha() -> None:
    image = photo(20, 10, "RGBA")
    image.putalpha(Image.linear_gradient("L").resize((20, 10)))
    data = halve(encoded(image, "PNG"), ResizeSpec(format=ImageFormat.BMP)).data
    header_bytes, width, height, _, bits, compression = struct.unpack_from("<IiiHHI", data, 14)
    assert (header_bytes, width, height, bits, compression) == (108, 10, 5, 32, BIT_FIELDS)
    assert struct.unpack_from("<4I", data, 54) == (0xFF0000, 0xFF00, 0xFF, 0xFF000000)
    assert struct.unpack_from("<I", data, 2) == (len(data),)
    expected_pixels = image.resize((10, 5), Image.Resampling.BICUBIC)
    assert decoded(data).mode == "RGBA"
    assert decoded(data).tobytes() == expected_pixels.tobytes()


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (bmp(0, b"", compression=4), "JPEG"),  # the depth is that of the JPEG
        (bmp(0, b"", compression=5), "PNG"),
        (bmp(32, b"", compression=6), "ALPHABITFIELDS"),
        (bmp(32, b"", compression=11), "CMYK"),
        (bmp(2, b""), "2 bits per pixel"),
        (bmp(64, b""), "64 bits per pixel"),
        (bmp(16, b"", compression=BIT_FIELDS, masks=(0xF00, 0xF0, 0xF)), "masks .f00 f0 f"),
        (bmp(32, b"", compression=BIT_FIELDS, masks=(0x3FF00000, 0xFFC00, 0x3FF)), "masks"),
        (bmp(1, b"", compression=3, header_bytes=64), "Huffman"),
        (bmp(24, b"", compression=4, header_bytes=64), "RLE compression of 24 bits"),
        (bmp(24, b"", header_bytes=48), "OS/2 header of 48 bytes"),
    ],
)
def test_what_is_not_decoded_is_refused_by_name(data: bytes, name: str) -> None:
    with pytest.raises(UnsupportedFormat, match=name):
        halve(data)


def test_alpha_of_16_bits_is_noted() -> None:
    masks = (0x7C00, 0x3E0, 0x1F, 0x8000)
    data = bmp(16, bytes(64), masks=masks, compression=BIT_FIELDS, header_bytes=108)
    assert halve(data).notes == ("alpha channel dropped: not supported in 16-bit BMP",)


@pytest.mark.parametrize("size", [(0, 4), (8, 0), (-8, 4)])
def test_impossible_dimensions_are_damaged(size: tuple[int, int]) -> None:
    with pytest.raises(Damaged, match="dimensions"):
        halve(bmp(24, b"", size=size))


def test_run_lengths_that_take_too_long_are_refused() -> None:
    data = bmp(8, b"\1\0\0\0" * 10, size=(15_000, 15_000), compression=RLE8)
    with pytest.raises(TooLarge):
        halve(data, max_estimated_seconds=10)


def test_the_cost_of_run_lengths_is_what_the_estimate_says(tmp_path: Path) -> None:
    data = bmp(
        8, (b"\1\7" * 1000 + b"\0\0") * 1000, size=(1000, 1000), compression=RLE8, palette=GRAYS
    )
    path = tmp_path / "runs.bmp"
    path.write_bytes(data)
    cost = measured_cost(path)
    assert cost.error is None
    assert cost.peak_bytes < read(io.BytesIO(data), len(data)).decoder_bytes + 30 * 2**20
