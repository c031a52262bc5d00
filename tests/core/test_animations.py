"""Animated formats: frames, times, plays and transparency survive in every combination."""

import io
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw

from imgctl.core.containers.gif import GifContainer
from imgctl.core.containers.readers import read_container
from imgctl.core.formats import ImageFormat
from imgctl.core.spec import ResizeSpec
from tests.core.gifs import Picture, halved
from tests.core.resizing import halve
from tests.pictures import encoded

GIF, WEBP, AVIF = ImageFormat.GIF, ImageFormat.WEBP, ImageFormat.AVIF
WIDTH, HEIGHT = 32, 24


@dataclass(frozen=True)
class Animation:
    """A source: its frames differ, so that no encoder merges them."""

    format: ImageFormat
    frames: tuple[Image.Image, ...]
    durations_ms: tuple[int, ...]
    plays: int

    def encoded(self) -> bytes:
        options_of: dict[ImageFormat, dict[str, Any]] = {
            GIF: {} if self.plays == 1 else {"loop": max(0, self.plays - 1)},
            WEBP: {"loop": self.plays, "lossless": True},
            AVIF: {"quality": 100, "subsampling": "4:4:4"},
        }
        options = options_of[self.format]
        first, *rest = self.frames
        more: dict[str, Any] = {
            "save_all": True,
            "append_images": rest,
            "duration": list(self.durations_ms),
        }
        if self.format is GIF:
            more["disposal"] = 2
        return encoded(first, self.format.value, **options, **(more if rest else {}))


@st.composite
def animations(draw: st.DrawFn) -> Animation:
    format_ = draw(st.sampled_from([GIF, WEBP, AVIF]))
    alpha = draw(st.sampled_from(["none", "clear", "partial"]))
    count = draw(st.integers(1, 4))
    frames = []
    for index in range(count):
        image = Image.new("RGB", (WIDTH, HEIGHT), draw(st.sampled_from(["navy", "teal", "olive"])))
        pen = ImageDraw.Draw(image)
        pen.rectangle(
            (4 * index, 4, 4 * index + 7, 15), fill=draw(st.sampled_from(["black", "white"]))
        )
        if alpha != "none":
            image.putalpha(255)
            value = 0 if alpha == "clear" or format_ is GIF else 180
            image.paste((0, 0, 0, value), (16, 2 * index + 2, 28, 20))
        frames.append(image)
    times = tuple(10 * draw(st.integers(1, 40)) for _ in frames)
    plays = 0 if format_ is AVIF else draw(st.integers(0, 4))
    return Animation(format_, tuple(frames), times, plays)


def picture(image: Image.Image) -> Picture:
    rgba = image.convert("RGBA")
    values = rgba.tobytes()
    pixels = [values[at : at + 4] for at in range(0, len(values), 4)]
    rows = [pixels[y * rgba.width : (y + 1) * rgba.width] for y in range(rgba.height)]
    return [[(p[0], p[1], p[2], p[3]) for p in row] for row in rows]


def mean_difference(got: Image.Image, expected: list[list[tuple[float, ...]]]) -> float:
    """Return the mean difference of colors weighted by alpha, and of alpha."""
    total = 0.0
    pixels = picture(got)
    for y, row in enumerate(expected):
        for x, (red, green, blue, alpha) in enumerate(row):
            *colors, got_alpha = pixels[y][x]
            weighted = [c * got_alpha / 255 for c in colors]
            wanted = [c * alpha / 255 for c in (red, green, blue)]
            total += sum(abs(a - b) for a, b in zip(weighted, wanted, strict=True)) + abs(
                got_alpha - alpha
            )
    return total / (4 * len(expected) * len(expected[0]))


@given(animations(), st.sampled_from([None, GIF, WEBP, AVIF]))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_frames_times_plays_and_transparency_survive(
    source: Animation, output: ImageFormat | None
) -> None:
    result = halve(source.encoded(), ResizeSpec(format=output, quality=100))
    written = output or source.format
    assert result.resized.frames == len(source.frames)
    container = read_container(written, io.BytesIO(result.data), len(result.data))
    assert container is not None
    assert container.frames == len(source.frames)
    if len(source.frames) > 1 and source.format is not AVIF:
        assert container.plays == source.plays
    if isinstance(container, GifContainer) and len(source.frames) > 1:
        assert tuple(image.duration_ms for image in container.images) == source.durations_ms
    with Image.open(io.BytesIO(result.data)) as image:
        for index, frame in enumerate(source.frames):
            image.seek(index)
            image.load()
            if written is not GIF and len(source.frames) > 1:
                assert image.info["duration"] == source.durations_ms[index]
            expected = halved(picture(frame))
            if written is GIF:
                expected = [
                    [(*p[:3], 255.0 if p[3] >= 127 else 0.0) for p in row] for row in expected
                ]
            assert mean_difference(image, expected) <= 6


@pytest.mark.parametrize("output", [WEBP, AVIF])
def test_times_that_are_no_whole_milliseconds_are_rounded(output: ImageFormat) -> None:
    frames = [Image.new("RGB", (16, 16), color) for color in ("red", "blue")]
    data = encoded(frames[0], "PNG", save_all=True, append_images=frames[1:], duration=[33.4, 50])
    result = halve(data, ResizeSpec(format=output))
    with Image.open(io.BytesIO(result.data)) as image:
        image.load()
        assert image.info["duration"] == 33
