"""Color of a PNG: its own chunks and its profile are carried, applied or named in the notes."""

import io
import struct
import zlib
from typing import cast

import pytest
from PIL import Image, ImageCms

from imgctl.core.formats import ImageFormat
from imgctl.core.spec import Fit, MetadataPolicy, ResizeSpec
from tests.core.png_files import (
    GRAY,
    GRAY_ALPHA,
    PALETTE,
    RGB,
    RGB_ALPHA,
    Shown,
    apng,
    chunk,
    chunks,
    png,
)
from tests.core.profiles import gray_profile
from tests.core.resizing import halve
from tests.pictures import decoded, encoded, photo, srgb_profile

WEBP, JPEG, PNG, TIFF, AVIF = (
    ImageFormat.WEBP,
    ImageFormat.JPEG,
    ImageFormat.PNG,
    ImageFormat.TIFF,
    ImageFormat.AVIF,
)
BMP, GIF = ImageFormat.BMP, ImageFormat.GIF
P3_PRIMARIES = (31270, 32900, 68000, 32000, 26500, 69000, 15000, 6000)
SRGB_PRIMARIES = (31270, 32900, 64000, 33000, 30000, 60000, 15000, 6000)

LINEAR = chunk(b"gAMA", struct.pack(">I", 100_000))
GAMMA_22 = chunk(b"gAMA", struct.pack(">I", 45_455))
P3 = chunk(b"cHRM", struct.pack(">8I", *P3_PRIMARIES))
SRGB_CHROMATICITIES = chunk(b"cHRM", struct.pack(">8I", *SRGB_PRIMARIES))
SRGB = chunk(b"sRGB", b"\0")
HDR = chunk(b"cICP", bytes([9, 16, 0, 1]))
MASTERING = chunk(b"mDCV", bytes(24)) + chunk(b"cLLI", bytes(8))
PROFILE = chunk(b"iCCP", b"p\0\0" + zlib.compress(srgb_profile()))

PIXELS = [[(128, 64, 32)] * 16 for _ in range(16)]


def names(data: bytes) -> list[bytes]:
    return [name for name, _ in chunks(data)]


@pytest.mark.parametrize(
    "described",
    [LINEAR, GAMMA_22, LINEAR + P3, SRGB + GAMMA_22 + SRGB_CHROMATICITIES, HDR, HDR + MASTERING],
)
@pytest.mark.parametrize("policy", list(MetadataPolicy))
def test_color_chunks_are_carried_to_a_png(described: bytes, policy: MetadataPolicy) -> None:
    data = png(PIXELS, before=described)
    result = halve(data, ResizeSpec(metadata=policy))
    color = [item for item in chunks(data) if item[0] not in (b"IHDR", b"IDAT", b"IEND")]
    written = chunks(result.data)
    assert written[1 : 1 + len(color)] == color
    assert decoded(result.data).getpixel((4, 4)) == (128, 64, 32)


@pytest.mark.parametrize(
    "data",
    [
        png([[(5,)] * 8] * 8, PALETTE, before=LINEAR + chunk(b"PLTE", bytes(range(30)))),
        png([[(5,)] * 8] * 8, GRAY, before=LINEAR),
        png([[(5, 6, 7)] * 8] * 8, RGB, 16, before=LINEAR),
        png([[(5,)] * 8] * 8, GRAY, 16, before=LINEAR),
        apng(
            [Shown([[(1, 2, 3, 255)] * 8] * 8), Shown([[(9, 2, 3, 255)] * 8] * 8)],
            [[(1, 2, 3, 255)] * 8] * 8,
            RGB_ALPHA,
            before=LINEAR,
        ),
    ],
    ids=["palette", "gray", "16 bits", "gray of 16 bits", "animation"],
)
def test_color_chunks_precede_palette_and_image_in_every_kind(data: bytes) -> None:
    assert names(halve(data).data)[1] == b"gAMA"


def test_a_profile_excludes_the_chunk_srgb() -> None:
    written = names(halve(png(PIXELS, before=PROFILE + SRGB + GAMMA_22)).data)
    assert {b"iCCP", b"gAMA"} <= set(written)
    assert b"sRGB" not in written


@pytest.mark.parametrize(
    ("described", "spec", "note"),
    [
        (HDR + MASTERING, JPEG, "color description (cICP) dropped: not supported by JPEG"),
        (HDR + PROFILE, WEBP, "color description (cICP) dropped: not supported by WEBP"),
        (LINEAR + P3, BMP, "gamma (gAMA) and primaries (cHRM) dropped: not supported by BMP"),
        (GAMMA_22 + P3, GIF, "primaries (cHRM) dropped: not supported by GIF"),
        (chunk(b"gAMA", bytes(4)), TIFF, "gamma (gAMA) dropped: not supported by TIFF"),
    ],
)
def test_what_another_format_cannot_say_is_noted(
    described: bytes, spec: ImageFormat, note: str
) -> None:
    assert halve(png(PIXELS, before=described), ResizeSpec(format=spec)).notes == (note,)


def to_srgb(image: Image.Image) -> tuple[int, ...]:
    """Return a pixel as a program shows it that applies the profile."""
    shown = ImageCms.profileToProfile(
        image,
        ImageCms.ImageCmsProfile(io.BytesIO(image.info["icc_profile"])),
        ImageCms.createProfile("sRGB"),
        renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
        outputMode="RGB",
    )
    assert shown is not None
    return cast(tuple[int, ...], shown.getpixel((4, 4)))


def in_srgb(linear: float) -> float:
    """Return a linear value, from 0 to 1, as sRGB stores it (IEC 61966-2-1), from 0 to 255."""
    linear = min(max(linear, 0), 1)
    return 255 * (12.92 * linear if linear <= 0.0031308 else 1.055 * linear ** (1 / 2.4) - 0.055)


def from_srgb(value: int) -> float:
    share = value / 255
    return share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4


def p3_in_srgb(red: float, green: float, blue: float) -> tuple[float, ...]:
    """Return linear P3 as sRGB stores it, by the matrix of CSS Color 4, section 10.11."""
    return (
        in_srgb(1.2249401 * red - 0.2249402 * green),
        in_srgb(-0.0420569 * red + 1.0420571 * green),
        in_srgb(-0.0196376 * red - 0.0786507 * green + 1.0982883 * blue),
    )


STORED = (128, 100, 90)
LIGHT = tuple(from_srgb(value) for value in STORED)
CODED_P3 = chunk(b"cICP", bytes([12, 13, 0, 1]))


@pytest.mark.parametrize("output_format", [JPEG, WEBP, TIFF, AVIF])
@pytest.mark.parametrize(
    ("described", "expected"),
    [
        (LINEAR, tuple(in_srgb(value / 255) for value in STORED)),
        (GAMMA_22 + P3, p3_in_srgb(*LIGHT)),
        (P3, p3_in_srgb(*LIGHT)),
        (CODED_P3, p3_in_srgb(*LIGHT)),
        (LINEAR + P3, p3_in_srgb(*(value / 255 for value in STORED))),
    ],
    ids=["gAMA", "gAMA and cHRM", "cHRM", "cICP", "linear P3"],
)
def test_other_formats_get_a_profile_that_says_the_same(
    described: bytes, expected: tuple[float, ...], output_format: ImageFormat
) -> None:
    data = png([[STORED] * 64] * 64, before=described)
    result = halve(data, ResizeSpec(format=output_format, quality=100))
    assert result.notes == ()
    assert to_srgb(decoded(result.data).convert("RGB")) == pytest.approx(expected, abs=4)


@pytest.mark.parametrize("color_type", [GRAY, GRAY_ALPHA])
@pytest.mark.parametrize("output_format", [JPEG, WEBP, TIFF])
def test_so_does_gray(color_type: int, output_format: ImageFormat) -> None:
    pixel = (128,) if color_type == GRAY else (128, 255)
    data = png([[pixel] * 64] * 64, color_type, before=LINEAR)
    image = decoded(halve(data, ResizeSpec(format=output_format, quality=100)).data)
    assert (image.info["icc_profile"][16:20] == b"GRAY") == (image.mode in ("L", "LA"))
    image = image.convert("L") if image.mode in ("L", "LA") else image.convert("RGB")
    assert to_srgb(image) == pytest.approx((in_srgb(128 / 255),) * 3, abs=3)


def test_primaries_that_enclose_nothing_are_noted() -> None:
    flat = chunk(b"cHRM", struct.pack(">8I", *[31270, 32900] * 4))
    for broken in (flat, chunk(b"cHRM", bytes(32))):
        notes = halve(png(PIXELS, before=broken), ResizeSpec(format=WEBP)).notes
        assert notes == ("primaries (cHRM) dropped: not supported by WEBP",)


def test_gray_with_alpha_and_a_profile_stays_gray_on_white_in_a_jpeg() -> None:
    profile = chunk(b"iCCP", b"g\0\0" + zlib.compress(GRAY_PROFILE))
    pixels = [[(100, 255 if x < 32 else 0) for x in range(64)] for _ in range(64)]
    result = halve(png(pixels, GRAY_ALPHA, before=profile), ResizeSpec(format=JPEG, quality=100))
    image = decoded(result.data)
    assert (image.mode, image.info["icc_profile"]) == ("L", GRAY_PROFILE)
    assert [image.getpixel((x, 9)) for x in (4, 28)] == pytest.approx([100, 255], abs=2)


@pytest.mark.parametrize(
    "described",
    [SRGB, GAMMA_22, GAMMA_22 + SRGB_CHROMATICITIES, SRGB + LINEAR, PROFILE + LINEAR + P3],
)
def test_what_viewers_assume_anyway_needs_no_note(described: bytes) -> None:
    assert halve(png(PIXELS, before=described), ResizeSpec(format=WEBP)).notes == ()


GRAY_PROFILE = gray_profile(1.0)
IN_SRGB = round(255 * (1.055 * (100 / 255) ** (1 / 2.4) - 0.055))  # IEC 61966-2-1


@pytest.mark.parametrize("output_format", [WEBP, AVIF])
@pytest.mark.parametrize(
    ("color_type", "depth", "pixel"),
    [(GRAY, 8, (100,)), (GRAY_ALPHA, 8, (100, 255)), (GRAY, 16, (25700,))],
)
def test_gray_with_a_profile_is_converted_for_a_format_without_gray(
    color_type: int, depth: int, pixel: tuple[int, ...], output_format: ImageFormat
) -> None:
    profile = chunk(b"iCCP", b"g\0\0" + zlib.compress(GRAY_PROFILE))
    data = png([[pixel] * 64] * 64, color_type, depth, before=profile)
    result = halve(data, ResizeSpec(format=output_format, quality=100))
    image = decoded(result.data)
    assert "icc_profile" not in image.info
    assert image.convert("RGB").getpixel((10, 10)) == pytest.approx((IN_SRGB,) * 3, abs=2)
    assert "converted gray to sRGB" in result.notes


@pytest.mark.parametrize("output_format", [PNG, JPEG, TIFF])
def test_gray_with_a_profile_stays_gray_where_the_format_has_gray(
    output_format: ImageFormat,
) -> None:
    profile = chunk(b"iCCP", b"g\0\0" + zlib.compress(GRAY_PROFILE))
    result = halve(
        png([[(100,)] * 16] * 16, GRAY, before=profile), ResizeSpec(format=output_format)
    )
    image = decoded(result.data)
    assert (image.mode, image.info["icc_profile"]) == ("L", GRAY_PROFILE)
    assert image.getpixel((4, 4)) == pytest.approx(100, abs=1)


@pytest.mark.parametrize(
    ("format_", "mode", "profile"),
    [
        *((name, "L", srgb_profile()) for name in ("JPEG", "TIFF")),
        *((name, "RGB", GRAY_PROFILE) for name in ("JPEG", "TIFF", "WEBP", "AVIF")),
    ],
)
def test_a_profile_for_other_pixels_is_not_kept(format_: str, mode: str, profile: bytes) -> None:
    data = encoded(photo(mode=mode), format_, icc_profile=profile)
    for target in (None, PNG):
        for spec in (ResizeSpec(format=target), ResizeSpec(format=target, target=Fit(999))):
            result = halve(data, spec)
            assert not decoded(result.data).info.get("icc_profile")
            assert "color profile dropped: wrong color space for this image" in result.notes


def test_an_alpha_channel_survives_the_conversion_by_a_gray_profile() -> None:
    profile = chunk(b"iCCP", b"g\0\0" + zlib.compress(GRAY_PROFILE))
    pixels = [[(100, 255 if x < 8 else 0) for x in range(16)] for _ in range(16)]
    half = decoded(halve(png(pixels, GRAY_ALPHA, before=profile), ResizeSpec(format=WEBP)).data)
    assert [half.getpixel((x, 4))[3] for x in (1, 6)] == [255, 0]  # type: ignore[index]


def test_a_bilevel_picture_with_a_gray_profile_stays_gray() -> None:
    profile = chunk(b"iCCP", b"g\0\0" + zlib.compress(GRAY_PROFILE))
    pixels = [[((x + y) % 2,) for x in range(32)] for y in range(32)]
    image = decoded(halve(png(pixels, GRAY, 1, before=profile)).data)
    assert (image.mode, image.info["icc_profile"]) == ("L", GRAY_PROFILE)
