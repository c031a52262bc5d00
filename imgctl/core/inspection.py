"""The first stage of a resize: all facts about the source that a plan depends on."""

from PIL import Image, JpegImagePlugin

from imgctl.core import png16
from imgctl.core.containers.container import Container
from imgctl.core.containers.jpeg import JpegContainer
from imgctl.core.containers.png import PngContainer
from imgctl.core.containers.tiff import TiffContainer
from imgctl.core.containers.webp import WebpContainer
from imgctl.core.formats import ImageFormat
from imgctl.core.geometry import Size
from imgctl.core.metadata import from_tiff, read_metadata, read_orientation
from imgctl.core.source import OpenSource, SourceHeader, SourceInfo


def inspect_header(opened: OpenSource) -> SourceHeader:
    """Return what is known before any pixel is decoded."""
    image, container = opened.image, opened.container
    # A JPEG with several images (MPO) contains previews and depth maps, not frames.
    jpeg = container if isinstance(container, JpegContainer) else None
    return SourceHeader(
        size=Size(*image.size),
        format=opened.format,
        mode=_mode(image, container),
        file_bytes=opened.file_bytes,
        frames=container.frames,
        extra_images=jpeg.extra_images if jpeg is not None else 0,
        progressive=jpeg is not None and "progressive" in image.info,
        lossless_jpeg=jpeg is not None and jpeg.lossless,
        held_bytes=jpeg.decoder_bytes if jpeg is not None else 0,
    )


def _mode(image: Image.Image, container: Container) -> str:
    """Return Pillow's mode, `LA` for gray with alpha of 16 bits too, which it calls `RGBA`."""
    is_gray = isinstance(container, PngContainer) and container.is_gray
    return "LA" if is_gray and image.mode == "RGBA" else image.mode


def inspect(opened: OpenSource, header: SourceHeader, *, with_exif: bool = True) -> SourceInfo:
    """Read all facts that a plan depends on; EXIF only where some plan keeps it.

    This decodes the pixels of a PNG, whose metadata may follow them: check the limits first.
    """
    image, container = opened.image, opened.container
    # libheif has turned the picture already, and HEIC does not use EXIF's orientation.
    orientation = 1 if opened.format is ImageFormat.HEIC else read_orientation(image)
    if isinstance(container, TiffContainer):
        metadata = from_tiff(container.metadata, with_exif=with_exif)
    else:
        metadata = read_metadata(image, with_exif=with_exif)
    color_16_bit = png16.is_color_16_bit(image, container)
    is_jpeg = isinstance(image, JpegImagePlugin.JpegImageFile)
    return SourceInfo(
        header=header,
        orientation=orientation,
        metadata=metadata,
        color_16_bit=color_16_bit,
        png16=color_16_bit and png16.is_readable(container),
        lossless_webp=isinstance(container, WebpContainer) and container.lossless,
        quality=getattr(container, "quality", None),
        jpeg_subsampling=JpegImagePlugin.get_sampling(image) if is_jpeg else None,
        compression=image.info.get("compression"),
        plays=_plays(opened),
        container=container,
    )


def _plays(opened: OpenSource) -> int | None:
    container = opened.container
    if isinstance(container, PngContainer):
        return container.animation.plays if container.animation else None
    if container.plays is not None:
        return container.plays
    plays: int | None = opened.image.info.get("loop")
    return plays
