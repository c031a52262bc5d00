"""The largest pictures of each kind that the limits let through, and what they cost.

`tests/core/test_largest_pictures.py` does this with small limits. With those of the function:

    python -m tests.core.largest_pictures
"""

import math
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image

from imgctl.core.errors import TooLarge
from imgctl.core.formats import MAX_SIDE
from imgctl.core.inspection import inspect, inspect_header
from imgctl.core.limits import MEBIBYTE, Limits
from imgctl.core.resize import plan_resize
from imgctl.core.resize_cost import peak_bytes
from imgctl.core.source import open_source
from imgctl.core.spec import ResizeSpec
from tests.core.costs import Cost, measured_cost
from tests.pictures import heic

Save = Callable[[Path, int], None]
"""Write a picture of a kind with this number of pixels on each side."""

_SAMPLE_SIDE = 400


def _noise(side: int, mode: str) -> Image.Image:
    """Return a picture that is hard to encode, made of copies of a noisy tile."""
    tile = Image.effect_noise((512, 512), 60).convert(mode)
    if "A" in mode:
        tile.putalpha(Image.linear_gradient("L").resize(tile.size))
    image = Image.new(mode, (side, side))
    for left in range(0, side, 512):
        for top in range(0, side, 512):
            image.paste(tile.rotate(90 * ((left + top) // 512)), (left, top))
    return image


def _still(mode: str, **options: Any) -> Save:
    return lambda path, side: _noise(side, mode).save(path, **options)


def _animated(mode: str, frames: int, **options: Any) -> Save:
    def save(path: Path, side: int) -> None:
        first = _noise(side, mode)
        others = [first.rotate(90 * index) for index in range(1, frames)]
        first.save(path, save_all=True, append_images=others, duration=50, **options)

    return save


def _heic(mode: str, **options: Any) -> Save:
    def save(path: Path, side: int) -> None:
        path.write_bytes(heic(_noise(side, mode), **options))

    return save


def _gray_16(path: Path, side: int) -> None:
    Image.linear_gradient("L").resize((side, side)).convert("I;16").save(path)


KINDS: dict[str, Save] = {
    "baseline.jpg": _still("RGB", quality=90),
    "cmyk.jpg": _still("CMYK", quality=90),
    "progressive.jpg": _still("RGB", quality=90, progressive=True),
    "rgb.png": _still("RGB", compress_level=1),
    "alpha.png": _still("RGBA", compress_level=1),
    "palette.png": _still("P", compress_level=1),
    "gray-16.png": _gray_16,
    "animated.png": _animated("RGB", 4, compress_level=1),
    "lossy.webp": _still("RGB", method=0),
    "alpha.webp": _still("RGBA", method=0),
    "lossless.webp": _still("RGB", method=0, quality=0, lossless=True),
    "animated.webp": _animated("RGB", 4, method=0),
    "still.avif": _still("RGB", speed=10, quality=40),
    "alpha.avif": _still("RGBA", speed=10, quality=40),
    "sequence.avif": _animated("RGB", 4, speed=10, quality=40),
    "alpha.heic": _heic("RGBA", quality=50),
    "still.gif": _still("P"),
    "animated.gif": _animated("P", 4),
    "raw.tif": _still("RGB"),
    "deflate.tif": _still("RGB", compression="tiff_adobe_deflate"),
    "bilevel.tif": _still("1", compression="group4"),
    "rgb.bmp": _still("RGB"),
    "alpha.bmp": _still("RGBA"),
}


@dataclass(frozen=True)
class Largest:
    """The largest picture of a kind, and its cost."""

    name: str
    side: int
    file_bytes: int
    cost: Cost


def largest_picture(path: Path, save: Save, limits: Limits) -> Largest:
    """Create the largest picture of a kind that is let through, and resize it."""
    side = _largest_side(path, save, limits)
    file_bytes = path.stat().st_size
    cost = measured_cost(path, limits)
    path.unlink()
    return Largest(path.name, side, file_bytes, cost)


def _largest_side(path: Path, save: Save, limits: Limits) -> int:
    """Write a picture of the largest side within the limits; all costs grow with the pixels."""
    save(path, _SAMPLE_SIDE)
    ample = Limits(max_memory_bytes=1 << 50, max_estimated_seconds=math.inf)
    with path.open("rb") as file, open_source(file, ample) as opened:
        header = inspect_header(opened)
        needed_bytes = peak_bytes([plan_resize(inspect(opened, header), ResizeSpec(), ample).cost])
        needed_bytes = max(needed_bytes, opened.container.decoder_bytes)
        seconds = opened.container.decoder_seconds
    sample_pixels = _SAMPLE_SIDE**2
    shares = [
        limits.max_memory_bytes / needed_bytes,
        limits.max_pixels / (sample_pixels * header.frames),
        limits.max_bytes / path.stat().st_size,
    ]
    if seconds:
        shares.append(limits.max_estimated_seconds / seconds)
    side = min(int(_SAMPLE_SIDE * math.sqrt(min(shares))), MAX_SIDE[header.format.result])
    while True:
        save(path, side)
        try:
            with path.open("rb") as file, open_source(file, limits) as opened:
                plan_resize(inspect(opened, inspect_header(opened)), ResizeSpec(), limits)
        except TooLarge:
            side = int(side * 0.97)
        else:
            return side


def main() -> int:
    """Print a line for each kind; return 1 if one is not resized within the function's limits."""
    Image.MAX_IMAGE_PIXELS = None
    limits, failed = Limits(), False
    with tempfile.TemporaryDirectory() as folder:
        for name, save in KINDS.items():
            largest = largest_picture(Path(folder, name), save, limits)
            cost = largest.cost
            failed |= cost.error is not None or cost.cpu_seconds > 40
            print(
                f"{largest.name:18} {largest.side:6} px  {largest.file_bytes / 1e6:7.1f} MB"
                f"  peak {cost.peak_bytes / MEBIBYTE:6.0f} MiB  {cost.cpu_seconds:5.1f} s"
                f"  {cost.error or 'resized'}",
                flush=True,
            )
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
