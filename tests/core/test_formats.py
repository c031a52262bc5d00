import gzip

import pytest

from imgctl.core.errors import NotAnImage, UnsupportedFormat
from imgctl.core.formats import HEAD_BYTES, RESULT_FORMATS, ImageFormat, sniff
from tests.pictures import encoded, photo


@pytest.mark.parametrize("format_", RESULT_FORMATS)
def test_each_format_is_detected_from_its_content(format_: ImageFormat) -> None:
    assert sniff(encoded(photo(), format_.value)[:HEAD_BYTES]) is format_


@pytest.mark.parametrize("brands", ["heicmif1heic", "heimmif1heim", "mif2mif2miaf", "msf1hevc"])
def test_heic_is_detected_by_its_brands(brands: str) -> None:
    content = brands[:4].encode() + bytes(4) + brands[4:].encode()
    head = (8 + len(content)).to_bytes(4) + b"ftyp" + content
    assert sniff(head) is ImageFormat.HEIC


@pytest.mark.parametrize(
    ("head", "name"),
    [
        (b"<svg xmlns='http://www.w3.org/2000/svg'>", "SVG"),
        (b"\xef\xbb\xbf<?xml version='1.0'?><svg>", "SVG"),
        (b"%!PS-Adobe-3.0 EPSF-3.0", "EPS"),
        (b"%PDF-1.7", "PDF"),
        (b"8BPS\x00\x01", "Photoshop"),
        (b"\xff\x0a\x00", "JPEG XL"),
        (b"\x00\x00\x00\x0cjP  \r\n\x87\n", "JPEG 2000"),
        (b"8BPS\x00\x02", "PSB"),
        (b"\x00\x00\x00\x18ftypcrx \x00\x00\x00\x01crx isom", "CR3"),
        (b"\x00\x00\x00\x18ftypavci\x00\x00\x00\x00mif1avci", "HEIF"),
        (b"II*\x00\x10\x00\x00\x00CR\x02\x00", "CR2"),
        (b"IIRO\x08\x00\x00\x00", "ORF"),
        (b"MMOR\x00\x00\x00\x08", "ORF"),
        (b"IIU\x00\x18\x00\x00\x00", "RW2"),
        (b"FUJIFILMCCD-RAW 0201", "RAF"),
        (b"FOVb\x00\x00", "X3F"),
        (b"II*\x00\x08\x00\x00\x00IIIIwaR\x00", "IIQ"),
        (gzip.compress(b"<svg xmlns='http://www.w3.org/2000/svg'/>", mtime=0), "SVGZ"),
        (gzip.compress(b"<?xml version='1.0'?><svg/>" + bytes(9000), mtime=0), "SVGZ"),
        (b"P6\n4 4\n255\n", "PPM"),
        (b"P5 4 4 255 ", "PGM"),
        (b"P4\n# comment", "PBM"),
        (b"P7\nWIDTH 4", "PAM"),
        (b"PF\n4 4\n", "PFM"),
        (b"\x76\x2f\x31\x01\x02", "OpenEXR"),
        (b"#?RADIANCE\n", "Radiance"),
        (b"DDS |\x00\x00\x00", "DDS"),
        (b"icns\x00\x00", "ICNS"),
        (b"\xd7\xcd\xc6\x9a\x00\x00", "WMF"),
        (b"\x01\x00\x00\x00".ljust(40, b"\x00") + b" EMF", "EMF"),
        (b"gimp xcf v011", "XCF"),
        (b"SIMPLE  =                    T", "FITS"),
        (b"II\xbc\x01\x08\x00", "JPEG XR"),
        (b"farbfeld\x00\x00", "Farbfeld"),
        (b"qoif\x00\x00", "QOI"),
        (b"\x00" * 128 + b"DICM", "DICOM"),
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


def test_a_targa_file_is_named_by_its_footer() -> None:
    footer = bytes(8) + b"TRUEVISION-XFILE.\x00"
    with pytest.raises(UnsupportedFormat, match="Targa"):
        sniff(b"\x00\x00\x02" + bytes(20), footer)
    with pytest.raises(NotAnImage):
        sniff(b"\x00\x00\x02" + bytes(20), bytes(26))
    assert sniff(b"BM" + bytes(30), footer) is ImageFormat.BMP


def test_a_file_type_box_of_256_bytes_is_no_icon() -> None:
    assert sniff(b"\x00\x00\x01\x00ftypavif" + bytes(4) + b"mif1") is ImageFormat.AVIF


@pytest.mark.parametrize("pixels", [b"IIII", b"MMMM", b"CR\x02\x00"])
def test_pixels_that_look_like_a_signature_do_not_make_a_raw_file(pixels: bytes) -> None:
    assert sniff(b"II*\x00\x0c\x00\x00\x00" + pixels * 2) is ImageFormat.TIFF


@pytest.mark.parametrize(
    "head",
    [
        b"\x00\x00\x00\x14ftypqt  \x00\x00\x02\x00qt  ",
        b"\x00\x00\x00\x08wide\x00\x00\x10\x00mdat",
        b"\x1aE\xdf\xa3\x01\x00",
        b"RIFF\x00\x00\x00\x00AVI LIST",
    ],
)
def test_a_video_is_named_as_one(head: bytes) -> None:
    with pytest.raises(NotAnImage, match="video"):
        sniff(head)


def test_a_video_in_the_same_container_is_not_an_image() -> None:
    with pytest.raises(NotAnImage, match="video"):
        sniff(b"\x00\x00\x00\x18ftypmp42\x00\x00\x00\x00mp42isom")


def test_an_empty_file_is_reported_as_empty() -> None:
    with pytest.raises(NotAnImage, match="empty"):
        sniff(b"")
