"""What of a source's metadata is in the bytes of a result, for every format and policy.

Everything that is planted is a word of its own. It is searched for in the result's bytes, not
through a decoder, so that no place where it could hide is overlooked.
"""

import io
import itertools
import re
import struct
import zlib
from fractions import Fraction

import pytest
from PIL import ExifTags, Image, JpegImagePlugin, PngImagePlugin, TiffImagePlugin

from imgctl.core.formats import RESULT_FORMATS, ImageFormat
from imgctl.core.result import ResizeResult
from imgctl.core.spec import Fit, MetadataPolicy, ResizeSpec, ResizeTarget, Scale
from tests.core.resizing import halve
from tests.pictures import encoded, photo

XMP = b"""<?xpacket begin='' id='W5M0MpCehiHzreSzNTczkc9d'?><x:xmpmeta xmlns:x='adobe:ns:meta/'>
<rdf:RDF xmlns:rdf='http://www.w3.org/1999/02/22-rdf-syntax-ns#'>
<rdf:Description xmlns:t='http://ns.adobe.com/tiff/1.0/' t:Orientation='6'
 xmlns:GCamera='http://ns.google.com/photos/1.0/camera/' GCamera:MicroVideo='1'
 GCamera:MicroVideoOffset='5000' GCamera:MotionPhoto = "1"
 xmlns:hdrgm='http://ns.adobe.com/hdr-gain-map/1.0/' hdrgm:Version='1.0'
 xmlns:dc='http://purl.org/dc/elements/1.1/' dc:title='plantedxmp &gt; &lt;'>
 <Container:Directory xmlns:Container='http://ns.google.com/photos/1.0/container/'>
  <rdf:Seq><rdf:li><Container:Item Item:Semantic='GainMap'
   xmlns:Item='http://ns.google.com/photos/1.0/container/item/'/></rdf:li></rdf:Seq>
 </Container:Directory>
 <xmp:Thumbnails xmlns:xmp='http://ns.adobe.com/xap/1.0/'><rdf:Alt>plantedxmpthumbnail</rdf:Alt>
 </xmp:Thumbnails>
</rdf:Description></rdf:RDF></x:xmpmeta><?xpacket end='w'?>"""

CLAIMS = (b"MicroVideo", b"MotionPhoto", b"hdrgm:Version", b"Container:", b"GainMap'")


def resource(code: int, data: bytes) -> bytes:
    return b"8BIM" + struct.pack(">HHI", code, 0, len(data)) + data + bytes(len(data) % 2)


def iptc(city: bytes) -> bytes:
    return b"\x1c\x02\x5a" + len(city).to_bytes(2) + city


def photoshop(city: bytes) -> bytes:
    return resource(0x040C, b"plantedpsthumbnail") + resource(0x0404, iptc(city))


IPTC = iptc(b"plantediptc")
PHOTOSHOP = photoshop(b"plantediptc")


def exif_block() -> bytes:
    exif = Image.Exif()
    exif[ExifTags.Base.Make] = "plantedmake"
    exif[ExifTags.Base.Orientation] = 6
    exif[0x02BC] = XMP.replace(b"plantedxmp ", b"plantedexifxmp ")
    exif[0x83BB] = iptc(b"plantedeiptc")
    exif[0x8649] = photoshop(b"plantedpiptc")
    exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.IFD.MakerNote] = b"plantedmakernote"
    exif.get_ifd(ExifTags.IFD.GPSInfo)[ExifTags.GPS.GPSDateStamp] = "plantedgps"
    block = exif.tobytes()
    # IFD1 with a thumbnail, which Pillow does not write.
    tiff = bytearray(block[6:])
    entries = int.from_bytes(tiff[8:10])
    start = len(tiff)
    tiff[10 + 12 * entries : 14 + 12 * entries] = start.to_bytes(4)
    thumbnail = b"\xff\xd8plantedthumbnail\xff\xd9"
    tiff += struct.pack(">HHHIIHHII", 2, 0x201, 4, 1, start + 30, 0x202, 4, 1, len(thumbnail))
    return block[:6] + bytes(tiff) + bytes(4) + thumbnail


def segment(marker: int, data: bytes) -> bytes:
    return bytes([0xFF, marker]) + struct.pack(">H", len(data) + 2) + data


def source(format_: ImageFormat) -> bytes:
    """A picture with everything planted that its format can hold."""
    image = photo(64, 48)
    match format_:
        case ImageFormat.JPEG:
            data = encoded(image, "JPEG", exif=exif_block(), xmp=XMP, comment=b"plantedcomment")
            return data[:2] + segment(0xED, b"Photoshop 3.0\0" + PHOTOSHOP) + data[2:]
        case ImageFormat.PNG:
            text = PngImagePlugin.PngInfo()
            text.add_text("Comment", "plantedtext")
            text.add_itxt("Title", "planteditext")
            text.add_text("Location", "plantedztext", zip=True)
            text.add_text("Raw profile type iptc", "\niptc\n 11\nplantedraw")
            text.add_itxt("XML:com.adobe.xmp", XMP.decode())
            return encoded(image, "PNG", exif=exif_block(), pnginfo=text)
        case ImageFormat.WEBP | ImageFormat.AVIF | ImageFormat.HEIC:
            return encoded(image, format_.value, exif=exif_block(), xmp=XMP)
        case ImageFormat.GIF:
            data = encoded(image.quantize(16), "GIF", comment=b"plantedcomment")
            xmp = b"\x21\xff\x0bXMP DataXMP\x05plantedxmp"[:-5] + b"\x00"
            return data[:-1] + xmp + data[-1:]
        case ImageFormat.TIFF:
            tags = TiffImagePlugin.ImageFileDirectory_v2()
            for tag, value in ((700, XMP), (33723, IPTC), (34377, PHOTOSHOP)):
                tags[tag], tags.tagtype[tag] = value, 7
            tags[271] = "plantedmake"
            return encoded(image, "TIFF", tiffinfo=tags)
        case ImageFormat.BMP:
            return encoded(image, "BMP")


SOURCES = {format_: source(format_) for format_ in ImageFormat}
PLANTED = re.compile(rb"planted[a-z]*")
TARGETS: dict[str, ResizeTarget] = {
    "half": Scale(Fraction(1, 2)),
    "fits already": Fit(500, 500),
    "whole": Scale(Fraction(1)),
}

# By policy: what may be left. Everything may go where the format holds none, if Notes say so.
ALLOWED = {
    MetadataPolicy.NONE: set(),
    MetadataPolicy.SAFE: {b"plantedmake", b"plantedcomment"},
    MetadataPolicy.ALL: {
        b"plantedmake", b"plantedcomment", b"plantedmakernote", b"plantedgps", b"plantedxmp",
        b"plantediptc", b"plantedexifxmp", b"plantedeiptc", b"plantedpiptc",
        b"plantedtext", b"planteditext", b"plantedztext",
    },
}  # fmt: skip
TEXTS = {b"plantedtext", b"planteditext", b"plantedztext"}
OUTSIDE_OF_EXIF = {b"plantedcomment", b"plantedxmp", b"plantediptc"}
NOTED = {  # what is planted -> the beginning of the note where it is not kept
    b"plantedcomment": "comment dropped",
    b"plantedmakernote": "maker notes removed|EXIF dropped",
    b"plantedgps": "GPS position removed|EXIF dropped",
    b"plantedxmp": "XMP dropped",
    b"plantediptc": "IPTC dropped",
    b"plantedexifxmp": "XMP dropped|EXIF dropped",
    b"plantedeiptc": "IPTC dropped|EXIF dropped",
    b"plantedpiptc": "Photoshop data dropped|EXIF dropped",
    b"plantedtext": "text dropped",
    b"planteditext": "text dropped",
    b"plantedztext": "text dropped",
    b"plantedraw": "IPTC dropped",
    b"plantedmake": "EXIF dropped",
}


def planted_in(data: bytes) -> set[bytes]:
    """Return what is planted in a file, also in UTF-16 and in compressed chunks of a PNG."""
    chunks = [data.replace(b"\0", b"")]
    if data.startswith(b"\x89PNG"):
        for at in (found.start() for found in re.finditer(b"zTXt|iTXt|zXIf", data)):
            for start in range(at + 4, at + 100):
                try:
                    chunks.append(zlib.decompressobj().decompress(data[start : start + 4000]))
                except zlib.error:
                    continue
    return {word for chunk in chunks for word in PLANTED.findall(chunk)}


def resized(
    format_: ImageFormat, output: ImageFormat, policy: MetadataPolicy, target: str
) -> ResizeResult:
    spec = ResizeSpec(target=TARGETS[target], format=output, metadata=policy)
    return halve(SOURCES[format_], spec)


@pytest.mark.parametrize("policy", MetadataPolicy)
@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("format_", ImageFormat)
def test_no_result_holds_more_metadata_than_its_policy_allows(
    format_: ImageFormat, target: str, policy: MetadataPolicy
) -> None:
    before = planted_in(SOURCES[format_])
    assert format_ is ImageFormat.BMP or before
    for output in RESULT_FORMATS:
        result = resized(format_, output, policy, target)
        kept = planted_in(result.data)
        assert kept <= ALLOWED[policy], output
        assert not [claim for claim in CLAIMS if claim in result.data], output
        if policy is MetadataPolicy.NONE:
            continue
        for word in before - kept:
            if word in NOTED and (word != b"plantedxmp" or format_ is not ImageFormat.GIF):
                assert any(re.match(NOTED[word], note) for note in result.notes), (output, word)


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize(
    ("format_", "kept"),
    [
        (ImageFormat.JPEG, ALLOWED[MetadataPolicy.ALL] - TEXTS),
        (ImageFormat.PNG, ALLOWED[MetadataPolicy.ALL] - OUTSIDE_OF_EXIF),
        (ImageFormat.GIF, {b"plantedcomment"}),
        (ImageFormat.TIFF, {b"plantedmake", b"plantediptc"}),
    ],
)
def test_everything_that_the_format_holds_is_kept_if_all_is_asked_for(
    format_: ImageFormat, kept: set[bytes], target: str
) -> None:
    assert planted_in(resized(format_, format_, MetadataPolicy.ALL, target).data) == kept


@pytest.mark.parametrize("format_", [ImageFormat.JPEG, ImageFormat.WEBP, ImageFormat.AVIF])
def test_xmp_says_that_the_image_is_upright(format_: ImageFormat) -> None:
    result = resized(format_, format_, MetadataPolicy.ALL, "half")
    assert b"Orientation='6'" not in result.data
    assert b't:Orientation="1"' in result.data
    again = halve(result.data, ResizeSpec(target=TARGETS["whole"]))
    assert again.resized.size == result.resized.size


def test_claims_that_are_removed_are_noted() -> None:
    notes = resized(ImageFormat.JPEG, ImageFormat.JPEG, MetadataPolicy.ALL, "half").notes
    assert "gain map and motion photo entries removed from XMP" in notes


@pytest.mark.parametrize("target", [ImageFormat.TIFF, ImageFormat.JPEG, ImageFormat.PNG])
@pytest.mark.parametrize("format_", [ImageFormat.TIFF, ImageFormat.JPEG])
def test_a_source_without_a_resolution_gets_none(format_: ImageFormat, target: ImageFormat) -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.Make] = "Maker"
    data = encoded(photo(), format_.value, exif=exif)
    result = halve(data, ResizeSpec(format=target))
    with Image.open(io.BytesIO(result.data)) as image:
        if target is ImageFormat.TIFF:
            assert isinstance(image, TiffImagePlugin.TiffImageFile)
            assert TiffImagePlugin.X_RESOLUTION not in image.tag_v2
            assert image.tag_v2[TiffImagePlugin.RESOLUTION_UNIT] == 1  # none (TIFF 6.0)
            assert "dpi" not in image.info
        elif target is ImageFormat.JPEG:
            assert image.info["jfif_unit"] == 0
        else:
            assert "dpi" not in image.info


TEXT = "© Müller, 東京".encode()


def exif_with_text(order: str = "<") -> bytes:
    """An EXIF block with UTF-8 in a tag of type ASCII, in IFD0 and in the Exif directory."""
    text = TEXT + b"\0"
    head = b"Exif\0\0" + (b"II*\0" if order == "<" else b"MM\0*")
    size = len(text)
    first = struct.pack(order + "HHHIIHHIII", 2, 0x8298, 2, size, 56, 0x8769, 4, 1, 38, 0)
    details = struct.pack(order + "HHHIII", 1, 0xA430, 2, size, 56, 0)
    return head + struct.pack(order + "I", 8) + first + details + text


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize(
    "format_", [ImageFormat.JPEG, ImageFormat.PNG, ImageFormat.WEBP, ImageFormat.AVIF]
)
@pytest.mark.parametrize("target", RESULT_FORMATS)
def test_text_in_exif_keeps_its_bytes(
    format_: ImageFormat, target: ImageFormat, order: str
) -> None:
    if target in (ImageFormat.GIF, ImageFormat.BMP):
        return
    data = encoded(photo(), format_.value, exif=exif_with_text(order))
    result = halve(data, ResizeSpec(format=target))
    assert result.data.count(TEXT) == (1 if target is ImageFormat.TIFF else 2)


@pytest.mark.parametrize("compression", ["raw", "tiff_lzw"])
@pytest.mark.parametrize("target", [ImageFormat.TIFF, ImageFormat.JPEG])
def test_text_in_a_tiff_keeps_its_bytes(compression: str, target: ImageFormat) -> None:
    tags = TiffImagePlugin.ImageFileDirectory_v2()
    tags[ExifTags.Base.Copyright] = TEXT
    tags.tagtype[ExifTags.Base.Copyright] = 2
    data = encoded(photo(), "TIFF", tiffinfo=tags, compression=compression)
    assert TEXT in data
    assert TEXT in halve(data, ResizeSpec(format=target)).data


def tiff_with_exif() -> bytes:
    """A TIFF whose Exif, GPS and interoperability directories have a tag each."""
    image = bytearray(encoded(photo(), "TIFF"))
    first = int.from_bytes(image[4:8], "little")
    count = int.from_bytes(image[first : first + 2], "little")
    entries = image[first + 2 : first + 2 + 12 * count]

    def append(*tags: bytes) -> int:
        start = len(image)
        image.extend(struct.pack("<H", len(tags)) + b"".join(tags) + bytes(4))
        return start

    interop = append(struct.pack("<HHI4s", 1, 2, 4, b"R98\0"))
    gps = append(struct.pack("<HHI4s", 1, 2, 2, b"N\0\0\0"))
    owner = struct.pack("<HHI4s", 0xA430, 2, 4, b"own\0")
    details = append(struct.pack("<HHII", 0xA005, 4, 1, interop), owner)
    pointers = [
        struct.pack("<HHII", 0x8769, 4, 1, details),
        struct.pack("<HHII", 0x8825, 4, 1, gps),
    ]
    tags = sorted(
        [*(bytes(entries[i : i + 12]) for i in range(0, len(entries), 12)), *pointers],
        key=lambda entry: int.from_bytes(entry[:2], "little"),
    )
    image[4:8] = append(*tags).to_bytes(4, "little")
    return bytes(image)


@pytest.mark.parametrize("target", [ImageFormat.JPEG, ImageFormat.PNG, ImageFormat.WEBP])
def test_the_exif_directories_of_a_tiff_are_kept(target: ImageFormat) -> None:
    for policy in (MetadataPolicy.SAFE, MetadataPolicy.ALL):
        result = halve(tiff_with_exif(), ResizeSpec(format=target, metadata=policy))
        with Image.open(io.BytesIO(result.data)) as image:
            exif = image.getexif()
            assert exif.get_ifd(ExifTags.IFD.Exif)[0xA430] == "own"
            assert exif.get_ifd(ExifTags.IFD.Interop) == {1: "R98"}
            assert bool(exif.get_ifd(ExifTags.IFD.GPSInfo)) == (policy is MetadataPolicy.ALL)


@pytest.mark.parametrize("format_", [ImageFormat.JPEG, ImageFormat.WEBP, ImageFormat.PNG])
@pytest.mark.parametrize(
    "block", [b"garbage!" * 4, b"II*\0\xff\xff\xff\xff", b"II*\0\x08\0\0\0\xff\xff" + b"\xff" * 99]
)
def test_broken_exif_is_dropped_and_never_costs_the_picture(
    format_: ImageFormat, block: bytes
) -> None:
    result = halve(encoded(photo(), format_.value, exif=b"Exif\0\0" + block))
    assert result.resized.size.width == 32
    if block.startswith(b"garbage"):
        assert len(result.notes) == 1
        assert result.notes[0].startswith("EXIF dropped: ")


CUT = b"II*\0\x08\0\0\0" + struct.pack("<HHHIHH", 9, 0x0112, 3, 1, 6, 0)


@pytest.mark.parametrize("format_", [ImageFormat.JPEG, ImageFormat.PNG, ImageFormat.WEBP])
def test_exif_that_is_cut_off_still_turns_the_image_and_is_noted(format_: ImageFormat) -> None:
    data = encoded(photo(64, 48), format_.value, exif=b"Exif\0\0" + CUT)
    result = halve(data)
    upright = (24, 32)
    assert (result.resized.size.width, result.resized.size.height) == upright
    assert result.notes == ("EXIF tags dropped: damaged",)


def test_of_several_exif_chunks_of_a_webp_the_first_counts() -> None:
    data = encoded(photo(64, 48), "WEBP", exif=b"Exif\0\0" + CUT)
    data += b"EXIF" + (8).to_bytes(4, "little") + b"garbage!"
    result = halve(data[:4] + (len(data) - 8).to_bytes(4, "little") + data[8:])
    assert result.notes == ("EXIF tags dropped: damaged",)
    assert result.resized.size.width == 24  # turned


@pytest.mark.parametrize("compression", ["raw", "tiff_lzw", "tiff_adobe_deflate", "jpeg", "group4"])
def test_iptc_of_a_tiff_is_kept_once_and_can_be_read(compression: str) -> None:
    pages = [photo(mode="1" if compression == "group4" else "RGB")] * 2
    tags = TiffImagePlugin.ImageFileDirectory_v2()
    tags[33723], tags.tagtype[33723] = IPTC, 7
    data = encoded(
        pages[0],
        "TIFF",
        save_all=True,
        append_images=pages[1:],
        compression=compression,
        tiffinfo=tags,
    )
    result = halve(data, ResizeSpec(metadata=MetadataPolicy.ALL))
    assert result.data.count(IPTC) == 1
    again = halve(result.data, ResizeSpec(format=ImageFormat.JPEG, metadata=MetadataPolicy.ALL))
    assert again.data.count(IPTC) == 1


@pytest.mark.parametrize("target", [ImageFormat.JPEG, ImageFormat.TIFF])
def test_iptc_too_large_for_a_jpeg_is_noted(target: ImageFormat) -> None:
    tags = TiffImagePlugin.ImageFileDirectory_v2()
    tags[33723], tags.tagtype[33723] = IPTC + bytes(66_000), 7
    spec = ResizeSpec(format=target, metadata=MetadataPolicy.ALL)
    result = halve(encoded(photo(), "TIFF", tiffinfo=tags), spec)
    note = "IPTC dropped: larger than 65,506 bytes"
    assert result.notes == ((note,) if target is ImageFormat.JPEG else ())
    assert (IPTC in result.data) == (target is ImageFormat.TIFF)


def test_exif_too_long_for_a_jpeg_loses_its_maker_notes_first() -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.Make] = "Maker"
    exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.IFD.MakerNote] = bytes(70_000)
    spec = ResizeSpec(format=ImageFormat.JPEG, metadata=MetadataPolicy.ALL)
    result = halve(encoded(photo(), "PNG", exif=exif), spec)
    assert result.notes == ("maker notes dropped: EXIF too large",)
    assert b"Maker\0" in result.data
    exif[ExifTags.Base.ImageDescription] = "a" * 70_000
    result = halve(encoded(photo(), "PNG", exif=exif), spec)
    assert result.notes == ("EXIF dropped: larger than 65,533 bytes",)


@pytest.mark.parametrize("format_", [ImageFormat.WEBP, ImageFormat.AVIF, ImageFormat.PNG])
@pytest.mark.parametrize("size", [65_504, 65_505, 200_000])
def test_long_xmp_is_extended_in_a_jpeg(format_: ImageFormat, size: int) -> None:
    xmp = b"<x:xmpmeta xmlns:x='adobe:ns:meta/'>" + b"a" * (size - 48) + b"</x:xmpmeta>"
    text = PngImagePlugin.PngInfo()
    text.add_itxt("XML:com.adobe.xmp", xmp.decode())
    options = {"pnginfo": text} if format_ is ImageFormat.PNG else {"xmp": xmp}
    data = encoded(photo(), format_.value, **options)
    spec = ResizeSpec(format=ImageFormat.JPEG, metadata=MetadataPolicy.ALL)
    result = halve(data, spec)
    with Image.open(io.BytesIO(result.data)) as image:
        image.load()
        assert isinstance(image, JpegImagePlugin.JpegImageFile)
        parts = [data for name, data in image.applist if name == "APP1"]
        main = image.info["xmp"]
    extended = sorted(
        part[35:] for part in parts if part.startswith(b"http://ns.adobe.com/xmp/ext")
    )
    if size == 65_504:
        assert (main, extended) == (xmp, [])
        return
    digests = {part[:32] for part in extended}
    assert len(digests) == 1
    assert b'xmpNote:HasExtendedXMP="' + digests.pop() + b'"' in main
    assert all(int.from_bytes(part[32:36]) == len(xmp) for part in extended)
    offsets = [int.from_bytes(part[36:40]) for part in extended]
    lengths = [len(part) - 40 for part in extended]
    assert offsets == [0, *itertools.accumulate(lengths)][:-1]
    assert b"".join(part[40:] for part in extended) == xmp


def test_a_profile_with_missing_parts_is_noted() -> None:
    part = segment(0xE2, b"ICC_PROFILE\0\x01\x02" + b"half of a profile")
    data = encoded(photo(), "JPEG", quality=90)
    result = halve(data[:2] + part + data[2:])
    assert result.notes == ("color profile dropped: damaged",)


@pytest.mark.parametrize("target", [ImageFormat.JPEG, ImageFormat.PNG])
def test_of_several_comments_the_last_is_kept_and_the_rest_is_noted(target: ImageFormat) -> None:
    data = encoded(photo(), "JPEG", quality=90)
    data = data[:2] + segment(0xFE, b"first") + segment(0xFE, b"last") + data[2:]
    result = halve(data, ResizeSpec(format=target))
    assert (b"last" in result.data) == (target is ImageFormat.JPEG)
    assert len(result.notes) == 1
