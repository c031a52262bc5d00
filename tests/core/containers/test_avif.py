"""Reading the boxes of AVIFs, and what a result keeps of their colors."""

import io
from functools import cache
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms

from imgctl.core.avif_encoding import finished
from imgctl.core.code_points import described_profile
from imgctl.core.containers import avif as avif_reader
from imgctl.core.containers.avif_facts import AvifContainer
from imgctl.core.containers.heif_facts import ColorDescription
from imgctl.core.errors import PictureError, TooLarge, Truncated, UnsupportedFormat
from imgctl.core.formats import ImageFormat
from imgctl.core.geometry import Size
from imgctl.core.spec import ResizeSpec
from tests.core.damage import damaged
from tests.core.resizing import halve
from tests.pictures import PHOTOS, animation, decoded, encoded, photo, srgb_profile

EXIF = b"Exif\0\0II*\0\x08\0\0\0\x01\0\x0e\x01\x02\0\x04\0\0\0abc\0\0\0\0\0"
P3, PQ, HLG = ColorDescription(12, 13), ColorDescription(9, 16), ColorDescription(9, 18)
Triple = tuple[float, float, float]


def read(data: bytes) -> AvifContainer:
    return avif_reader.read(io.BytesIO(data), len(data))


def avif(color: ColorDescription | None = None, **options: Any) -> bytes:
    return finished(encoded(photo(), "AVIF", **options), color, None)


@pytest.mark.parametrize("color", [P3, PQ, HLG, ColorDescription(9, 1)])
def test_an_avif_keeps_its_color_description(color: ColorDescription) -> None:
    result = halve(avif(color))
    assert read(result.data).color == color
    assert result.notes == ()


def test_the_pixels_are_those_of_the_source_whatever_they_mean() -> None:
    plain, p3 = (decoded(halve(avif(color, quality=100)).data) for color in (None, P3))
    assert plain.tobytes() == p3.tobytes()


@pytest.mark.parametrize("output", [ImageFormat.JPEG, ImageFormat.PNG, ImageFormat.WEBP])
def test_other_formats_get_a_profile(output: ImageFormat) -> None:
    result = halve(avif(P3), ResizeSpec(format=output))
    assert decoded(result.data).info["icc_profile"] == described_profile(P3)


def test_hdr_is_noted_where_it_ends_at_white() -> None:
    result = halve(avif(PQ), ResizeSpec(format=ImageFormat.JPEG))
    assert "highlights above reference white clipped (PQ)" in result.notes


def test_a_color_description_that_no_profile_can_state_is_noted() -> None:
    result = halve(avif(ColorDescription(10, 17)), ResizeSpec(format=ImageFormat.JPEG))
    assert any("primaries 10, transfer 17" in note for note in result.notes)


def converted(color: Triple, description: ColorDescription) -> Triple:
    """Return what littleCMS shows of a color by the profile, in sRGB."""
    profile = described_profile(description)
    assert profile is not None
    image = ImageCms.profileToProfile(
        Image.new("RGB", (1, 1), tuple(round(c) for c in color)),
        ImageCms.ImageCmsProfile(io.BytesIO(profile)),
        ImageCms.createProfile("sRGB"),
        renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
    )
    assert image is not None
    pixel = image.getpixel((0, 0))
    assert isinstance(pixel, tuple)
    return (pixel[0], pixel[1], pixel[2])


def test_the_profile_of_p3_shows_its_colors() -> None:
    # P3 to sRGB in linear light (CSS Color 4, 10.9), of a color within both.
    matrix = (
        (1.2249402, -0.2249402, 0),
        (-0.0420570, 1.0420570, 0),
        (-0.0196376, -0.0786361, 1.0982735),
    )
    color = (180.0, 120.0, 90.0)
    linear = [((c / 255 + 0.055) / 1.055) ** 2.4 for c in color]
    mixed = [sum(a * b for a, b in zip(row, linear, strict=True)) for row in matrix]
    expected = [255 * (1.055 * value ** (1 / 2.4) - 0.055) for value in mixed]
    assert converted(color, P3) == pytest.approx(expected, abs=1.5)


@pytest.mark.parametrize("description", [P3, PQ, HLG, ColorDescription(9, 1)])
def test_gray_stays_gray(description: ColorDescription) -> None:
    red, green, blue = converted((90, 90, 90), description)
    assert max(red, green, blue) - min(red, green, blue) <= 1


def test_reference_white_of_pq_is_white() -> None:
    assert min(converted((148, 148, 148), PQ)) >= 250  # 58% of the signal: 203 cd/m2 (BT.2408)
    assert max(converted((64, 64, 64), PQ)) < 80


@pytest.mark.parametrize("subsampling", ["4:4:4", "4:2:2", "4:2:0", "4:0:0"])
def test_chroma_is_kept(subsampling: str) -> None:
    assert read(halve(avif(subsampling=subsampling)).data).subsampling == subsampling


def test_a_profile_takes_precedence_over_a_color_description() -> None:
    result = halve(avif(P3, icc_profile=srgb_profile()))
    assert decoded(result.data).info["icc_profile"] == srgb_profile()


def test_deeper_pixels_are_noted() -> None:
    data = bytearray(avif())
    data[data.index(b"av1C") + 6] |= 0x40  # high_bitdepth (AV1-ISOBMFF, 2.3.3)
    assert read(bytes(data)).notes == ("reduced from 10 to 8 bits",)


@pytest.mark.parametrize("plays", [0, 1, 2, 5])
def test_plays_are_kept(plays: int) -> None:
    data = finished(animation("AVIF"), None, plays)
    assert read(data).plays == plays
    assert read(halve(data).data).plays == plays
    gif = halve(data, ResizeSpec(format=ImageFormat.WEBP))
    assert decoded(gif.data).info["loop"] == plays


def test_a_sequence_gives_the_same_bytes_at_any_time() -> None:
    result = halve(animation("AVIF")).data
    for kind in (b"mvhd", b"tkhd", b"mdhd"):
        at = result.index(kind) + 8
        assert result[at : at + 16] == bytes(16)  # creation and modification


def test_frames_and_sizes_are_those_of_the_file() -> None:
    container = read(animation("AVIF", frames=5))
    assert (container.size, container.frames) == (Size(40, 30), 5)
    assert not container.alpha
    image = photo()
    image.putalpha(100)
    assert read(encoded(image, "AVIF")).alpha


def test_a_rotation_is_applied_once() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    data = encoded(photo(64, 48), "AVIF", exif=exif, quality=100)
    assert read(data).size == Size(64, 48)
    assert b"irot" in data
    result = halve(data)
    assert result.resized.size == Size(24, 32)
    assert b"irot" not in result.data


def test_damaged_metadata_is_dropped() -> None:
    data = avif(exif=EXIF, icc_profile=srgb_profile())
    at = data.index(b"II*\0\x08")
    assert halve(data[:at] + b"xxxx" + data[at + 4 :]).notes == ("EXIF dropped: damaged",)
    at = data.index(b"acsp")
    assert halve(data[:at] + b"xxxx" + data[at + 4 :]).notes == ("color profile dropped: damaged",)


def test_a_result_that_the_encoder_has_no_memory_for_is_too_large() -> None:
    data = encoded(photo(640, 480), "BMP")
    spec = ResizeSpec(format=ImageFormat.AVIF)
    pixels = 320 * 240
    with pytest.raises(TooLarge, match="memory"):
        halve(data, spec, max_memory_bytes=31 * pixels)
    halve(data, spec, max_memory_bytes=9 * 4 * pixels + 5 * pixels)


def test_an_alpha_plane_without_a_size_is_refused_by_name() -> None:
    image = photo()
    image.putalpha(100)
    data = encoded(image, "AVIF")
    assert data.count(b"ispe") == 1  # shared by the image and its alpha
    with pytest.raises(UnsupportedFormat, match="ispe"):
        halve(data.replace(b"ispe", b"free"))


def test_a_body_that_is_cut_off_is_truncated() -> None:
    with pytest.raises(Truncated):
        halve(avif()[:-20])


def coffee() -> Image.Image:
    with Image.open(PHOTOS / "coffee.png") as image:
        return image.convert("RGB")


@pytest.mark.parametrize("quality", [10, 25, 40, 55, 70, 80, 90])
@pytest.mark.parametrize("size", [(600, 400), (50, 40)])
def test_the_quality_is_estimated(quality: int, size: tuple[int, int]) -> None:
    data = encoded(coffee().resize(size), "AVIF", quality=quality, speed=9)
    assert read(data).quality == pytest.approx(quality, abs=3)


def test_a_source_of_low_quality_is_not_encoded_at_a_higher_one() -> None:
    source = encoded(coffee(), "AVIF", quality=30, speed=9)
    assert read(halve(source).data).quality == pytest.approx(30, abs=4)
    assert read(halve(source, ResizeSpec(quality=80)).data).quality == pytest.approx(80, abs=3)


@cache
def seeds() -> list[bytes]:
    return [animation("AVIF", frames=2), avif(exif=EXIF, icc_profile=srgb_profile())]


@given(st.data())
@settings(max_examples=300, deadline=None)
def test_any_damage_gives_facts_or_a_picture_error(data: st.DataObject) -> None:
    file = damaged(data, data.draw(st.sampled_from(seeds())), end=1500)
    try:
        assert read(file).frames >= 1
    except PictureError:
        return
