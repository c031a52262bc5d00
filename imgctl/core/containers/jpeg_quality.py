"""The quality that a JPEG was encoded with, estimated from its quantization table."""

from bisect import bisect_left
from collections.abc import Sequence
from functools import cache

# T.81 table K.1, luminance, in zigzag order as a DQT segment stores it.
_LUMINANCE = (
    16, 11, 12, 14, 12, 10, 16, 14, 13, 14, 18, 17, 16, 19, 24, 40,
    26, 24, 22, 22, 24, 49, 35, 37, 29, 40, 58, 51, 61, 60, 57, 51,
    56, 55, 64, 72, 92, 78, 64, 68, 87, 69, 55, 56, 80, 109, 81, 87,
    95, 98, 103, 104, 103, 62, 77, 113, 121, 112, 100, 120, 92, 101, 103, 99,
)  # fmt: skip


def estimated_quality(luminance: Sequence[int]) -> int:
    """Return the quality, 1 to 100, whose IJG table has the nearest sum.

    It is exact for tables that libjpeg scales from annex K, except that several of the lowest
    qualities share a table; of those it is the highest.
    """
    sums = _sums()
    total = sum(luminance)
    above = min(bisect_left(sums, -total), 99)  # the lowest quality whose sum is not larger
    if above and abs(sums[above - 1] + total) < abs(sums[above] + total):
        return above
    while above < 99 and sums[above + 1] == -total:
        above += 1
    return above + 1


@cache
def _sums() -> list[int]:
    """Return the negative sum of each quality's table, from 1 to 100: an ascending list."""
    return [-sum(_scaled(quality)) for quality in range(1, 101)]


def _scaled(quality: int) -> tuple[int, ...]:
    """Return the luminance table as libjpeg scales it (`jpeg_quality_scaling`, jcparam.c)."""
    percent = 5000 // quality if quality < 50 else 200 - 2 * quality
    return tuple(min(max((value * percent + 50) // 100, 1), 255) for value in _LUMINANCE)
