"""Reading the chunks of WebPs."""

import io
from functools import cache
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from imgctl.core.containers import webp
from imgctl.core.containers.webp import WebpContainer
from imgctl.core.errors import PictureError, TooLarge, Truncated
from imgctl.core.formats import ImageFormat
from imgctl.core.geometry import Size
from imgctl.core.limits import Limits
from imgctl.core.resize import resize
from imgctl.core.spec import ResizeSpec
from tests.core.damage import damaged
from tests.core.resizing import halve
from tests.pictures import PHOTOS, animation, decoded, encoded, photo, srgb_profile

EXIF = b"Exif\0\0II*\0\x08\0\0\0\x01\0\x0e\x01\x02\0\x04\0\0\0abc\0\0\0\0\0"
WITH = {
    "nothing else": {},
    "a profile": {"icc_profile": srgb_profile()},
    "EXIF": {"exif": EXIF},
    "frames": {"save_all": True, "append_images": [photo().rotate(180)], "duration": 100},
}


def coffee() -> Image.Image:
    with Image.open(PHOTOS / "coffee.png") as image:
        return image.convert("RGB")


def read(data: bytes) -> WebpContainer:
    return webp.read(io.BytesIO(data), len(data))


def chunk(name: bytes, body: bytes) -> bytes:
    return name + len(body).to_bytes(4, "little") + body + bytes(len(body) & 1)


def riff(body: bytes) -> bytes:
    return b"RIFF" + (len(body) + 4).to_bytes(4, "little") + b"WEBP" + body


@pytest.mark.parametrize("options", WITH.values(), ids=WITH)
def test_lossless_stays_lossless(options: dict[str, Any]) -> None:
    data = encoded(photo(), "WEBP", lossless=True, **options)
    result = halve(data)
    assert read(result.data).lossless
    expected = photo().reduce(2)
    assert decoded(result.data).convert("RGB").tobytes() == expected.tobytes()


@pytest.mark.parametrize("options", WITH.values(), ids=WITH)
def test_lossy_stays_lossy(options: dict[str, Any]) -> None:
    assert not read(halve(encoded(photo(), "WEBP", **options)).data).lossless


@pytest.mark.parametrize("quality", [10, 25, 40, 55, 70, 80, 90])
def test_the_quality_is_estimated(quality: int) -> None:
    data = encoded(coffee(), "WEBP", quality=quality)
    assert read(data).quality == pytest.approx(quality, abs=6)


def test_a_source_of_low_quality_is_not_encoded_at_a_higher_one() -> None:
    source = encoded(coffee(), "WEBP", quality=30)
    quality = read(halve(source).data).quality
    assert quality is not None
    assert quality <= 40
    asked = read(halve(source, ResizeSpec(quality=80)).data).quality
    assert asked is not None
    assert asked > 70


def test_frames_plays_and_sizes_are_those_of_the_file() -> None:
    container = read(animation("WEBP", frames=5, loop=3))
    assert (container.size, container.frames, container.plays) == (Size(40, 30), 5, 3)


def test_a_header_that_claims_gigabytes_is_too_large_before_any_is_allocated() -> None:
    frame = b"\x30\1\0\x9d\x01\x2a" + (16_300).to_bytes(2, "little") + (8_300).to_bytes(2, "little")
    data = riff(chunk(b"VP8 ", frame + bytes(8)))
    assert len(data) == 38
    with pytest.raises(TooLarge, match="memory"):
        halve(data)


@pytest.mark.parametrize(
    ("name", "part"), [(b"EXIF", "EXIF"), (b"ICCP", "color profile")], ids=["EXIF", "profile"]
)
def test_damaged_metadata_is_dropped(name: bytes, part: str) -> None:
    data = encoded(photo(), "WEBP", exif=EXIF, icc_profile=srgb_profile())
    at = data.index(name) + 8
    result = halve(data[:at] + b"\xff" * 20 + data[at + 20 :] if name == b"EXIF" else
                   data[:at + 36] + b"none" + data[at + 40 :])  # fmt: skip
    assert result.notes == (f"{part} dropped: damaged",)


def test_metadata_that_is_cut_off_is_dropped_but_an_image_is_not() -> None:
    data = encoded(photo(), "WEBP", exif=EXIF)
    assert halve(data[:-10]).notes == ("EXIF dropped: truncated",)
    with pytest.raises(Truncated):
        halve(data[: data.index(b"EXIF") - 20])


def test_more_frames_than_fit_into_the_time_are_too_many() -> None:
    container = read(animation("WEBP", frames=2))
    limits = Limits(max_estimated_seconds=container.decoder_seconds / 2)
    with pytest.raises(TooLarge, match="Decoding the image needs"):
        resize(io.BytesIO(animation("WEBP", frames=2)), ResizeSpec(), limits)


def test_identical_frames_that_the_encoder_merges_are_counted_and_noted() -> None:
    frames = [photo(40, 30), photo(40, 30), photo(40, 30).rotate(180)]
    gif = encoded(frames[0], "PNG", save_all=True, append_images=frames[1:], duration=50)
    result = halve(gif, ResizeSpec(format=ImageFormat.WEBP))
    assert result.resized.frames == read(result.data).frames


@cache
def seeds() -> list[bytes]:
    return [
        animation("WEBP", frames=2),
        encoded(photo(16, 16, "RGBA"), "WEBP", exif=EXIF, icc_profile=srgb_profile()),
    ]


@given(st.data())
@settings(max_examples=300, deadline=None)
def test_any_damage_gives_facts_or_a_picture_error(data: st.DataObject) -> None:
    file = damaged(data, data.draw(st.sampled_from(seeds())))
    try:
        assert read(file).frames >= 1
    except PictureError:
        return
