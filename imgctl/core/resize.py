"""Resizing one image: inspect, plan, render, encode. Pixels come out upright."""

import io
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import chain
from typing import BinaryIO

from PIL import Image

from imgctl.core import (
    avif_encoding,
    encoding,
    gif_encoding,
    jpeg_ending,
    pixels,
    png16,
    png_color,
    png_palette,
)
from imgctl.core.color import plan_color
from imgctl.core.containers.png import PngContainer
from imgctl.core.containers.readers import read_container
from imgctl.core.containers.tiff import TiffContainer
from imgctl.core.cropping import size_of_whole
from imgctl.core.formats import ImageFormat
from imgctl.core.geometry import ImageInfo, Size, target_size
from imgctl.core.inspection import inspect, inspect_header
from imgctl.core.limits import Limits
from imgctl.core.metadata import plan_metadata
from imgctl.core.plan import (
    RenderPath,
    ResizePlan,
    check_cost,
    check_time,
    foreseen_losses,
    growth_notes,
    jpeg_divisor,
    kept_frames,
    plan_passes,
)
from imgctl.core.profiles import color_space
from imgctl.core.rendering import RenderedPages, render
from imgctl.core.resize_cost import peak_bytes
from imgctl.core.result import ResizeResult
from imgctl.core.source import OpenSource, SourceInfo, open_source, picture_errors
from imgctl.core.spec import MetadataPolicy, ResizeSpec


def resize(source: BinaryIO, spec: ResizeSpec, limits: Limits) -> ResizeResult:
    """Resize the image in `source`, a seekable binary file that is read from its beginning.

    Raises a PictureError: NotAnImage, UnsupportedFormat, TooLarge, Truncated or Damaged.
    """
    return resize_each(source, [spec], limits)[0]


def resize_each(
    source: BinaryIO, specs: Sequence[ResizeSpec], limits: Limits
) -> list[ResizeResult]:
    """Resize one image in several ways; the results are in the order of `specs`.

    Each has the bytes that it would have on its own. The image is decoded once, except for a JPEG,
    which libjpeg scales while it decodes: once for each scale that a result is made of. Raises what
    `resize` does if any of the results cannot be made.
    """
    plans, passes, rendered = _first_pass(source, specs, limits)
    results = dict(zip(passes[0], _encode_each(rendered), strict=True))
    for indexes in passes[1:]:
        rendered = _next_pass(source, [plans[index] for index in indexes], limits)
        results |= zip(indexes, _encode_each(rendered), strict=True)
    return [results[index] for index in range(len(plans))]


def _first_pass(
    source: BinaryIO, specs: Sequence[ResizeSpec], limits: Limits
) -> tuple[list[ResizePlan], list[list[int]], list[RenderedPages]]:
    with open_source(source, limits) as opened:
        plans = _plan_each(opened, specs, limits)
        passes = plan_passes(plans)
        check_time(plans, len(passes), opened.container)
        return plans, passes, render(opened, [plans[index] for index in passes[0]])


def _next_pass(
    source: BinaryIO, plans: Sequence[ResizePlan], limits: Limits
) -> list[RenderedPages]:
    with open_source(source, limits) as opened:
        return render(opened, plans)


def _plan_each(opened: OpenSource, specs: Sequence[ResizeSpec], limits: Limits) -> list[ResizePlan]:
    header = inspect_header(opened)
    for spec in specs:  # first, because what follows can decode pixels
        check_cost(header, spec, limits, opened.container)
    jpeg_ending.check_complete(opened)
    with_exif = any(spec.metadata is not MetadataPolicy.NONE for spec in specs)
    info = inspect(opened, header, with_exif=with_exif)
    return [plan_resize(info, spec, limits) for spec in specs]


def _encode_each(rendered: list[RenderedPages]) -> Iterator[ResizeResult]:
    """Encode results one after another, and free the pages of each: the decoder's are free by now.

    Raises a PictureError.
    """
    rendered.reverse()
    while rendered:
        with picture_errors():
            yield encode(rendered.pop())


def plan_resize(source: SourceInfo, spec: ResizeSpec, limits: Limits) -> ResizePlan:
    """Decide everything about a resize from the facts about the source.

    Raises TooLarge where `check_cost` does.
    """
    header, original = source.header, source.image_info
    cost = check_cost(header, spec, limits, source.container, transposed=source.transposed)
    target = target_size(original.size, spec)
    whole = size_of_whole(original.size, spec)
    stored_target, stored_whole = (
        size.transposed if source.transposed else size for size in (target, whole)
    )
    output_format = spec.output_format(header.format)
    frames = kept_frames(header, spec)
    tiff = source.container if isinstance(source.container, TiffContainer) else None
    if tiff is not None:
        tiff.check_pages(frames, output_format)
    png16_cost = png16.working_cost(header.size, stored_target)
    fits = peak_bytes([png16_cost]) <= limits.max_memory_bytes
    uses_png16 = fits and source.png16 and output_format is ImageFormat.PNG
    png = source.container if isinstance(source.container, PngContainer) else None
    few_colors = png is not None and png.has_few_colors
    metadata = plan_metadata(source.metadata, header.mode, output_format, target, spec.metadata)
    color = plan_color(source, output_format, has_profile="icc_profile" in metadata.kept)
    if color.profile is not None:
        metadata = replace(metadata, options={**metadata.options, "icc_profile": color.profile})
    return ResizePlan(
        spec=spec,
        limits=limits,
        original=original,
        stored=header.size,
        orientation=source.orientation,
        target=target,
        stored_target=stored_target,
        output_format=output_format,
        frames=frames,
        path=RenderPath.PNG16 if uses_png16 else RenderPath.PILLOW,
        resampling=pixels.resampling_filter(header.format, high_quality=spec.high_quality),
        draft_divisor=jpeg_divisor(header, spec, stored_whole),
        average_halves=pixels.averages_halves(
            header.format, few_colors=few_colors, high_quality=spec.high_quality
        ),
        plays=source.plays,
        encoder_options=encoding.encoder_options(source, spec),
        few_colors=few_colors and output_format is ImageFormat.PNG and frames == 1,
        color=color,
        metadata=metadata,
        notes=foreseen_losses(source, spec, keeps_16_bit=uses_png16),
        cost=png16_cost if uses_png16 else cost,
        inverted_pages=tiff.inverted_pages if tiff is not None else frozenset(),
    )


def encode(rendered: RenderedPages) -> ResizeResult:
    """Encode the pages with their plan's options and metadata."""
    plan = rendered.plan
    pages, size = rendered.pages, Size(*rendered.pages[0].size)
    notes: tuple[str, ...] = ()
    for page in pages:
        page.info = encoding.pixel_info(page.info)
    if plan.path is RenderPath.PNG16:
        data = png16.save(pages, plan.metadata.options)
        mode, frames = png16.mode(pages), 1
    elif plan.few_colors:
        data, mode, note = _encode_few_colors(pages[0], plan)
        frames, notes = 1, (note,)
    else:
        data = _encode_pages(rendered)
        mode, frames = pages[0].mode, _written_frames(data, len(pages), plan.output_format)
        notes = encoding.animation_losses(
            rendered.durations_ms, frames, plan.output_format, pages=len(pages)
        )
    data = png_color.with_chunks(data, plan.color.chunks)
    resized = ImageInfo(size, plan.output_format, mode, frames, len(data))
    notes += growth_notes(plan.original, resized)
    options = plan.encoder_options
    return ResizeResult(
        data=data,
        original=plan.original,
        resized=resized,
        notes=_unique(plan.notes, rendered.notes, plan.metadata.notes, plan.color.notes, notes),
        quality=None if options.get("lossless") else options.get("quality"),
    )


def _encode_few_colors(page: Image.Image, plan: ResizePlan) -> tuple[bytes, str, str]:
    """Return the encoding of a PNG with few colors, its mode, and a note on lost colors."""
    options = {**plan.encoder_options, **plan.metadata.options}
    has_gray_profile = color_space(plan.metadata.options.get("icc_profile")) == "GRAY"
    # A palette is for color (clause 11.3.2.3), or for what had two grays and has no mode to keep.
    allows_palette = plan.original.mode in ("P", "1") and not has_gray_profile
    stored, data, note = png_palette.encode(
        page,
        lambda candidate, more: encoding.save([candidate], ImageFormat.PNG, {**options, **more}),
        source_bytes=plan.original.file_bytes,
        had_palette=plan.original.mode == "P",
        allows_palette=allows_palette,
    )
    return data, stored.mode, note


def _encode_pages(rendered: RenderedPages) -> bytes:
    plan, pages, durations_ms = rendered.plan, rendered.pages, rendered.durations_ms
    options = {**plan.encoder_options, **plan.metadata.options}
    if plan.spec.preview and (profile := options.pop("icc_profile", None)):
        pages = [encoding.in_srgb(page, profile) for page in pages]
    animated = len(pages) > 1 and plan.output_format in encoding.ANIMATED
    if plan.output_format is ImageFormat.GIF:
        plays = (plan.plays if plan.plays is not None else 1) if animated else None
        comment = options.get("comment", b"")
        return gif_encoding.save(pages, durations_ms, plays=plays, comment=comment)
    if animated:
        options |= encoding.animation_options(durations_ms, plan.output_format, plan.plays)
    data = encoding.save(pages, plan.output_format, options)
    if plan.output_format is ImageFormat.AVIF:
        plays = plan.plays if animated else None
        return avif_encoding.finished(data, plan.color.description, plays)
    return data


def _written_frames(data: bytes, pages: int, output_format: ImageFormat) -> int:
    """Return how many frames an encoder made of the pages: some merge those that are identical."""
    if pages == 1 or output_format not in encoding.ANIMATED:
        return pages
    return read_container(output_format, io.BytesIO(data), len(data)).frames


def _unique(*notes: Iterable[str]) -> tuple[str, ...]:
    """Return each note once, in order, without empty ones."""
    return tuple(dict.fromkeys(note for note in chain(*notes) if note))
