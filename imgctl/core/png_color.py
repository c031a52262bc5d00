"""Color described by a PNG's own chunks beside or instead of a profile (W3C PNG, clause 11.3.2)."""

from collections.abc import Sequence

from imgctl.core.code_points import PRIMARIES, sdr_curve
from imgctl.core.color_plan import ColorPlan
from imgctl.core.containers.png import PngContainer
from imgctl.core.containers.png_chunks import encoded_chunk
from imgctl.core.formats import ImageFormat
from imgctl.core.icc_profile import (
    SRGB_PARAMETERS,
    Primaries,
    display_profile,
    parametric_curve,
)

_AFTER_HEADER = 33  # 8 bytes of signature, and 25 of the chunk IHDR

# Clause 11.3.2.5: what gAMA and cHRM contain beside an sRGB chunk, in units of 1/100,000.
_UNIT = 100_000
_SRGB_GAMMA = 45455
_TOLERANCE = 500

_SRGB = PRIMARIES[1]
_IDENTITY, _FULL_RANGE = 0, 1

_PROFILED = (ImageFormat.JPEG, ImageFormat.WEBP, ImageFormat.AVIF, ImageFormat.TIFF)


def plan_png_color(
    png: PngContainer, output_format: ImageFormat, *, has_profile: bool
) -> ColorPlan:
    """Decide what becomes of a PNG's color chunks; `has_profile` is whether the result has one.

    The pixels are not converted.
    """
    if not png.color_chunks:
        return ColorPlan()
    if output_format is ImageFormat.PNG:
        # A profile and the chunk sRGB exclude each other (clause 11.3.2.3).
        return ColorPlan(
            tuple(item for item in png.color_chunks if not (has_profile and item[0] == b"sRGB"))
        )
    chunks = dict(png.color_chunks)
    lost = _unlike_srgb(chunks, has_profile=has_profile, is_gray=png.is_gray)
    if not lost:
        return ColorPlan()
    if output_format in _PROFILED and (profile := _as_profile(chunks, png, output_format)):
        return ColorPlan(profile=profile)
    return ColorPlan(notes=(f"{' and '.join(lost)} dropped: not supported by {output_format}",))


def with_chunks(data: bytes, chunks: Sequence[tuple[bytes, bytes]]) -> bytes:
    """Return an encoded PNG with these chunks behind its header."""
    if not chunks:
        return data
    added = b"".join(encoded_chunk(*chunk) for chunk in chunks)
    return data[:_AFTER_HEADER] + added + data[_AFTER_HEADER:]


def _unlike_srgb(chunks: dict[bytes, bytes], *, has_profile: bool, is_gray: bool) -> list[str]:
    """Return the names of what makes colors differ from sRGB, which viewers assume.

    The first of cICP, the profile, sRGB, and gAMA with cHRM decides (clause 4.3, table 1).
    """
    if b"cICP" in chunks:
        primaries, transfer, _, _ = chunks[b"cICP"]
        is_srgb = (primaries, transfer) == (1, 13)
        return [] if is_srgb else ["color description (cICP)"]
    if has_profile or b"sRGB" in chunks:
        return []
    lost = []
    if b"gAMA" in chunks and abs(int.from_bytes(chunks[b"gAMA"]) - _SRGB_GAMMA) > _TOLERANCE:
        lost.append("gamma (gAMA)")
    if b"cHRM" in chunks and not is_gray and _differs(_primaries(chunks), _SRGB):
        lost.append("primaries (cHRM)")
    return lost


def _as_profile(
    chunks: dict[bytes, bytes], png: PngContainer, output_format: ImageFormat
) -> bytes | None:
    """Return a profile that says what the chunks say; None if they cannot be said so."""
    if b"cICP" in chunks:
        coded_primaries, transfer, matrix, full_range = chunks[b"cICP"]
        primaries, curve = PRIMARIES.get(coded_primaries), sdr_curve(transfer)
        is_plain_rgb = (matrix, full_range) == (_IDENTITY, _FULL_RANGE)
        if primaries is None or curve is None or not is_plain_rgb:
            return None
    else:
        primaries = _primaries(chunks)
        stored = int.from_bytes(chunks.get(b"gAMA", _SRGB_GAMMA.to_bytes(4)))
        if not _UNIT / 10 < stored < 10 * _UNIT:
            return None
        is_srgb = abs(stored - _SRGB_GAMMA) <= _TOLERANCE
        curve = parametric_curve(*(SRGB_PARAMETERS if is_srgb else (_UNIT / stored,)))
    has_gray_pixels = output_format in (ImageFormat.JPEG, ImageFormat.TIFF)
    return display_profile(None if png.is_gray and has_gray_pixels else primaries, curve)


def _primaries(chunks: dict[bytes, bytes]) -> Primaries:
    if b"cHRM" not in chunks:
        return _SRGB
    data = chunks[b"cHRM"]
    values = [int.from_bytes(data[at : at + 4]) / _UNIT for at in range(0, 32, 4)]
    white, red, green, blue = ((values[at], values[at + 1]) for at in range(0, 8, 2))
    return Primaries(white, red, green, blue)


def _differs(first: Primaries, second: Primaries) -> bool:
    return any(
        abs(a - b) > _TOLERANCE / _UNIT
        for one, other in (
            (first.white, second.white),
            (first.red, second.red),
            (first.green, second.green),
            (first.blue, second.blue),
        )
        for a, b in zip(one, other, strict=True)
    )
