"""Several results of one image: each as it would be alone, for one decoding as far as possible."""

import io
from collections.abc import Sequence
from fractions import Fraction

import pytest
from PIL import Image, ImageFile

from imgctl.core.containers.readers import read_container
from imgctl.core.errors import TooLarge
from imgctl.core.formats import ImageFormat
from imgctl.core.geometry import Size
from imgctl.core.limits import Limits
from imgctl.core.plan import ResizePlan, plan_passes
from imgctl.core.resize import plan_resize, resize, resize_each
from imgctl.core.resize_cost import peak_bytes
from imgctl.core.source import SourceHeader, SourceInfo
from imgctl.core.spec import Cover, Fit, MetadataPolicy, ResizeSpec, Scale
from tests.core.picture_kinds import Kind, kinds
from tests.pictures import animation, encoded, photo

HALF = ResizeSpec()
SPECS = (
    HALF,
    ResizeSpec(target=Fit(30, 30), format=ImageFormat.WEBP, quality=82),
    ResizeSpec(target=Cover(12, 12), format=ImageFormat.AVIF, metadata=MetadataPolicy.NONE),
    ResizeSpec(target=Scale(Fraction(1))),
    ResizeSpec(target=Scale(Fraction(1)), format=ImageFormat.GIF),
    ResizeSpec(target=Fit(8, 8), format=ImageFormat.PNG, metadata=MetadataPolicy.ALL),
    ResizeSpec(high_quality=True, format=ImageFormat.JPEG),
    ResizeSpec(target=Scale(Fraction(1)), format=ImageFormat.TIFF),
)
ALL_KINDS = tuple(kinds())


@pytest.mark.parametrize("kind", ALL_KINDS, ids=lambda kind: kind.name)
def test_a_result_has_the_same_bytes_alone_and_among_others(kind: Kind) -> None:
    data = kind.encode()
    alone = [resize(io.BytesIO(data), spec, Limits()) for spec in SPECS]
    assert resize_each(io.BytesIO(data), SPECS, Limits()) == alone
    backwards = resize_each(io.BytesIO(data), SPECS[::-1], Limits())
    assert backwards == alone[::-1]


@pytest.fixture
def decodings(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    """The size of each image that Pillow decodes."""
    sizes: list[tuple[int, int]] = []
    load = ImageFile.ImageFile.load

    def counted(image: ImageFile.ImageFile) -> object:
        if getattr(image, "tile", None):
            sizes.append(image.size)
        return load(image)

    monkeypatch.setattr(ImageFile.ImageFile, "load", counted)
    return sizes


@pytest.mark.parametrize("format_", ["PNG", "BMP"])
def test_an_image_is_decoded_once_for_all_results(
    format_: str, decodings: list[tuple[int, int]]
) -> None:
    resize_each(io.BytesIO(encoded(photo(64, 48), format_)), SPECS, Limits())
    assert decodings == [(64, 48)]


def test_a_jpeg_is_decoded_once_for_each_scale_that_results_are_made_of(
    decodings: list[tuple[int, int]],
) -> None:
    data = encoded(photo(640, 480), "JPEG")
    specs = [
        HALF,
        ResizeSpec(target=Fit(256, 256), format=ImageFormat.WEBP),
        ResizeSpec(target=Cover(200, 100)),
        ResizeSpec(target=Fit(64, 64)),
    ]
    resize_each(io.BytesIO(data), specs, Limits())
    assert decodings == [(320, 240), (80, 60)]


def test_an_animation_is_decoded_once_for_results_with_and_without_its_frames() -> None:
    data = animation("WEBP", frames=5)
    still = ResizeSpec(format=ImageFormat.JPEG)
    results = resize_each(io.BytesIO(data), [still, HALF], Limits())
    assert [result.resized.frames for result in results] == [1, 5]
    assert "4 of 5 frames dropped (JPEG stores only one)" in results[0].notes
    assert results[1].notes == ()


def test_results_say_the_quality_that_they_were_encoded_with() -> None:
    data = encoded(photo(64, 48), "JPEG", quality=60)
    specs = [
        HALF,
        ResizeSpec(quality=33),
        ResizeSpec(format=ImageFormat.WEBP),
        ResizeSpec(format=ImageFormat.PNG),
    ]
    qualities = [result.quality for result in resize_each(io.BytesIO(data), specs, Limits())]
    assert qualities == [60, 33, 80, None]
    lossless = encoded(photo(64, 48), "WEBP", lossless=True)
    assert resize(io.BytesIO(lossless), HALF, Limits()).quality is None


def test_one_result_that_cannot_be_made_fails_them_all() -> None:
    data = encoded(Image.new("L", (20_000, 4)), "PNG")
    specs = [HALF, ResizeSpec(target=Scale(Fraction(1)), format=ImageFormat.WEBP)]
    with pytest.raises(TooLarge, match=r"The result is 20000x4; WEBP holds at most 16,383"):
        resize_each(io.BytesIO(data), specs, Limits())


def planned(specs: Sequence[ResizeSpec], limits: Limits) -> list[ResizePlan]:
    header = SourceHeader(
        size=Size(4000, 3000), format=ImageFormat.PNG, mode="RGB", file_bytes=20_000_000
    )
    return [plan_resize(SourceInfo(header=header), spec, limits) for spec in specs]


def test_results_that_fit_into_memory_alone_are_not_refused_together() -> None:
    specs = [ResizeSpec(target=Scale(Fraction(9, 10)))] * 3
    needed = peak_bytes([planned(specs[:1], Limits())[0].cost])
    pages = planned(specs[:1], Limits())[0].cost.pages_bytes
    assert plan_passes(planned(specs, Limits(max_memory_bytes=needed))) == [[0], [1], [2]]
    both = Limits(max_memory_bytes=needed + pages)
    assert plan_passes(planned(specs, both)) == [[0, 1], [2]]
    assert plan_passes(planned(specs, Limits(max_memory_bytes=needed + 2 * pages))) == [[0, 1, 2]]


def test_results_of_several_passes_have_the_same_bytes() -> None:
    data = encoded(photo(400, 300), "PNG")
    specs = [ResizeSpec(target=Scale(Fraction(9, 10))), ResizeSpec(target=Scale(Fraction(8, 10)))]
    needed = 8 * 400 * 300 + 5 * 360 * 270
    apart = resize_each(io.BytesIO(data), specs, Limits(max_memory_bytes=needed))
    assert apart == resize_each(io.BytesIO(data), specs, Limits())


def test_the_time_of_all_passes_is_limited() -> None:
    # A scan of a 640 x 480 JPEG is decoded once more for each scale.
    data = encoded(photo(640, 480), "JPEG", progressive=True)
    specs = [HALF, ResizeSpec(target=Scale(Fraction(1))), ResizeSpec(target=Fit(64, 64))]
    once = Limits(max_estimated_seconds=_decoder_seconds(data) * 2)
    assert len(resize_each(io.BytesIO(data), specs[:2], once)) == 2
    with pytest.raises(TooLarge, match=r"Decoding .* needs about"):
        resize_each(io.BytesIO(data), specs, once)


def _decoder_seconds(data: bytes) -> float:
    return read_container(ImageFormat.JPEG, io.BytesIO(data), len(data)).decoder_seconds
