"""An opened image file, and the facts that a resize is planned from."""

import io
import struct
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any, BinaryIO

from PIL import Image, ImageFile, UnidentifiedImageError

from imgctl.core import heic_decoder
from imgctl.core.containers.container import Container
from imgctl.core.containers.readers import read_container
from imgctl.core.errors import Damaged, OutOfMemory, TooLarge, Truncated
from imgctl.core.formats import HEAD_BYTES, TAIL_BYTES, ImageFormat, sniff
from imgctl.core.geometry import ImageInfo, Size
from imgctl.core.limits import Limits
from imgctl.core.metadata import QUARTER_TURNS, SourceMetadata

# Pillow warns above this many pixels, and refuses twice as many: our limits judge what is between.
Image.MAX_IMAGE_PIXELS = -(-Limits().max_pixels // 2)
warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)

_AVIF_THREADS = 2

_OUT_OF_MEMORY = (
    "error -9",  # IMAGING_CODEC_MEMORY in Pillow's Imaging.h
    "Out of memory",  # of libavif
    "Encoding of color planes failed",  # of libaom, for which libavif gives no other reason
    "Encoding of alpha plane failed",
)
_LIBHEIF_OUT_OF_MEMORY = "Memory allocation error: Unspecified"  # not one of its own limits


@dataclass(frozen=True, slots=True)
class OpenSource:
    """An open image: its header has been read, its pixels have not been decoded.

    `file` is what the decoder reads, `stored` the file without patches.
    """

    image: ImageFile.ImageFile
    file: BinaryIO
    stored: BinaryIO
    file_bytes: int
    format: ImageFormat
    container: Container


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceHeader:
    """The facts that are known before any pixel is decoded: enough to estimate a resize's cost.

    `size` is as stored, before the EXIF orientation is applied. `extra_images` counts the
    previews and depth maps that follow the image in an MPO file. `progressive` and `lossless_jpeg`
    are for JPEG only. `held_bytes` is what the decoder holds beside the pixels.
    """

    size: Size
    format: ImageFormat
    mode: str
    file_bytes: int
    frames: int = 1
    extra_images: int = 0
    progressive: bool = False
    lossless_jpeg: bool = False
    held_bytes: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceInfo:
    """All facts that a resize is planned from.

    `orientation` is EXIF's, 1 to 8. `color_16_bit` is true for a color image of 16 bits per
    channel, which Pillow decodes to 8, and `png16` where the module of that name can read all 16.
    `quality` is the source's own on its format's scale, if it is known and lossy.
    `jpeg_subsampling` is Pillow's code for it, and `compression` Pillow's name for a TIFF's.
    `plays` is how often an animation is shown, 0 for ever.
    """

    header: SourceHeader
    orientation: int = 1
    color_16_bit: bool = False
    png16: bool = False
    lossless_webp: bool = False
    quality: int | None = None
    jpeg_subsampling: int | None = None
    compression: str | int | None = None
    plays: int | None = None
    metadata: SourceMetadata = field(default_factory=SourceMetadata)
    container: Container | None = None

    @property
    def transposed(self) -> bool:
        """Whether the image is stored on its side, so that width and height change places."""
        return self.orientation in QUARTER_TURNS

    @property
    def image_info(self) -> ImageInfo:
        """The facts that a record keeps; the size is upright."""
        header = self.header
        size = header.size.transposed if self.transposed else header.size
        return ImageInfo(size, header.format, header.mode, header.frames, header.file_bytes)


@contextmanager
def open_source(file: BinaryIO, limits: Limits) -> Iterator[OpenSource]:
    """Open a seekable image file from its beginning; decoder errors inside become picture errors.

    Raises NotAnImage, UnsupportedFormat, TooLarge for more bytes than the limit, or Damaged.
    """
    file.seek(0)
    head = file.read(HEAD_BYTES)
    file_bytes = file.seek(0, io.SEEK_END)
    file.seek(max(0, file_bytes - TAIL_BYTES))
    source_format = sniff(head, file.read(TAIL_BYTES))
    limits.check_bytes(file_bytes)
    stored = file
    container = read_container(source_format, file, file_bytes)
    # Before the decoder, because some work while they open a file.
    limits.check_pixels(container.size, container.frames)
    limits.check_memory(container.decoder_bytes)
    limits.check_time(container.decoder_seconds, container.decoder_work)
    file = container.decoder_file(file)
    file.seek(0)
    load_plugin(source_format)
    _allow_pixels(limits.max_pixels)
    with picture_errors(), _open_image(file, source_format) as image:
        yield OpenSource(image, file, stored, file_bytes, source_format, container)


def _open_image(file: BinaryIO, source_format: ImageFormat) -> ImageFile.ImageFile:
    if source_format is ImageFormat.HEIC:
        return heic_decoder.open_image(file)
    return Image.open(file, formats=[source_format.value])


def _allow_pixels(max_pixels: int) -> None:
    """Raise Pillow's own bound, which is that of the process, to what these limits allow.

    It is never lowered: other threads may be allowed more. It is the floor for what Pillow finds
    while it decodes, such as frames that grow.
    """
    bound = -(-max_pixels // 2)
    if Image.MAX_IMAGE_PIXELS is not None and bound > Image.MAX_IMAGE_PIXELS:
        Image.MAX_IMAGE_PIXELS = bound


def load_plugin(image_format: ImageFormat) -> None:
    """Import Pillow's plugin for a format. Raises UnsupportedFormat for HEIC without pi-heif.

    Left to itself, Pillow imports all of its forty plugins for a format that is not among the
    five most common.
    """
    if image_format is ImageFormat.HEIC:
        heic_decoder.load()
        return
    plugin: Any = import_module(f"PIL.{image_format.plugin}")
    if image_format is ImageFormat.AVIF:
        # By default a thread per core, whose stacks take 8 MB each of what the process may use.
        plugin.DEFAULT_MAX_THREADS = _AVIF_THREADS


@contextmanager
def picture_errors() -> Iterator[None]:
    """Translate everything that Pillow's decoders raise on hostile bytes."""
    try:
        yield
    except UnidentifiedImageError as error:
        raise Damaged(
            "The file has an image signature, but its header cannot be read.",
            hint="Export it again from the program that created it.",
        ) from error
    except (OSError, EOFError, SyntaxError, ValueError, ArithmeticError, LookupError) as error:
        raise _to_picture_error(error) from error
    except (struct.error, zlib.error, TypeError, AttributeError) as error:
        raise _to_picture_error(error) from error
    except MemoryError as error:
        raise OutOfMemory from error
    except Image.DecompressionBombError as error:
        raise TooLarge(
            f"The image has too many pixels: {str(error).partition(',')[0]}.",
            hint="Reduce its size first.",
        ) from error
    except (RuntimeError, AssertionError, SystemError) as error:  # of AVIF, GIF and TIFF
        raise _to_picture_error(error) from error


def _to_picture_error(error: Exception) -> Damaged | OutOfMemory | Truncated:
    reason = " ".join(str(error).split()).rstrip(".") or type(error).__name__
    if reason.endswith(_OUT_OF_MEMORY) or reason.startswith(_LIBHEIF_OUT_OF_MEMORY):
        return OutOfMemory()
    if isinstance(error, EOFError) or "truncated" in reason.lower():
        return Truncated("The image is truncated.", hint="Copy or upload the complete file.")
    return Damaged(
        f"The image cannot be decoded: {reason}.",
        hint="Export it again from the program that created it.",
    )
