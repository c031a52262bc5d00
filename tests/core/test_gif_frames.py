"""GIFs: every frame of a result is what a browser shows, halved."""

import io
from collections.abc import Sequence

import pytest
import pyvips
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from imgctl.core.containers import gif as gif_reader
from imgctl.core.errors import Truncated
from imgctl.core.formats import ImageFormat
from imgctl.core.gif_frames import composed
from imgctl.core.spec import ResizeSpec
from tests.core.gifs import Frame, gif, halved, shown
from tests.core.resizing import halve

SIZE = (16, 12)
PALETTE = [(0, 0, 0), (20, 120, 200), (250, 200, 0), (255, 255, 255)]
OTHER = [(90, 10, 10), (10, 90, 10), (10, 10, 90), (60, 60, 60)]


def rows(width: int, height: int, value: int, hole: int | None = None) -> list[list[int]]:
    """Return a picture of one color, whose middle is a hole of another."""
    inside = range(height // 4, height - height // 4), range(width // 4, width - width // 4)
    return [
        [
            hole if hole is not None and y in inside[0] and x in inside[1] else value
            for x in range(width)
        ]
        for y in range(height)
    ]


CASES = {
    "smaller than the screen": [Frame(rows(8, 8, 1))],
    "disposed to background": [
        Frame(rows(16, 12, 1)),
        Frame(rows(8, 8, 2), 2, 2, disposal=2),
        Frame(rows(4, 4, 3), 10, 6),
    ],
    "holes": [
        Frame(rows(16, 12, 1)),
        Frame(rows(8, 8, 2, 0), 2, 2, transparency=0, disposal=2),
        Frame(rows(8, 8, 3, 0), 6, 2, transparency=0, disposal=2),
    ],
    "disposed to previous": [
        Frame(rows(16, 12, 1)),
        Frame(rows(8, 8, 2), 4, 4, disposal=3),
        Frame(rows(2, 2, 3), 0, 0),
    ],
    "first frame disposed to previous": [Frame(rows(16, 12, 1), disposal=3), Frame(rows(4, 4, 2))],
    "disposal of one frame only": [
        Frame(rows(16, 12, 1), disposal=2),
        Frame(rows(8, 8, 2), 2, 2),
        Frame(rows(4, 4, 3), 10, 6),
    ],
    "own palettes": [
        Frame(rows(16, 12, 1, 2)),
        Frame(rows(8, 8, 1, 2), 2, 2, palette=OTHER),
        Frame(rows(8, 8, 1, 2), 6, 2, palette=OTHER, transparency=2),
    ],
    "another clear color in each frame": [
        Frame(rows(16, 12, 0, 1), transparency=0),
        Frame(rows(16, 12, 1, 2), transparency=1),
        Frame(rows(16, 12, 2, 3), transparency=2),
    ],
    "a frame without graphic control": [
        Frame(rows(16, 12, 0, 1), transparency=0, disposal=2),
        Frame(rows(8, 8, 0, 2), 2, 2, duration=None),
    ],
    "interlaced": [Frame([[y % 4] * 16 for y in range(12)], interlaced=True)],
    "beyond the screen": [
        Frame(rows(16, 12, 1)),
        Frame(rows(8, 8, 2), 12, 8),
        Frame(rows(4, 4, 3)),
    ],
    "identical frames": [Frame(rows(16, 12, 1)), Frame(rows(16, 12, 1)), Frame(rows(16, 12, 2))],
    "an empty frame": [Frame(rows(16, 12, 1)), Frame([]), Frame(rows(4, 4, 2))],
}


def shown_by_own_reader(data: bytes, frames: int) -> list[Image.Image]:
    container = gif_reader.read(io.BytesIO(data), len(data))
    assert container.frames == frames
    return [screen.convert("RGBA") for screen in composed(io.BytesIO(data), container, frames)]


def check(frames: Sequence[Frame], tolerance: float = 3) -> None:
    data = gif(SIZE, PALETTE, frames)
    result = halve(data)
    assert result.resized.frames == len(frames)
    expected = [halved(picture) for picture in shown(SIZE, PALETTE, frames)]
    for picture, screen in zip(
        expected, shown_by_own_reader(result.data, len(frames)), strict=True
    ):
        for y, row in enumerate(picture):
            for x, pixel in enumerate(row):
                got = screen.getpixel((x, y))
                assert isinstance(got, tuple)
                assert (got[3] == 255) == (pixel[3] >= 127), (x, y)
                if got[3]:
                    assert (
                        max(abs(a - b) for a, b in zip(got[:3], pixel, strict=False)) <= tolerance
                    )


@pytest.mark.parametrize("frames", CASES.values(), ids=CASES)
def test_frames_are_those_that_a_browser_shows(frames: Sequence[Frame]) -> None:
    check(frames)


@pytest.mark.parametrize("frames", CASES.values(), ids=CASES)
def test_other_formats_keep_what_is_clear(frames: Sequence[Frame]) -> None:
    result = halve(gif(SIZE, PALETTE, frames), ResizeSpec(format=ImageFormat.PNG))
    with Image.open(io.BytesIO(result.data)) as image:
        for index, picture in enumerate(shown(SIZE, PALETTE, frames)):
            if index < getattr(image, "n_frames", 1):
                image.seek(index)
                clear = [pixel[3] for row in halved(picture) for pixel in row]
                assert list(image.convert("RGBA").getchannel("A").tobytes()) == pytest.approx(
                    clear, abs=1
                )


@st.composite
def some_frames(draw: st.DrawFn) -> list[Frame]:
    frames = []
    for _ in range(draw(st.integers(1, 4))):
        width, height = draw(st.integers(1, 8)) * 2, draw(st.integers(1, 6)) * 2
        frames.append(
            Frame(
                rows(width, height, draw(st.integers(0, 3)), draw(st.integers(0, 3))),
                left=draw(st.integers(0, (16 - width) // 2)) * 2,
                top=draw(st.integers(0, (12 - height) // 2)) * 2,
                palette=draw(st.none() | st.just(OTHER)),
                transparency=draw(st.none() | st.integers(0, 3)),
                disposal=draw(st.integers(0, 3)),
                duration=draw(st.none() | st.integers(0, 300)),
                interlaced=draw(st.booleans()),
            )
        )
    return frames


@given(some_frames())
@settings(max_examples=150, deadline=None)
def test_any_frames_are_those_that_a_browser_shows(frames: list[Frame]) -> None:
    check(frames)


def test_libvips_sees_the_same_clear_areas() -> None:
    data = halve(gif(SIZE, PALETTE, CASES["holes"])).data
    pages = pyvips.Image.gifload_buffer(data, n=-1)
    expected = [halved(picture) for picture in shown(SIZE, PALETTE, CASES["holes"])]
    for index, picture in enumerate(expected):
        page = pages.crop(0, index * 6, 8, 6)
        got = [alpha > 127 for alpha in bytes(page.extract_band(3).write_to_memory())]
        assert got == [pixel[3] >= 127 for row in picture for pixel in row]


def test_a_missing_trailer_is_no_damage_but_missing_rows_are() -> None:
    frames = [Frame(rows(16, 12, 1)), Frame(rows(16, 12, 2, 3))]
    assert halve(gif(SIZE, PALETTE, frames, trailer=b"")).resized.frames == 2
    with pytest.raises(Truncated):
        halve(gif(SIZE, PALETTE, frames)[:-60])
