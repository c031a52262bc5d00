"""APNG: each frame of the result is what a browser shows, and stays as long."""

import io
import itertools
import struct
from collections.abc import Sequence

import pytest
from PIL import Image, ImageSequence

from imgctl.core.containers.apng import Blend, Disposal
from imgctl.core.errors import TooLarge, Truncated
from imgctl.core.formats import ImageFormat
from imgctl.core.spec import ResizeSpec
from tests.core.png_files import (
    GRAY,
    GRAY_ALPHA,
    PALETTE,
    RGB,
    Pixels,
    Shown,
    apng,
    chunk,
    chunks,
    png,
)
from tests.core.resizing import halve

SIDE = 32
CLEAR, RED, GREEN, BLUE = (0, 0, 0, 0), (255, 0, 0, 255), (0, 255, 0, 255), (0, 0, 255, 255)
HALF_BLUE = (0, 0, 255, 128)


def area(color: tuple[int, ...], width: int = SIDE, height: int = SIDE) -> Pixels:
    return [[color] * width for _ in range(height)]


def composed(frames: Sequence[Shown]) -> list[list[list[tuple[float, ...]]]]:
    """Return the premultiplied canvas of each frame, by the rules of the specification."""
    canvas = [[(0.0, 0.0, 0.0, 0.0)] * SIDE for _ in range(SIDE)]
    results = []
    for index, frame in enumerate(frames):
        before = [list(row) for row in canvas]
        for y, row in enumerate(frame.pixels):
            for x, (*color, alpha) in enumerate(row):
                opacity = alpha / 255
                new = (*(value / 255 * opacity for value in color), opacity)
                under = canvas[frame.top + y][frame.left + x]
                if frame.blend == Blend.OVER:
                    pairs = zip(new, under, strict=True)
                    new = tuple(value + (1 - opacity) * below for value, below in pairs)
                canvas[frame.top + y][frame.left + x] = new  # type: ignore[assignment]
        results.append([list(row) for row in canvas])
        for y, row in enumerate(frame.pixels):
            for x in range(len(row)):
                at = frame.top + y, frame.left + x
                if frame.disposal == Disposal.PREVIOUS and index:
                    canvas[at[0]][at[1]] = before[at[0]][at[1]]
                elif frame.disposal != Disposal.NONE:
                    canvas[at[0]][at[1]] = (0.0, 0.0, 0.0, 0.0)
    return results  # type: ignore[return-value]


def shown_frames(data: bytes) -> list[Image.Image]:
    """Return the frames of an animation whose frames all replace what they cover."""
    assert {(control[7], control[8]) for control in controls(data)} == {(0, 0)}
    with Image.open(io.BytesIO(data)) as image:
        frames = []
        for index in range(image.n_frames):  # type: ignore[attr-defined]
            image.seek(index)
            frames.append(image.convert("RGBA"))
        return frames


def controls(data: bytes) -> list[tuple[int, ...]]:
    return [struct.unpack(">IIIIIHHBB", body) for name, body in chunks(data) if name == b"fcTL"]


def times_ms(data: bytes) -> list[float]:
    return [1000 * control[5] / control[6] for control in controls(data)]


PATCH = area(HALF_BLUE, 16, 16)
ANIMATIONS = {
    "disposals": [
        Shown(area(RED), 100),
        Shown(PATCH, 200, left=8, top=8, disposal=Disposal.PREVIOUS, blend=Blend.OVER),
        Shown(area(GREEN, 8, 16), 50, left=16, disposal=Disposal.BACKGROUND),
        Shown(PATCH, 1000, top=16, blend=Blend.SOURCE),
        Shown(PATCH, 70, top=16, blend=Blend.OVER),
    ],
    "first frame cleared": [
        Shown(area(RED), disposal=Disposal.PREVIOUS),
        Shown(area(GREEN, 16, 16), left=8, top=8),
    ],
    "clear after opaque": [Shown(area(RED)), Shown(area(CLEAR))],
    "over, then source": [Shown(area(RED), blend=Blend.OVER), Shown(area(CLEAR, 8, 32))],
}


@pytest.mark.parametrize("default", [False, True])
@pytest.mark.parametrize("frames", ANIMATIONS.values(), ids=ANIMATIONS)
def test_each_frame_is_composed_as_specified(frames: list[Shown], default: bool) -> None:
    canvas = area((200, 200, 0, 255))
    result = halve(apng(frames, canvas, default=default))
    halves = shown_frames(result.data)
    assert result.resized.frames == len(halves) == len(frames)
    assert times_ms(result.data) == [frame.ms for frame in frames]
    for half, expected in zip(halves, composed(frames), strict=True):
        for x, y in itertools.product((2, 6, 10, 14), repeat=2):
            *color, alpha = half.getpixel((x, y))  # type: ignore[misc]
            actual = (*(value / 255 * alpha / 255 for value in color), alpha / 255)
            assert actual == pytest.approx(expected[2 * y][2 * x], abs=0.03)


def test_a_hidden_default_image_is_not_shown_by_other_formats() -> None:
    data = apng([Shown(area(GREEN)), Shown(area(BLUE))], area(RED), default=True)
    for output_format in (ImageFormat.JPEG, ImageFormat.GIF, ImageFormat.WEBP):
        result = halve(data, ResizeSpec(format=output_format))
        with Image.open(io.BytesIO(result.data)) as image:
            red, green, _ = image.convert("RGB").getpixel((4, 4))  # type: ignore[misc]
        assert (red < 30, green > 220) == (True, True)
        assert result.original.frames == 2


def test_a_first_frame_may_be_smaller_than_a_canvas_with_a_default_image() -> None:
    data = apng([Shown(area(GREEN, 16, 16), left=16)], area(RED), default=True)
    half = Image.open(io.BytesIO(halve(data).data)).convert("RGBA")
    assert [half.getpixel(at) for at in ((3, 3), (12, 3))] == [CLEAR, GREEN]


@pytest.mark.parametrize("plays", [0, 1, 3])
def test_the_number_of_plays_is_kept(plays: int) -> None:
    data = apng([Shown(area(RED)), Shown(area(GREEN))], area(RED), plays=plays)
    control = dict(chunks(halve(data).data))[b"acTL"]
    assert struct.unpack(">II", control) == (2, plays)


def test_fractions_of_a_millisecond_and_a_denominator_of_zero_are_kept() -> None:
    data = apng([Shown(area(RED), 7), Shown(area(GREEN), 9)], area(RED))
    data = data.replace(struct.pack(">HH", 7, 1000), struct.pack(">HH", 1, 30))
    data = data.replace(struct.pack(">HH", 9, 1000), struct.pack(">HH", 5, 0))
    mended = data[:8] + b"".join(chunk(*item) for item in unchecked_chunks(data))
    assert times_ms(halve(mended).data) == pytest.approx([1000 / 30, 50])


@pytest.mark.parametrize("output_format", [ImageFormat.WEBP, ImageFormat.AVIF, ImageFormat.GIF])
def test_times_and_plays_reach_other_formats(output_format: ImageFormat) -> None:
    frames = [Shown(area(RED), 100), Shown(area(GREEN), 40), Shown(PATCH, 1500, left=3)]
    result = halve(apng(frames, area(RED), plays=0), ResizeSpec(format=output_format))
    with Image.open(io.BytesIO(result.data)) as image:
        times = []
        for frame in ImageSequence.Iterator(image):
            frame.load()
            times.append(frame.info["duration"])
        assert (times, image.info.get("loop", 0)) == ([100, 40, 1500], 0)


def test_an_animation_that_begins_after_the_image_is_dropped() -> None:
    data = apng([Shown(area(RED)), Shown(area(GREEN))], area(RED))
    (head, control, *rest) = unchecked_chunks(data)
    image = next(item for item in rest if item[0] == b"IDAT")
    moved = [head, image, control, *(item for item in rest if item is not image)]
    result = halve(data[:8] + b"".join(chunk(*item) for item in moved))
    assert (result.original.frames, result.notes[0]) == (1, "animation dropped: damaged")


def unchecked_chunks(data: bytes) -> list[tuple[bytes, bytes]]:
    found, at = [], 8
    while at < len(data):
        length = int.from_bytes(data[at : at + 4])
        found.append((data[at + 4 : at + 8], data[at + 8 : at + 8 + length]))
        at += 12 + length
    return found


@pytest.mark.parametrize(
    ("color_type", "before", "first", "second"),
    [
        (RGB, b"", (9, 200, 30), (200, 9, 30)),
        (GRAY, b"", (30,), (200,)),
        (GRAY_ALPHA, b"", (30, 255), (200, 100)),
        (RGB, chunk(b"tRNS", bytes([0, 200, 0, 9, 0, 30])), (9, 200, 30), (200, 9, 30)),
        (PALETTE, chunk(b"PLTE", bytes(range(24))) + chunk(b"tRNS", b"\0"), (0,), (5,)),
    ],
)
@pytest.mark.parametrize("disposal", [Disposal.NONE, Disposal.BACKGROUND])
def test_every_color_type_is_animated(
    color_type: int,
    before: bytes,
    first: tuple[int, ...],
    second: tuple[int, ...],
    disposal: Disposal,
) -> None:
    frames = [Shown(area(first), disposal=disposal), Shown(area(second, 8, 8))]
    result = halve(apng(frames, area(first), color_type, before=before))
    one, two = shown_frames(result.data)
    still = Image.open(io.BytesIO(png(area(first), color_type, before=before))).convert("RGBA")
    outside = CLEAR if disposal is Disposal.BACKGROUND else still.getpixel((0, 0))
    if outside[3] == 0:  # type: ignore[index]
        outside = CLEAR
    assert two.getpixel((12, 12)) == outside
    assert one.getpixel((1, 1))[3] == still.getpixel((1, 1))[3]  # type: ignore[index]


def test_frames_without_transparency_stay_without_alpha() -> None:
    data = apng([Shown(area((1, 2, 3))), Shown(area((9, 9, 9), 8, 8))], area((1, 2, 3)), RGB)
    assert halve(data).resized.mode == "RGB"


def test_merged_frames_are_counted_and_noted() -> None:
    frames = [Shown(area(RED), 100), Shown(area(RED), 200), Shown(area(GREEN), 300)]
    result = halve(apng(frames, area(RED)))
    assert (result.resized.frames, times_ms(result.data)) == (2, [300, 300])
    assert "identical frames merged" in result.notes


def test_a_damaged_animation_leaves_the_default_image() -> None:
    data = apng([Shown(area(RED)), Shown(area(GREEN))], area(RED))
    broken = data.replace(b"fcTL" + struct.pack(">I", 1), b"fcTL" + struct.pack(">I", 7))
    result = halve(broken)
    assert (result.original.frames, result.notes[0]) == (1, "animation dropped: damaged")
    assert Image.open(io.BytesIO(result.data)).convert("RGBA").getpixel((3, 3)) == RED


def test_missing_frames_are_noted_in_a_complete_file_and_refused_in_a_truncated_one() -> None:
    data = apng([Shown(area(RED)), Shown(area(GREEN))], area(RED), declared=3)
    result = halve(data)
    assert (result.original.frames, result.notes[0]) == (2, "1 of 3 frames missing")
    with pytest.raises(Truncated):
        halve(data[:-12])
    with pytest.raises(Truncated):
        halve(data[:-20])


def test_sixteen_bits_of_an_animation_are_reduced_and_that_is_noted() -> None:
    frames = [Shown(area((65535, 0, 257))), Shown(area((0, 65535, 257)))]
    result = halve(apng(frames, area((0, 0, 0)), RGB, depth=16))
    assert result.notes[0] == "reduced from 16 to 8 bits"
    assert shown_frames(result.data)[0].getpixel((3, 3)) == (255, 0, 1, 255)


def test_many_frames_are_refused_before_they_are_decoded() -> None:
    frames = [Shown(area(RED, 1, 1))] * 40
    data = apng([Shown(area(RED)), *frames], area(RED))
    with pytest.raises(TooLarge, match="41 frames"):
        halve(data, max_pixels=40 * 4096)
