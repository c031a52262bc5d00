import os
from pathlib import Path

import pytest

from imgctl.core.errors import NotAnImage, TooLarge
from imgctl.operations.upload_content import opened_image
from tests.pictures import encoded, photo


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    path = tmp_path / "cake.jpg"
    path.write_bytes(encoded(photo(), "JPEG"))
    return path


def test_the_type_is_that_of_the_content_and_not_of_the_name(picture: Path) -> None:
    for image_format in ("JPEG", "PNG"):
        picture.write_bytes(encoded(photo(), image_format))
        with opened_image(str(picture), sends_all=False) as content:
            assert content.content_type == f"image/{image_format.lower()}"
            assert content.size == picture.stat().st_size


def test_what_is_no_image_is_refused_unless_all_is_sent(picture: Path) -> None:
    picture.write_text("not a picture")
    with pytest.raises(NotAnImage), opened_image(str(picture), sends_all=False):
        pass
    with opened_image(str(picture), sends_all=True) as content:
        assert content.content_type == "application/octet-stream"


def test_a_large_file_is_refused_before_it_is_read(picture: Path) -> None:
    os.truncate(picture, 2**40)
    with pytest.raises(TooLarge), opened_image(str(picture), sends_all=True):
        pass
