"""What a TIFF's directories cost, which of their tags matter, and which files are RAW."""

import io
import struct
import zlib
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import ExifTags, Image, ImageChops

from imgctl.core.containers.tiff import read
from imgctl.core.errors import PictureError, TooLarge, Truncated, UnsupportedFormat
from imgctl.core.formats import ImageFormat
from imgctl.core.limits import MEBIBYTE, Limits
from imgctl.core.resize import resize
from imgctl.core.spec import Fit, MetadataPolicy, ResizeSpec
from imgctl.core.tiff_writer import encode_pages
from tests.core.costs import measured_cost
from tests.core.damage import damaged
from tests.core.resizing import halve
from tests.core.tiff_files import (
    BLACK_IS_ZERO,
    DEFLATE,
    RAW,
    RGB,
    Entry,
    Layout,
    image,
    packed,
    tiff,
)
from tests.pictures import decoded, encoded, photo, srgb_profile


def picture(extra: Sequence[Entry] = (), data: bytes = b"", *, following: int = 0) -> bytes:
    """Return a gray TIFF of 8 x 8 pixels of 100 at offset 8, followed by `data` at 72."""
    entries: list[Entry] = [
        (256, 4, [8]),
        (257, 4, [8]),
        (258, 3, [8]),
        (259, 3, [RAW]),
        (262, 3, [BLACK_IS_ZERO]),
        (273, 4, [8]),
        (277, 3, [1]),
        (278, 4, [8]),
        (279, 4, [64]),
    ]
    replaced = {entry[0] for entry in extra}
    kept = [entry for entry in entries if entry[0] not in replaced]
    return tiff([*kept, *extra], bytes([100]) * 64 + data, following=following)


def in_one_tile(side: int, channels: int, data: bytes, compression: int) -> bytes:
    """Return a TIFF of 10 x 10 pixels in a tile of side x side."""
    entries: list[Entry] = [
        (256, 4, [10]),
        (257, 4, [10]),
        (258, 3, [8] * channels),
        (259, 3, [compression]),
        (262, 3, [RGB if channels == 3 else BLACK_IS_ZERO]),
        (277, 3, [channels]),
        (322, 4, [side]),
        (323, 4, [side]),
        (324, 4, [8]),
        (325, 4, [len(data)]),
    ]
    return tiff(entries, data)


# Costs


@pytest.mark.parametrize("channels", [1, 3])
def test_a_tile_far_larger_than_its_picture_counts_whole(channels: int) -> None:
    with pytest.raises(TooLarge, match="25000x25000"):
        halve(in_one_tile(25_000, channels, zlib.compress(b"0"), DEFLATE))


def test_the_memory_of_the_largest_tile_is_what_the_estimate_says(tmp_path: Path) -> None:
    data = in_one_tile(15_000, 3, zlib.compress(bytes(3 * 15_000**2), 1), DEFLATE)
    path = tmp_path / "tile.tif"
    path.write_bytes(data)
    cost = measured_cost(path)
    assert cost.error is None
    assert cost.peak_bytes <= read(io.BytesIO(data), len(data)).decoder_bytes + 50 * MEBIBYTE


def test_strips_of_one_row_count_one_by_one() -> None:
    height = 240_000_000
    data = picture([(256, 4, [1]), (257, 4, [height]), (278, 4, [1]), (259, 3, [DEFLATE])])
    with pytest.raises(TooLarge, match=r"MiB of memory|s; the limit"):
        halve(data)


def test_hundreds_of_pages_are_kept() -> None:
    pages = [Image.new("L", (1, 1), index % 256) for index in range(300)]
    data = encoded(pages[0], "TIFF", save_all=True, append_images=pages[1:])
    result = decoded(halve(data).data)
    assert getattr(result, "n_frames", 1) == 300
    for index in (0, 17, 299):
        result.seek(index)
        assert result.getpixel((0, 0)) == index % 256


def test_more_pages_than_can_be_written_in_time_are_refused() -> None:
    directory = packed([(256, 4, [1]), (257, 4, [1])], 0, "<")
    step = len(directory)
    chain = [directory[:-4] + struct.pack("<I", 8 + step * (n + 1)) for n in range(100_000)]
    with pytest.raises(TooLarge, match="pages"):
        halve(b"II*\0" + struct.pack("<I", 8) + b"".join(chain))


def test_a_loop_of_directories_ends_where_it_began() -> None:
    start = 8 + 64
    looped = picture(following=start)
    assert halve(looped).original.frames == 1


def test_many_tags_that_share_large_data_are_not_read(tmp_path: Path) -> None:
    block = b"x" * MEBIBYTE
    shared: list[Entry] = [(40_000 + n, 7, b"12345678") for n in range(500)]
    data = bytearray(picture(shared, block))
    start = int.from_bytes(data[4:8], "little")
    for index in range(int.from_bytes(data[start : start + 2], "little")):
        position = start + 2 + 12 * index
        if int.from_bytes(data[position : position + 2], "little") >= 40_000:
            data[position + 4 : position + 12] = struct.pack("<II", MEBIBYTE, 72)
    path = tmp_path / "shared.tif"
    path.write_bytes(data)
    cost = measured_cost(path)
    assert (cost.error, cost.peak_bytes < 30 * MEBIBYTE) == (None, True)


# Optional tags


def gps() -> list[Entry]:
    return [(1, 2, b"N\0"), (2, 5, [51, 1, 30, 1, 0, 1])]


def exif_directories(exif: list[Entry], position: list[Entry]) -> bytes:
    """Return a TIFF with an EXIF and a GPS directory."""
    first = packed(exif, 72, "<")
    second = packed(position, 72 + len(first), "<")
    pointers: list[Entry] = [(34665, 4, [72]), (34853, 4, [72 + len(first)])]
    return picture([*pointers, (271, 2, b"Maker\0")], first + second)


@pytest.mark.parametrize("policy", list(MetadataPolicy))
def test_exif_of_a_tiff_reaches_other_formats(policy: MetadataPolicy) -> None:
    data = exif_directories([(36867, 2, b"2026:11:23 12:00:00\0"), (33434, 5, [1, 60])], gps())
    result = halve(data, ResizeSpec(format=ImageFormat.JPEG, metadata=policy))
    exif = decoded(result.data).getexif()
    details = exif.get_ifd(ExifTags.IFD.Exif)
    assert (details.get(36867) == "2026:11:23 12:00:00") == (policy is not MetadataPolicy.NONE)
    assert bool(exif.get_ifd(ExifTags.IFD.GPSInfo)) == (policy is MetadataPolicy.ALL)
    assert (exif.get(ExifTags.Base.Make) == "Maker") == (policy is not MetadataPolicy.NONE)


def test_exif_in_a_tiff_that_stays_a_tiff_is_noted() -> None:
    data = exif_directories([(36867, 2, b"2026:11:23 12:00:00\0")], gps())
    assert "EXIF dropped: not supported by TIFF" in halve(data).notes


@pytest.mark.parametrize(
    "extra",
    [
        [(34665, 4, [4_000_000_000])],  # EXIF beyond the file
        [(34853, 4, [8])],  # a position that is pixels
        [(34665, 2, b"text\0")],
    ],
)
def test_broken_exif_costs_a_note_and_not_the_picture(extra: list[Entry]) -> None:
    for format_ in (None, ImageFormat.JPEG):
        result = halve(picture(extra), ResizeSpec(format=format_))
        assert decoded(result.data).getpixel((1, 1)) == 100
        assert "EXIF tags dropped: damaged" in result.notes


@pytest.mark.parametrize(
    "extra",
    [
        [(270, 5, [1, 0])],  # a description that is a fraction
        [(270, 12, b"\xff" * 8)],
        [(282, 2, b"many\0"), (283, 2, b"many\0")],
        [(306, 99, b"12345678")],  # a field type that does not exist
        [(700, 4, [1, 2, 3])],
        [(330, 4, [9])],
        [(33723, 4, [7])],
    ],
)
def test_a_broken_descriptive_tag_never_costs_the_picture(extra: list[Entry]) -> None:
    extra = [(tag, 7 if type_ == 12 else type_, value) for tag, type_, value in extra]
    extra = [(tag, type_ if type_ != 99 else 7, value) for tag, type_, value in extra]
    for policy in MetadataPolicy:
        result = halve(picture(extra), ResizeSpec(metadata=policy))
        assert decoded(result.data).getpixel((1, 1)) == 100


@pytest.mark.parametrize("entry", [(34675, 7, b"odd"), (34675, 4, [1, 2, 3]), (34675, 2, b"x\0")])
def test_what_is_no_color_profile_is_dropped_with_a_note(entry: Entry) -> None:
    result = halve(picture([entry]))
    assert "icc_profile" not in decoded(result.data).info
    assert "color profile dropped: damaged" in result.notes


@pytest.mark.parametrize("compression", [RAW, DEFLATE])
def test_text_that_is_not_ascii_keeps_its_bytes(compression: int) -> None:
    text = "© Zoë Müller".encode() + b"\xff\0"
    layout = Layout(compression=compression, extra=[(33432, 2, text), (270, 2, b"plain\0")])
    result = halve(image(layout, 8, 8, lambda *_: 9)).data
    assert text in result
    assert decoded(result).tag_v2[270] == "plain"  # type: ignore[attr-defined]


def test_a_profile_and_a_resolution_are_kept() -> None:
    data = encoded(photo(), "TIFF", icc_profile=srgb_profile(), dpi=(300, 150))
    result = decoded(halve(data).data)
    assert result.info["icc_profile"] == srgb_profile()
    assert result.info["dpi"] == (300, 150)


@pytest.mark.parametrize("target", [None, Fit(100, 100)])
def test_a_tiff_without_a_resolution_gets_none(target: Fit | None) -> None:
    spec = ResizeSpec() if target is None else ResizeSpec(target=target)
    result = decoded(halve(picture(), spec).data)
    assert "dpi" not in result.info
    assert not {282, 283} & dict(result.tag_v2).keys()  # type: ignore[attr-defined]


PLANTED = b"planted-51.5N"


@pytest.mark.parametrize("policy", [MetadataPolicy.SAFE, MetadataPolicy.NONE])
@pytest.mark.parametrize("target", [None, Fit(100, 100)])
def test_blocks_of_metadata_do_not_survive(policy: MetadataPolicy, target: Fit | None) -> None:
    data = picture([(tag, 7, PLANTED) for tag in (700, 33723, 34377, 37724, 50839)])
    spec = ResizeSpec(metadata=policy)
    if target is not None:
        spec = ResizeSpec(metadata=policy, target=target)
    result = halve(data, spec)
    assert PLANTED not in result.data
    noted = {"XMP dropped", "IPTC dropped", "Photoshop data dropped"}
    assert noted <= set(result.notes) if policy is MetadataPolicy.SAFE else not result.notes


# Structure


def test_a_file_that_ends_before_its_pixels_or_pages_is_truncated() -> None:
    for data in (
        picture([(273, 4, [5_000])]),
        picture(following=9_000),
        picture([(257, 4, [800]), (278, 4, [800])]),
        image(Layout(compression=DEFLATE), 40, 40, lambda x, y, c: x * y * c % 251)[:300],
    ):
        with pytest.raises(Truncated):
            halve(data)


@pytest.mark.parametrize("through_disk", [False, True])
def test_a_file_on_disk_and_one_in_memory_give_the_same(tmp_path: Path, through_disk: bool) -> None:
    data = picture([(40_000, 7, b"unknown tag")])  # so that the directory is written anew
    if through_disk:
        path = tmp_path / "picture.tif"
        path.write_bytes(data)
        with path.open("rb") as file:
            result = resize(file, ResizeSpec(), Limits())
    else:
        result = halve(data)
    assert decoded(result.data).getpixel((1, 1)) == 100


@given(data=st.data())
@settings(max_examples=400, deadline=None)
def test_reading_a_broken_directory_raises_nothing_but_picture_errors(data: st.DataObject) -> None:
    directories = exif_directories([(36867, 2, b"2026:11:23 12:00:00\0")], gps())
    layout = Layout(big=True, order=">")
    seeds = [directories, image(layout, 9, 9, lambda *_: 7), picture([(330, 4, [8, 72])])]
    file = damaged(data, data.draw(st.sampled_from(seeds)), start=4)
    try:
        container = read(io.BytesIO(file), len(file))
    except PictureError:
        pass
    else:
        assert container.frames == len(container.pages)


# RAW files


@pytest.mark.parametrize(
    ("extra", "name"),
    [
        ([(50706, 1, [1, 4, 0, 0])], "DNG"),
        ([(271, 2, b"NIKON CORPORATION\0"), (262, 3, [32803])], "NEF"),
        ([(271, 2, b"SONY\0"), (259, 3, [32767])], "ARW"),
        ([(271, 2, b"SONY\0"), (50740, 1, [1, 2, 3, 4])], "ARW"),
        ([(271, 2, b"PENTAX Corporation\0"), (259, 3, [65535])], "PEF"),
        ([(271, 2, b"SAMSUNG\0"), (259, 3, [32770])], "SRW"),
        ([(262, 3, [34892])], "camera RAW"),
    ],
)
def test_a_raw_file_is_refused_by_name(extra: list[Entry], name: str) -> None:
    for policy in MetadataPolicy:
        with pytest.raises(UnsupportedFormat, match=name):
            halve(picture(extra), ResizeSpec(metadata=policy))


@pytest.mark.parametrize("sub_photometric", [32803, BLACK_IS_ZERO])
def test_a_raw_file_whose_main_image_is_a_sub_directory_is_refused(sub_photometric: int) -> None:
    main = packed([(254, 4, [0]), (256, 4, [99]), (262, 3, [sub_photometric])], 72, "<")
    thumbnail: list[Entry] = [(254, 4, [1]), (271, 2, b"NIKON CORPORATION\0"), (330, 4, [72])]
    with pytest.raises(UnsupportedFormat, match="NEF"):
        halve(picture(thumbnail, main))


def test_an_ordinary_tiff_of_a_camera_maker_is_no_raw_file() -> None:
    for maker in (b"NIKON CORPORATION\0", b"SONY\0", b"Canon\0", b"OLYMPUS IMAGING CORP.\0"):
        result = halve(picture([(271, 2, maker), (305, 2, b"Capture NX-D\0")]))
        assert decoded(result.data).getpixel((1, 1)) == 100


# Compression


def test_jpeg_in_tiff_stays_jpeg_and_a_fax_page_does_not_grow() -> None:
    jpeg = encoded(photo(400, 300), "TIFF", compression="jpeg", quality=75)
    result = halve(jpeg)
    assert decoded(result.data).info["compression"] == "jpeg"
    assert len(result.data) < len(jpeg)
    text = Image.new("1", (806, 599), 1)
    for x in range(0, 800, 7):
        text.paste(0, (x, x * 5 % 400, x + 3, x * 5 % 400 + 90))
    fax = encoded(text, "TIFF", compression="group4")
    assert len(halve(fax).data) <= len(fax)
    half = decoded(halve(fax).data)
    assert (half.mode, half.tag_v2[258]) == ("L", (4,))  # type: ignore[attr-defined]
    average = text.convert("L").reduce(2)
    difference = ImageChops.difference(half, average).histogram()
    assert sum(difference[9:]) == 0
    same = halve(fax, ResizeSpec(target=Fit(1000, 1000)))
    assert (decoded(same.data).mode, decoded(same.data).info["compression"]) == ("1", "group4")
    assert decoded(same.data).tobytes() == text.tobytes()


def test_each_page_keeps_its_own_compression() -> None:
    text = Image.new("1", (200, 100), 1)
    text.paste(0, (20, 20, 61, 61))  # an edge that becomes gray
    data = encode_pages(
        [text, photo(200, 100)],
        {"page_options": [{"compression": "group4"}, {"compression": "jpeg", "quality": 75}]},
    )
    result = decoded(halve(data).data)
    assert result.info["compression"] == "tiff_adobe_deflate"
    result.seek(1)
    assert result.info["compression"] == "jpeg"
    result.load()
    assert result.mode == "RGB"


@pytest.mark.parametrize("compression", ["tiff_lzw", "tiff_adobe_deflate"])
def test_differences_of_neighbors_are_stored_where_that_is_smaller(compression: str) -> None:
    ramp = Image.linear_gradient("L").rotate(90).resize((400, 300))
    smooth = halve(encoded(ramp, "TIFF", compression=compression))
    flat = halve(encoded(Image.new("L", (400, 300), 9), "TIFF", compression=compression))
    assert decoded(smooth.data).tag_v2.get(317) == 2  # type: ignore[attr-defined]
    assert decoded(flat.data).tag_v2.get(317, 1) == 1  # type: ignore[attr-defined]
    assert (
        decoded(smooth.data).tobytes()
        == ramp.resize((200, 150), Image.Resampling.BICUBIC).tobytes()
    )


def test_pages_of_all_modes_and_compressions_are_joined() -> None:
    modes = ["1", "L", "RGB", "RGBA", "CMYK", "I;16"]
    pages = [photo(30 + 10 * n, 40, "L").convert(mode) for n, mode in enumerate(modes)]
    for compression in (None, "tiff_lzw", "tiff_adobe_deflate"):
        data = encoded(
            pages[0], "TIFF", save_all=True, append_images=pages[1:], compression=compression
        )
        result = decoded(halve(data).data)
        for index, page in enumerate(pages):
            result.seek(index)
            result.load()
            assert result.size == ((page.width + 1) // 2, 20)
            assert result.mode == ("L" if page.mode == "1" else page.mode)
