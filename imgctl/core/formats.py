"""Image formats, detected from a file's first bytes and never from its extension."""

from enum import StrEnum

from imgctl.core.errors import NotAnImage, UnsupportedFormat
from imgctl.core.signatures import is_targa, unsupported_name, video_name

HEAD_BYTES = 512
"""How many bytes from the beginning of a file `sniff` needs."""
TAIL_BYTES = 26
"""How many bytes from its end name a Targa file, which has no other signature."""


class ImageFormat(StrEnum):
    """A format that imgctl reads; the value is Pillow's name for it, except for HEIC.

    Pillow itself does not know HEIC, which is only read, by pi-heif.
    """

    JPEG = "JPEG"
    PNG = "PNG"
    WEBP = "WEBP"
    GIF = "GIF"
    TIFF = "TIFF"
    BMP = "BMP"
    AVIF = "AVIF"
    HEIC = "HEIC"

    @property
    def is_written(self) -> bool:
        """Whether a result can have the format."""
        return self is not ImageFormat.HEIC

    @property
    def result(self) -> "ImageFormat":
        """The format of the result where none is asked for."""
        return self if self.is_written else ImageFormat.JPEG

    @property
    def content_type(self) -> str:
        """The registered media type, such as `image/jpeg`."""
        return f"image/{self.value.lower()}"

    @property
    def plugin(self) -> str:
        """The name of the Pillow module that reads and writes the format; HEIC has none."""
        return f"{'WebP' if self is ImageFormat.WEBP else self.value.capitalize()}ImagePlugin"

    @property
    def extension(self) -> str:
        """The usual file name extension, including the dot."""
        return ".jpg" if self is ImageFormat.JPEG else f".{self.value.lower()}"


RESULT_FORMATS = tuple(image_format for image_format in ImageFormat if image_format.is_written)
"""The formats that a result can have."""

FORMATS_BY_NAME = {image_format.value.lower(): image_format for image_format in RESULT_FORMATS} | {
    "jpg": ImageFormat.JPEG,
    "tif": ImageFormat.TIFF,
}
"""The formats of results by the names that users write."""

DEFAULT_QUALITY = {ImageFormat.JPEG: 80, ImageFormat.WEBP: 80, ImageFormat.AVIF: 74}
"""JPEG 80: a DCT-scaled half at 80 scores above the usual bicubic half at 75 (SSIMULACRA2).

AVIF 74 at the faster speed used here produces as many bytes as Pillow's default, 75.
"""

MAX_SIDE = {
    ImageFormat.JPEG: 65_500,  # libjpeg's JPEG_MAX_DIMENSION
    ImageFormat.PNG: 2**31 - 1,  # PNG, 11.2.1
    ImageFormat.WEBP: 16_383,  # 14 bits (RFC 9649, 2.5)
    ImageFormat.GIF: 65_535,  # 16 bits (GIF89a, 18)
    ImageFormat.TIFF: 2**31 - 1,  # 32 bits (TIFF 6.0), which libtiff and Pillow read as signed
    ImageFormat.BMP: 2**31 - 1,  # a signed LONG of BITMAPINFOHEADER
    ImageFormat.AVIF: 32_768,  # libavif's AVIF_DEFAULT_IMAGE_DIMENSION_LIMIT
}
"""The longest side, in pixels, of an image that the format's decoders read."""

_TIFF_HEADS = (b"II*\x00", b"MM\x00*", b"II+\x00", b"MM\x00+")
_AVIF_BRANDS = (b"avif", b"avis")
_HEIC_BRANDS = (
    *(b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs"),
    # The brands of HEIF itself say nothing about the codec; most such files are HEIC.
    *(b"mif1", b"mif2", b"msf1", b"miaf"),
)
_UNSUPPORTED_BRANDS = {  # ISO/IEC 23008-12, annex B, and Canon's own
    **dict.fromkeys(
        (b"avci", b"avcs", b"jpeg", b"jpgs", b"j2ki", b"j2is", b"vvic", b"vvis"), "HEIF"
    ),
    b"crx ": "CR3",
    b"jxl ": "JPEG XL",
    b"jp2 ": "JPEG 2000",
}

SUPPORTED_NAMES = "JPEG, PNG, WebP, GIF, TIFF, BMP, AVIF or HEIC"


def sniff(head: bytes, tail: bytes = b"") -> ImageFormat:
    """Detect the format of a file from its first `HEAD_BYTES` bytes.

    `tail` are its last `TAIL_BYTES` bytes, where known: they only serve to name what is refused.
    Raises UnsupportedFormat for a known format that is not supported, and NotAnImage otherwise.
    """
    if head.startswith(b"\xff\xd8\xff"):
        return ImageFormat.JPEG
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return ImageFormat.PNG
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return ImageFormat.WEBP
    if head.startswith((b"GIF87a", b"GIF89a")):
        return ImageFormat.GIF
    if head[4:8] == b"ftyp":
        return _sniff_isobmff(head)
    if name := unsupported_name(head):  # before TIFF, of which some RAW files are variants
        raise unsupported(name)
    if head.startswith(_TIFF_HEADS):
        return ImageFormat.TIFF
    if head.startswith(b"BM") and len(head) >= 26:
        return ImageFormat.BMP
    if is_targa(tail):
        raise unsupported("Targa")
    if name := video_name(head):
        raise _video(name)
    if not head:
        raise NotAnImage("The file is empty.", hint="Upload the complete file.")
    raise NotAnImage("Unrecognized image format.", hint=f"Use a {SUPPORTED_NAMES} file.")


def _sniff_isobmff(head: bytes) -> ImageFormat:
    """Distinguish AVIF, HEIC and video by the brands of the `ftyp` box (ISO/IEC 14496-12)."""
    box_end = min(int.from_bytes(head[:4], "big"), len(head))
    brands = [head[8:12], *(head[i : i + 4] for i in range(16, box_end, 4))]
    if any(brand in _AVIF_BRANDS for brand in brands):
        return ImageFormat.AVIF
    for brand in brands:
        if brand in _UNSUPPORTED_BRANDS:
            raise unsupported(_UNSUPPORTED_BRANDS[brand])
        if brand in _HEIC_BRANDS:
            return ImageFormat.HEIC
    raise _video("video or another kind of ISO media file")


def _video(name: str) -> NotAnImage:
    return NotAnImage(f"The file is a {name}, not an image.", hint=f"Use a {SUPPORTED_NAMES} file.")


def unsupported(name: str) -> UnsupportedFormat:
    """Return the error for a file of a known format that imgctl does not read."""
    return UnsupportedFormat(
        f"The file is in {name} format, which is not supported.",
        hint=f"Convert it to {SUPPORTED_NAMES} first.",
    )
