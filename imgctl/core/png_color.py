"""Color described by a PNG's own chunks beside or instead of a profile (W3C PNG, clause 11.3.2)."""

from collections.abc import Sequence
from dataclasses import dataclass

from imgctl.core.containers.png import PngContainer
from imgctl.core.containers.png_chunks import encoded_chunk
from imgctl.core.formats import ImageFormat

_AFTER_HEADER = 33  # 8 bytes of signature, and 25 of the chunk IHDR

_SRGB_CODE_POINTS = bytes([1, 13, 0, 1])  # ITU-T H.273: primaries, transfer, matrix, full range
# Clause 11.3.2.5: what gAMA and cHRM contain beside an sRGB chunk, in units of 1/100,000.
_SRGB_GAMMA = 45455
_SRGB_PRIMARIES = (31270, 32900, 64000, 33000, 30000, 60000, 15000, 6000)
_TOLERANCE = 500


@dataclass(frozen=True, slots=True)
class ColorPlan:
    """The chunks that a PNG result gets, and notes on what other formats do not get."""

    chunks: tuple[tuple[bytes, bytes], ...] = ()
    notes: tuple[str, ...] = ()


def plan_color(
    png: PngContainer | None, output_format: ImageFormat, *, has_profile: bool
) -> ColorPlan:
    """Decide what becomes of a PNG's color chunks; `has_profile` is whether the result has one.

    The pixels are not converted.
    """
    if png is None or not png.color_chunks:
        return ColorPlan()
    if output_format is ImageFormat.PNG:
        # A profile and the chunk sRGB exclude each other (clause 11.3.2.3).
        return ColorPlan(
            tuple(item for item in png.color_chunks if not (has_profile and item[0] == b"sRGB"))
        )
    lost = _unlike_srgb(dict(png.color_chunks), has_profile=has_profile, is_gray=png.is_gray)
    if not lost:
        return ColorPlan()
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
        standard = chunks[b"cICP"] == _SRGB_CODE_POINTS
        return [] if standard else ["color description (cICP)"]
    if has_profile or b"sRGB" in chunks:
        return []
    lost = []
    if b"gAMA" in chunks:
        gamma = int.from_bytes(chunks[b"gAMA"])
        if abs(gamma - _SRGB_GAMMA) > _TOLERANCE:
            lost.append("gamma (gAMA)")
    if b"cHRM" in chunks and not is_gray:
        data = chunks[b"cHRM"]
        values = [int.from_bytes(data[at : at + 4]) for at in range(0, 32, 4)]
        pairs = zip(values, _SRGB_PRIMARIES, strict=True)
        if any(abs(value - standard) > _TOLERANCE for value, standard in pairs):
            lost.append("primaries (cHRM)")
    return lost
