import io
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from imgctl.cli.previews import decoded_bitmap
from imgctl.core.bmp_writer import with_alpha_mask
from imgctl.core.geometry import Size
from imgctl.operations.preview import NoPreview
from tests.cli_result import CliResult
from tests.pictures import encoded, photo

Imgctl = Callable[..., CliResult]


def test_previews_are_no_json(imgctl: Imgctl, tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(encoded(photo(), "PNG"))
    for command in (("show", "a.png"), ("upload", str(path))):
        done = imgctl(*command, "--preview", "--json")
        assert (done.code, done.error["message"]) == (2, "Use one of --preview and --json.")
    done = imgctl("upload", str(path), "--preview", "--no-wait")
    assert done.code == 2
    assert "Use one of --preview and --no-wait." in done.err


def test_transparent_pixels_are_on_white() -> None:
    clear = with_alpha_mask(encoded(Image.new("RGBA", (4, 2), (255, 0, 0, 0)), "BMP"))
    assert decoded_bitmap(clear, Size(4, 4)).getpixel((0, 0)) == (255, 255, 255)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"BM",
        encoded(photo(40, 40), "PNG"),
        encoded(photo(41, 40), "BMP"),
        encoded(photo(40, 40), "BMP")[:100],
        b"BM" + bytes(12) + b"\x28\0\0\0" + b"\xff\xff\xff\x7f" * 2 + b"\1\0\x18\0" + bytes(24),
    ],
)
def test_only_a_bitmap_of_the_wanted_size_is_read(data: bytes) -> None:
    with pytest.raises(NoPreview):
        decoded_bitmap(data, Size(40, 40))


def test_a_bitmap_is_read_as_it_is() -> None:
    stored = io.BytesIO(encoded(Image.new("L", (3, 2), 77), "BMP")).getvalue()
    picture = decoded_bitmap(stored, Size(40, 40))
    assert (picture.mode, picture.size, picture.getpixel((2, 1))) == ("RGB", (3, 2), (77, 77, 77))
