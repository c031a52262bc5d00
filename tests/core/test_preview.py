"""A preview is for looking at only: small, still, upright, and in colors that need no profile."""

import io
from dataclasses import replace

import pytest
from PIL import Image

from imgctl.core.code_points import described_profile
from imgctl.core.containers.heif_facts import ColorDescription
from imgctl.core.formats import ImageFormat
from imgctl.core.spec import Fit, MetadataPolicy, ResizeSpec
from tests.core.resizing import halve
from tests.pictures import animation, decoded, encoded, photo

PREVIEW = ResizeSpec(
    Fit(20, 20), ImageFormat.WEBP, quality=50, metadata=MetadataPolicy.NONE, preview=True
)
LINEAR = ColorDescription(primaries=1, transfer=8)


@pytest.mark.parametrize("format_", ["GIF", "WEBP", "PNG"])
def test_only_the_first_frame_of_an_animation_is_shown(format_: str) -> None:
    preview = halve(animation(format_), PREVIEW)
    still = decoded(preview.data)
    assert (preview.resized.frames, getattr(still, "n_frames", 1)) == (1, 1)
    assert still.size == (20, 15)
    assert preview.notes == ("3 of 4 frames dropped (a preview stores only one)",)


def test_a_lossless_source_has_a_lossy_preview() -> None:
    lossless = encoded(photo(), "WEBP", lossless=True)
    assert b"VP8L" in halve(lossless, replace(PREVIEW, preview=False)).data
    assert b"VP8L" not in halve(lossless, PREVIEW).data


@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_colors_are_converted_to_srgb_and_the_profile_is_left_out(mode: str) -> None:
    profile = described_profile(LINEAR)
    gray = Image.new(mode, (40, 40), (128, 128, 128, 77)[: len(mode)])
    preview = halve(encoded(gray, "PNG", icc_profile=profile), PREVIEW)
    shown = decoded(preview.data)
    assert "icc_profile" not in shown.info
    red, *_, last = shown.getpixel((10, 10))  # type: ignore[misc]
    assert red == pytest.approx(188, abs=3)  # half of the light
    assert last == pytest.approx(77 if mode == "RGBA" else 188, abs=3)


def test_a_profile_that_does_not_work_is_ignored() -> None:
    profile = described_profile(LINEAR)
    assert profile is not None
    damaged = profile[:140] + bytes(len(profile) - 140)
    preview = halve(encoded(photo(), "JPEG", icc_profile=damaged), PREVIEW)
    assert b"ICCP" not in preview.data


def test_a_preview_is_upright_and_has_no_metadata() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    exif[0x010E] = "secret"
    preview = halve(encoded(photo(60, 40), "JPEG", exif=exif.tobytes()), PREVIEW)
    assert Image.open(io.BytesIO(preview.data)).size == (13, 20)
    assert b"secret" not in preview.data
    assert b"EXIF" not in preview.data
