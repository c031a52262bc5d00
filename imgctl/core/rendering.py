"""The third stage of a resize: decoding and resampling the pages that the plan keeps."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TypeAlias

from PIL import Image

from imgctl.core import apng, color_key, encoding, gif_frames, heic_decoder, pixels, png16
from imgctl.core.containers.gif import GifContainer
from imgctl.core.containers.png import PngContainer
from imgctl.core.formats import ImageFormat
from imgctl.core.geometry import Size
from imgctl.core.plan import RenderPath, ResizePlan
from imgctl.core.source import OpenSource


@dataclass(frozen=True, slots=True)
class RenderedPages:
    """Resized pages, upright and in a mode that the output format supports.

    On the path PNG16 `pages` are the color channels of the only page.
    """

    pages: Sequence[Image.Image]
    durations_ms: Sequence[float] = ()
    notes: Sequence[str] = ()


Frame: TypeAlias = tuple[Image.Image, float | None]
"""A page or frame, and its duration in ms; None if that is known when the frame is decoded."""


def render(opened: OpenSource, plan: ResizePlan) -> RenderedPages:
    """Decode and resample the pages that the plan keeps.

    Raises TooLarge for a page or a growing frame that exceeds the limits.
    """
    if plan.path is RenderPath.PNG16:
        return _render_channels(opened, plan)
    pages, durations_ms, notes = [], [], []
    for index, (frame, duration_ms) in enumerate(_frames(opened, plan)):
        size = Size(*frame.size)
        if size != plan.stored:
            plan.check_page(index, size)
        page = _render_page(opened, frame, plan.page_target(index, size), plan)
        if page is frame and (plan.original.frames > 1 or opened.format is ImageFormat.TIFF):
            # The next frame is decoded into the same memory, and Pillow saves a TIFF's own tags.
            page = page.copy()
        if index in plan.inverted_pages:
            page = pixels.inverted(page)
        page, lost = encoding.convert_for(
            pixels.upright(page, plan.orientation), plan.output_format
        )
        pages.append(page)
        durations_ms.append(
            round(frame.info.get("duration", 0)) if duration_ms is None else duration_ms
        )
        notes.append(lost)
    return RenderedPages(pages, durations_ms, notes)


def _render_channels(opened: OpenSource, plan: ResizePlan) -> RenderedPages:
    assert isinstance(opened.container, PngContainer)  # as the path was planned
    channels = png16.read_channels(opened.image, opened.file, opened.container)
    resized = png16.resized(channels, plan.stored_target, plan.resampling)
    return RenderedPages([pixels.upright(channel, plan.orientation) for channel in resized])


def _frames(opened: OpenSource, plan: ResizePlan) -> Iterator[Frame]:
    """Yield each frame that the plan keeps; one may be decoded into the memory of the one before.

    GIF and APNG are composed here, because Pillow does not compose them as browsers do.
    """
    image, container = opened.image, opened.container
    if isinstance(container, GifContainer):
        screens = gif_frames.composed(opened.stored, container, plan.frames)
        yield from zip(screens, (frame.duration_ms for frame in container.images), strict=False)
    elif isinstance(container, PngContainer) and container.animation is not None:
        for canvas, duration_ms in islice(
            apng.composed_frames(opened.stored, container), plan.frames
        ):
            if profile := image.info.get("icc_profile"):
                canvas.info = {"icc_profile": profile}
            yield canvas, duration_ms
    else:
        for index in range(plan.frames):
            if plan.original.frames > 1:
                image.seek(index)
            yield image, None


def _render_page(
    opened: OpenSource, frame: Image.Image, target: Size, plan: ResizePlan
) -> Image.Image:
    container = opened.container
    box = pixels.set_draft(frame, plan.draft_divisor)
    # A page in black and white gets five levels of gray then, which compress well.
    averages = plan.average_halves or (frame.mode == "1" and not plan.spec.high_quality)
    png = container if isinstance(container, PngContainer) else None
    if png is not None and png.color_key is not None and png.animation is None:
        page = color_key.with_alpha(frame, png, opened.file)
    else:
        page = pixels.decode(frame)
    if opened.format is ImageFormat.HEIC and page.mode == "I;16":
        page = heic_decoder.to_8_bits(page)
    if png is not None and png.is_gray and page.mode == "RGBA":  # of 16 bits, with alpha
        page = page.convert("LA")
    return pixels.resample(page, target, plan.resampling, box=box, average_halves=averages)
