"""Pictures of few colors: the result is small, and looks the same."""

import math
from collections.abc import Callable

import pytest
from PIL import Image, ImageChops, ImageDraw, ImageFont

from imgctl.core import png_palette
from imgctl.core.formats import ImageFormat
from imgctl.core.geometry import ImageInfo, Size
from imgctl.core.plan import growth_notes
from imgctl.core.spec import Fit, ResizeSpec
from tests.core.png_files import chunks
from tests.core.resizing import halve
from tests.pictures import PHOTOS, decoded, encoded


def screenshot() -> Image.Image:
    image = Image.new("RGB", (640, 400), (240, 240, 245))
    draw, font = ImageDraw.Draw(image), ImageFont.load_default(15)
    for i in range(15):
        draw.rectangle((10, 10 + i * 25, 160, 30 + i * 25), fill=(200 - 8 * i, 210, 230))
        draw.text((15, 12 + i * 25), f"menu item {i}", fill=(20, 20, 20), font=font)
        draw.text((180, 12 + i * 25), "The quick brown fox jumps over " * 2, (60, 60, 90), font)
    return image


def icon() -> Image.Image:
    image = Image.new("RGBA", (512, 512))
    draw = ImageDraw.Draw(image)
    draw.ellipse((40, 40, 470, 470), fill=(30, 120, 220, 255))
    draw.rectangle((150, 150, 300, 350), fill=(255, 255, 255, 128))
    return image.reduce(2).quantize(64)


def psnr_db(first: Image.Image, second: Image.Image) -> float:
    difference = ImageChops.difference(first.convert("RGBa"), second.convert("RGBa"))
    histogram = difference.histogram()
    total = sum((at % 256) ** 2 * count for at, count in enumerate(histogram))
    return math.inf if not total else 10 * math.log10(255**2 * sum(histogram) / total)


@pytest.mark.parametrize(
    ("make", "mode"),
    [
        (lambda: screenshot().quantize(16), "RGB"),
        (lambda: screenshot().quantize(64), "RGB"),
        (lambda: screenshot().quantize(256), "RGB"),
        (icon, "RGBA"),
    ],
    ids=["16 colors", "64 colors", "256 colors", "transparent"],
)
def test_a_palette_stays_a_palette_that_is_smaller_and_looks_the_same(
    make: Callable[[], Image.Image], mode: str
) -> None:
    data = encoded(make(), "PNG", optimize=True)
    result = halve(data)
    half = decoded(result.data)
    assert (half.mode, result.resized.mode, result.notes) == ("P", "P", ())
    assert len(result.data) < len(data)
    expected = make().convert(mode).reduce(2)
    assert psnr_db(half.convert("RGBA"), expected.convert("RGBA")) > 45


def test_colors_that_fit_are_kept_exactly() -> None:
    image = Image.new("RGB", (64, 64), (10, 20, 30))
    image.paste((200, 100, 50), (16, 16, 48, 48))
    data = encoded(image.quantize(4), "PNG")
    half = decoded(halve(data).data)
    assert half.convert("RGB").tobytes() == image.reduce(2).tobytes()
    assert dict(chunks(halve(data).data))[b"IHDR"][8:10] == b"\x01\x03"  # one bit per pixel


def test_transparent_colors_that_fit_are_kept_exactly() -> None:
    image = Image.new("RGBA", (64, 64))
    image.paste((200, 100, 50, 255), (16, 16, 48, 48))
    image.paste((9, 9, 250, 77), (0, 0, 8, 8))
    palette = image.quantize(8)
    half = decoded(halve(encoded(palette, "PNG")).data)
    assert half.mode == "P"
    expected = palette.convert("RGBA").reduce(2)
    assert psnr_db(half.convert("RGBA"), expected) == math.inf


@pytest.mark.parametrize("bits", [1, 2, 4])
def test_gray_is_stored_with_as_few_bits_as_hold_it(bits: int) -> None:
    top = (1 << bits) - 1
    image = Image.new("L", (64, 64))
    for level in range(top + 1):
        image.paste(level * 255 // top, (level * 64 // (top + 1), 0, 64, 64))
    data = encoded(image if bits > 1 else image.convert("1"), "PNG", bits=bits)
    result = halve(data)
    assert dict(chunks(result.data))[b"IHDR"][8:10] == bytes([bits, 0])
    assert decoded(result.data).convert("L").tobytes() == image.reduce(2).tobytes()


def test_a_bilevel_picture_grows_little() -> None:
    image = screenshot().convert("1", dither=Image.Dither.NONE)
    data = encoded(image, "PNG", optimize=True)
    result = halve(data)
    assert len(result.data) < 1.6 * len(data)
    assert decoded(result.data).convert("L").tobytes() == image.convert("L").reduce(2).tobytes()
    assert ("result is larger than the source file" in result.notes) == (
        len(result.data) > len(data)
    )


def test_a_photograph_is_stored_without_a_palette_and_that_is_noted() -> None:
    photo = Image.open(PHOTOS / "coffee.png").convert("RGB").quantize(256)
    data = encoded(photo, "PNG")
    result = halve(data)
    assert decoded(result.data).mode == "RGB"
    assert result.notes == ("stored without a palette: more than 256 colors",)
    assert len(result.data) < len(data)


def test_slightly_other_colors_are_preferred_to_a_larger_file_and_noted() -> None:
    data = encoded(screenshot().quantize(16), "PNG", optimize=True)
    result = halve(data, ResizeSpec(target=Fit(400)))
    half = decoded(result.data)
    assert half.mode == "P"
    expected = screenshot().quantize(16).convert("RGB").resize(half.size, Image.Resampling.BICUBIC)
    assert psnr_db(half.convert("RGBA"), expected.convert("RGBA")) > 40


def test_pictures_without_a_palette_get_none() -> None:
    assert halve(encoded(screenshot(), "PNG")).resized.mode == "RGB"
    result = halve(encoded(screenshot().quantize(16), "PNG"), ResizeSpec(format=ImageFormat.TIFF))
    assert result.resized.mode == "RGB"


def test_a_result_that_is_larger_than_its_source_is_noted() -> None:
    def info(format_: ImageFormat, size: int, file_bytes: int) -> ImageInfo:
        return ImageInfo(Size(size, size), format_, "L", 1, file_bytes)

    png, jpeg = ImageFormat.PNG, ImageFormat.JPEG
    note = ("result is larger than the source file",)
    assert growth_notes(info(png, 100, 900), info(png, 50, 901)) == note
    assert growth_notes(info(png, 100, 900), info(png, 50, 900)) == ()
    assert growth_notes(info(png, 100, 900), info(png, 90, 901)) == ()
    assert growth_notes(info(jpeg, 100, 900), info(png, 50, 901)) == ()


def test_too_many_colors_for_a_palette_are_found_quickly() -> None:
    noise = Image.effect_noise((512, 512), 90)
    page = Image.merge("RGB", (noise, Image.effect_noise((512, 512), 90), noise))
    encodings = []

    def save(candidate: Image.Image, _: object) -> bytes:
        encodings.append(candidate)
        return bytes(10)

    stored, _, _ = png_palette.encode(
        page, save, source_bytes=1, had_palette=True, allows_palette=True
    )
    assert (stored, encodings) == (page, [page])
