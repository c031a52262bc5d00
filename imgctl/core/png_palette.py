"""Small encodings of PNG results whose source had a palette or few gray levels.

Averaged pixels have more colors than their source. They are stored with a palette where it shows no
difference, or with fewer bits for gray, and otherwise as they are.
"""

import math
import sys
from collections.abc import Callable, Mapping
from typing import Any, cast

from PIL import Image, ImageChops

_MAX_COLORS = 256  # clause 11.2.2
_MAX_QUANTIZED = 65_536  # a picture of more colors is a photograph: smaller, too, without a palette
_MAX_PACKED = 16  # palettes of more colors take 8 bits per pixel, as gray does
_INVISIBLE_DB = 45
_ACCEPTABLE_DB = 40

_GRAY_STEPS = ((1, 255), (2, 85), (4, 17))  # bits per pixel, and the distance of their levels
# The best compression takes ten times as long as zlib's default, for 3% fewer bytes.
_DEFAULT_LEVEL, _BEST_LEVEL = -1, 9

_REDUCED = f"colors reduced to a palette of {_MAX_COLORS}"
_TOO_MANY_COLORS = f"stored without a palette: more than {_MAX_COLORS} colors"
_LARGER = "stored without a palette: a palette would be larger"

Save = Callable[[Image.Image, Mapping[str, Any]], bytes]
"""Encodes a page as PNG, with options beside the plan's."""


def encode(
    page: Image.Image, save: Save, *, source_bytes: int, had_palette: bool, allows_palette: bool
) -> tuple[Image.Image, bytes, str]:
    """Return a page as it is stored, its encoding, and a note on what the source had.

    Gray is stored with as few bits as hold all levels exactly, or as a palette of few grays where
    that is smaller. Other pages get a palette if none of their 256 colors differs visibly, or
    slightly where the encoding would otherwise be larger than the source.
    """
    data = save(page, {})
    if page.mode == "L":
        candidates = _gray_candidates(page, allows_palette=allows_palette)
        encodings = [(page, data)] + [
            (candidate, _compressed(candidate, save, source_bytes, options))
            for candidate, options in candidates
        ]
        stored, smallest = min(encodings, key=lambda encoding: len(encoding[1]))
        return stored, smallest, ""
    if not allows_palette:
        return page, data, ""
    reduced, quality_db = _with_palette(page)
    too_different = quality_db < (_INVISIBLE_DB if len(data) <= source_bytes else _ACCEPTABLE_DB)
    if reduced is None or too_different:
        return page, data, _TOO_MANY_COLORS if had_palette else ""
    small = _compressed(reduced, save, source_bytes, {})
    if len(data) < len(small) and len(small) > source_bytes:
        return page, data, _LARGER if had_palette else ""
    return reduced, small, "" if quality_db >= _INVISIBLE_DB else _REDUCED


def _compressed(
    page: Image.Image, save: Save, source_bytes: int, options: Mapping[str, Any]
) -> bytes:
    """Return the page's encoding; better compressed if it is larger than the source."""
    data = save(page, {**options, "compress_level": _DEFAULT_LEVEL})
    if len(data) <= source_bytes:
        return data
    return min(data, save(page, {**options, "compress_level": _BEST_LEVEL}), key=len)


def _gray_candidates(
    page: Image.Image, *, allows_palette: bool
) -> list[tuple[Image.Image, Mapping[str, Any]]]:
    """Return other ways to store a gray page exactly, with the options that they need."""
    if (bits := _gray_bits(page)) < 8:
        return [(page, {"bits": bits})]
    if allows_palette and page.getcolors(_MAX_PACKED) is not None:
        reduced, _ = _with_palette(page)
        return [] if reduced is None else [(reduced, {})]
    return []


def _gray_bits(page: Image.Image) -> int:
    """Return the bits per pixel that store a page's gray levels exactly."""
    levels = [level for level, count in enumerate(page.histogram()) if count]
    for bits, step in _GRAY_STEPS:
        if all(level % step == 0 for level in levels):
            return bits
    return 8


def _with_palette(page: Image.Image) -> tuple[Image.Image | None, float]:
    """Return a page with at most 256 colors, and its peak signal-to-noise ratio in dB.

    None for a page of too many colors.
    """
    wide = page if page.mode in ("RGB", "RGBA") else page.convert("RGBA")
    colors = wide.getcolors(_MAX_QUANTIZED)
    if colors is None:
        return None, 0
    if len(colors) <= _MAX_COLORS:
        present = [cast(tuple[int, ...], color) for _, color in colors]
        return _exact(wide, present), math.inf
    # Pillow's median cut knows no alpha.
    median_cut, octree = Image.Quantize.MEDIANCUT, Image.Quantize.FASTOCTREE
    method = median_cut if wide.mode == "RGB" else octree
    reduced = wide.quantize(_MAX_COLORS, method, dither=Image.Dither.NONE)
    return reduced, _psnr_db(wide, reduced.convert(wide.mode))


def _exact(page: Image.Image, colors: list[tuple[int, ...]]) -> Image.Image:
    """Return a page with exactly these colors as its palette.

    Transparent ones are first, because tRNS may end with the last of them; then light ones, of
    which backgrounds are: zeros compress best.
    """
    colors = sorted(((*color, 255)[:4] for color in colors), reverse=True)
    colors.sort(key=lambda color: color[3])
    index = {int.from_bytes(bytes(color), sys.byteorder): at for at, color in enumerate(colors)}
    pixels = memoryview(page.convert("RGBA").tobytes()).cast("I")
    reduced = Image.frombytes("P", page.size, bytes(map(index.__getitem__, pixels)))
    reduced.putpalette([value for color in colors for value in color[:3]])
    if alphas := bytes(color[3] for color in colors).rstrip(b"\xff"):
        reduced.info["transparency"] = alphas
    return reduced


def _psnr_db(page: Image.Image, reduced: Image.Image) -> float:
    """Return the peak signal-to-noise ratio of premultiplied values."""
    if page.mode == "RGBA":
        page, reduced = page.convert("RGBa"), reduced.convert("RGBa")
    squares = samples = 0
    for band in page.getbands():
        difference = ImageChops.difference(page.getchannel(band), reduced.getchannel(band))
        for value, count in enumerate(difference.histogram()):
            squares += value * value * count
            samples += count
    return 10 * math.log10(255 * 255 * samples / squares) if squares else math.inf
