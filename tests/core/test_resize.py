import io
import itertools
import zlib
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from random import Random
from typing import cast

import pytest
from PIL import (
    ExifTags,
    Image,
    ImageChops,
    ImageDraw,
    ImageSequence,
    JpegImagePlugin,
)

from imgctl.core import encoding
from imgctl.core.errors import Damaged, NotAnImage, PictureError, TooLarge, Truncated
from imgctl.core.formats import RESULT_FORMATS, ImageFormat
from imgctl.core.geometry import Size
from imgctl.core.spec import Exact, Fit, MetadataPolicy, ResizeSpec
from tests.core.profiles import gray_profile
from tests.core.resizing import halve
from tests.pictures import PHOTOS, animation, decoded, deep_png, encoded, photo, srgb_profile

ANIMATED = ["GIF", "PNG", "WEBP", "AVIF"]


def mean_difference(first: Image.Image, second: Image.Image) -> float:
    difference = ImageChops.difference(first.convert("RGB"), second.convert("RGB")).convert("L")
    histogram = difference.histogram()
    return sum(value * count for value, count in enumerate(histogram)) / sum(histogram)


def shown_ms(image: Image.Image) -> list[int]:
    durations = []
    for frame in ImageSequence.Iterator(image):
        frame.load()  # WebP and AVIF report a frame's duration only then
        durations.append(frame.info["duration"])
    return durations


@pytest.mark.parametrize(
    "name", ["coffee.png", "chelsea.png", "rocket.jpg", "hubble_deep_field.jpg"]
)
def test_a_photo_is_halved_and_looks_the_same(name: str) -> None:
    data = (PHOTOS / name).read_bytes()
    result = halve(data)
    half = decoded(result.data)
    original = decoded(data)
    assert half.size == ((original.width + 1) // 2, (original.height + 1) // 2)
    assert result.resized.size == Size(*half.size)
    assert result.resized.file_bytes == len(result.data)
    expected = original.resize(half.size, Image.Resampling.LANCZOS)
    assert mean_difference(half, expected) < 4  # a 2x2 average differs from Lanczos most on stars


@pytest.mark.parametrize("format_", RESULT_FORMATS)
@pytest.mark.parametrize("size", [(64, 48), (63, 47), (1, 1), (400, 1), (3, 201)])
def test_every_format_is_kept_and_follows_the_rounding_rule(
    format_: ImageFormat, size: tuple[int, int]
) -> None:
    result = halve(encoded(photo(*size), format_.value))
    assert result.original.size == Size(*size)
    assert result.resized.size == Size((size[0] + 1) // 2, (size[1] + 1) // 2)
    assert decoded(result.data).format == format_.value


def test_the_format_is_detected_from_the_content() -> None:
    assert halve(encoded(photo(), "PNG")).resized.format is ImageFormat.PNG


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("format_", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_a_rotated_photo_comes_out_upright_and_is_not_rotated_twice(
    format_: str, orientation: int
) -> None:
    upright = photo(60, 80)
    undo = {2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}
    stored = upright.transpose(Image.Transpose(undo[orientation])) if orientation > 1 else upright
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    result = halve(encoded(stored, format_, exif=exif, quality=95))
    half = decoded(result.data)
    assert result.original.size == Size(60, 80)
    assert half.size == (30, 40)
    assert half.getexif().get(ExifTags.Base.Orientation, 1) == 1
    assert mean_difference(half, upright.resize((30, 40), Image.Resampling.LANCZOS)) < 8


@pytest.mark.parametrize("compression", ["raw", "tiff_lzw"])
@pytest.mark.parametrize("target", ["TIFF", "JPEG", "PNG"])
def test_a_tiff_keeps_the_descriptive_tags_of_its_own_directory(
    compression: str, target: str
) -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.Make] = "Maker"
    exif[ExifTags.Base.Copyright] = "Somebody"
    data = encoded(photo(), "TIFF", exif=exif, compression=compression)
    result = halve(data, ResizeSpec(format=ImageFormat(target)))
    kept = decoded(result.data).getexif()
    assert (kept[ExifTags.Base.Make], kept[ExifTags.Base.Copyright]) == ("Maker", "Somebody")
    assert ExifTags.Base.StripOffsets not in kept or target == "TIFF"
    assert result.notes == ()


def test_descriptive_tags_of_a_jpeg_are_written_to_a_tiff_and_the_rest_is_noted() -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.Make] = "Maker"
    exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.DateTimeOriginal] = "2026:11:23 12:00:00"
    data = encoded(photo(), "JPEG", exif=exif)
    result = halve(data, ResizeSpec(format=ImageFormat.TIFF))
    assert decoded(result.data).getexif()[ExifTags.Base.Make] == "Maker"
    assert result.notes == ("EXIF dropped: not supported by TIFF",)


def test_exif_is_kept_without_gps_position_and_with_the_new_dimensions() -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.Make] = "Maker"
    exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.ExifImageWidth] = 64
    exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.ExifImageHeight] = 48
    exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.DateTimeOriginal] = "2026:11:23 12:00:00"
    exif.get_ifd(ExifTags.IFD.GPSInfo)[ExifTags.GPS.GPSLatitude] = (51.0, 30.0, 0.0)
    kept = decoded(halve(encoded(photo(), "JPEG", exif=exif)).data).getexif()
    details = kept.get_ifd(ExifTags.IFD.Exif)
    assert kept[ExifTags.Base.Make] == "Maker"
    assert details[ExifTags.Base.DateTimeOriginal] == "2026:11:23 12:00:00"
    assert details[ExifTags.Base.ExifImageWidth] == 32
    assert details[ExifTags.Base.ExifImageHeight] == 24
    assert not kept.get_ifd(ExifTags.IFD.GPSInfo)


@pytest.mark.parametrize("format_", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF"])
def test_the_color_profile_is_kept(format_: str) -> None:
    profile = srgb_profile()
    half = decoded(halve(encoded(photo(), format_, icc_profile=profile)).data)
    assert half.info["icc_profile"] == profile


@pytest.mark.parametrize("format_", ["JPEG", "PNG", "TIFF"])
def test_the_resolution_is_kept(format_: str) -> None:
    half = decoded(halve(encoded(photo(), format_, dpi=(300, 300))).data)
    assert [round(float(value)) for value in half.info["dpi"]] == [300, 300]


@pytest.mark.parametrize("subsampling", [0, 1, 2])
@pytest.mark.parametrize("progressive", [True, False])
def test_a_jpeg_keeps_its_subsampling_and_stays_progressive(
    subsampling: int, progressive: bool
) -> None:
    data = encoded(photo(), "JPEG", subsampling=subsampling, progressive=progressive)
    half = decoded(halve(data).data)
    assert isinstance(half, JpegImagePlugin.JpegImageFile)
    assert JpegImagePlugin.get_sampling(half) == subsampling
    assert ("progressive" in half.info) == progressive


@pytest.mark.parametrize("format_", ANIMATED)
def test_an_animation_keeps_its_frames_and_their_durations(format_: str) -> None:
    data = animation(format_, loop=3)
    result = halve(data)
    before, after = Image.open(io.BytesIO(data)), Image.open(io.BytesIO(result.data))
    assert result.original.frames == result.resized.frames == 4
    assert after.size == (20, 15)
    assert shown_ms(after) == shown_ms(before) == [100, 150, 200, 250]
    assert after.info.get("loop") == before.info.get("loop")
    frames = [frame.convert("RGB") for frame in ImageSequence.Iterator(after)]
    assert all(mean_difference(a, b) > 1 for a, b in itertools.pairwise(frames))


def test_a_transparent_background_does_not_show_earlier_frames() -> None:
    frames = [Image.new("RGBA", (40, 40), (0, 0, 0, 0)) for _ in range(3)]
    for index, frame in enumerate(frames):
        frame.paste((255, 0, 0, 255), (index * 12, 0, index * 12 + 12, 40))
    data = encoded(frames[0], "GIF", save_all=True, append_images=frames[1:], disposal=2)
    after = Image.open(io.BytesIO(halve(data).data))
    after.seek(2)
    last = after.convert("RGBA")
    assert [last.getchannel("A").getpixel((x, 10)) for x in (2, 8)] == [0, 0]
    assert last.getpixel((15, 10)) == (255, 0, 0, 255)


def test_every_page_of_a_tiff_is_kept_in_its_own_size() -> None:
    pages = [photo(64, 48), photo(40, 80)]
    data = encoded(pages[0], "TIFF", save_all=True, append_images=pages[1:])
    after = Image.open(io.BytesIO(halve(data).data))
    assert [page.size for page in ImageSequence.Iterator(after)] == [(32, 24), (20, 40)]


@pytest.mark.parametrize("format_", [f for f in RESULT_FORMATS if f is not ImageFormat.TIFF])
def test_pages_of_a_tiff_are_no_animation(format_: ImageFormat) -> None:
    pages = [photo(64, 48), photo(40, 80)]
    data = encoded(pages[0], "TIFF", save_all=True, append_images=pages[1:])
    result = halve(data, ResizeSpec(format=format_))
    assert (result.resized.size, result.resized.frames) == (Size(32, 24), 1)
    assert result.notes == (f"1 of 2 pages dropped ({format_} stores only one)",)


@pytest.mark.parametrize("mode", ["I;16", "LA"])
@pytest.mark.parametrize("profile", [None, gray_profile(1.8)])
def test_a_jpeg_of_gray_is_gray(mode: str, profile: bytes | None) -> None:
    data = encoded(Image.new(mode, (16, 16)), "PNG", icc_profile=profile)
    half = decoded(halve(data, ResizeSpec(format=ImageFormat.JPEG)).data)
    assert (half.mode, half.info.get("icc_profile")) == ("L", profile)


@pytest.mark.parametrize("format_", ["BMP", "PNG", "TIFF"])
def test_black_and_white_is_averaged(format_: str) -> None:
    checks = Image.new("1", (16, 16))
    for x, y in itertools.product(range(0, 16, 2), range(16)):
        checks.putpixel((x + y % 2, y), 1)
    half = decoded(halve(encoded(checks, format_)).data).convert("L")
    assert half.getextrema() == pytest.approx((128, 128), abs=8)


def test_edges_of_transparent_images_get_no_fringe() -> None:
    image = Image.new(
        "RGBA", (40, 40), (0, 255, 0, 0)
    )  # transparent green, which must not become visible
    image.paste((255, 0, 0, 255), (10, 10, 30, 31))
    half = decoded(halve(encoded(image, "PNG")).data)
    half.putalpha(half.getchannel("A").point(lambda value: 255 if value else 0))
    visible = Image.new("RGB", half.size)
    visible.paste(half, mask=half.getchannel("A"))
    assert half.getchannel("A").getextrema() == (0, 255)
    assert visible.getchannel("G").getextrema() == (0, 0)


def test_a_palette_is_averaged_in_color() -> None:
    image = Image.new("RGB", (40, 40), "black")
    image.paste("white", (0, 0, 20, 40))
    checks = image.convert("P", palette=Image.Palette.ADAPTIVE, colors=2)
    for x, y in itertools.product(range(40), range(40)):
        checks.putpixel((x, y), (x + y) % 2)
    half = decoded(halve(encoded(checks, "PNG")).data).convert("L")
    darkest, brightest = cast(tuple[int, int], half.crop((4, 4, 16, 16)).getextrema())
    assert 100 < darkest <= brightest < 156


def test_one_bit_images_become_gray() -> None:
    result = halve(encoded(photo().convert("1"), "PNG"))
    assert result.original.mode == "1"
    assert result.resized.mode in ("L", "P")  # a palette of grays, where it is smaller
    assert len(set(decoded(result.data).get_flattened_data())) > 2


def test_sixteen_bits_of_gray_are_kept() -> None:
    image = Image.new("I;16", (20, 20), 40000)
    half = decoded(halve(encoded(image, "PNG")).data)
    assert half.mode == "I;16"
    assert half.getpixel((5, 5)) == 40000


def test_cmyk_stays_cmyk() -> None:
    assert decoded(halve(encoded(photo(mode="CMYK"), "JPEG")).data).mode == "CMYK"


def test_transparency_is_flattened_onto_white_for_a_format_without_alpha() -> None:
    clear = Image.new("RGBA", (20, 20), (0, 0, 0, 0))
    result = halve(encoded(clear, "PNG"), ResizeSpec(format=ImageFormat.JPEG))
    assert decoded(result.data).getpixel((5, 5)) == (255, 255, 255)


@pytest.mark.parametrize("target", RESULT_FORMATS)
@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "I;16"])
def test_every_mode_can_be_converted_to_every_format(mode: str, target: ImageFormat) -> None:
    image = Image.new("I;16", (20, 20), 40000) if mode == "I;16" else photo(mode=mode)
    result = halve(encoded(image, "PNG"), ResizeSpec(format=target))
    assert decoded(result.data).format == target.value


@pytest.mark.parametrize("size", [(800, 600), (801, 601), (1000, 37)])
@pytest.mark.parametrize("box", [Fit(100, 100), Fit(width=333), Fit(400, 300)])
def test_a_box_is_filled_to_the_pixel_with_and_without_scaled_decoding(
    size: tuple[int, int], box: Fit
) -> None:
    data = encoded(photo(*size), "JPEG", quality=95)
    fast = halve(data, ResizeSpec(target=box))
    fine = halve(data, ResizeSpec(target=box, high_quality=True))
    assert fast.resized.size == fine.resized.size
    assert mean_difference(decoded(fast.data), decoded(fine.data)) < 3


def test_a_lower_quality_gives_a_smaller_file() -> None:
    data = encoded(photo(200, 200), "JPEG", quality=95)
    low, high = (len(halve(data, ResizeSpec(quality=quality)).data) for quality in (20, 95))
    assert low < high


@pytest.mark.parametrize("format_", RESULT_FORMATS)
def test_a_truncated_file_is_rejected_with_a_hint(format_: ImageFormat) -> None:
    data = encoded(photo(300, 300), format_.value)
    for end in (40, len(data) // 2):
        with pytest.raises(PictureError) as refused:
            halve(data[:end])
        assert isinstance(refused.value, Truncated | Damaged | NotAnImage)
        assert refused.value.hint


def test_a_truncated_photo_is_reported_as_truncated() -> None:
    data = (PHOTOS / "rocket.jpg").read_bytes()
    with pytest.raises(Truncated):
        halve(data[: len(data) // 2])


def test_a_header_without_pixels_is_rejected() -> None:
    with pytest.raises(PictureError):
        halve(b"\x89PNG\r\n\x1a\n" + b"\x00" * 100)


def test_too_many_bytes_are_rejected_before_anything_is_decoded() -> None:
    with pytest.raises(TooLarge, match="MiB"):
        halve(encoded(photo(), "BMP"), max_bytes=1000)


def test_too_many_pixels_are_rejected_after_the_header() -> None:
    # A header of 60,000 x 60,000 pixels without the pixels.
    bomb = bytearray(encoded(Image.new("1", (8, 8)), "PNG"))
    bomb[16:24] = (60_000).to_bytes(4) * 2
    bomb[29:33] = zlib.crc32(bomb[12:29]).to_bytes(4)
    with pytest.raises(TooLarge, match=r"3600.0 megapixels"):
        halve(bytes(bomb))


def test_frames_count_against_the_limit() -> None:
    data = animation("GIF")
    halve(data, max_pixels=64 * 64 * 4)
    with pytest.raises(TooLarge, match="4 frames"):
        halve(data, max_pixels=64 * 64 * 4 - 1)


def test_pages_count_with_their_own_sizes_against_the_limit() -> None:
    small, large = Image.new("1", (10, 10)), Image.new("1", (2000, 2000))
    data = encoded(small, "TIFF", save_all=True, append_images=[large], compression="group4")
    with pytest.raises(TooLarge, match="2000x2000"):
        halve(data, max_pixels=1_000_000)


@pytest.mark.parametrize("format_", RESULT_FORMATS)
def test_corrupted_bytes_give_an_image_or_a_picture_error(format_: ImageFormat) -> None:
    data = encoded(photo(40, 30), format_.value)
    random = Random(format_.value)
    for _ in range(60):
        hostile = bytearray(data)
        for _ in range(random.randint(1, 4)):
            hostile[random.randrange(len(hostile))] = random.randrange(256)
        with suppress(PictureError):
            assert halve(bytes(hostile), max_pixels=1_000_000).data


@pytest.mark.parametrize(
    ("policy", "kept"),
    [
        (
            MetadataPolicy.SAFE,
            {"make": True, "gps": False, "maker": False, "xmp": False, "dpi": True},
        ),
        (MetadataPolicy.ALL, {"make": True, "gps": True, "maker": True, "xmp": True, "dpi": True}),
        (
            MetadataPolicy.NONE,
            {"make": False, "gps": False, "maker": False, "xmp": False, "dpi": False},
        ),
    ],
)
def test_the_policy_decides_which_metadata_is_kept(
    policy: MetadataPolicy, kept: dict[str, bool]
) -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.Make] = "Maker"
    exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.IFD.MakerNote] = b"offsets"
    exif.get_ifd(ExifTags.IFD.GPSInfo)[ExifTags.GPS.GPSLatitude] = (51.0, 30.0, 0.0)
    profile = srgb_profile()
    data = encoded(
        photo(), "JPEG", exif=exif, xmp=b"<x:xmpmeta/>", dpi=(300, 300), icc_profile=profile
    )
    half = decoded(halve(data, ResizeSpec(metadata=policy)).data)
    exif_kept = half.getexif()
    assert {
        "make": ExifTags.Base.Make in exif_kept,
        "gps": bool(exif_kept.get_ifd(ExifTags.IFD.GPSInfo)),
        "maker": ExifTags.IFD.MakerNote in exif_kept.get_ifd(ExifTags.IFD.Exif),
        "xmp": "xmp" in half.info,
        "dpi": half.info.get("dpi") == (300, 300),
    } == kept
    assert half.info["icc_profile"] == profile


def test_removed_metadata_is_noted() -> None:
    exif = Image.Exif()
    exif.get_ifd(ExifTags.IFD.GPSInfo)[ExifTags.GPS.GPSLatitude] = (51.0, 30.0, 0.0)
    notes = halve(encoded(photo(), "JPEG", exif=exif, xmp=b"<x/>")).notes
    assert notes == ("GPS position removed", "XMP dropped")
    assert halve(encoded(photo(), "JPEG")).notes == ()


@pytest.mark.parametrize(
    ("data", "target", "note"),
    [
        (animation("GIF"), ImageFormat.JPEG, "3 of 4 frames dropped (JPEG stores only one)"),
        (
            encoded(Image.new("RGBA", (8, 8)), "PNG"),
            ImageFormat.JPEG,
            "flattened onto white (JPEG has no alpha)",
        ),
        (encoded(photo(mode="CMYK"), "JPEG"), ImageFormat.PNG, "converted CMYK to sRGB"),
        (encoded(Image.new("I;16", (8, 8)), "PNG"), ImageFormat.JPEG, "reduced from 16 to 8 bits"),
        (
            encoded(photo(), "PNG", icc_profile=srgb_profile()),
            ImageFormat.BMP,
            "color profile dropped: not supported by BMP",
        ),
        (deep_png(8, 8, 3, lambda *_: 32769), ImageFormat.TIFF, "reduced from 16 to 8 bits"),
    ],
)
def test_a_loss_in_the_output_format_is_noted(
    data: bytes, target: ImageFormat | None, note: str
) -> None:
    (actual,) = halve(data, ResizeSpec(format=target)).notes
    assert note in actual


@pytest.mark.parametrize("mode", ["LA", "RGBA"])
def test_alpha_without_transparency_is_no_loss(mode: str) -> None:
    data = encoded(photo(mode=mode), "PNG")
    assert halve(data, ResizeSpec(format=ImageFormat.JPEG)).notes == ()


def test_only_the_first_image_of_an_mpo_file_is_kept_and_that_is_noted() -> None:
    data = encoded(photo(), "MPO", save_all=True, append_images=[photo(20, 20)])
    result = halve(data)
    assert (result.resized.format, result.resized.frames) == (ImageFormat.JPEG, 1)
    assert result.notes == ("additional MPO images dropped",)


def test_an_exact_size_ignores_the_aspect_ratio() -> None:
    result = halve(encoded(photo(), "JPEG"), ResizeSpec(target=Exact(50, 10)))
    assert decoded(result.data).size == (50, 10)


@pytest.mark.parametrize(("picture", "run_lengths"), [("photo", True), ("text", False)])
def test_png_compression_depends_on_the_content(picture: str, *, run_lengths: bool) -> None:
    if picture == "photo":
        image = Image.open(PHOTOS / "coffee.png").convert("RGB")
    else:
        image = Image.new("RGB", (600, 400), "white")
        for row in range(0, 400, 12):
            ImageDraw.Draw(image).text((5, row), "the quick brown fox jumps " * 4, "black")
    result = halve(encoded(image, "PNG"))
    half = decoded(result.data)
    default = len(encoded(half, "PNG"))
    quickest = len(encoded(half, "PNG", compress_level=1, compress_type=3))
    assert len(result.data) == (quickest if run_lengths else default)
    assert len(result.data) <= 1.05 * default


def test_an_exception_of_an_encoder_means_that_the_image_is_damaged(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(*_: object) -> bytes:
        raise SystemError("returned a result with an exception set")

    monkeypatch.setattr(encoding, "save", fail)
    with pytest.raises(Damaged, match="exception set"):
        halve(encoded(photo(), "PNG"))


def test_the_same_image_gives_the_same_bytes_in_every_thread() -> None:
    data = (PHOTOS / "rocket.jpg").read_bytes()
    with ThreadPoolExecutor(4) as pool:
        results = set(pool.map(lambda _: halve(data).data, range(16)))
    assert len(results) == 1
