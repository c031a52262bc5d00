"""A plan is decided from facts: none of these tests needs an image."""

from dataclasses import replace
from fractions import Fraction
from typing import Any

import pytest
from PIL import ExifTags, Image

from imgctl.core import png16
from imgctl.core.code_points import PRIMARIES
from imgctl.core.errors import TooLarge
from imgctl.core.formats import ImageFormat
from imgctl.core.geometry import Size
from imgctl.core.icc_profile import display_profile, parametric_curve
from imgctl.core.limits import Limits
from imgctl.core.metadata import SourceMetadata
from imgctl.core.plan import RenderPath, ResizePlan
from imgctl.core.resize import plan_resize
from imgctl.core.resize_cost import peak_bytes
from imgctl.core.source import SourceHeader, SourceInfo
from imgctl.core.spec import Exact, Fit, MetadataPolicy, ResizeSpec, Scale

JPEG, PNG, WEBP, GIF = ImageFormat.JPEG, ImageFormat.PNG, ImageFormat.WEBP, ImageFormat.GIF
TIFF, AVIF, BMP = ImageFormat.TIFF, ImageFormat.AVIF, ImageFormat.BMP
LANCZOS, BICUBIC = Image.Resampling.LANCZOS, Image.Resampling.BICUBIC
CAMERA = Size(4000, 3000)


def header(format_: ImageFormat = JPEG, size: Size = CAMERA, **facts: Any) -> SourceHeader:
    return SourceHeader(
        size=size, format=format_, **{"mode": "RGB", "file_bytes": 1_000_000, **facts}
    )


def planned(
    source: SourceHeader | SourceInfo, spec: ResizeSpec | None = None, **limits: int
) -> ResizePlan:
    info = source if isinstance(source, SourceInfo) else SourceInfo(header=source)
    return plan_resize(info, spec or ResizeSpec(), Limits(**limits))


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize(
    ("target", "landscape", "portrait"),
    [
        (Scale(Fraction(1, 2)), Size(2000, 1500), Size(1500, 2000)),
        (Fit(width=1000), Size(1000, 750), Size(1000, 1333)),
        (Exact(600, 200), Size(600, 200), Size(600, 200)),
    ],
)
def test_the_target_is_upright_and_the_stored_target_is_not(
    orientation: int, target: Any, landscape: Size, portrait: Size
) -> None:
    plan = planned(SourceInfo(header=header(), orientation=orientation), ResizeSpec(target=target))
    transposed = orientation >= 5
    assert plan.original.size == (CAMERA.transposed if transposed else CAMERA)
    assert plan.target == (portrait if transposed else landscape)
    assert plan.stored_target == (plan.target.transposed if transposed else plan.target)


@pytest.mark.parametrize(
    ("source", "spec", "divisor"),
    [
        (header(), ResizeSpec(), 2),
        (header(size=Size(4001, 3001)), ResizeSpec(), 2),
        (header(), ResizeSpec(target=Fit(400)), 8),
        (header(), ResizeSpec(target=Fit(401)), 4),
        (header(), ResizeSpec(target=Fit(1600)), 2),
        (header(), ResizeSpec(target=Fit(1601)), 1),
        (header(), ResizeSpec(target=Scale(Fraction(3, 4))), 1),
        (header(), ResizeSpec(high_quality=True), 1),
        (header(PNG), ResizeSpec(), 1),
    ],
)
def test_a_jpeg_is_decoded_at_the_smallest_size_that_is_large_enough(
    source: SourceHeader, spec: ResizeSpec, divisor: int
) -> None:
    assert planned(source, spec).draft_divisor == divisor


@pytest.mark.parametrize(
    ("format_", "high_quality", "resampling", "averages"),
    [
        (JPEG, False, LANCZOS, False),
        (PNG, False, BICUBIC, False),
        (AVIF, False, BICUBIC, False),
        (WEBP, False, BICUBIC, True),
        (GIF, False, BICUBIC, True),
        (WEBP, True, LANCZOS, False),
        (PNG, True, LANCZOS, False),
    ],
)
def test_the_resampling_filter_depends_on_the_source_format(
    format_: ImageFormat, high_quality: bool, resampling: Image.Resampling, averages: bool
) -> None:
    plan = planned(header(format_), ResizeSpec(high_quality=high_quality))
    assert (plan.resampling, plan.average_halves) == (resampling, averages)


@pytest.mark.parametrize(
    ("source", "output_format", "frames", "notes"),
    [
        (GIF, None, 12, ()),
        (GIF, WEBP, 12, ()),
        (GIF, TIFF, 12, ("frame durations dropped: not supported by TIFF",)),
        (GIF, JPEG, 1, ("11 of 12 frames dropped (JPEG stores only one)",)),
        (GIF, BMP, 1, ("11 of 12 frames dropped (BMP stores only one)",)),
        (TIFF, None, 12, ()),
        (TIFF, WEBP, 1, ("11 of 12 pages dropped (WEBP stores only one)",)),
        (TIFF, GIF, 1, ("11 of 12 pages dropped (GIF stores only one)",)),
    ],
)
def test_frames_are_kept_where_the_output_format_supports_them(
    source: ImageFormat, output_format: ImageFormat | None, frames: int, notes: tuple[str, ...]
) -> None:
    plan = planned(header(source, Size(100, 100), frames=12), ResizeSpec(format=output_format))
    assert (plan.frames, plan.notes) == (frames, notes)


@pytest.mark.parametrize(
    ("facts", "spec", "options"),
    [
        (
            {"header": header(progressive=True), "jpeg_subsampling": 1},
            ResizeSpec(),
            {"progressive": True, "subsampling": 1, "quality": 80},
        ),
        ({"header": header(PNG)}, ResizeSpec(format=JPEG, quality=60), {"quality": 60}),
        (
            {"header": header(WEBP), "lossless_webp": True},
            ResizeSpec(),
            {"method": 2, "lossless": True, "quality": 80},
        ),
        ({"header": header(PNG)}, ResizeSpec(format=AVIF), {"speed": 8, "quality": 74}),
        ({"header": header(PNG)}, ResizeSpec(format=TIFF), {"compression": "tiff_lzw"}),
        (
            {"header": header(TIFF), "compression": "packbits"},
            ResizeSpec(),
            {"compression": "packbits"},
        ),
        (
            {"header": header(TIFF), "compression": "jpeg"},
            ResizeSpec(),
            {"compression": "jpeg", "quality": 80},
        ),
        ({"header": header(TIFF), "compression": "raw"}, ResizeSpec(), {}),
        ({"header": header(PNG)}, ResizeSpec(), {}),
    ],
)
def test_encoder_options_follow_the_source_where_the_format_stays(
    facts: dict[str, Any], spec: ResizeSpec, options: dict[str, Any]
) -> None:
    assert planned(SourceInfo(**facts), spec).encoder_options == options


DEEP = SourceInfo(header=header(PNG, Size(40, 30)), color_16_bit=True, png16=True)


def test_sixteen_bits_per_channel_are_kept_from_png_to_png_if_memory_allows() -> None:
    needed = peak_bytes([png16.working_cost(Size(40, 30), Size(20, 15))])
    kept = planned(DEEP, max_memory_bytes=needed)
    assert (kept.path, kept.notes, peak_bytes([kept.cost])) == (RenderPath.PNG16, (), needed)
    for plan in (
        planned(DEEP, max_memory_bytes=needed - 1),
        planned(DEEP, ResizeSpec(format=TIFF)),
        planned(replace(DEEP, png16=False)),
    ):
        assert plan.path is RenderPath.PILLOW
        assert len(plan.notes) == 1
        assert peak_bytes([plan.cost]) < needed


def exif_block() -> bytes:
    exif = Image.Exif()
    exif[ExifTags.Base.Make] = "Maker"
    exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.ExifImageWidth] = 4000
    exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.ExifImageHeight] = 3000
    exif.get_ifd(ExifTags.IFD.GPSInfo)[ExifTags.GPS.GPSLatitude] = (51.0, 30.0, 0.0)
    return exif.tobytes()


METADATA = SourceMetadata(
    icc_profile=display_profile(PRIMARIES[1], parametric_curve(2.2)),
    dpi=(300, 300),
    exif=exif_block(),
    xmp=b"<x:xmpmeta/>",
)


@pytest.mark.parametrize(
    ("policy", "output_format", "kept", "losses"),
    [
        (MetadataPolicy.SAFE, JPEG, ("icc_profile", "dpi", "exif"), 2),  # GPS, XMP
        (MetadataPolicy.ALL, JPEG, ("icc_profile", "dpi", "exif", "xmp"), 0),
        (MetadataPolicy.NONE, JPEG, ("icc_profile",), 0),
        (MetadataPolicy.ALL, PNG, ("icc_profile", "dpi", "exif"), 1),  # XMP
        (MetadataPolicy.ALL, BMP, ("dpi",), 3),  # profile, EXIF, XMP
        (MetadataPolicy.SAFE, TIFF, ("icc_profile", "dpi", "tiffinfo"), 3),  # GPS, EXIF, XMP
    ],
)
def test_metadata_is_kept_by_policy_and_by_what_the_format_supports(
    policy: MetadataPolicy, output_format: ImageFormat, kept: tuple[str, ...], losses: int
) -> None:
    info = SourceInfo(header=header(), metadata=METADATA)
    plan = planned(info, ResizeSpec(metadata=policy, format=output_format))
    assert plan.metadata.kept == kept
    assert len(plan.metadata.notes) == losses


def test_two_plans_of_one_source_do_not_disturb_each_other() -> None:
    info = SourceInfo(header=header(), metadata=METADATA)
    everything = ResizeSpec(metadata=MetadataPolicy.ALL)
    before = planned(info, everything)
    small = planned(info, ResizeSpec(target=Fit(100)))
    assert planned(info, everything) == before
    dimensions = []
    for plan in (before, small):
        exif = Image.Exif()
        exif.load(plan.metadata.options["exif"])
        dimensions.append(exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.ExifImageWidth])
    assert dimensions == [2000, 100]


@pytest.mark.parametrize(
    ("source", "spec", "limits", "message"),
    [
        (header(), ResizeSpec(), {"max_pixels": 11_999_999}, "4000x3000"),
        (header(GIF, Size(9, 9), frames=3), ResizeSpec(), {"max_pixels": 9999}, "3 frames"),
        (header(), ResizeSpec(target=Exact(9000, 9000)), {"max_pixels": 13_000_000}, "9000x9000"),
        (header(PNG), ResizeSpec(), {"max_memory_bytes": 100_000_000}, "memory"),
        (header(held_bytes=36_000_000), ResizeSpec(), {"max_memory_bytes": 50_000_000}, "memory"),
    ],
)
def test_a_plan_that_would_exceed_the_limits_is_not_made(
    source: SourceHeader, spec: ResizeSpec, limits: dict[str, int], message: str
) -> None:
    with pytest.raises(TooLarge, match=message):
        planned(source, spec, **limits)


def test_the_pages_of_a_tiff_have_targets_of_their_own() -> None:
    plan = planned(header(TIFF, Size(64, 48), frames=2))
    assert plan.page_target(0, Size(64, 48)) == Size(32, 24)
    assert plan.page_target(1, Size(40, 80)) == Size(20, 40)
    animated = planned(header(GIF, Size(64, 48), frames=2))
    assert animated.page_target(1, Size(64, 49)) == Size(32, 24)


def test_a_frame_that_grows_beyond_the_limits_is_rejected() -> None:
    plan = planned(header(GIF, Size(64, 64), frames=2), max_pixels=100_000)
    plan.check_page(1, Size(300, 300))
    with pytest.raises(TooLarge, match="400x400"):
        plan.check_page(1, Size(400, 400))


def test_a_plan_prints_its_decisions_and_no_image_data() -> None:
    facts = SourceInfo(header=header(extra_images=2), orientation=6, metadata=METADATA)
    text = repr(planned(facts, ResizeSpec(format=WEBP)))
    for decision in (
        "target=Size(width=1500, height=2000)",
        "stored_target=Size(width=2000, height=1500)",
        "output_format=<ImageFormat.WEBP: 'WEBP'>",
        "frames=1",
        "path=<RenderPath.PILLOW: 'pillow'>",
        "resampling=<Resampling.LANCZOS: 1>",
        "draft_divisor=2",
        "'quality': 80",
        "MetadataPlan(kept=('icc_profile', 'exif'), notes=('",
        "MPO",
        "cost=",
    ):
        assert decision in text
    assert "Maker" not in text
    assert len(text) < 1500


@pytest.mark.parametrize(
    ("output_format", "longest"),
    [(JPEG, 65_500), (WEBP, 16_383), (GIF, 65_535), (AVIF, 32_768)],
)
def test_a_result_that_its_format_cannot_hold_is_refused_before_it_is_decoded(
    output_format: ImageFormat, longest: int
) -> None:
    source = header(PNG, Size(140_000, 2))
    for target in (Exact(longest, 1), Exact(1, longest)):
        planned(source, ResizeSpec(target=target, format=output_format))
    for target in (Exact(longest + 1, 1), Exact(1, longest + 1)):
        with pytest.raises(TooLarge, match=f"{output_format} holds at most {longest:,} pixels"):
            planned(source, ResizeSpec(target=target, format=output_format))


@pytest.mark.parametrize("output_format", [PNG, TIFF, BMP])
def test_other_formats_hold_any_result_within_the_limits(output_format: ImageFormat) -> None:
    source = header(PNG, Size(200_000_000, 1))
    limits = {"max_memory_bytes": 10**11}
    planned(source, ResizeSpec(target=Scale(Fraction(1)), format=output_format), **limits)
