"""The largest picture of each kind that the limits let through is resized within them.

With a sixteenth of the function's memory and pixels, which all costs are proportional to.
"""

from pathlib import Path

import pytest
from PIL import Image

from imgctl.core.limits import Limits
from tests.core import largest_pictures

SIXTEENTH = Limits(
    max_bytes=Limits().max_bytes // 16,
    max_pixels=Limits().max_pixels // 16,
    max_memory_bytes=Limits().max_memory_bytes // 16,
    max_process_bytes=Limits().max_process_bytes // 16,
    max_estimated_seconds=Limits().max_estimated_seconds / 16,
)


@pytest.mark.parametrize("name", largest_pictures.KINDS)
def test_the_largest_picture_is_resized_within_the_memory(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", None)
    save = largest_pictures.KINDS[name]
    largest = largest_pictures.largest_picture(tmp_path / name, save, SIXTEENTH)
    assert largest.cost.error is None
