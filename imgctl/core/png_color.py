"""Color described by a PNG's own chunks beside or instead of a profile (W3C PNG, clause 11.3.2)."""

from collections.abc import Sequence

from imgctl.core.color_plan import ColorPlan
from imgctl.core.containers.png import PngContainer
from imgctl.core.containers.png_chunks import encoded_chunk
from imgctl.core.display_profile import Primaries, display_profile
from imgctl.core.formats import ImageFormat

_AFTER_HEADER = 33  # 8 bytes of signature, and 25 of the chunk IHDR

# Clause 11.3.2.5: what gAMA and cHRM contain beside an sRGB chunk, in units of 1/100,000.
_UNIT = 100_000
_SRGB_GAMMA = 45455
_TOLERANCE = 500

_D65 = (0.3127, 0.329)
_SRGB = Primaries(_D65, (0.64, 0.33), (0.3, 0.6), (0.15, 0.06))
# ITU-T H.273, tables 2 and 3: color primaries, and the gamma of transfer characteristics.
_CODED_PRIMARIES = {
    1: _SRGB,
    9: Primaries(_D65, (0.708, 0.292), (0.17, 0.797), (0.131, 0.046)),
    12: Primaries(_D65, (0.68, 0.32), (0.265, 0.69), (0.15, 0.06)),
}
_CODED_GAMMA: dict[int, float | None] = {4: 2.2, 5: 2.8, 8: 1.0, 13: None}
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
        primaries = _CODED_PRIMARIES.get(coded_primaries)
        is_known = transfer in _CODED_GAMMA and (matrix, full_range) == (_IDENTITY, _FULL_RANGE)
        if primaries is None or not is_known:
            return None
        gamma = _CODED_GAMMA[transfer]
    else:
        primaries = _primaries(chunks)
        stored = int.from_bytes(chunks.get(b"gAMA", _SRGB_GAMMA.to_bytes(4)))
        if not _UNIT / 10 < stored < 10 * _UNIT:
            return None
        gamma = None if abs(stored - _SRGB_GAMMA) <= _TOLERANCE else _UNIT / stored
    has_gray_pixels = output_format is ImageFormat.TIFF or (
        output_format is ImageFormat.JPEG and not png.is_transparent
    )
    return display_profile(None if png.is_gray and has_gray_pixels else primaries, gamma)


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
