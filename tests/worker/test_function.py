"""No picture takes the function down: each ends in a record at the first try.

The function's own entry point runs in a process whose memory is limited to the function's.
"""

from pathlib import Path

import pytest

from tests import costly_pictures
from tests.pictures import PHOTOS
from tests.worker.function_process import Handled, run_function

TIME_CONSUMING = ("many-pages.tif", "tiny-frames.gif")  # with any memory


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("pictures")
    costly = {
        "huge-screen.gif": costly_pictures.gif_of_a_huge_screen(40_000),
        "grows.gif": costly_pictures.gif_that_grows(40_000),
        "huge-tile.tif": costly_pictures.tiff_of_a_huge_tile(9_000),
        "many-pages.tif": costly_pictures.tiff_of_many_pages(30_000),
        "many-scans.jpg": costly_pictures.jpeg_of_many_scans(4_000, 4_000, 8_000),
        "one-color.webp": costly_pictures.webp_of_one_color(9_000, 8_000),
        "tiny-frames.gif": costly_pictures.gif_of_tiny_frames(60_000),
    }
    for name, data in costly.items():
        (folder / name).write_bytes(data)
    return [*sorted(folder.iterdir()), PHOTOS / "rocket.jpg"]


@pytest.mark.parametrize(("memory_mb", "skipped"), [(512, ()), (1769, TIME_CONSUMING)])
def test_every_costly_picture_has_a_record_at_the_first_try(
    pictures: list[Path], memory_mb: int, skipped: tuple[str, ...]
) -> None:
    pictures = [picture for picture in pictures if picture.name not in skipped]
    # 3 s for each picture: the other 15 are the reserve for its record.
    handled = {h.picture: h for h in run_function(pictures, memory_mb=memory_mb, timeout_s=18)}
    assert set(handled) == {picture.name for picture in pictures}
    assert handled["rocket.jpg"].status == "SUCCEEDED"
    codes = {name: result.code for name, result in handled.items() if result.code}
    assert codes["many-scans.jpg"] == "too_large"
    assert codes["huge-screen.gif"] == codes["grows.gif"] == "too_large"
    assert set(codes.values()) <= {"too_slow", "too_large", "damaged"}
    assert _peak_mb(handled) < memory_mb


def _peak_mb(handled: dict[str, Handled]) -> int:
    """Return the most that a child and Lambda's runtime with the SDK, 50 MB, used at once."""
    return max(result.child_peak_mb for result in handled.values()) + 50
