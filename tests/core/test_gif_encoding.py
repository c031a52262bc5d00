"""Writing GIFs."""

import io
import math

import pytest
from PIL import Image, ImageChops, ImageDraw, ImageStat, PngImagePlugin

from imgctl.core import gif_encoding
from imgctl.core.containers import gif as gif_reader
from imgctl.core.containers.gif import GifContainer
from imgctl.core.formats import ImageFormat
from imgctl.core.spec import ResizeSpec
from tests.core.gifs import Frame, gif
from tests.core.resizing import halve
from tests.pictures import animation, decoded, encoded


def smooth(start: tuple[int, int, int], end: tuple[int, int, int]) -> Image.Image:
    """Return a picture like a sky: some 250 colors that are close together."""
    image = Image.new("RGB", (400, 300))
    draw = ImageDraw.Draw(image)
    for y in range(300):
        for half in (0, 1):
            mix = (2 * y + half) / 600
            color = tuple(round(a + (b - a) * mix) for a, b in zip(start, end, strict=True))
            draw.rectangle((200 * half, y, 200 * half + 199, y), fill=color)
    return image.quantize(256).convert("RGB")


def psnr(image: Image.Image, other: Image.Image) -> float:
    squares = ImageStat.Stat(ImageChops.difference(image, other)).sum2
    return 10 * math.log10(255**2 / max(1e-9, sum(squares) / (3 * image.width * image.height)))


SKY, SKIN = ((40, 90, 170), (130, 190, 240)), ((110, 80, 65), (235, 180, 150))


@pytest.mark.parametrize("ends", [SKY, SKIN], ids=["sky", "skin"])
def test_colors_that_are_close_together_stay_apart(
    ends: tuple[tuple[int, int, int], tuple[int, int, int]],
) -> None:
    image = smooth(*ends)
    result = decoded(halve(encoded(image, "GIF")).data).convert("RGB")
    assert psnr(image.reduce(2), result) > 50


def test_colors_that_are_close_together_stay_apart_beside_clear_pixels() -> None:
    image = smooth(*SKY).convert("RGBA")
    image.paste((0, 0, 0, 0), (100, 100, 300, 200))
    result = decoded(halve(encoded(image, "PNG"), ResizeSpec(format=ImageFormat.GIF)).data).convert(
        "RGBA"
    )
    assert result.getchannel("A").getbbox() == (0, 0, 200, 150)
    assert result.getchannel("A").getpixel((100, 75)) == 0
    alpha = result.getchannel("A")
    expected = image.resize((200, 150), Image.Resampling.BICUBIC)
    for part in (result, expected):
        part.paste((0, 0, 0, 0), mask=ImageChops.invert(alpha))
    assert psnr(expected.convert("RGB"), result.convert("RGB")) > 50


def test_frames_of_few_colors_share_one_palette() -> None:
    frames = [Image.new("RGB", (40, 40), "white") for _ in range(5)]
    for index, frame in enumerate(frames):
        ImageDraw.Draw(frame).rectangle((index * 6, 8, index * 6 + 5, 30), fill="blue")
    container = read(gif_encoding.save(frames, [40] * 5, plays=0))
    assert container.palette is not None
    assert len(container.palette) == 2 * 3  # white and blue
    assert all(image.palette is None for image in container.images)
    assert [image.box for image in container.images][1] == (0, 8, 12, 31)  # only what changed


def test_each_frame_has_a_palette_of_its_own_where_one_is_too_small() -> None:
    frames = [smooth(*SKY).reduce(2), smooth(*SKIN).reduce(2)]
    data = gif_encoding.save(frames, [40] * 2, plays=0)
    assert [image.palette is None for image in read(data).images] == [True, False]
    with Image.open(io.BytesIO(data)) as image:
        for index, frame in enumerate(frames):
            image.seek(index)
            assert psnr(image.convert("RGB"), frame) > 50


@pytest.mark.parametrize("repeats", [None, 0, 1, 3, 65_535])
@pytest.mark.parametrize("output", [ImageFormat.GIF, ImageFormat.WEBP, ImageFormat.PNG])
def test_an_animation_is_shown_as_often_in_every_format(
    output: ImageFormat, repeats: int | None
) -> None:
    frames = [Frame([[0, 1, 0, 1]] * 4), Frame([[1, 1, 0, 0]] * 4)]
    data = gif((4, 4), [(0, 0, 0), (255, 255, 255)], frames, repeats=repeats)
    loop = decoded(halve(data, ResizeSpec(format=output)).data).info.get("loop")
    plays = 1 if repeats is None else repeats + 1 if repeats else 0
    expected = repeats if output is ImageFormat.GIF else min(plays, 65_535)
    assert loop == expected


@pytest.mark.parametrize("plays", [0, 1, 4])
def test_plays_of_a_webp_become_repeats_of_a_gif(plays: int) -> None:
    data = animation("WEBP", loop=plays, lossless=True)
    result = halve(data, ResizeSpec(format=ImageFormat.GIF))
    assert read(result.data).plays == plays


@pytest.mark.parametrize("times", [[0, 0, 10, 20], [10, 10, 10, 10], [100, 2000, 50, 0]])
def test_times_are_kept(times: list[int]) -> None:
    frames = [
        Frame([[index % 2, 1], [0, index // 2]], duration=ms // 10)
        for index, ms in enumerate(times)
    ]
    result = halve(gif((2, 2), [(0, 0, 0), (255, 255, 255)], frames))
    assert [image.duration_ms for image in read(result.data).images] == times
    assert not any("times" in note for note in result.notes)


def test_times_that_a_gif_cannot_state_are_rounded_without_drift() -> None:
    frames = [Image.new("RGB", (8, 8), (index * 60, 0, 0)) for index in range(4)]
    data = encoded(
        frames[0], "WEBP", save_all=True, append_images=frames[1:], duration=[33] * 4, lossless=True
    )
    result = halve(data, ResizeSpec(format=ImageFormat.GIF))
    assert [image.duration_ms for image in read(result.data).images] == [30, 40, 30, 30]
    assert "frame durations rounded to 10 ms (GIF)" in result.notes


def test_a_png_whose_text_is_called_comment_becomes_a_gif() -> None:
    info = PngImagePlugin.PngInfo()
    info.add_text("comment", "by hand")
    data = encoded(Image.new("RGB", (8, 8)), "PNG", pnginfo=info)
    assert halve(data, ResizeSpec(format=ImageFormat.GIF)).resized.format is ImageFormat.GIF


def read(data: bytes) -> GifContainer:
    return gif_reader.read(io.BytesIO(data), len(data))
