import io
from fractions import Fraction
from itertools import product
from typing import cast

import pytest
from PIL import Image

from imgctl.core.cropping import as_stored, kept_part, size_of_whole
from imgctl.core.formats import ImageFormat
from imgctl.core.geometry import Size, target_size
from imgctl.core.pixels import upright
from imgctl.core.spec import Cover, Gravity, ResizeSpec
from tests.core.resizing import halve
from tests.pictures import deep_png, encoded

RED, BLUE, GREEN = (220, 30, 30), (30, 30, 220), (30, 180, 30)

BACK = {  # what the orientation undoes
    3: Image.Transpose.ROTATE_180,
    6: Image.Transpose.ROTATE_90,
    8: Image.Transpose.ROTATE_270,
}


def cover(width: int, height: int, gravity: Gravity = Gravity.CENTER) -> ResizeSpec:
    return ResizeSpec(target=Cover(width, height, gravity))


@pytest.mark.parametrize(
    ("size", "box", "target"),
    [
        (Size(4000, 3000), (320, 320), Size(320, 320)),
        (Size(4000, 3000), (320, 100), Size(320, 100)),
        (Size(320, 320), (320, 320), Size(320, 320)),
        (Size(200, 100), (320, 320), Size(100, 100)),
        (Size(320, 50), (320, 320), Size(50, 50)),
        (Size(100, 100), (300, 200), Size(100, 67)),
        (Size(5000, 1), (320, 320), Size(1, 1)),
        (Size(1, 1), (7, 3000), Size(1, 1)),
    ],
)
def test_a_box_is_filled_as_far_as_nothing_is_enlarged(
    size: Size, box: tuple[int, int], target: Size
) -> None:
    assert target_size(size, cover(*box)) == target


def test_what_is_kept_lies_within_the_image_and_has_the_shape_of_the_box() -> None:
    sides = (1, 2, 3, 7, 319, 320, 321, 4000)
    boxes, gravities = product(sides, sides), list(Gravity)
    for (box_width, box_height), width, height, gravity in product(boxes, sides, sides, gravities):
        size, spec = Size(width, height), cover(box_width, box_height, gravity)
        part, target = kept_part(size, spec), target_size(size, spec)
        assert part is not None
        left, top, right, bottom = part
        assert 0 <= left < right <= width
        assert 0 <= top < bottom <= height
        assert target.width <= right - left
        assert target.height <= bottom - top
        is_scaled = width > box_width and height > box_height
        if is_scaled:
            assert (right - left) * box_height == pytest.approx((bottom - top) * box_width)


@pytest.mark.parametrize(
    ("gravity", "left", "top"),
    [
        (Gravity.CENTER, 50, 0),
        (Gravity.WEST, 0, 0),
        (Gravity.EAST, 100, 0),
        (Gravity.NORTH, 50, 0),
        (Gravity.SOUTHEAST, 100, 0),
    ],
)
def test_gravity_decides_what_is_cut_off(gravity: Gravity, left: int, top: int) -> None:
    assert kept_part(Size(200, 100), cover(50, 50, gravity)) == (left, top, left + 100, top + 100)


def test_the_whole_has_the_scale_of_what_is_kept() -> None:
    assert size_of_whole(Size(4000, 3000), cover(300, 300)) == Size(400, 300)
    assert size_of_whole(Size(4000, 3000), cover(400, 100)) == Size(400, 300)
    assert size_of_whole(Size(40, 30), cover(400, 400)) == Size(40, 30)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_part_of_the_upright_image_is_found_in_the_stored_one(orientation: int) -> None:
    stored = Image.frombytes("L", (5, 3), bytes(range(15)))
    turned = upright(stored, orientation)
    for left, top in product(range(turned.width), range(turned.height)):
        for right, bottom in product(
            range(left + 1, turned.width + 1), range(top + 1, turned.height + 1)
        ):
            part = (left, top, right, bottom)
            found = as_stored(part, Size(*turned.size), orientation)
            cut = stored.crop(found)
            assert upright(cut, orientation).tobytes() == turned.crop(part).tobytes()


def quarters(size: tuple[int, int]) -> Image.Image:
    """Return an image whose left third is red, middle green and right blue."""
    image = Image.new("RGB", size, GREEN)
    third = size[0] // 3
    image.paste(RED, (0, 0, third, size[1]))
    image.paste(BLUE, (size[0] - third, 0, *size))
    return image


@pytest.mark.parametrize(
    ("gravity", "color"),
    [(Gravity.WEST, RED), (Gravity.CENTER, GREEN), (Gravity.EAST, BLUE)],
)
@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
@pytest.mark.parametrize("image_format", [ImageFormat.JPEG, ImageFormat.PNG, ImageFormat.WEBP])
def test_a_turned_photo_is_cut_where_people_see_it(
    gravity: Gravity, color: tuple[int, int, int], orientation: int, image_format: ImageFormat
) -> None:
    seen = quarters((900, 300))
    stored = seen.transpose(BACK[orientation]) if orientation in BACK else seen
    exif = Image.Exif()
    exif[0x0112] = orientation
    file = io.BytesIO()
    stored.save(file, image_format.value, exif=exif, quality=95)
    result = halve(file.getvalue(), cover(100, 100, gravity))
    assert result.resized.size == Size(100, 100)
    with Image.open(io.BytesIO(result.data)) as image:
        pixels = image.convert("RGB")
        for place in [(8, 8), (50, 50), (91, 91)]:
            actual = cast(tuple[int, ...], pixels.getpixel(place))
            assert max(abs(a - b) for a, b in zip(actual, color, strict=True)) < 12


def test_an_image_that_is_only_cut_keeps_its_pixels() -> None:
    noise = Image.effect_noise((321, 100), 80)
    result = halve(encoded(noise, "PNG"), cover(100, 100))
    with Image.open(io.BytesIO(result.data)) as image:
        assert image.convert("L").tobytes() == noise.crop((110, 0, 210, 100)).tobytes()


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "I;16"])
def test_every_mode_can_be_cut(mode: str) -> None:
    source = Image.effect_noise((300, 200), 60)
    image = source.convert("I").convert("I;16") if mode == "I;16" else source.convert(mode)
    for box in [(50, 50), (77, 31), (200, 200), (100, 100)]:
        assert halve(encoded(image, "PNG"), cover(*box)).resized.size == Size(*box)


def test_16_bits_are_kept_where_an_image_is_cut() -> None:
    result = halve(deep_png(64, 40, 3, lambda x, y, c: 900 * x + y + c), cover(10, 10))
    assert result.resized.size == Size(10, 10)
    assert "reduced from 16 to 8 bits" not in result.notes


def test_all_frames_of_an_animation_are_cut() -> None:
    frames = [Image.new("RGB", (90, 60), (40 * index, 0, 0)) for index in range(4)]
    file = io.BytesIO()
    frames[0].save(file, "WEBP", save_all=True, append_images=frames[1:], lossless=True)
    result = halve(file.getvalue(), cover(20, 20))
    assert (result.resized.size, result.resized.frames) == (Size(20, 20), 4)


@pytest.mark.parametrize(("width", "height"), [(0, 5), (5, 0), (-1, 5)])
def test_a_box_has_at_least_one_pixel(width: int, height: int) -> None:
    with pytest.raises(ValueError, match="at least 1 pixel"):
        Cover(width, height)


def test_the_shape_is_exact_where_sides_do_not_divide() -> None:
    part = kept_part(Size(1000, 1001), cover(3, 2))
    assert part is not None
    assert Fraction(part[3] - part[1]).limit_denominator(1000) == Fraction(2000, 3)
