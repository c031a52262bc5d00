"""Decoding HEIC by pi-heif, which is imported only when there is such a file."""

from typing import TYPE_CHECKING, Any, BinaryIO

from imgctl.core.errors import UnsupportedFormat

if TYPE_CHECKING:
    from PIL import Image, ImageFile

_THREADS = 1  # each takes memory for its stack, and the function has one vCPU


def load() -> Any:
    """Import pi-heif. Raises UnsupportedFormat where it is not installed."""
    try:
        import pi_heif  # noqa: PLC0415 (rarely needed, and loads two libraries)
        from pi_heif import options  # noqa: PLC0415
    except ImportError as error:
        raise UnsupportedFormat(
            "The file is in HEIC format, and pi-heif, which reads it, is not installed.",
            hint="Install it with `pip install 'imgctl[heic]'` (for a function, deploy with the"
            " setting heic), or convert the file first.",
        ) from error
    options.DECODE_THREADS = _THREADS
    options.THUMBNAILS = options.DEPTH_IMAGES = options.AUX_IMAGES = False
    return pi_heif


def open_image(file: BinaryIO) -> "ImageFile.ImageFile":
    """Open the primary image of a HEIC. Raises what Pillow's own plugins raise.

    libheif applies rotation, mirroring and clean aperture, and does not look at EXIF. More than 8
    bits of color are reduced to 8 by shifting; gray of more bits has the mode `I;16`.
    """
    image: ImageFile.ImageFile = load().HeifImageFile(file)
    return image


def to_8_bits(gray: "Image.Image") -> "Image.Image":
    """Reduce gray of mode `I;16` as libheif reduces colors: 10 bits fill the upper ones of 16."""
    page = gray.convert("I").point(lambda value: value * (1 / 256)).convert("L")
    page.info = dict(gray.info)  # the profile is still needed
    return page
