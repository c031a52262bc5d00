import io

import pytest
from PIL import Image, ImageChops, ImageDraw, ImageStat

from imgctl.core.formats import ImageFormat
from imgctl.core.spec import ResizeSpec
from imgctl.core.transparent_colors import with_surrounding_colors
from tests.core.resizing import halve
from tests.pictures import decoded, encoded


def sticker() -> Image.Image:
    """Return a bright disc on transparent black, as programs that draw stickers save it."""
    image = Image.new("RGBA", (200, 160), (0, 0, 0, 0))
    draw = ImageDraw.Draw(image)
    draw.ellipse((30, 20, 170, 140), fill=(250, 230, 40, 255))
    draw.ellipse((60, 40, 100, 100), fill=(250, 80, 200, 255))
    return image


def on(color: str, image: Image.Image) -> Image.Image:
    background = Image.new("RGBA", image.size, color)
    background.alpha_composite(image)
    return background.convert("RGB")


@pytest.mark.parametrize("background", ["white", "blue"])
@pytest.mark.parametrize("format_", [ImageFormat.AVIF, ImageFormat.WEBP])
def test_the_edge_of_what_is_visible_is_not_darkened(format_: ImageFormat, background: str) -> None:
    exact = decoded(halve(encoded(sticker(), "PNG")).data).convert("RGBA")
    result = decoded(halve(encoded(sticker(), "PNG"), ResizeSpec(format=format_)).data)
    edge = exact.getchannel("A").point(lambda value: 255 if 0 < value < 255 else 0)
    difference = ImageChops.difference(
        on(background, exact), on(background, result.convert("RGBA"))
    )
    assert max(ImageStat.Stat(difference, edge).mean) < 5  # 29 in AVIF with black around


def test_visible_pixels_and_transparency_stay_as_they_are() -> None:
    image = sticker()
    filled = with_surrounding_colors(image)
    assert filled.getchannel("A").tobytes() == image.getchannel("A").tobytes()
    assert on("white", filled).tobytes() == on("white", image).tobytes()


def test_colors_reach_across_large_transparent_areas() -> None:
    image = Image.new("RGBA", (300, 200), (0, 0, 0, 0))
    image.paste((200, 100, 50, 255), (0, 0, 8, 8))
    far = with_surrounding_colors(image).getpixel((299, 199))
    assert far == pytest.approx((200, 100, 50, 0), abs=20)  # of 8 bits


@pytest.mark.parametrize("alpha", [0, 1, 255])
def test_a_page_without_both_kinds_of_pixels_is_returned_as_it_is(alpha: int) -> None:
    image = Image.new("RGBA", (20, 20), (1, 2, 3, alpha))
    assert with_surrounding_colors(image) is image


def test_a_lossless_webp_keeps_its_transparent_pixels() -> None:
    source = io.BytesIO()
    sticker().save(source, "WEBP", lossless=True, exact=True)
    result = decoded(halve(source.getvalue()).data).convert("RGBA")
    assert result.getpixel((0, 0)) == (0, 0, 0, 0)
