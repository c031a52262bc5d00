"""The plan of one resize, and the cost that it is checked for. Decisions only, no pixels."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from PIL import Image

from imgctl.core.color_plan import ColorPlan
from imgctl.core.containers.container import Container
from imgctl.core.containers.webp import WebpContainer
from imgctl.core.cropping import as_stored, kept_part, size_of_whole
from imgctl.core.encoder_costs import encoder_bytes, encoder_seconds
from imgctl.core.encoding import ANIMATED
from imgctl.core.errors import TooLarge
from imgctl.core.formats import MAX_SIDE, ImageFormat
from imgctl.core.geometry import Box, ImageInfo, Size, target_size
from imgctl.core.limits import DECODED_BYTES, PAGE_BYTES, Limits, working_bytes
from imgctl.core.metadata import QUARTER_TURNS, MetadataPlan
from imgctl.core.pixels import divided, draft_divisor
from imgctl.core.resize_cost import ResizeCost, peak_bytes
from imgctl.core.source import SourceHeader, SourceInfo
from imgctl.core.spec import ResizeSpec

_OPAQUE_MODES = ("1", "L", "RGB", "CMYK", "YCbCr", "I", "F", "I;16")


class RenderPath(StrEnum):
    """How the pixels are processed."""

    PILLOW = "pillow"
    PNG16 = "png16"  # color of 16 bits per channel, which Pillow would reduce to 8


@dataclass(frozen=True, slots=True, kw_only=True)
class ResizePlan:
    """All decisions about one result; `repr` shows them.

    `original` and `target` are upright; `stored` and `stored_target` are before the orientation
    is applied. `frames` is the number of frames kept. `draft_divisor` divides the sides of a JPEG
    while it is decoded. `few_colors` is whether a PNG is stored with a palette, or with fewer bits
    for gray, where its colors fit. `notes` name what will be lost, apart from metadata and color
    (`metadata.notes`, `color.notes`) and from what only the decoded pages show. `plays` is how
    often an animation is shown, 0 for ever. `inverted_pages` are decoded as negatives.
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
    cost: ResizeCost
    inverted_pages: frozenset[int] = frozenset()

    def page_target(self, index: int, size: Size) -> Size:
        """Return the target, as stored, of a page; a TIFF's pages have sizes of their own."""
        if self.original.format is ImageFormat.TIFF and index:
            return target_size(size, self.spec)
        return self.stored_target

    def page_part(self, size: Size) -> Box | None:
        """Return the part of a page of this size that is kept, as stored; None for all of it."""
        upright = size.transposed if self.orientation in QUARTER_TURNS else size
        part = kept_part(upright, self.spec)
        return None if part is None else as_stored(part, upright, self.orientation)

    def check_page(self, index: int, size: Size) -> None:
        """Raise TooLarge for a page or a growing frame whose size exceeds the limits."""
        self.limits.check_pixels(size, self.frames - index)
        target = target_size(size, self.spec)
        check_sides(self.page_target(index, size), self.output_format)
        self.limits.check_memory(working_bytes(size, target, self.frames))


def plan_passes(plans: Sequence[ResizePlan]) -> list[list[int]]:
    """Divide plans for one source into passes, each of which decodes it once; returns indexes.

    Plans share a pass if they need the same pixels, and if all their pages fit into memory. What a
    result contains does not depend on the others of its pass.
    """
    passes: list[list[int]] = []
    for index, plan in enumerate(plans):
        for one in passes:
            first, costs = plans[one[0]], [plans[i].cost for i in (*one, index)]
            same_pixels = (first.path, first.draft_divisor) == (plan.path, plan.draft_divisor)
            if same_pixels and peak_bytes(costs) <= plan.limits.max_memory_bytes:
                one.append(index)
                break
        else:
            passes.append([index])
    return passes


def check_cost(
    header: SourceHeader,
    spec: ResizeSpec,
    limits: Limits,
    container: Container | None = None,
    *,
    transposed: bool = False,
) -> ResizeCost:
    """Return what decoding, resampling with Pillow and encoding one result would cost.

    `container` is the source's, if its format has a reader. Raises TooLarge if the source, the
    result or that estimate exceeds the limits, or the result those of its format. Before the
    orientation is known, the image counts as upright.
    """
    limits.check_pixels(header.size, header.frames)
    output_format = spec.output_format(header.format)
    frames = kept_frames(header, spec)
    upright = header.size.transposed if transposed else header.size
    target, whole = target_size(upright, spec), size_of_whole(upright, spec)
    check_sides(target, output_format)
    limits.check_pixels(target, frames)
    divisor = jpeg_divisor(header, spec, whole.transposed if transposed else whole)
    encoding_bytes = encoder_bytes(
        output_format,
        target,
        frames,
        alpha=header.mode not in _OPAQUE_MODES,
        lossless=isinstance(container, WebpContainer) and container.lossless and not spec.preview,
    )
    # The decoder's memory is free before the encoder needs its own.
    decoder_bytes = 0 if container is None else container.decoder_bytes
    cost = ResizeCost(
        decoding_bytes=header.held_bytes + DECODED_BYTES * divided(header.size, divisor).pixels,
        pages_bytes=PAGE_BYTES * target.pixels * frames,
        encoding_bytes=max(decoder_bytes, encoding_bytes),
        seconds=encoder_seconds(output_format, frames),
    )
    limits.check_memory(peak_bytes([cost]))
    limits.check_time(cost.seconds)
    return cost


def check_time(plans: Sequence[ResizePlan], passes: int, container: Container) -> None:
    """Raise TooLarge if so many passes, with what encoding takes, exceed the limit on time."""
    seconds = passes * container.decoder_seconds + sum(plan.cost.seconds for plan in plans)
    plans[0].limits.check_time(seconds, container.decoder_work)


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


def kept_frames(header: SourceHeader, spec: ResizeSpec) -> int:
    """Return how many of the source's frames or pages the result has: all that its format stores.

    The pages of a TIFF have sizes of their own and no times: they are not an animation.
    """
    if spec.preview:
        return 1
    output_format = spec.output_format(header.format)
    has_pages = header.format is ImageFormat.TIFF
    stores_all = output_format is ImageFormat.TIFF or (output_format in ANIMATED and not has_pages)
    return header.frames if stores_all else 1


def foreseen_losses(source: SourceInfo, spec: ResizeSpec, *, keeps_16_bit: bool) -> tuple[str, ...]:
    """Return a note for each loss that is known before the pixels are decoded."""
    header, output_format = source.header, spec.output_format(source.header.format)
    notes = list(source.container.notes) if source.container is not None else []
    if header.extra_images:
        notes.append("additional MPO images dropped")
    dropped = header.frames - kept_frames(header, spec)
    if dropped:
        unit = "pages" if header.format is ImageFormat.TIFF else "frames"
        reason = "a preview" if spec.preview else output_format
        notes.append(f"{dropped} of {header.frames} {unit} dropped ({reason} stores only one)")
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
