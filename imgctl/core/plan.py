"""The plan of one resize, and the cost that it is checked for. Decisions only, no pixels."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from PIL import Image

from imgctl.core.color_plan import ColorPlan
from imgctl.core.containers.container import Container
from imgctl.core.containers.webp import WebpContainer
from imgctl.core.encoder_costs import encoder_bytes, encoder_seconds
from imgctl.core.encoding import ANIMATED
from imgctl.core.errors import TooLarge
from imgctl.core.formats import MAX_SIDE, ImageFormat
from imgctl.core.geometry import ImageInfo, Size, target_size
from imgctl.core.limits import Limits, working_bytes
from imgctl.core.metadata import MetadataPlan
from imgctl.core.pixels import divided, draft_divisor
from imgctl.core.source import SourceHeader, SourceInfo
from imgctl.core.spec import ResizeSpec

_OPAQUE_MODES = ("1", "L", "RGB", "CMYK", "YCbCr", "I", "F", "I;16")


class RenderPath(StrEnum):
    """How the pixels are processed."""

    PILLOW = "pillow"
    PNG16 = "png16"  # color of 16 bits per channel, which Pillow would reduce to 8


@dataclass(frozen=True, slots=True, kw_only=True)
class ResizePlan:
    """All decisions of one resize; `repr` shows them.

    `original` and `target` are upright; `stored` and `stored_target` are before the orientation
    is applied. `frames` is the number of frames kept. `draft_divisor` divides the sides of a JPEG
    while it is decoded. `few_colors` is whether a PNG is stored with a palette, or with fewer bits
    for gray, where its colors fit. `notes` name what will be lost, apart from metadata and color
    (`metadata.notes`, `color.notes`) and from what only the decoded pages show. `memory_bytes` is
    an estimate. `plays` is how often an animation is shown, 0 for ever. `inverted_pages` are
    decoded as negatives.
    """

    spec: ResizeSpec
    limits: Limits
    original: ImageInfo
    stored: Size
    orientation: int
    target: Size
    stored_target: Size
    output_format: ImageFormat
    frames: int
    path: RenderPath
    resampling: Image.Resampling
    draft_divisor: int
    average_halves: bool
    plays: int | None
    encoder_options: Mapping[str, Any]
    few_colors: bool
    color: ColorPlan
    metadata: MetadataPlan
    notes: tuple[str, ...]
    memory_bytes: int
    inverted_pages: frozenset[int] = frozenset()

    def page_target(self, index: int, size: Size) -> Size:
        """Return the target, as stored, of a page; a TIFF's pages have sizes of their own."""
        if self.original.format is ImageFormat.TIFF and index:
            return target_size(size, self.spec)
        return self.stored_target

    def check_page(self, index: int, size: Size) -> None:
        """Raise TooLarge for a page or a growing frame whose size exceeds the limits."""
        self.limits.check_pixels(size, self.frames - index)
        target = target_size(size, self.spec)
        check_sides(self.page_target(index, size), self.output_format)
        self.limits.check_memory(working_bytes(size, target, self.frames))


def check_cost(
    header: SourceHeader, spec: ResizeSpec, limits: Limits, container: Container | None = None
) -> int:
    """Return the memory that decoding and resampling with Pillow would hold at once, in bytes.

    `container` is the source's, if its format has a reader. Raises TooLarge if the source, the
    result or that estimate exceeds the limits, or the result those of its format. The result's
    size is computed without the orientation, which is not known yet.
    """
    limits.check_pixels(header.size, header.frames)
    output_format = spec.output_format(header.format)
    frames = kept_frames(header, output_format)
    untransposed_target = target_size(header.size, spec)
    check_sides(untransposed_target, output_format)
    limits.check_pixels(untransposed_target, frames)
    divisor = jpeg_divisor(header, spec, untransposed_target)
    memory_bytes = working_bytes(
        divided(header.size, divisor),
        untransposed_target,
        frames,
        held_bytes=header.held_bytes,
    )
    pages_bytes = 5 * untransposed_target.pixels * frames
    encoding_bytes = encoder_bytes(
        output_format,
        untransposed_target,
        frames,
        alpha=header.mode not in _OPAQUE_MODES,
        lossless=isinstance(container, WebpContainer) and container.lossless,
    )
    decoding_bytes = 0 if container is None else container.decoder_bytes
    # The decoder's memory is free before the encoder needs its own.
    memory_bytes = max(memory_bytes, pages_bytes + max(decoding_bytes, encoding_bytes))
    limits.check_memory(memory_bytes)
    limits.check_time(encoder_seconds(output_format, frames))
    return memory_bytes


def check_sides(target: Size, output_format: ImageFormat) -> None:
    """Raise TooLarge for a result with a side that its format cannot hold."""
    longest = MAX_SIDE[output_format]
    if max(target.width, target.height) > longest:
        raise TooLarge(
            f"The result is {target}; {output_format} holds at most {longest:,} pixels a side.",
            hint="Choose a smaller size, such as a box to fit into, or another format.",
        )


def jpeg_divisor(header: SourceHeader, spec: ResizeSpec, stored_target: Size) -> int:
    """Return what the sides are divided by while decoding; 1 for all formats but JPEG."""
    if header.format is not ImageFormat.JPEG or header.lossless_jpeg or spec.high_quality:
        return 1
    return draft_divisor(header.size, stored_target)


def kept_frames(header: SourceHeader, output_format: ImageFormat) -> int:
    """Return how many of the source's frames or pages the output format can store.

    The pages of a TIFF have sizes of their own and no times: they are not an animation.
    """
    has_pages = header.format is ImageFormat.TIFF
    stores_all = output_format is ImageFormat.TIFF or (output_format in ANIMATED and not has_pages)
    return header.frames if stores_all else 1


def foreseen_losses(
    source: SourceInfo, output_format: ImageFormat, *, keeps_16_bit: bool
) -> tuple[str, ...]:
    """Return a note for each loss that is known before the pixels are decoded."""
    header = source.header
    notes = list(source.container.notes) if source.container is not None else []
    if header.extra_images:
        notes.append("additional MPO images dropped")
    dropped = header.frames - kept_frames(header, output_format)
    if dropped:
        unit = "pages" if header.format is ImageFormat.TIFF else "frames"
        notes.append(
            f"{dropped} of {header.frames} {unit} dropped ({output_format} stores only one)"
        )
    elif header.frames > 1 and header.format in ANIMATED and output_format is ImageFormat.TIFF:
        notes.append("frame durations dropped: not supported by TIFF")
    if source.color_16_bit and not keeps_16_bit:
        notes.append("reduced from 16 to 8 bits")
    return tuple(notes)


def growth_notes(original: ImageInfo, resized: ImageInfo) -> tuple[str, ...]:
    """Return a note if a result of at most half the pixels has more bytes than its source.

    Another format has another size, which is what it was chosen for.
    """
    if resized.format is not original.format:
        return ()
    shrunk = 2 * resized.size.pixels * resized.frames <= original.size.pixels * original.frames
    if shrunk and resized.file_bytes > original.file_bytes:
        return ("result is larger than the source file",)
    return ()
