import pytest

from imgctl.core.errors import NotAnImage, UnsupportedFormat
from imgctl.core.formats import HEAD_BYTES, ImageFormat, sniff
from tests.pictures import encoded, photo


@pytest.mark.parametrize("format_", list(ImageFormat))
def test_each_format_is_detected_from_its_content(format_: ImageFormat) -> None:
    assert sniff(encoded(photo(), format_.value)[:HEAD_BYTES]) is format_


@pytest.mark.parametrize(
    ("head", "name"),
    [
        (b"<svg xmlns='http://www.w3.org/2000/svg'>", "SVG"),
        (b"\xef\xbb\xbf<?xml version='1.0'?><svg>", "SVG"),
        (b"\x00\x00\x00\x18ftypheic\x00\x00\x00\x00mif1heic", "HEIC"),
        (b"%!PS-Adobe-3.0 EPSF-3.0", "EPS"),
        (b"%PDF-1.7", "PDF"),
        (b"8BPS\x00\x01", "Photoshop"),
        (b"\xff\x0a\x00", "JPEG XL"),
        (b"\x00\x00\x00\x0cjP  \r\n\x87\n", "JPEG 2000"),
    ],
)
def test_a_known_but_unsupported_format_is_named(head: bytes, name: str) -> None:
    with pytest.raises(UnsupportedFormat, match=name) as refused:
        sniff(head)
    assert "Convert it" in refused.value.hint


@pytest.mark.parametrize(
    "head", [b"plain text", b"\x00" * 64, b"PK\x03\x04", b"BM", b"RIFFxxxxWAVE"]
)
def test_a_file_that_is_not_an_image_is_rejected(head: bytes) -> None:
    with pytest.raises(NotAnImage, match="Unrecognized"):
        sniff(head)


def test_a_video_in_the_same_container_is_not_an_image() -> None:
    with pytest.raises(NotAnImage, match="video"):
        sniff(b"\x00\x00\x00\x18ftypmp42\x00\x00\x00\x00mp42isom")


def test_an_empty_file_is_reported_as_empty() -> None:
    with pytest.raises(NotAnImage, match="empty"):
        sniff(b"")
