"""Resizing one image: inspect, plan, render, encode. Pixels come out upright."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import chain, islice
from typing import BinaryIO

from PIL import Image, JpegImagePlugin

from imgctl.core import (
    apng,
    color_key,
    encoding,
    jpeg_ending,
    pixels,
    png16,
    png_color,
    png_palette,
)
from imgctl.core.containers.jpeg import JpegContainer
from imgctl.core.containers.png import PngContainer
from imgctl.core.containers.tiff import TiffContainer
from imgctl.core.formats import ImageFormat
from imgctl.core.geometry import ImageInfo, Size, target_size
from imgctl.core.limits import Limits
from imgctl.core.metadata import from_tiff, plan_metadata, read_metadata, read_orientation
from imgctl.core.plan import (
    RenderPath,
    ResizePlan,
    check_cost,
    foreseen_losses,
    growth_notes,
    jpeg_divisor,
    kept_frames,
)
from imgctl.core.png_color import plan_color
from imgctl.core.profiles import color_space
from imgctl.core.result import ResizeResult
from imgctl.core.source import OpenSource, SourceHeader, SourceInfo, open_source
from imgctl.core.spec import MetadataPolicy, ResizeSpec


@dataclass(frozen=True, slots=True)
class RenderedPages:
    """Resized pages, upright and in a mode that the output format supports.

    On the path PNG16 `pages` are the color channels of the only page.
    """

    pages: Sequence[Image.Image]
    durations_ms: Sequence[float] = ()
    notes: Sequence[str] = ()


def resize(source: BinaryIO, spec: ResizeSpec, limits: Limits) -> ResizeResult:
    """Resize the image in `source`, a seekable binary file that is read from its beginning.

    Raises a PictureError: NotAnImage, UnsupportedFormat, TooLarge, Truncated or Damaged.
    """
    with open_source(source, limits) as opened:
        header = inspect_header(opened)
        check_cost(header, spec, limits)  # first, because what follows can decode pixels
        jpeg_ending.check_complete(opened)
        info = inspect(opened, header, with_exif=spec.metadata is not MetadataPolicy.NONE)
        plan = plan_resize(info, spec, limits)
        return encode(render(opened, plan), plan)


def inspect_header(opened: OpenSource) -> SourceHeader:
    """Read what is known before any pixel is decoded."""
    image, container = opened.image, opened.container
    # A JPEG with several images (MPO) contains previews and depth maps, not frames.
    jpeg = container if isinstance(container, JpegContainer) else None
    return SourceHeader(
        size=Size(*image.size),
        format=opened.format,
        mode=image.mode,
        file_bytes=opened.file_bytes,
        frames=container.frames if container is not None else getattr(image, "n_frames", 1),
        extra_images=jpeg.extra_images if jpeg is not None else 0,
        progressive=jpeg is not None and "progressive" in image.info,
        lossless_jpeg=jpeg is not None and jpeg.lossless,
        held_bytes=jpeg.decoder_bytes if jpeg is not None else 0,
    )


def inspect(opened: OpenSource, header: SourceHeader, *, with_exif: bool = True) -> SourceInfo:
    """Read all facts that a plan depends on; EXIF only where some plan keeps it.

    This decodes the pixels of a PNG, whose metadata may follow them: check the limits first.
    """
    image, head = opened.image, opened.head
    orientation = read_orientation(image)
    if isinstance(opened.container, TiffContainer):
        metadata = from_tiff(opened.container.metadata, with_exif=with_exif)
    else:
        metadata = read_metadata(image, with_exif=with_exif)
    color_16_bit = png16.is_color_16_bit(image, opened.container)
    is_jpeg = isinstance(image, JpegImagePlugin.JpegImageFile)
    return SourceInfo(
        header=header,
        orientation=orientation,
        metadata=metadata,
        color_16_bit=color_16_bit,
        png16=color_16_bit and png16.is_readable(opened.container),
        lossless_webp=opened.format is ImageFormat.WEBP and head[12:16] == b"VP8L",
        jpeg_subsampling=JpegImagePlugin.get_sampling(image) if is_jpeg else None,
        compression=image.info.get("compression"),
        loop=_loop(opened),
        container=opened.container,
    )


def _loop(opened: OpenSource) -> int | None:
    container = opened.container
    if isinstance(container, PngContainer):
        return container.animation.plays if container.animation else None
    loop: int | None = opened.image.info.get("loop")
    return loop


def plan_resize(source: SourceInfo, spec: ResizeSpec, limits: Limits) -> ResizePlan:
    """Decide everything about a resize from the facts about the source.

    Raises TooLarge where `check_cost` does.
    """
    header, original = source.header, source.image_info
    pillow_bytes = check_cost(header, spec, limits)
    target = target_size(original.size, spec)
    stored_target = target.transposed if source.transposed else target
    output_format = spec.format or header.format
    frames = kept_frames(header, output_format)
    tiff = source.container if isinstance(source.container, TiffContainer) else None
    if tiff is not None:
        tiff.check_pages(frames, output_format)
    png16_bytes = png16.working_bytes(header.size, stored_target)
    fits = png16_bytes <= limits.max_memory_bytes
    uses_png16 = fits and source.png16 and output_format is ImageFormat.PNG
    png = source.container if isinstance(source.container, PngContainer) else None
    few_colors = png is not None and png.has_few_colors
    metadata = plan_metadata(source.metadata, header.mode, output_format, target, spec.metadata)
    color = plan_color(png, output_format, has_profile="icc_profile" in metadata.kept)
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
        draft_divisor=jpeg_divisor(header, spec, stored_target),
        average_halves=pixels.averages_halves(
            header.format,
            few_colors=few_colors or (tiff is not None and tiff.bilevel),
            high_quality=spec.high_quality,
        ),
        loop=source.loop,
        encoder_options=encoding.encoder_options(source, output_format, spec.quality),
        few_colors=few_colors and output_format is ImageFormat.PNG and frames == 1,
        color=color,
        metadata=metadata,
        notes=foreseen_losses(source, output_format, keeps_16_bit=uses_png16),
        memory_bytes=png16_bytes if uses_png16 else pillow_bytes,
        inverted_pages=tiff.inverted_pages if tiff is not None else frozenset(),
    )


def render(opened: OpenSource, plan: ResizePlan) -> RenderedPages:
    """Decode and resample the pages that the plan keeps.

    Raises TooLarge for a page or a growing frame that exceeds the limits.
    """
    image, container = opened.image, opened.container
    if isinstance(container, PngContainer):
        if plan.path is RenderPath.PNG16:
            channels = png16.resized(
                png16.read_channels(image, opened.file, container),
                plan.stored_target,
                plan.resampling,
            )
            return RenderedPages([pixels.upright(page, plan.orientation) for page in channels])
        if container.animation is not None:
            return _render_apng(opened, container, plan)
    pages, durations_ms, notes = [], [], []
    animated = plan.original.frames > 1
    for index in range(plan.frames):
        if animated:
            image.seek(index)
        size = Size(*image.size)
        if size != plan.stored:
            plan.check_page(index, size)
        page = _render_page(opened, plan.page_target(index, size), plan)
        if page is image and (animated or opened.format is ImageFormat.TIFF):
            # The next frame is decoded into the same memory, and Pillow saves a TIFF's own tags.
            page = page.copy()
        if index in plan.inverted_pages:
            page = pixels.inverted(page)
        page, lost = encoding.convert_for(
            pixels.upright(page, plan.orientation), plan.output_format
        )
        pages.append(page)
        durations_ms.append(image.info.get("duration", 0))
        notes.append(lost)
    return RenderedPages(pages, durations_ms, notes)


def _render_apng(opened: OpenSource, container: PngContainer, plan: ResizePlan) -> RenderedPages:
    pages, durations_ms, notes = [], [], []
    frames = apng.composed_frames(opened.stored, container)
    for canvas, duration_ms in islice(frames, plan.frames):
        if profile := opened.image.info.get("icc_profile"):
            canvas.info = {"icc_profile": profile}
        page = _resample(canvas, plan.stored_target, plan)
        page, lost = encoding.convert_for(
            pixels.upright(page.copy() if page is canvas else page, plan.orientation),
            plan.output_format,
        )
        pages.append(page)
        durations_ms.append(duration_ms)
        notes.append(lost)
    return RenderedPages(pages, durations_ms, notes)


def _render_page(opened: OpenSource, target: Size, plan: ResizePlan) -> Image.Image:
    image, container = opened.image, opened.container
    box = pixels.set_draft(image, plan.draft_divisor)
    if isinstance(container, PngContainer) and container.color_key is not None:
        page = color_key.with_alpha(image, container, opened.file)
    else:
        page = pixels.decode(image)
    return _resample(page, target, plan, box)


def _resample(
    page: Image.Image, target: Size, plan: ResizePlan, box: pixels.Box | None = None
) -> Image.Image:
    return pixels.resample(
        page, target, plan.resampling, box=box, average_halves=plan.average_halves
    )


def encode(rendered: RenderedPages, plan: ResizePlan) -> ResizeResult:
    """Encode the pages with the plan's options and metadata."""
    pages, size = rendered.pages, Size(*rendered.pages[0].size)
    notes: list[str] = []
    for page in pages:
        page.info = encoding.pixel_info(page.info)
    if plan.path is RenderPath.PNG16:
        data = png16.save(pages, plan.metadata.options)
        mode, frames = png16.mode(pages), 1
    elif plan.few_colors:
        data, mode, note = _encode_few_colors(pages[0], plan)
        frames = 1
        notes.append(note)
    else:
        options = {**plan.encoder_options, **plan.metadata.options}
        if len(pages) > 1 and plan.output_format in encoding.ANIMATED:
            options |= encoding.animation_options(
                pages, rendered.durations_ms, plan.output_format, plan.loop
            )
        data = encoding.save(pages, plan.output_format, options)
        mode, frames = pages[0].mode, encoding.stored_frames(data, plan.output_format, len(pages))
        if frames < len(pages):
            notes.append("identical frames merged")
    data = png_color.with_chunks(data, plan.color.chunks)
    resized = ImageInfo(size, plan.output_format, mode, frames, len(data))
    notes += growth_notes(plan.original, resized)
    return ResizeResult(
        data=data,
        original=plan.original,
        resized=resized,
        notes=_unique(plan.notes, rendered.notes, plan.metadata.notes, plan.color.notes, notes),
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


def _unique(*notes: Iterable[str]) -> tuple[str, ...]:
    """Return each note once, in order, without empty ones."""
    return tuple(dict.fromkeys(note for note in chain(*notes) if note))
