import pytest
from PIL import ExifTags, Image

from imgctl.core import png16
from imgctl.core.errors import Truncated
from imgctl.core.formats import ImageFormat
from imgctl.core.geometry import Size
from imgctl.core.resize_cost import peak_bytes
from imgctl.core.spec import ResizeSpec
from tests.core.profiles import gray_profile
from tests.core.resizing import halve
from tests.pictures import decoded, deep_png, deep_values, encoded


def ramp(x: int, y: int, channel: int) -> int:
    """Return a value whose low byte matters: eight bits would lose it."""
    return 20_000 + 50 * x + 37 * y + 1000 * channel


def test_sixteen_bits_of_color_are_kept() -> None:
    result = halve(deep_png(40, 30, 3, ramp))
    depth, color_type, values = deep_values(result.data)
    assert (depth, color_type) == (16, 2)
    assert result.notes == ()
    assert result.resized.size == Size(20, 15)
    for y in range(2, 13):  # away from the edges, where filtering keeps a linear ramp
        for x in range(2, 18):
            middle = (2 * x + 0.5, 2 * y + 0.5)
            for channel in range(3):
                exact = 20_000 + 50 * middle[0] + 37 * middle[1] + 1000 * channel
                assert abs(values[y][x][channel] - exact) <= 1


def test_a_hard_edge_does_not_overshoot() -> None:
    result = halve(deep_png(40, 20, 3, lambda x, *_: 65535 if x > 19 else 0))
    _, _, values = deep_values(result.data)
    row = [pixel[0] for pixel in values[5]]
    assert row == sorted(row)
    assert (row[0], row[-1]) == (0, 65535)


def test_sixteen_bits_of_gray_do_not_wrap_at_an_edge() -> None:
    image = Image.new("I;16", (40, 20), 0)
    image.paste(65535, (20, 0, 40, 20))
    half = decoded(halve(encoded(image, "PNG")).data)
    assert half.mode == "I;16"
    little = half.tobytes()[: 2 * 20]
    row = [int.from_bytes(little[i : i + 2], "little") for i in range(0, len(little), 2)]
    assert row == sorted(row)
    assert (row[0], row[-1]) == (0, 65535)


def test_transparent_pixels_leave_no_fringe_at_sixteen_bits() -> None:
    """Opaque green on the left, transparent red on the right: no red may cross the edge."""
    colors = {True: (0, 60_000, 0, 65535), False: (65535, 0, 0, 0)}
    result = halve(deep_png(40, 20, 4, lambda x, _, channel: colors[x < 19][channel]))
    depth, color_type, values = deep_values(result.data)
    assert (depth, color_type) == (16, 6)
    edge = values[5][9]
    assert 0 < edge[3] < 65535
    assert edge[0] <= 1
    assert abs(edge[1] - 60_000) <= 1


def test_opaque_alpha_stays_opaque() -> None:
    data = deep_png(20, 20, 4, lambda x, y, c: 65535 if c == 3 else ramp(x, y, c))
    _, _, values = deep_values(halve(data).data)
    assert {pixel[3] for row in values for pixel in row} == {65535}


def test_sixteen_bits_of_gray_with_alpha_are_kept() -> None:
    result = halve(deep_png(40, 30, 2, lambda x, y, c: 65535 if c else ramp(x, y, 0)))
    depth, color_type, values = deep_values(result.data)
    assert (depth, color_type, result.notes) == (16, 4, ())
    exact = 20_000 + 50 * 20.5 + 37 * 14.5
    assert abs(values[7][10][0] - exact) <= 1


def gray_with_alpha(x: int, y: int, channel: int) -> int:
    return 40_000 if channel else ramp(x, y, 0)


@pytest.mark.parametrize(
    ("output_format", "mode"),
    [(ImageFormat.PNG, "RGBA"), (ImageFormat.TIFF, "LA"), (ImageFormat.JPEG, "L")],
)
def test_gray_with_alpha_stays_gray_and_keeps_its_profile(
    output_format: ImageFormat, mode: str
) -> None:
    profile = gray_profile(1.8)
    donor = encoded(Image.new("L", (1, 1)), "PNG", icc_profile=profile)
    plain = deep_png(40, 30, 2, gray_with_alpha)
    chunk = donor[33 : donor.index(b"IDAT") - 4]
    result = halve(plain[:33] + chunk + plain[33:], ResizeSpec(format=output_format))
    half = decoded(result.data)
    assert half.info["icc_profile"] == profile
    assert half.mode == mode  # Pillow's name for gray with alpha of 16 bits is RGBA
    assert result.original.mode == "LA"
    assert not [note for note in result.notes if "profile" in note]


def test_gray_with_alpha_is_converted_by_its_profile_for_formats_without_gray() -> None:
    donor = encoded(Image.new("L", (1, 1)), "PNG", icc_profile=gray_profile(1.0))
    plain = deep_png(8, 8, 2, lambda *place: 65535 if place[2] else 32768)
    chunk = donor[33 : donor.index(b"IDAT") - 4]
    spec = ResizeSpec(format=ImageFormat.WEBP, quality=100)
    result = halve(plain[:33] + chunk + plain[33:], spec)
    assert "converted gray to sRGB" in result.notes
    half = decoded(result.data).convert("L")
    assert half.getpixel((2, 2)) == pytest.approx(188, abs=2)  # half of the light (IEC 61966-2-1)


def test_metadata_is_kept_with_sixteen_bits() -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.Make] = "Maker"
    exif[ExifTags.Base.Orientation] = 6
    donor = encoded(Image.new("RGB", (1, 1)), "PNG", dpi=(300, 300), exif=exif)
    plain = deep_png(40, 30, 3, ramp)
    after_header = 8 + 25
    chunks = donor[after_header : donor.index(b"IDAT") - 4]
    result = halve(plain[:after_header] + chunks + plain[after_header:])
    kept = decoded(result.data)
    assert kept.size == (15, 20)  # upright
    assert kept.getexif()[ExifTags.Base.Make] == "Maker"
    assert ExifTags.Base.Orientation not in kept.getexif()
    assert [round(float(value)) for value in kept.info["dpi"]] == [300, 300]


def test_if_memory_is_short_the_result_has_eight_bits() -> None:
    data = deep_png(40, 30, 3, ramp)
    needed = peak_bytes([png16.working_cost(Size(40, 30), Size(20, 15))])
    assert halve(data, max_memory_bytes=needed).notes == ()
    result = halve(data, max_memory_bytes=needed - 1)
    assert result.notes == ("reduced from 16 to 8 bits",)
    assert decoded(result.data).size == (20, 15)


def test_a_file_that_ends_early_is_reported_as_truncated() -> None:
    data = deep_png(40, 30, 3, ramp)
    with pytest.raises(Truncated):
        halve(data[: len(data) // 2])
