"""TIFF: the pages, what decoding them costs, and the metadata (TIFF 6.0, and BigTIFF)."""

import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import BinaryIO

from PIL import TiffImagePlugin

from imgctl.core.containers.container import Container, patched
from imgctl.core.containers.tiff_directory import Directory, DirectoryReader, Tag, truncated
from imgctl.core.containers.tiff_metadata import TiffMetadata, read_tiff_metadata
from imgctl.core.containers.tiff_page import YCBCR, TiffPage, read_page
from imgctl.core.containers.tiff_raw import raw_name
from imgctl.core.containers.tiff_rewrite import rewrites
from imgctl.core.errors import Damaged, UnsupportedFormat
from imgctl.core.formats import ImageFormat, unsupported

# Pillow's own reader of uncompressed TIFFs takes separate planes of 16 bits for 8, and ignores
# their bit order; libtiff, which reads all others, is right about both.
TiffImagePlugin.READ_LIBTIFF = True

_DECODED_BYTES_PER_SECOND = 120e6
_LZMA_BYTES_PER_SECOND = 30e6
_LZMA = 34925
_BLOCK_SECONDS = 0.3e-6  # of a strip or tile, whatever it contains
_BLOCK_BYTES = 64  # of its offset and size in libtiff and Pillow
_PAGE_SECONDS = 0.5e-3  # to read and write a page of one pixel
_PAGE_PAIR_SECONDS = 0.2e-6  # Pillow looks for each page among all earlier ones
_CHECKED_BLOCKS = 100_000  # of all pages
_RAW = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class TiffContainer(Container):
    """What a TIFF's directories say about its pages and about the whole image."""

    pages: tuple[TiffPage, ...]
    order: str
    metadata: TiffMetadata = field(default_factory=TiffMetadata)

    def decoder_file(self, file: BinaryIO) -> BinaryIO:
        """Return the file as the decoder shall see it; libtiff needs one in memory or on disk."""
        return io.BytesIO(patched(file, self.patches).read()) if self.patches else file

    def check_pages(self, frames: int, output_format: ImageFormat) -> None:
        """Raise UnsupportedFormat if one of the first pages cannot be converted rightly."""
        for page in self.pages[:frames]:
            page.check_supported(self.order)
            if page.float_gray and output_format is not ImageFormat.TIFF:
                raise UnsupportedFormat(
                    f"The TIFF has floating-point samples, which {output_format} cannot store.",
                    hint="Keep the format, or convert it to 8 or 16 bits per sample first.",
                )

    @property
    def compressions(self) -> tuple[str, ...]:
        """Each page's compression, by Pillow's name."""
        return tuple(
            TiffImagePlugin.COMPRESSION_INFO.get(page.compression, "") for page in self.pages
        )

    @property
    def inverted_pages(self) -> frozenset[int]:
        """Return the pages that Pillow decodes as negatives."""
        return frozenset(index for index, page in enumerate(self.pages) if page.inverted)


def read(file: BinaryIO, file_bytes: int) -> TiffContainer:
    """Read the directories of a TIFF.

    Raises UnsupportedFormat for a RAW file and for a first page that Pillow cannot decode rightly.
    """
    reader = DirectoryReader(file, file_bytes)
    directories, complete = reader.chain()
    if name := raw_name(reader, directories):
        raise unsupported(name)
    pages = [read_page(reader, directories[0])]
    for directory in directories[1:]:
        try:
            pages.append(read_page(reader, directory))
        except Damaged:
            complete = False
            break
    directories = directories[: len(pages)]
    pages[0].check_supported(reader.order)
    for directory, page in zip(directories, pages, strict=True):
        _check_complete(reader, directory, page, _CHECKED_BLOCKS // len(pages))
    metadata = read_tiff_metadata(reader, directories[0])
    patches = rewrites(reader, directories, pages, keeps_profile=metadata.icc_profile is not None)
    notes = [*metadata.notes]
    if not complete:
        notes.append("pages dropped: damaged")
    if any(page.drops_samples for page in pages):
        notes.append("extra channels dropped: not supported")
    return TiffContainer(
        size=pages[0].decoded_size,
        frames=len(pages),
        decoder_bytes=max(map(_page_bytes, pages)) + (file_bytes if patches else 0),
        decoder_seconds=_seconds(pages),
        patches=patches,
        notes=tuple(notes),
        pages=tuple(pages),
        order=reader.order,
        metadata=metadata,
    )


def _page_bytes(page: TiffPage) -> int:
    """Return the most memory that decoding a page takes: the page, and a strip or tile of it.

    YCbCr is converted by libtiff, from a second one.
    """
    pixels = page.size.pixels * page.decoded_pixel_bytes
    copies = 2 if page.photometric == YCBCR else 1
    return pixels + copies * page.block_bytes + _BLOCK_BYTES * page.blocks


def _seconds(pages: Sequence[TiffPage]) -> float:
    seconds = len(pages) * (_PAGE_SECONDS + len(pages) * _PAGE_PAIR_SECONDS)
    for page in pages:
        rate = _LZMA_BYTES_PER_SECOND if page.compression == _LZMA else _DECODED_BYTES_PER_SECOND
        seconds += page.blocks * (_BLOCK_SECONDS + page.block_bytes / rate)
    return seconds


def _check_complete(
    reader: DirectoryReader, directory: Directory, page: TiffPage, checked: int
) -> None:
    """Raise Truncated if a strip or tile lies beyond the end of the file."""
    entries = directory.entries
    tiled = Tag.TILE_OFFSETS in entries
    offsets_tag, bytes_tag = (
        (Tag.TILE_OFFSETS, Tag.TILE_BYTES) if tiled else (Tag.STRIP_OFFSETS, Tag.STRIP_BYTES)
    )
    most = min(page.blocks, checked)
    offsets = reader.integers(entries.get(offsets_tag), most)
    sizes: Iterable[int] = reader.integers(entries.get(bytes_tag), most)
    if page.compression == _RAW:  # what the file says the last strip to be can be too much
        sizes = () if page.photometric == YCBCR else map(page.raw_bytes, range(len(offsets)))
    ends = (start + size for start, size in zip(offsets, sizes, strict=False))
    if max(offsets, default=0) >= reader.file_bytes or max(ends, default=0) > reader.file_bytes:
        raise truncated()
