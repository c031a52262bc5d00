"""Every kind of picture that Pillow and libvips write, halved, and compared by libvips.

A result is close to the exact average of what libvips sees in the source, in premultiplied samples,
and is otherwise what the source was, or `Notes` say what it lost.
"""

import re
from collections.abc import Callable
from functools import cache

import pytest

from imgctl.core.formats import RESULT_FORMATS, ImageFormat
from imgctl.core.result import ResizeResult
from imgctl.core.spec import MetadataPolicy, ResizeSpec
from tests.core.libvips import Page, Pixel, Seen, halved_in_srgb, mean_difference, seen
from tests.core.picture_kinds import (
    AVIF,
    BMP,
    GIF,
    GRAY_GAMMA,
    JPEG,
    PNG,
    TIFF,
    WEBP,
    Kind,
    inks_with_profile,
    kinds,
)
from tests.core.resizing import halve

TOLERANCE = 6  # of 255, in the mean
KINDS = {kind.name: kind for kind in kinds()}
ANIMATED = (GIF, WEBP, PNG, AVIF)
PROFILED = (JPEG, PNG, WEBP, TIFF, AVIF)
GRAY = (JPEG, PNG, TIFF, BMP)
INKS = (JPEG, TIFF)

NOTES = {  # what a result can lose -> the note that says so
    "profile": r"color profile dropped: not supported by",
    "gray profile": r"converted gray to sRGB",
    "inks": r"converted CMYK to sRGB",
    "transparency": r"transparency flattened onto white",
    "partial transparency": r"partial transparency thresholded",
    "bits": r"reduced from (10|12|16) to 8 bits",
    "frames": r"\d of \d (frames|pages) dropped",
    "durations": r"frame durations (rounded to 10 ms|dropped)",
}
OTHER_NOTES = (  # about bytes, and about the EXIF that libvips writes
    r"result is larger than the source file|stored without a palette|EXIF dropped: not supported"
)
Change = Callable[[Pixel], Pixel | None]


@cache
def source(kind: Kind) -> tuple[bytes, Seen]:
    data = kind.encode()
    return data, seen(data, kind.format)


@cache
def averaged(page: Page, size: tuple[int, int]) -> list[Pixel]:
    return page.averaged(size)


@cache
def is_transparent(page: Page) -> bool:
    return page.color != "CMYK" and any(pixel[3] < 1 for pixel in page.pixels())


def on_white(pixel: Pixel) -> Pixel:
    red, green, blue, alpha = pixel
    return (red + 1 - alpha, green + 1 - alpha, blue + 1 - alpha, 1)


def thresholded(pixel: Pixel) -> Pixel | None:
    """Return an opaque or a clear pixel, None if it could as well be the other."""
    red, green, blue, alpha = pixel
    if 0.35 < alpha < 0.65:
        return None
    return (red / alpha, green / alpha, blue / alpha, 1) if alpha >= 0.5 else (0, 0, 0, 0)


def without_inks(pixel: Pixel) -> Pixel:
    """Return what inks look like by the plainest rule, which is for files without a profile."""
    cyan, magenta, yellow, black = pixel
    return ((1 - cyan) * (1 - black), (1 - magenta) * (1 - black), (1 - yellow) * (1 - black), 1)


def with_srgb_curve(pixel: Pixel) -> Pixel:
    """Return opaque gray of the tests' gamma with the curve of sRGB (IEC 61966-2-1)."""
    linear = pixel[0] ** GRAY_GAMMA
    gray = 12.92 * linear if linear <= 0.0031308 else 1.055 * linear ** (1 / 2.4) - 0.055
    return (gray, gray, gray, 1)


def changes(before: Seen, output: ImageFormat) -> list[Change]:
    """Return what a format does to the pixels of a source that it cannot hold as they are."""
    found: list[Change] = []
    if before.color == "CMYK":
        return [] if output in INKS else [without_inks]
    if before.color == "GRAY" and before.profile and output not in GRAY and output in PROFILED:
        found.append(with_srgb_curve)
    if output is JPEG:
        found.append(on_white)
    if output is GIF:
        found.append(thresholded)
    return found


def keeps_frames(before: Seen, output: ImageFormat) -> bool:
    return output is TIFF or (output in ANIMATED and before.durations_ms != ())


def keeps_color(before: Seen, output: ImageFormat) -> bool:
    if before.color == "CMYK":
        return output in INKS
    return output in GRAY and not (output is BMP and is_transparent(before.pages[0]))


def expected_losses(before: Seen, after: Seen, output: ImageFormat) -> set[str]:
    """Return what a result cannot have kept, or has not kept."""
    transparent = any(map(is_transparent, before.pages[: len(after.pages)]))
    gray_profile = with_srgb_curve in changes(before, output)
    durations = before.durations_ms[: len(after.pages)]
    facts = {
        "profile": before.profile != after.profile and not gray_profile,
        "gray profile": gray_profile,
        "inks": without_inks in changes(before, output),
        "transparency": output is JPEG and transparent,
        "partial transparency": output is GIF and transparent,
        "bits": before.bits > 8 and after.bits <= 8,
        "frames": len(after.pages) < len(before.pages),
        "durations": len(after.pages) > 1 and durations != after.durations_ms,
    }
    return {name for name, is_lost in facts.items() if is_lost}


def noted_losses(result: ResizeResult) -> set[str]:
    return {
        name
        for name, pattern in NOTES.items()
        if any(re.match(pattern, note) for note in result.notes)
    }


def check(kind: Kind, output: ImageFormat, policy: MetadataPolicy) -> None:
    data, before = source(kind)
    result = halve(data, ResizeSpec(format=output, metadata=policy))
    after = seen(result.data, output)
    assert len(after.pages) == (len(before.pages) if keeps_frames(before, output) else 1)
    for page, half in zip(before.pages, after.pages, strict=False):
        assert half.size == tuple(-(-side // 2) for side in page.size)  # half of odd is rounded up
        expected: list[Pixel | None] = [*averaged(page, half.size)]
        for change in changes(before, output):
            expected = [pixel and change(pixel) for pixel in expected]
        assert mean_difference(expected, half.pixels()) < TOLERANCE
    if before.color != "RGB" and keeps_color(before, output):
        assert after.color == before.color
    if after.plays is not None and before.plays is not None:
        assert after.plays == before.plays
    assert noted_losses(result) == expected_losses(before, after, output), result.notes
    others = "|".join((*NOTES.values(), OTHER_NOTES))
    assert [note for note in result.notes if not re.match(others, note)] == []


@pytest.mark.parametrize("name", KINDS)
def test_half_of_each_kind_is_its_average_and_keeps_what_it_was(name: str) -> None:
    for policy in MetadataPolicy:
        check(KINDS[name], KINDS[name].format, policy)


@pytest.mark.parametrize("name", KINDS)
def test_half_in_another_format_is_the_average_and_notes_what_it_lost(name: str) -> None:
    for output in RESULT_FORMATS:
        if output is not KINDS[name].format:
            check(KINDS[name], output, MetadataPolicy.SAFE)


@pytest.mark.parametrize("format_", [JPEG, TIFF])
def test_inks_are_converted_by_their_profile_where_they_cannot_be_kept(
    format_: ImageFormat,
) -> None:
    data = inks_with_profile(format_)
    assert seen(halve(data).data, format_).profile == seen(data, format_).profile
    converted = seen(halve(data, ResizeSpec(format=PNG)).data, PNG)
    assert mean_difference(halved_in_srgb(data), converted.pages[0].pixels()) < 1


@pytest.mark.parametrize("name", [name for name in KINDS if KINDS[name].format is JPEG])
def test_a_jpeg_keeps_its_subsampling_and_scans(name: str) -> None:
    data, _ = source(KINDS[name])
    assert frame_header(halve(data).data) == frame_header(data)


def frame_header(jpeg: bytes) -> tuple[bool, bytes]:
    """Return whether a JPEG is progressive, and the components' sampling factors (T.81 B.2.2)."""
    at = 2
    while jpeg[at + 1] not in (0xC0, 0xC2):
        at += 2 + int.from_bytes(jpeg[at + 2 : at + 4])
    components = jpeg[at + 9]
    return jpeg[at + 1] == 0xC2, jpeg[at + 11 : at + 11 + 3 * components : 3]
