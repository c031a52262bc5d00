"""Halves as they were before there were renditions; a change here changes every stored output.

The digests are those of the encoders of the pinned Pillow.
"""

import hashlib
import io
import json
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import pytest

from imgctl.core.limits import Limits
from imgctl.core.resize import resize, resize_each
from imgctl.core.spec import Fit, ResizeSpec
from tests.pictures import PHOTOS, animation, encoded, photo

EXPECTED = json.loads(Path(__file__).with_name("golden_halves.json").read_text(encoding="utf-8"))


def made(format_: str, **options: object) -> Callable[[], bytes]:
    return lambda: encoded(photo(321, 243), format_, **options)


SOURCES: dict[str, Callable[[], bytes]] = {
    **{path.name: path.read_bytes for path in PHOTOS.iterdir() if path.suffix in (".png", ".jpg")},
    "photo.jpeg": made("JPEG", progressive=True, quality=91),
    "photo.webp": made("WEBP", quality=70),
    "photo.png": made("PNG"),
    "photo.tiff": made("TIFF", compression="tiff_lzw"),
    "photo.bmp": made("BMP"),
    "photo.gif": made("GIF"),
    "photo.avif": made("AVIF", quality=60),
    "animation.webp": lambda: animation("WEBP"),
    "animation.gif": lambda: animation("GIF"),
}


@pytest.mark.skipif(version("pillow") != EXPECTED["pillow"], reason="of another Pillow")
@pytest.mark.parametrize("name", SOURCES)
def test_the_default_result_has_the_bytes_that_it_always_had(name: str) -> None:
    data = SOURCES[name]()
    result = resize(io.BytesIO(data), ResizeSpec(), Limits())
    digest = hashlib.sha256(result.data).hexdigest()[:16]
    described = [str(result.resized.size), result.resized.mode, len(result.data), digest]
    assert [*described, list(result.notes)] == EXPECTED["halves"][name]
    small = ResizeSpec(target=Fit(64, 64))
    assert resize_each(io.BytesIO(data), [small, ResizeSpec()], Limits())[1] == result
