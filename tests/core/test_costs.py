"""The estimated memory of a resize is what it really takes, in a process of its own."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from imgctl.core.inspection import inspect, inspect_header
from imgctl.core.limits import Limits
from imgctl.core.resize import plan_resize
from imgctl.core.resize_cost import peak_bytes
from imgctl.core.source import open_source
from imgctl.core.spec import ResizeSpec
from tests.core import heic_files
from tests.core.costs import measured_cost
from tests.pictures import heic, photo

MEGABYTE = 1_000_000
LARGE, MEDIUM = (2400, 1800), (800, 800)
FIXED_BYTES = 3 * MEGABYTE  # libraries, tables and buffers that do not grow with the picture


def noisy(width: int, height: int, mode: str = "RGB") -> Image.Image:
    """Return a picture with detail, so that it compresses like a photograph."""
    noise = Image.effect_noise((width, height), 24).convert("RGB")
    image = Image.blend(photo(width, height), noise, 0.3)
    if mode == "RGBA":
        image.putalpha(Image.linear_gradient("L").resize((width, height)))
    return image


def saved_heic(mode: str = "RGB", **options: Any) -> Callable[[Path], None]:
    def save(path: Path) -> None:
        path.write_bytes(heic(noisy(*LARGE, mode), **options))

    return save


def heic_grid(path: Path) -> None:
    side, columns, rows = 512, 5, 4
    tile = heic_files.picture(heic_files.coded(noisy(side, side)), hidden=True)
    tiles = range(2, 2 + columns * rows)
    grid = heic_files.grid(rows, columns, (side * columns, side * rows), tiles)
    path.write_bytes(heic_files.heic([grid, *[tile] * (columns * rows)]))


def saved(width: int, height: int, mode: str, **options: Any) -> Callable[[Path], None]:
    frames = options.pop("frames", 1)

    def save(path: Path) -> None:
        pages = [noisy(width, height, mode).rotate(90 * index) for index in range(frames)]
        if frames > 1:
            options.update(save_all=True, append_images=pages[1:], duration=50)
        pages[0].save(path, **options)

    return save


CASES = {
    "lossy.webp": saved(*LARGE, "RGB", method=0),
    "alpha.webp": saved(*LARGE, "RGBA", method=0),
    "lossless.webp": saved(*LARGE, "RGB", method=0, quality=0, lossless=True),
    "lossless-alpha.webp": saved(*LARGE, "RGBA", method=0, quality=0, lossless=True),
    "animated.webp": saved(*MEDIUM, "RGB", method=0, frames=6),
    "animated-alpha.webp": saved(*MEDIUM, "RGBA", method=0, frames=6),
    "animated-lossless.webp": saved(*MEDIUM, "RGBA", method=0, quality=0, frames=6, lossless=True),
    "420.avif": saved(*LARGE, "RGB", speed=10),
    "444.avif": saved(*LARGE, "RGB", speed=10, subsampling="4:4:4"),
    "alpha.avif": saved(*LARGE, "RGBA", speed=10),
    "sequence.avif": saved(*MEDIUM, "RGB", speed=10, frames=6),
    "sequence-alpha.avif": saved(*MEDIUM, "RGBA", speed=10, frames=6),
    "420.heic": saved_heic(),
    "444.heic": saved_heic(chroma=444),
    "alpha.heic": saved_heic("RGBA"),
    "10-bits.heic": saved_heic(bits=10),
    "grid.heic": heic_grid,
    "still.gif": saved(*LARGE, "RGB"),
    "animated.gif": saved(*MEDIUM, "RGB", frames=6),
    "animated-alpha.gif": saved(*MEDIUM, "RGBA", frames=6, disposal=2),
}


def estimate(path: Path) -> int:
    limits = Limits(max_memory_bytes=1 << 40)
    with path.open("rb") as file, open_source(file, limits) as opened:
        info = inspect(opened, inspect_header(opened))
        return peak_bytes([plan_resize(info, ResizeSpec(), limits).cost])


@pytest.mark.parametrize("name", CASES)
def test_the_estimated_memory_is_that_of_the_resize(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    CASES[name](path)
    cost = measured_cost(path)
    assert cost.error is None
    assert cost.peak_bytes <= estimate(path) + FIXED_BYTES
    assert estimate(path) <= 1.6 * cost.peak_bytes
