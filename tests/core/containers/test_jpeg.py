import io
import struct
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest
from PIL import Image, ImageChops, ImageFile, ImageStat

from imgctl.core.containers import jpeg
from imgctl.core.containers.jpeg import JpegContainer
from imgctl.core.containers.jpeg_markers import MAX_SEGMENTS, find_marker
from imgctl.core.errors import Damaged, PictureError, TooLarge, Truncated, UnsupportedFormat
from imgctl.core.formats import ImageFormat
from imgctl.core.geometry import Size
from imgctl.core.limits import working_bytes
from imgctl.core.pixels import divided
from imgctl.core.spec import Fit, ResizeSpec
from tests import costly_pictures
from tests.core.costs import measured_cost
from tests.core.make_corpus import mutated
from tests.core.resizing import halve
from tests.pictures import decoded, encoded, photo


def read(data: bytes) -> JpegContainer:
    container = jpeg.read(io.BytesIO(data), len(data))
    assert isinstance(container, JpegContainer)
    return container


def segment(marker: int, data: bytes) -> bytes:
    return bytes([0xFF, marker]) + struct.pack(">H", len(data) + 2) + data


def with_frame(marker: int, bits: int = 8, height: int = 8, components: int = 1) -> bytes:
    """A JPEG that ends behind the header of its frame."""
    frame = struct.pack(">BHHB", bits, height, 8, components)
    return b"\xff\xd8" + segment(marker, frame + bytes([1, 0x11, 0]) * components) + bytes(100)


def with_segment(marker: int, data: bytes, image: bytes | None = None) -> bytes:
    """A photo with a segment of these data in front."""
    image = image or encoded(photo(), "JPEG", quality=90)
    return image[:2] + segment(marker, data) + image[2:]


def noise(mode: str = "RGB", size: tuple[int, int] = (90, 70)) -> Image.Image:
    bands = len(Image.new(mode, (1, 1)).getbands())
    return Image.frombytes(mode, size, Random(3).randbytes(bands * size[0] * size[1]))


@pytest.mark.parametrize("quality", [10, 40, 75, 80, 95, 100])
@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
def test_the_quality_is_read_from_the_quantization_table(quality: int, mode: str) -> None:
    assert read(encoded(photo(mode=mode), "JPEG", quality=quality)).quality == quality


def test_the_quality_of_other_tables_is_the_nearest() -> None:
    fine = encoded(photo(), "JPEG", qtables=[[2] * 64, [2] * 64])
    coarse = encoded(photo(), "JPEG", qtables=[[90] * 64, [90] * 64])
    assert read(fine).quality > 90
    assert read(coarse).quality < 50


@pytest.mark.parametrize(("quality", "kept"), [(30, 30), (60, 60), (80, 80), (95, 80)])
def test_a_result_has_no_higher_quality_than_its_source(quality: int, kept: int) -> None:
    data = encoded(photo(), "JPEG", quality=quality)
    assert read(halve(data).data).quality == kept
    assert read(halve(data, ResizeSpec(quality=90)).data).quality == 90
    assert (
        read(halve(encoded(photo(), "PNG"), ResizeSpec(format=ImageFormat.JPEG)).data).quality == 80
    )


@pytest.mark.parametrize(
    ("mode", "options", "bytes_per_pixel"),
    [
        ("RGB", {}, 0),
        ("RGB", {"progressive": True, "subsampling": 0}, 6),
        ("RGB", {"progressive": True, "subsampling": 2}, 3),
        ("L", {"progressive": True}, 2),
        ("CMYK", {"progressive": True}, 8),
    ],
)
def test_coefficients_are_counted_where_libjpeg_holds_them(
    mode: str, options: dict[str, object], bytes_per_pixel: int
) -> None:
    container = read(encoded(photo(160, 160, mode), "JPEG", **options))
    assert container.decoder_bytes == 160 * 160 * bytes_per_pixel
    assert (container.scans > 1) == bool(options)


def test_a_sequential_jpeg_with_a_scan_for_each_channel_holds_all_coefficients() -> None:
    small = costly_pictures.jpeg_with_a_scan_for_each_channel(64, 48, 3)
    assert halve(small).resized.size == Size(32, 24)
    assert read(small).decoder_bytes == 64 * 48 * 3 * 2
    with pytest.raises(TooLarge, match="of memory"):
        halve(costly_pictures.jpeg_with_a_scan_for_each_channel(65_000, 3_500, 4))


def test_a_scan_after_one_that_has_the_whole_image_is_not_counted() -> None:
    image = encoded(photo(), "JPEG", quality=90)
    scan = image[image.rindex(b"\xff\xda") : -2]
    twice = image[:-2] + scan + b"\xff\xd9 and noise"
    assert (read(twice).scans, read(twice).decoder_bytes) == (1, 0)
    with pytest.raises(Damaged):  # libjpeg expects the end there
        halve(twice)


def test_many_scans_are_refused_by_their_number_before_they_are_decoded() -> None:
    data = costly_pictures.jpeg_of_many_scans(9_000, 9_000, 1_000)
    assert len(data) < 300_000
    with pytest.raises(TooLarge, match="1,000 scans"):
        halve(data)


def test_more_segments_than_any_encoder_writes_are_refused() -> None:
    image = encoded(photo(), "JPEG")
    with pytest.raises(TooLarge, match="segments"):
        halve(image[:2] + segment(0xFE, b"") * MAX_SEGMENTS + image[2:])


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (with_frame(0xC1, bits=12), "JPEG of 12 bits"),
        (with_frame(0xC3, bits=16), "lossless JPEG of 16 bits"),
        (with_frame(0xCB), "arithmetic-coded lossless JPEG"),
        (with_frame(0xC5), "hierarchical JPEG"),
        (with_frame(0xDE), "hierarchical JPEG"),
        (with_frame(0xF7), "JPEG-LS"),
        (with_frame(0xC0, components=2), "JPEG of 2 channels"),
        (with_frame(0xC0, height=0), "DNL"),
    ],
)
def test_a_sound_jpeg_of_another_kind_is_refused_by_name(data: bytes, kind: str) -> None:
    with pytest.raises(UnsupportedFormat, match=kind):
        halve(data)


def lossless_jpeg(width: int, height: int, value: int) -> bytes:
    """A lossless gray JPEG (T.81 annex H) of one value, predicted from the left."""
    first = value - 128  # the prediction of the first sample
    category = abs(first).bit_length()
    table = bytes([0, 1, 1, *[0] * 14, 0, category])
    extra = first if first > 0 else first + (1 << category) - 1
    bits = "10" + f"{extra:0{category}b}" + "0" * (width * height - 1)
    bits += "1" * (-len(bits) % 8)
    data = int(bits, 2).to_bytes(len(bits) // 8).replace(b"\xff", b"\xff\0")
    frame = struct.pack(">BHHB", 8, height, width, 1) + bytes([1, 0x11, 0])
    scan = segment(0xDA, bytes([1, 1, 0, 1, 0, 0])) + data
    return b"\xff\xd8" + segment(0xC3, frame) + segment(0xC4, table) + scan + b"\xff\xd9"


def test_a_lossless_jpeg_is_resized_although_its_decoder_cannot_scale_it() -> None:
    result = halve(lossless_jpeg(64, 48, 200))
    half = decoded(result.data)
    assert half.size == (32, 24)
    assert half.getextrema() == (200, 200)


ENDINGS = {
    "baseline": encoded(photo(200, 160), "JPEG", quality=95),
    "progressive": encoded(photo(200, 160), "JPEG", quality=85, progressive=True),
    "restarts": encoded(photo(200, 160), "JPEG", restart_marker_blocks=3),
    "fine": encoded(noise(), "JPEG", quality=100, subsampling=0),
    "flat": encoded(Image.new("RGB", (64, 64), (120, 130, 140)), "JPEG"),
    "gray": encoded(noise("L"), "JPEG", quality=50, optimize=True),
    "CMYK": encoded(noise("CMYK"), "JPEG", quality=75),
}


@pytest.mark.parametrize("image", ENDINGS.values(), ids=ENDINGS.keys())
def test_a_jpeg_that_lacks_its_end_marker_only_is_resized(image: bytes) -> None:
    for cut in (1, 2):
        assert halve(image[:-cut]).data == halve(image).data


@pytest.mark.parametrize("image", ENDINGS.values(), ids=ENDINGS.keys())
def test_a_jpeg_that_lacks_a_byte_of_its_pixels_is_truncated(image: bytes) -> None:
    for cut in [*range(3, 12), len(image) // 4]:
        with pytest.raises(Truncated):
            halve(image[:-cut])


def test_a_lost_end_that_was_filled_is_truncated() -> None:
    image = ENDINGS["baseline"]
    with pytest.raises(Truncated):
        halve(image[: len(image) // 2] + bytes(len(image) // 2))


def test_a_scan_that_is_missing_as_a_whole_is_truncated() -> None:
    image = ENDINGS["progressive"]
    last = image.rindex(b"\xff\xda")
    before = image.rindex(b"\xff\xc4", 0, last)
    with pytest.raises(Truncated):
        halve(image[:before])


@pytest.mark.parametrize("garbage", [b"\0" * 1000, b"\xff", b"\xff\xd8\xff\xc0", b"garbage"])
def test_what_follows_the_image_is_ignored(garbage: bytes) -> None:
    for image in (ENDINGS["baseline"], ENDINGS["progressive"]):
        assert halve(image + garbage).data == halve(image).data


@pytest.mark.parametrize(
    ("marker", "data", "name"),
    [
        (0xE1, b"Exif\0\0", "EXIF"),
        (0xE1, b"Exif\0\0II", "EXIF"),
        (0xE1, b"Exif\0\0" + b"garbage!" * 4, "EXIF"),
        (0xE2, b"ICC_PROFILE\0", "color profile"),
        (0xE0, b"JFIF", "JFIF header"),
        (0xEE, b"Adobe", "Adobe header"),
        (0xED, b"Photoshop 3.0\x008BIM\x04\x04", "Photoshop data"),
    ],
)
def test_a_broken_optional_segment_is_dropped_and_noted(
    marker: int, data: bytes, name: str
) -> None:
    image = encoded(photo(), "JPEG", quality=90)
    result = halve(with_segment(marker, data, image))
    assert result.data == halve(image).data
    assert result.notes == (f"{name} dropped: damaged",)


def test_a_video_behind_the_image_is_noted() -> None:
    result = halve(encoded(photo(), "JPEG") + b"\0\0\0\x18ftypmp42" + bytes(5000))
    assert result.notes == ("video of a motion photo dropped",)


@pytest.mark.parametrize(
    ("width", "height"), [(256, 1), (1, 256), (800, 4), (800, 3), (2, 1), (17, 2), (1, 1), (9, 7)]
)
@pytest.mark.parametrize("side", [None, 100, 10, 3])
def test_thin_images_show_all_of_the_picture(width: int, height: int, side: int | None) -> None:
    ramp = Image.linear_gradient("L").resize((max(width, height),) * 2)
    ramp = ramp if height >= width else ramp.rotate(90)
    data = encoded(ramp.crop((0, 0, width, height)), "JPEG", quality=100)
    spec = ResizeSpec() if side is None else ResizeSpec(target=Fit(side, side))
    half = decoded(halve(data, replace(spec, quality=100)).data)
    expected = decoded(data).resize(half.size, Image.Resampling.BOX)
    difference = ImageStat.Stat(ImageChops.difference(half, expected))
    assert difference.mean[0] <= 6
    assert difference.extrema[0][1] <= 20


def test_markers_are_found_across_blocks() -> None:
    for size in (2**20 - 1, 2**20, 2**20 + 1, 2**21 - 1):
        data = b"\xff\0" + b"\xff" * (size % 7) + bytes(size) + b"\xff\xd0\xff\xff\xd9"
        start = find_marker(io.BytesIO(data), 0)
        assert start == len(data) - 2


def test_mutated_structures_are_read_without_any_other_error() -> None:
    random = Random(12)
    seeds = [
        *ENDINGS.values(),
        with_segment(0xE2, b"MPF\0II*\0\x08\0\0\0"),
        lossless_jpeg(8, 8, 99),
    ]
    for _ in range(3_000):
        data = mutated(random.choice(seeds), random)
        with suppress(PictureError):
            assert read(data[: random.randrange(len(data) + 1)]).frames == 1


@pytest.mark.parametrize("mode", ["RGB", "CMYK"])
def test_noise_is_encoded_progressively_although_it_exceeds_the_buffer(mode: str) -> None:
    data = encoded(noise(mode, (600, 600)), "JPEG", quality=30, subsampling=0, progressive=True)
    spec = ResizeSpec(target=Fit(600), quality=100)
    result = halve(data, spec)
    assert decoded(result.data).info["progressive"]
    assert ImageFile.MAXBLOCK == 65_536


def without_an_end_marker(side: int) -> bytes:
    image = Image.new("RGB", (side, side))
    return encoded(image, "JPEG", progressive=True, subsampling=0)[:-2]


@pytest.mark.parametrize(
    "create",
    [
        lambda: costly_pictures.jpeg_with_a_scan_for_each_channel(3_000, 2_500, 4),
        lambda: costly_pictures.jpeg_of_many_scans(4_500, 4_500, 20),
        lambda: without_an_end_marker(2_700),
    ],
    ids=["a scan for each channel", "gray", "without an end marker"],
)
def test_the_estimated_memory_is_not_exceeded(create: Callable[[], bytes], tmp_path: Path) -> None:
    image = create()
    path = tmp_path / "image.jpg"
    path.write_bytes(image)
    container = read(image)
    size = container.size
    halved = divided(size, 2)
    estimate = container.decoder_bytes + working_bytes(halved, halved, 1)
    cost = measured_cost(path)
    assert cost.error in (None, "Truncated")
    assert cost.peak_bytes < estimate


def test_an_arithmetic_coded_jpeg_is_resized() -> None:
    frame = struct.pack(">BHHB", 8, 16, 16, 1) + bytes([1, 0x11, 0])
    scan = segment(0xDA, bytes([1, 1, 0, 0, 63, 0])) + bytes(50)
    tables = segment(0xDB, bytes([0, *[1] * 64]))
    image = b"\xff\xd8" + tables + segment(0xC9, frame) + scan + b"\xff\xd9"
    assert halve(image).resized.size == Size(8, 8)


def test_a_gain_map_is_noted_instead_of_a_further_image() -> None:
    xmp = b"<x:xmpmeta xmlns:x='adobe:ns:meta/' hdrgm:Version=\"1.0\"/>"
    options = {"save_all": True, "append_images": [photo(20, 20)], "xmp": xmp}
    notes = halve(encoded(photo(), "MPO", **options)).notes
    assert notes == ("gain map dropped", "XMP dropped")
