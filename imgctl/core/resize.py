"""Resizing one image: inspect, plan, render, encode. Pixels come out upright."""

import io
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import BinaryIO

from PIL import Image, JpegImagePlugin

from imgctl.core import avif_encoding, encoding, gif_encoding, gif_frames, pixels, png16
from imgctl.core.color import plan_color
from imgctl.core.containers.gif import GifContainer
from imgctl.core.containers.readers import read_container
from imgctl.core.containers.webp import WebpContainer
from imgctl.core.formats import ImageFormat
from imgctl.core.geometry import ImageInfo, Size, target_size
from imgctl.core.limits import Limits
from imgctl.core.metadata import plan_metadata, read_metadata, read_orientation
from imgctl.core.plan import (
    RenderPath,
    ResizePlan,
    check_cost,
    foreseen_losses,
    jpeg_divisor,
    kept_frames,
)
from imgctl.core.result import ResizeResult
from imgctl.core.source import OpenSource, SourceHeader, SourceInfo, open_source, picture_errors
from imgctl.core.spec import MetadataPolicy, ResizeSpec


@dataclass(frozen=True, slots=True)
class RenderedPages:
    """Resized pages, upright and in a mode that the output format supports.

    On the path PNG16 `pages` are the color channels of the only page.
    """

    pages: Sequence[Image.Image]
    durations_ms: Sequence[int] = ()
    notes: Sequence[str] = ()


def resize(source: BinaryIO, spec: ResizeSpec, limits: Limits) -> ResizeResult:
    """Resize the image in `source`, a seekable binary file that is read from its beginning.

    Raises a PictureError: NotAnImage, UnsupportedFormat, TooLarge, Truncated or Damaged.
    """
    rendered, plan = _rendered(source, spec, limits)
    with picture_errors():  # the decoder's memory is free by now
        return encode(rendered, plan)


def _rendered(
    source: BinaryIO, spec: ResizeSpec, limits: Limits
) -> tuple[RenderedPages, ResizePlan]:
    with open_source(source, limits) as opened:
        header = inspect_header(opened)
        check_cost(
            header, spec, limits, opened.container
        )  # first, because `inspect` can decode pixels
        info = inspect(opened, header, with_exif=spec.metadata is not MetadataPolicy.NONE)
        plan = plan_resize(info, spec, limits)
        return render(opened, plan), plan


def inspect_header(opened: OpenSource) -> SourceHeader:
    """Read what is known before any pixel is decoded."""
    image, container = opened.image, opened.container
    images = container.frames if container is not None else getattr(image, "n_frames", 1)
    # A JPEG with several images (MPO) contains previews and depth maps, not frames.
    is_jpeg = opened.format is ImageFormat.JPEG
    return SourceHeader(
        size=Size(*image.size),
        format=opened.format,
        mode=image.mode,
        file_bytes=opened.file_bytes,
        frames=1 if is_jpeg else images,
        extra_images=images - 1 if is_jpeg else 0,
        progressive=is_jpeg and "progressive" in image.info,
    )


def inspect(opened: OpenSource, header: SourceHeader, *, with_exif: bool = True) -> SourceInfo:
    """Read all facts that a plan depends on; EXIF only where some plan keeps it.

    This decodes the pixels of a PNG, whose metadata may follow them: check the limits first.
    """
    image, head = opened.image, opened.head
    orientation = read_orientation(image)
    metadata = read_metadata(image, with_exif=with_exif)
    color_16_bit = png16.is_color_16_bit(image, head)
    is_jpeg = isinstance(image, JpegImagePlugin.JpegImageFile)
    return SourceInfo(
        header=header,
        orientation=orientation,
        metadata=metadata,
        color_16_bit=color_16_bit,
        png16=color_16_bit and png16.is_readable(image, head, header.frames),
        lossless_webp=isinstance(opened.container, WebpContainer) and opened.container.lossless,
        quality=getattr(opened.container, "quality", None),
        jpeg_subsampling=JpegImagePlugin.get_sampling(image) if is_jpeg else None,
        compression=image.info.get("compression"),
        loop=_plays(opened),
        container=opened.container,
    )


def _plays(opened: OpenSource) -> int | None:
    container = opened.container
    if container is not None and container.plays is not None:
        return container.plays
    return opened.image.info.get("loop")


def plan_resize(source: SourceInfo, spec: ResizeSpec, limits: Limits) -> ResizePlan:
    """Decide everything about a resize from the facts about the source.

    Raises TooLarge where `check_cost` does.
    """
    header, original = source.header, source.image_info
    pillow_bytes = check_cost(header, spec, limits, source.container)
    target = target_size(original.size, spec)
    color = plan_color(source, spec.format or header.format)
    stored_target = target.transposed if source.transposed else target
    output_format = spec.format or header.format
    frames = kept_frames(header, output_format)
    png16_bytes = png16.working_bytes(header.size, stored_target)
    fits = png16_bytes <= limits.max_memory_bytes
    uses_png16 = fits and source.png16 and output_format is ImageFormat.PNG
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
        draft_divisor=jpeg_divisor(header, spec, stored_target),
        average_halves=pixels.averages_halves(header.format, high_quality=spec.high_quality),
        loop=source.loop,
        color=color.kept,
        encoder_options=encoding.encoder_options(source, output_format, spec.quality),
        metadata=plan_metadata(color.metadata, header.mode, output_format, target, spec.metadata),
        notes=(*foreseen_losses(source, output_format, keeps_16_bit=uses_png16), *color.notes),
        memory_bytes=png16_bytes if uses_png16 else pillow_bytes,
    )


def render(opened: OpenSource, plan: ResizePlan) -> RenderedPages:
    """Decode and resample the pages that the plan keeps.

    Raises TooLarge for a page or a growing frame that exceeds the limits.
    """
    image = opened.image
    if plan.path is RenderPath.PNG16:
        channels = png16.resized(
            png16.read_channels(image, opened.file), plan.stored_target, plan.resampling
        )
        return RenderedPages([pixels.upright(channel, plan.orientation) for channel in channels])
    pages, durations_ms, notes = [], [], []
    animated = plan.original.frames > 1
    for index, (frame, duration_ms) in enumerate(_decoded_frames(opened, plan)):
        size = Size(*frame.size)
        if size != plan.stored:
            plan.check_page(index, size)
        page = _render_page(frame, plan.page_target(index, size), plan)
        if page is frame and animated:
            page = page.copy()  # the next frame is decoded into the same memory
        page, lost = encoding.convert_for(
            pixels.upright(page, plan.orientation), plan.output_format
        )
        pages.append(page)
        durations_ms.append(
            round(frame.info.get("duration", 0)) if duration_ms is None else duration_ms
        )
        notes.append(lost)
    return RenderedPages(pages, durations_ms, notes)


def _decoded_frames(
    opened: OpenSource, plan: ResizePlan
) -> Iterator[tuple[Image.Image, int | None]]:
    """Yield each frame that the plan keeps, ready to decode, and its duration if it is known yet.

    A frame may be decoded into the memory of the one before.
    """
    gif = opened.container
    if isinstance(gif, GifContainer) and opened.stored is not None:
        screens = gif_frames.composed(opened.stored, gif, plan.frames)
        yield from zip(screens, (frame.duration_ms for frame in gif.images), strict=False)
        return
    for index in range(plan.frames):
        if plan.original.frames > 1:
            opened.image.seek(index)
        yield opened.image, None


def _render_page(image: Image.Image, target: Size, plan: ResizePlan) -> Image.Image:
    box = pixels.set_draft(image, plan.draft_divisor)
    return pixels.resample(
        pixels.decode(image),
        target,
        plan.resampling,
        box=box,
        average_halves=plan.average_halves,
    )


def encode(rendered: RenderedPages, plan: ResizePlan) -> ResizeResult:
    """Encode the pages with the plan's options and metadata."""
    pages, losses = rendered.pages, tuple[str, ...]()
    if plan.path is RenderPath.PNG16:
        data = png16.save(pages, plan.metadata.options)
        mode, frames = plan.original.mode, 1
    else:
        data = _encoded(rendered, plan)
        mode, frames = pages[0].mode, _written_frames(data, len(pages), plan.output_format)
        losses = encoding.animation_losses(
            rendered.durations_ms, frames, plan.output_format, pages=len(pages)
        )
    size = Size(*pages[0].size)
    return ResizeResult(
        data=data,
        original=plan.original,
        resized=ImageInfo(size, plan.output_format, mode, frames, len(data)),
        notes=_unique(plan.notes, rendered.notes, losses, plan.metadata.notes),
    )


def _encoded(rendered: RenderedPages, plan: ResizePlan) -> bytes:
    pages, durations_ms = rendered.pages, rendered.durations_ms
    options = {**plan.encoder_options, **plan.metadata.options}
    animated = len(pages) > 1 and plan.output_format in encoding.ANIMATED
    if plan.output_format is ImageFormat.GIF:
        plays = (plan.loop if plan.loop is not None else 1) if animated else None
        return gif_encoding.save(
            pages, durations_ms, plays=plays, comment=options.get("comment", b"")
        )
    if animated:
        options |= encoding.animation_options(durations_ms, plan.loop)
    data = encoding.save(pages, plan.output_format, options)
    if plan.output_format is ImageFormat.AVIF:
        return avif_encoding.finished(data, plan.color, plan.loop if animated else None)
    return data


def _written_frames(data: bytes, pages: int, output_format: ImageFormat) -> int:
    """Return how many frames an encoder made of the pages: some merge those that are identical."""
    if pages == 1 or output_format not in encoding.ANIMATED:
        return pages
    container = read_container(output_format, io.BytesIO(data), len(data))
    return pages if container is None else container.frames


def _unique(*notes: Iterable[str]) -> tuple[str, ...]:
    """Return each note once, in order, without empty ones."""
    return tuple(dict.fromkeys(note for note in chain(*notes) if note))
