"""What is optional in a PNG never costs the picture, and nothing in it costs unbounded work."""

import io
import struct
import zlib
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from imgctl.core.containers.png import read
from imgctl.core.containers.png_chunks import MAX_CHUNKS
from imgctl.core.errors import Damaged, PictureError, TooLarge, Truncated, UnsupportedFormat
from imgctl.core.limits import MEBIBYTE
from tests.core.costs import measured_cost
from tests.core.damage import damaged
from tests.core.png_files import (
    GRAY,
    RGB,
    RGB_ALPHA,
    SIGNATURE,
    Shown,
    apng,
    chunk,
    chunks,
    png,
)
from tests.core.resizing import halve
from tests.pictures import decoded, srgb_profile

PIXELS = [[(10 * x, 9 * y, 40) for x in range(20)] for y in range(16)]
PLAIN = png(PIXELS)
HALF = decoded(halve(PLAIN).data).tobytes()

LONG = b"a" * (MEBIBYTE + 1)
EXIF = b"II*\0\x08\0\0\0\x01\0\x0f\x01\x02\0\x04\0\0\0abc\0\0\0\0\0"


def gray_profile() -> bytes:
    """Return a profile whose header says gray."""
    profile = bytearray(srgb_profile())
    profile[16:20] = b"GRAY"
    return bytes(profile)


def raw_profile(name: bytes, digits: bytes) -> bytes:
    return chunk(b"zTXt", name + b"\0\0" + zlib.compress(b"\nexif\n  40\n" + digits))


DAMAGED = {
    "checksum of text": (chunk(b"tEXt", b"Comment\0hello", crc=1), "text dropped: damaged"),
    "checksum of EXIF": (chunk(b"eXIf", EXIF, crc=1), "EXIF dropped: damaged"),
    "checksum of gamma": (chunk(b"gAMA", bytes(4), crc=1), "gamma dropped: damaged"),
    "checksum of a resolution": (chunk(b"pHYs", bytes(9), crc=1), "resolution dropped: damaged"),
    "checksum of transparency": (
        chunk(b"tRNS", bytes(6), crc=1),
        "transparency dropped: damaged",
    ),
    "short gamma": (chunk(b"gAMA", b"\0"), "gamma dropped: damaged"),
    "short primaries": (chunk(b"cHRM", b"\0"), "primaries dropped: damaged"),
    "short transparency": (chunk(b"tRNS", b"\0"), "transparency dropped: damaged"),
    "short resolution": (chunk(b"pHYs", b"\0"), "resolution dropped: damaged"),
    "empty sRGB": (chunk(b"sRGB"), "sRGB rendering intent dropped: damaged"),
    "EXIF of noise": (chunk(b"eXIf", b"garbage!!!"), "EXIF dropped: damaged"),
    "EXIF without a directory": (
        chunk(b"eXIf", b"II*\0\x08\0\0\0"),
        "EXIF tags dropped: damaged",
    ),
    "EXIF with a directory that is cut": (chunk(b"eXIf", EXIF[:20]), "EXIF tags dropped: damaged"),
    "raw profile of noise": (
        raw_profile(b"Raw profile type exif", b"zz"),
        "text dropped: damaged",
    ),
    "text of zlib noise": (chunk(b"zTXt", b"C\0\0noise"), "text dropped: damaged"),
    "text, compressed": (
        chunk(b"zTXt", b"C\0\0" + zlib.compress(LONG)),
        "text dropped: larger than 1 MiB",
    ),
    "text, international": (
        chunk(b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0" + zlib.compress(LONG)),
        "text dropped: larger than 1 MiB",
    ),
    "text, plain": (chunk(b"tEXt", b"C\0" + LONG), "text dropped: larger than 1 MiB"),
    "profile over 1 MiB": (
        chunk(b"iCCP", b"p\0\0" + zlib.compress(srgb_profile() + LONG)),
        "color profile dropped: larger than 1 MiB",
    ),
    "profile of zlib noise": (chunk(b"iCCP", b"p\0\0noise"), "color profile dropped: damaged"),
    "profile that is cut": (
        chunk(b"iCCP", b"p\0\0" + zlib.compress(srgb_profile())[:-20]),
        "color profile dropped: damaged",
    ),
    "profile of another method": (
        chunk(b"iCCP", b"p\0\7" + zlib.compress(srgb_profile())),
        "color profile dropped: damaged",
    ),
    "profile for gray": (
        chunk(b"iCCP", b"p\0\0" + zlib.compress(gray_profile())),
        "color profile dropped: wrong color space for this image",
    ),
    "animation": (chunk(b"acTL", b"\0"), "animation dropped: damaged"),
}


@pytest.mark.parametrize(("broken", "note"), DAMAGED.values(), ids=DAMAGED)
def test_a_damaged_optional_part_is_dropped_and_noted(broken: bytes, note: str) -> None:
    result = halve(png(PIXELS, before=broken))
    assert note in result.notes
    assert decoded(result.data).tobytes() == HALF


@pytest.mark.parametrize(
    "broken",
    [
        chunk(b"tEXt", b"Comment\0hello", crc=1),
        chunk(b"eXIf", b"garbage!!!"),
        chunk(b"zTXt", b"C\0\0" + zlib.compress(LONG)),
        chunk(b"tRNS", bytes(6)),
    ],
)
def test_so_is_one_after_the_image(broken: bytes) -> None:
    result = halve(png(PIXELS, after=broken))
    assert any("dropped" in note for note in result.notes)
    assert decoded(result.data).tobytes() == HALF


@pytest.mark.parametrize("cut", [1, 4, 8, 11, 12])
def test_a_missing_end_marker_is_noted(cut: int) -> None:
    result = halve(PLAIN[:-cut])
    assert cut < 8 or result.notes == ("end marker missing",)
    assert decoded(result.data).tobytes() == HALF


@pytest.mark.parametrize("noise", [b"\0" * 40, b"\xff" * 40, b"\0\0\0\1te1t?????" + bytes(20)])
def test_noise_after_the_image_is_not_read(noise: bytes) -> None:
    result = halve(png(PIXELS, end=noise))
    assert result.notes == ("end marker missing",)
    assert decoded(result.data).tobytes() == HALF
    result = halve(png(PIXELS) + noise)
    assert result.notes == ()


def test_a_last_chunk_that_is_cut_is_dropped_if_the_image_is_complete() -> None:
    whole = png(PIXELS, after=chunk(b"tEXt", b"Comment\0" + bytes(100)), end=b"")
    result = halve(whole[:-40])
    assert decoded(result.data).tobytes() == HALF
    assert "text dropped: damaged" in result.notes


def test_image_data_that_is_cut_is_an_error() -> None:
    noise = [[((x * y * 7919) % 256, x, y) for x in range(64)] for y in range(64)]
    data = png(noise)
    for length in (len(data) // 2, len(data) - 200):
        with pytest.raises(Truncated):
            halve(data[:length])


def test_sound_parts_are_kept_beside_damaged_ones() -> None:
    profile = chunk(b"iCCP", b"p\0\0" + zlib.compress(srgb_profile()))
    before = chunk(b"tEXt", b"C\0x", crc=1) + profile + chunk(b"eXIf", EXIF) + chunk(b"prIv")
    half = decoded(halve(png(PIXELS, before=before)).data)
    assert half.info["icc_profile"] == srgb_profile()
    assert half.getexif()[0x010F] == "abc"


def test_an_unknown_critical_chunk_is_named() -> None:
    with pytest.raises(UnsupportedFormat, match="ABCD"):
        halve(png(PIXELS, before=chunk(b"ABCD", b"?")))
    apple = PLAIN[:8] + chunk(b"CgBI", bytes(4)) + PLAIN[8:]
    with pytest.raises(UnsupportedFormat, match="CgBI"):
        halve(apple)


@pytest.mark.parametrize(
    ("size", "kind"), [((0, 5), (8, 2)), ((5, 2**31), (8, 2)), ((5, 5), (4, 2)), ((5, 5), (8, 5))]
)
def test_an_invalid_header_is_damage(size: tuple[int, int], kind: tuple[int, int]) -> None:
    head = struct.pack(">II", *size) + bytes([*kind, 0, 0, 0])
    with pytest.raises(Damaged):
        halve(SIGNATURE + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"\0")))


def test_a_size_beyond_the_limit_is_refused_before_it_is_decoded() -> None:
    head = struct.pack(">II", 40_000, 40_000) + bytes([8, 2, 0, 0, 0])
    with pytest.raises(TooLarge, match="40000x40000"):
        halve(SIGNATURE + chunk(b"IHDR", head) + chunk(b"IDAT", b""))


def test_chunks_are_counted_within_a_bound() -> None:
    private = chunk(b"prIv")
    assert halve(png(PIXELS, before=private * 1000)).notes == ()
    with pytest.raises(TooLarge, match="chunks"):
        halve(png(PIXELS, before=private * MAX_CHUNKS))


def test_text_that_inflates_a_thousand_times_is_dropped_after_8_mebibytes(tmp_path: Path) -> None:
    bomb = chunk(b"zTXt", b"C\0\0" + zlib.compress(bytes(MEBIBYTE - 1)))
    data = png(PIXELS, before=bomb * 20_000)
    assert "text dropped: larger than 8 MiB" in halve(data).notes
    path = tmp_path / "bomb.png"
    path.write_bytes(data)
    cost = measured_cost(path)
    assert (cost.error, cost.peak_bytes < 100 * MEBIBYTE) == (None, True)


def blank(side: int, depth: int, color_type: int) -> tuple[bytes, bytes]:
    """Return the header and the compressed rows of a large picture of one color, quickly."""
    samples = {GRAY: 1, RGB: 3, RGB_ALPHA: 4}[color_type]
    row = bytes(1 + side * samples * depth // 8)
    head = struct.pack(">II", side, side) + bytes([depth, color_type, 0, 0, 0])
    return SIGNATURE + chunk(b"IHDR", head), zlib.compress(row * side, 1)


def blank_animation(side: int) -> bytes:
    head, rows = blank(side, 8, RGB_ALPHA)
    restored_after = 2
    control = struct.pack(">IIIIHHBB", side, side, 0, 0, 1, 10, restored_after, 1)
    data = head + chunk(b"acTL", struct.pack(">II", 2, 0))
    data += chunk(b"fcTL", struct.pack(">I", 0) + control) + chunk(b"IDAT", rows)
    data += chunk(b"fcTL", struct.pack(">I", 1) + control)
    return data + chunk(b"fdAT", struct.pack(">I", 2) + rows) + chunk(b"IEND")


def blank_still(side: int, depth: int, color_type: int, before: bytes = b"") -> bytes:
    head, rows = blank(side, depth, color_type)
    return head + before + chunk(b"IDAT", rows) + chunk(b"IEND")


@pytest.mark.parametrize(
    ("data", "least_share"),
    [
        (blank_still(2000, 8, RGB), 0.5),
        (blank_still(2000, 8, RGB_ALPHA), 0.5),
        (blank_still(2000, 8, RGB, chunk(b"tRNS", bytes(6))), 0.5),
        (blank_still(2000, 8, GRAY, chunk(b"tRNS", bytes(2))), 0.2),
        (blank_animation(1500), 0.5),
    ],
    ids=["RGB", "RGBA", "RGB with a key", "gray with a key", "animation"],
)
def test_the_estimated_memory_is_at_least_what_is_used(
    data: bytes, least_share: float, tmp_path: Path
) -> None:
    path = tmp_path / "image.png"
    path.write_bytes(data)
    estimated = read(io.BytesIO(data), len(data)).decoder_bytes
    cost = measured_cost(path)
    assert cost.error is None
    assert least_share * estimated < cost.peak_bytes < estimated + 4 * MEBIBYTE


SEEDS = [
    PLAIN,
    png(PIXELS, before=DAMAGED["profile for gray"][0] + chunk(b"eXIf", EXIF)),
    apng([Shown([[(1, 2, 3, 4)] * 8] * 8)] * 3, [[(1, 2, 3, 4)] * 8] * 8),
]


@given(data=st.data())
@settings(max_examples=300, deadline=None)
def test_the_structure_of_any_file_is_read_or_refused(data: st.DataObject) -> None:
    mutant = damaged(data, data.draw(st.sampled_from(SEEDS)), start=8)
    mended = SIGNATURE + b"".join(chunk(*item) for item in split(mutant))
    for candidate in (mutant, mended):
        with suppress(PictureError):
            container = read(io.BytesIO(candidate), len(candidate))
            ends = [(patch.start, patch.end) for patch in container.patches]
            assert ends == sorted(ends)
            assert all(0 < start < end <= len(candidate) for start, end in ends)


def split(data: bytes) -> list[tuple[bytes, bytes]]:
    """Return the chunks of a file with wrong checksums, as far as they go."""
    found, at = [], 8
    while at + 12 <= len(data):
        length = int.from_bytes(data[at : at + 4])
        found.append((data[at + 4 : at + 8], data[at + 8 : at + 8 + length]))
        at += 12 + length
    return found


def test_pillows_own_bound_stays_on_and_small_limits_do_not_lower_it() -> None:
    bound = Image.MAX_IMAGE_PIXELS
    assert bound is not None
    assert bound >= 125_000_000
    halve(PLAIN, max_pixels=1000)
    assert bound == Image.MAX_IMAGE_PIXELS


def test_the_order_of_chunks_in_a_result_is_valid() -> None:
    before = chunk(b"gAMA", struct.pack(">I", 100_000)) + chunk(b"eXIf", EXIF)
    names = [name for name, _ in chunks(halve(png(PIXELS, before=before)).data)]
    assert names.index(b"gAMA") < names.index(b"IDAT")
    assert (names[0], names[-1]) == (b"IHDR", b"IEND")
