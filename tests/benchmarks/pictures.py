"""The images that are measured, generated identically on every machine.

Photographs are tiles of free photographs, scaled, with fine noise, so that a 12-megapixel JPEG has
the size of a camera's. Flat graphics and text represent screenshots and drawings.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont

import imgctl.local

PHOTOS = Path(str(imgctl.local.__file__)).parent / "photos"
_TILES = ("coffee.png", "chelsea.png", "rocket.jpg", "hubble_deep_field.jpg")


def photograph(width: int, height: int, *, seed: int = 0, noise: float = 3.0) -> Image.Image:
    """Generate a photograph with gray noise of the standard deviation `noise`."""
    tile = (width // 2 + 1, height // 2 + 1)
    canvas = Image.new("RGB", (width, height))
    for index, name in enumerate(_TILES):
        with Image.open(PHOTOS / name) as source:
            scaled = source.convert("RGB").resize(tile, Image.Resampling.BICUBIC)
        canvas.paste(scaled, ((index % 2) * tile[0], (index // 2) * tile[1]))
    pixels = np.array(canvas)
    random = np.random.default_rng(seed)
    for row in pixels:  # by row, because the grain of 50 megapixels would fill the memory
        grain = random.normal(0, noise, (width, 1))
        np.clip(row + grain, 0, 255, out=row, casting="unsafe")
    return Image.fromarray(pixels)


def flat_graphics(width: int, height: int) -> Image.Image:
    """Generate an image of flat colors, thin lines and text."""
    image = Image.new("RGB", (width, height), "white")
    draw = ImageDraw.Draw(image)
    font = ImageFont.load_default(32)
    for row in range(0, height, 400):
        color = (40 + row // 16 % 200, 90, 200 - row // 20 % 150)
        draw.rectangle((100, row + 20, width // 2, row + 120), fill=color)
        draw.line((0, row + 200, width, row + 260), fill="black", width=3)
        for column in range(100, width - 900, 1000):
            draw.text((column, row + 270), "The quick brown fox jumps 0123456789", "black", font)
    return image


def frames(count: int, width: int, height: int) -> list[Image.Image]:
    """Generate the frames of an animation: a photograph with a moving ellipse."""
    base = photograph(width, height, noise=0)
    images = []
    for index in range(count):
        frame = base.copy()
        left = index * width // count
        ImageDraw.Draw(frame).ellipse((left, 100, left + 200, 300), fill=(250, 200, 30))
        images.append(frame)
    return images


@dataclass(frozen=True, slots=True)
class Subject:
    """One image to measure: the file's name, the section's title, and how to create the file."""

    name: str
    title: str
    create: Callable[[Path], None]


def _saved(image: Callable[[], Image.Image], **options: Any) -> Callable[[Path], None]:
    return lambda path: image().save(path, **options)


def _animated(path: Path) -> None:
    first, *rest = frames(20, 800, 600)
    first.save(path, save_all=True, append_images=rest, duration=80, loop=0)


SUBJECTS = (
    Subject("jpeg-2mp.jpg", "JPEG, 2 MP", _saved(lambda: photograph(1632, 1224), quality=90)),
    Subject("jpeg-12mp.jpg", "JPEG, 12 MP", _saved(lambda: photograph(4000, 3000), quality=90)),
    Subject("jpeg-24mp.jpg", "JPEG, 24 MP", _saved(lambda: photograph(6000, 4000), quality=90)),
    Subject("jpeg-50mp.jpg", "JPEG, 50 MP", _saved(lambda: photograph(8688, 5792), quality=90)),
    Subject(
        "progressive-12mp.jpg",
        "JPEG, progressive, 12 MP",
        _saved(lambda: photograph(4000, 3000), quality=90, progressive=True),
    ),
    Subject("png-photo-12mp.png", "PNG, photograph, 12 MP", _saved(lambda: photograph(4000, 3000))),
    Subject(
        "png-flat-12mp.png", "PNG, flat graphics, 12 MP", _saved(lambda: flat_graphics(4000, 3000))
    ),
    Subject("webp-12mp.webp", "WebP, 12 MP", _saved(lambda: photograph(4000, 3000), quality=90)),
    Subject(
        "avif-3mp.avif", "AVIF, 3 MP", _saved(lambda: photograph(2000, 1500), quality=85, speed=8)
    ),
    Subject("gif-20-frames.gif", "GIF, 20 frames, 800x600", _animated),
)
