"""Reading HEICs: what is refused before a decoder sees it, and what libheif shows of the rest."""

import io
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from fractions import Fraction

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import ExifTags, Image, ImageChops

from imgctl.core.code_points import described_profile
from imgctl.core.containers import heic as heic_reader
from imgctl.core.containers.heic import HeicContainer
from imgctl.core.containers.heif_facts import ColorDescription
from imgctl.core.errors import (
    Damaged,
    OutOfMemory,
    PictureError,
    TooLarge,
    Truncated,
    UnsupportedFormat,
)
from imgctl.core.formats import RESULT_FORMATS, ImageFormat, sniff
from imgctl.core.geometry import Size
from imgctl.core.limits import Limits
from imgctl.core.metadata import UPRIGHT
from imgctl.core.result import ResizeResult
from imgctl.core.source import picture_errors
from imgctl.core.spec import Exact, ResizeSpec, Scale
from imgctl.sandbox.child import spawn
from imgctl.sandbox.process import ResizeProcess
from tests.core.damage import damaged
from tests.core.heic_files import (
    ALPHA,
    DEPTH,
    GAIN_MAP,
    MATTE,
    TURNS,
    HeicItem,
    auxiliary,
    box,
    coded,
    full_box,
    grid,
    heic,
    icc,
    libheif,
    nclx,
    picture,
    turned,
)
from tests.core.resizing import halve
from tests.pictures import decoded, encoded, photo, srgb_profile

TILE = coded(photo(64, 64))
WIDE = coded(photo(128, 64))
GRAY = coded(photo(128, 64, "L"))
PLAIN = heic([picture(WIDE)])
WHOLE = ResizeSpec(target=Scale(Fraction(1)), format=ImageFormat.PNG)


def read(data: bytes) -> HeicContainer:
    return heic_reader.read(io.BytesIO(data), len(data))


def assert_shows_what_libheif_does(data: bytes, mode: str) -> ResizeResult:
    """Compare the picture at its full size with libheif's own decode, within 1 of 255."""
    result = halve(data, WHOLE)
    got, expected = decoded(result.data), libheif(data)
    assert got.mode == mode
    assert got.size == expected.size
    difference = ImageChops.difference(got, expected.convert(mode))
    assert max(high for _, high in _extrema(difference)) <= 1
    return result


def _extrema(image: Image.Image) -> list[tuple[int, int]]:
    return [band.getextrema() for band in image.split()]  # type: ignore[misc]


@pytest.mark.parametrize("orientation", TURNS)
def test_a_picture_is_turned_once_whatever_its_exif_says(orientation: int) -> None:
    data = turned(orientation)
    result = assert_shows_what_libheif_does(data, "RGB")
    upright = photo(128, 64)
    if orientation > 1:
        upright = upright.transpose(UPRIGHT[orientation])
    assert (result.original.size.width, result.original.size.height) == upright.size
    corners = [(2, 2), (upright.width - 3, upright.height - 3)]
    for corner in corners:
        pairs = zip(decoded(result.data).getpixel(corner), upright.getpixel(corner), strict=True)  # type: ignore[arg-type]
        assert max(abs(a - b) for a, b in pairs) < 16
    kept = decoded(halve(data).data).getexif()
    assert kept.get(ExifTags.Base.Orientation, 1) == 1


def test_exif_alone_does_not_turn_a_picture() -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    exif[ExifTags.Base.Make] = "Maker"
    block = HeicItem(b"Exif", bytes(4) + exif.tobytes()[6:], references={b"cdsc": [1]})
    result = halve(heic([picture(WIDE), block]))
    assert result.resized.size == Size(64, 32)
    assert dict(decoded(result.data).getexif()) == {ExifTags.Base.Make: "Maker"}


def test_the_result_is_a_jpeg_unless_a_format_is_asked_for() -> None:
    result = halve(PLAIN)
    assert (result.original.format, result.resized.format) == (ImageFormat.HEIC, ImageFormat.JPEG)
    assert result.resized.format is ImageFormat.JPEG
    assert result.notes == ()
    assert decoded(result.data).format == "JPEG"
    for wanted in RESULT_FORMATS:
        assert halve(PLAIN, ResizeSpec(format=wanted)).resized.format is wanted
    with pytest.raises(ValueError, match="not written"):
        ResizeSpec(format=ImageFormat.HEIC)


def test_a_profile_is_kept() -> None:
    data = heic([picture(WIDE, icc(srgb_profile()), nclx(12, 13))])
    result = assert_shows_what_libheif_does(data, "RGB")
    assert decoded(result.data).info["icc_profile"] == srgb_profile()
    assert decoded(halve(data).data).info["icc_profile"] == srgb_profile()


@pytest.mark.parametrize(("primaries", "transfer"), [(12, 13), (9, 16), (9, 18)])
def test_a_color_description_becomes_a_profile(primaries: int, transfer: int) -> None:
    data = heic([picture(WIDE, nclx(primaries, transfer))])
    assert_shows_what_libheif_does(data, "RGB")
    color = ColorDescription(primaries, transfer)
    result = halve(data)
    assert decoded(result.data).info["icc_profile"] == described_profile(color)
    is_hdr = any("highlights above reference white clipped" in note for note in result.notes)
    assert is_hdr is (transfer != 13)
    assert read(data).color == color


def test_a_damaged_profile_is_dropped() -> None:
    data = heic([picture(WIDE, icc(srgb_profile()[:100]))])
    assert halve(data).notes == ("color profile dropped: damaged",)


@pytest.mark.parametrize("mode", ["RGB", "L", "RGBA"])
def test_ten_bits_become_eight(mode: str) -> None:
    image = photo(64, 64, mode)
    if mode == "L":
        expected = (
            libheif(encoded(image, "HEIC", bits=10))
            .convert("I")
            .point(lambda value: value / 256)
            .convert("L")
        )
        result = halve(encoded(image, "HEIC", bits=10), WHOLE)
        difference = ImageChops.difference(decoded(result.data), expected)
        assert max(high for _, high in _extrema(difference)) <= 1
    else:
        result = assert_shows_what_libheif_does(encoded(image, "HEIC", bits=10), mode)
    assert result.notes == ("reduced from 10 to 8 bits",)


@pytest.mark.parametrize("chroma", [420, 422, 444])
@pytest.mark.parametrize("bits", [8, 10, 12])
def test_every_chroma_and_depth_is_read(chroma: int, bits: int) -> None:
    data = encoded(photo(), "HEIC", chroma=chroma, bits=bits)
    assert_shows_what_libheif_does(data, "RGB")
    container = read(data)
    assert (container.bits, container.subsampling) == (bits, ":".join(str(chroma)))


def test_white_of_ten_bits_is_white() -> None:
    result = halve(encoded(Image.new("L", (64, 64), 255), "HEIC", bits=10), WHOLE)
    assert decoded(result.data).getextrema() == (255, 255)


def test_a_grid_is_put_together() -> None:
    tiles = [coded(photo(64, 64).rotate(turn)) for turn in (0, 90, 180, 270)]
    items = [picture(tile, hidden=True) for tile in tiles]
    data = heic([grid(2, 2, (120, 100), [2, 3, 4, 5], nclx(1, 13)), *items])
    result = assert_shows_what_libheif_does(data, "RGB")
    assert result.original.size == Size(120, 100)
    assert result.notes == ()


@pytest.mark.parametrize("premultiplied", [False, True])
def test_alpha_is_kept_where_the_format_has_it(premultiplied: bool) -> None:
    references = {b"prem": [2]} if premultiplied else {}
    alpha = picture(GRAY, auxiliary(ALPHA), hidden=True, references={b"auxl": [1]})
    data = heic([picture(WIDE, references=references), alpha])
    assert read(data).alpha
    if premultiplied:
        assert decoded(halve(data, WHOLE).data).mode == "RGBA"
    else:
        assert_shows_what_libheif_does(data, "RGBA")
    assert halve(data).notes == ("transparency flattened onto white (JPEG has no alpha)",)


def test_a_clean_aperture_is_applied() -> None:
    data = encoded(photo(50, 30), "HEIC")
    assert b"clap" in data
    assert assert_shows_what_libheif_does(data, "RGB").original.size == Size(50, 30)


def aux(urn: bytes) -> HeicItem:
    return picture(GRAY, auxiliary(urn), hidden=True, references={b"auxl": [1]})


TONE_MAP = HeicItem(b"tmap", bytes(20), references={b"dimg": [1, 2]})


@pytest.mark.parametrize(
    ("items", "notes"),
    [
        ([aux(DEPTH)], ("depth map dropped",)),
        ([aux(GAIN_MAP)], ("gain map dropped",)),
        ([aux(MATTE)], ("auxiliary images dropped",)),
        ([picture(GRAY, hidden=True), TONE_MAP], ("gain map dropped",)),
        ([aux(DEPTH), aux(GAIN_MAP)], ("depth map dropped", "gain map dropped")),
        ([picture(TILE), picture(TILE)], ("additional images dropped",)),
        ([picture(TILE, references={b"thmb": [1]})], ()),
        ([picture(TILE, hidden=True)], ()),
    ],
    ids=["depth", "gain map", "matte", "tone map", "both", "burst", "thumbnail", "hidden"],
)
def test_what_belongs_to_a_picture_is_dropped_with_a_note(
    items: list[HeicItem], notes: tuple[str, ...]
) -> None:
    data = heic([picture(WIDE), *items])
    result = halve(data)
    assert result.notes == notes
    assert result.resized.size == Size(64, 32)
    assert result.data == halve(PLAIN).data


def test_the_primary_image_of_a_burst_is_resized() -> None:
    data = heic([picture(TILE), picture(WIDE)], primary=2)
    assert halve(data).data == halve(PLAIN).data


def test_a_sequence_beside_a_still_image_is_dropped_with_a_note() -> None:
    data = heic([picture(WIDE)], brand=b"msf1", more=box(b"moov", bytes(8)))
    assert read(data).notes == ("image sequence dropped",)


@pytest.mark.parametrize(
    ("items", "name"),
    [
        ([HeicItem(b"iovl", b"", references={b"dimg": [2]})], "an overlay of other images"),
        ([HeicItem(b"iden", b"", references={b"dimg": [2]})], "derived from another image"),
        ([HeicItem(b"av01", b"")], "AV1 without the brand of AVIF"),
        ([HeicItem(b"jpeg", b"")], "JPEG"),
        ([HeicItem(b"wxyz", b"")], "of an unknown kind"),
        ([HeicItem(b"hvc1", TILE.data, (TILE.config,))], "no size"),
        ([grid(1, 1, (64, 64), [2]), grid(1, 1, (64, 64), [1])], "tile is a grid"),
        ([grid(1, 1, (64, 64), [1])], "tile is a grid"),
    ],
)
def test_what_is_not_decoded_is_refused_by_name(items: list[HeicItem], name: str) -> None:
    with pytest.raises(UnsupportedFormat, match=name):
        halve(heic(items))


def test_a_sequence_without_a_still_image_is_refused_by_name() -> None:
    data = box(b"ftyp", b"hevc" + bytes(4) + b"msf1hevc") + box(b"moov", bytes(100))
    with pytest.raises(UnsupportedFormat, match="image sequence"):
        halve(data)


def many(count: int) -> list[HeicItem]:
    return [HeicItem(b"Exif", b"x" * 1000, references={b"cdsc": [1]})] * count


def test_metadata_that_share_their_bytes_are_not_read_again_and_again() -> None:
    data = bytearray(heic([picture(WIDE), *many(100)]))
    iloc = data.index(b"iloc") + 12
    for index in range(1, 101):  # each claims nearly the whole file
        at = iloc + 14 * index
        data[at + 6 : at + 14] = bytes(4) + (1 << 20).to_bytes(4)
    with pytest.raises(TooLarge, match="too much metadata"):
        halve(bytes(data))


@pytest.mark.parametrize(
    ("items", "error"),
    [
        ([picture(WIDE), *many(1000)], TooLarge),
        ([picture(WIDE, references={b"cdsc": [1] * 60_000, b"base": [1] * 60_000})], TooLarge),
        ([grid(2, 2, (128, 128), [2, 2, 2, 2]), picture(TILE)], Damaged),
        ([grid(2, 2, (128, 128), [2, 3, 4]), *[picture(TILE)] * 3], Damaged),
        ([picture(TILE, size=(60_000, 60_000))], TooLarge),
        ([grid(1, 2, (60_000, 60_000), [2, 3]), *[picture(TILE)] * 2], TooLarge),
        ([grid(1, 2, (64, 64), [2, 3]), *[picture(TILE, size=(15_000, 15_000))] * 2], TooLarge),
        ([HeicItem(b"hvc1", TILE.data, (full_box(b"ispe", b"\0\0\0\x40" * 2),))], Damaged),
    ],
    ids=[
        "items",
        "references",
        "repeated tile",
        "missing tile",
        "size",
        "grid",
        "tiles",
        "no configuration",
    ],
)
def test_a_hostile_file_is_refused_before_it_is_decoded(
    items: list[HeicItem], error: type[PictureError], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("imgctl.core.heic_decoder.load", lambda: pytest.fail("decoded"))
    with pytest.raises(error):
        halve(heic(items))


def test_pictures_larger_than_they_say_are_refused() -> None:
    with pytest.raises(Damaged, match="exceeds"):
        halve(heic([picture(WIDE, size=(16, 16))]))


@pytest.mark.parametrize("cut", [20, 1000])
def test_a_body_that_is_cut_off_is_truncated(cut: int) -> None:
    data = heic([picture(coded(Image.effect_noise((64, 64), 90).convert("RGB")))])
    with pytest.raises(Truncated):
        halve(data[:-cut])


def test_metadata_of_a_broken_type_do_not_crash_the_decoder() -> None:
    broken = HeicItem(b"Ex\xeaf", b"x", references={b"cdsc": [1]})
    assert halve(heic([picture(WIDE), broken])).notes == ("metadata dropped: damaged",)


def test_compressed_metadata_are_not_expanded() -> None:
    details = b"\0application/rdf+xml\0deflate\0"
    xmp = HeicItem(b"mime", b"x" * 50, references={b"cdsc": [1]}, details=details)
    assert halve(heic([picture(WIDE), xmp])).notes == ("XMP dropped: compressed",)


def test_an_avif_with_a_brand_of_heif_stays_an_avif() -> None:
    assert sniff(box(b"ftyp", b"mif1" + bytes(4) + b"mif1avifheic")) is ImageFormat.AVIF


def test_without_pi_heif_the_error_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pi_heif", None)
    with pytest.raises(UnsupportedFormat, match="pi-heif") as raised:
        halve(PLAIN)
    assert "pip install 'imgctl[heic]'" in raised.value.hint


def test_pi_heif_is_imported_for_a_heic_only() -> None:
    program = """
import io, sys
from imgctl.core.limits import Limits
from imgctl.core.resize import resize
from imgctl.core.spec import ResizeSpec
resize(io.BytesIO(sys.stdin.buffer.read()), ResizeSpec(), Limits())
print("pi_heif" in sys.modules)
"""
    pictures = {"False": encoded(photo(), "JPEG"), "True": PLAIN}
    for expected, data in pictures.items():
        command = [sys.executable, "-c", program]
        done = subprocess.run(command, input=data, capture_output=True, check=True)
        assert done.stdout.decode().strip() == expected


def test_a_result_that_is_not_a_half_is_exact() -> None:
    result = halve(PLAIN, ResizeSpec(target=Exact(33, 17)))
    assert result.resized.size == Size(33, 17)


def test_memory_that_libheif_cannot_allocate_is_no_fault_of_the_file() -> None:
    error = RuntimeError(
        "Memory allocation error: Unspecified: Allocating 12000015 bytes failed.\n"
    )
    with pytest.raises(OutOfMemory), picture_errors():
        raise error


SEEDS = (
    turned(6),
    encoded(photo(64, 48), "HEIC"),
    heic([picture(WIDE, icc(srgb_profile())), aux(ALPHA), aux(DEPTH)]),
    heic([grid(2, 2, (120, 100), [2, 3, 4, 5]), *[picture(TILE, hidden=True)] * 4]),
)


@given(st.data())
@settings(max_examples=200, deadline=None)
def test_any_damage_gives_facts_or_a_picture_error(data: st.DataObject) -> None:
    file = damaged(data, data.draw(st.sampled_from(SEEDS)), end=900)
    try:
        assert read(file).frames == 1
    except PictureError:
        return


@pytest.fixture(scope="module")
def process() -> Iterator[ResizeProcess]:
    started = ResizeProcess(spawn)
    yield started
    started.close()


@given(data=st.data())
@settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_any_damage_gives_a_picture_or_a_picture_error_in_a_child_process(
    process: ResizeProcess, data: st.DataObject
) -> None:
    with tempfile.TemporaryFile() as file:
        file.write(damaged(data, data.draw(st.sampled_from(SEEDS))))
        file.seek(0)
        try:
            (result,) = process.resize(file, [ResizeSpec()], Limits(max_cpu_seconds=10))
        except PictureError:
            return
        assert decoded(result.data).format == "JPEG"
