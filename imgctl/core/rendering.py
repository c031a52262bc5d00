"""The third stage of a resize: decoding the pages that are kept, and resampling them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import TypeAlias

from PIL import Image

from imgctl.core import apng, color_key, encoding, gif_frames, heic_decoder, pixels, png16
from imgctl.core.containers.gif import GifContainer
from imgctl.core.containers.png import PngContainer
from imgctl.core.formats import ImageFormat
from imgctl.core.geometry import Box, Size
from imgctl.core.plan import RenderPath, ResizePlan
from imgctl.core.source import OpenSource


@dataclass(frozen=True, slots=True)
class RenderedPages:
    """Resized pages, upright and in a mode that the plan's output format supports.

    On the path PNG16 `pages` are the color channels of the only page. `notes` are on what was lost.
    """

    plan: ResizePlan
    pages: list[Image.Image] = field(default_factory=list)
    durations_ms: list[float] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def add(self, index: int, page: Image.Image, duration_ms: float) -> None:
        """Add a resampled page: upright, and in a mode that the output format supports."""
        plan = self.plan
        if index in plan.inverted_pages:
            page = pixels.inverted(page)
        page, lost = encoding.convert_for(
            pixels.upright(page, plan.orientation), plan.output_format
        )
        self.pages.append(page)
        self.durations_ms.append(duration_ms)
        self.notes.append(lost)


Frame: TypeAlias = tuple[Image.Image, float | None]
"""A page or frame, and its duration in ms; None if that is known when the frame is decoded."""


def render(opened: OpenSource, plans: Sequence[ResizePlan]) -> list[RenderedPages]:
    """Decode the pages that the plans of one pass keep, and resample them for each.

    Raises TooLarge for a page or a growing frame that exceeds the limits.
    """
    if plans[0].path is RenderPath.PNG16:
        return _render_channels(opened, plans)
    rendered = [RenderedPages(plan) for plan in plans]
    frames = max(plan.frames for plan in plans)
    for index, (frame, duration_ms) in enumerate(_frames(opened, frames)):
        size, is_black_and_white = Size(*frame.size), frame.mode == "1"
        wanted = [one for one in rendered if index < one.plan.frames]
        for one in wanted:
            if size != one.plan.stored:
                one.plan.check_page(index, size)
        box = pixels.set_draft(frame, plans[0].draft_divisor)
        decoded = _decode(opened, frame)
        pages = [
            pixels.resample(
                decoded,
                one.plan.page_target(index, size),
                one.plan.resampling,
                box=box,
                part=_decoded_part(one.plan, size, decoded),
                # A page in black and white gets five levels of gray then, which compress well.
                average_halves=one.plan.average_halves
                or (is_black_and_white and not one.plan.spec.high_quality),
            )
            for one in wanted
        ]
        # The next frame is decoded into the same memory, and Pillow saves a TIFF's own tags.
        is_kept = frames > 1 or opened.format is ImageFormat.TIFF
        for at, (one, page) in enumerate(zip(wanted, pages, strict=True)):
            # Some conversions for a format are made in place: only the last one may have it.
            is_shared = is_kept or any(other is decoded for other in pages[at + 1 :])
            own = page.copy() if page is decoded and is_shared else page
            one.add(index, own, duration_ms if duration_ms is not None else _duration_ms(frame))
    return rendered


def _duration_ms(frame: Image.Image) -> float:
    """Return the duration of a frame that was decoded."""
    duration_ms: float = frame.info.get("duration", 0)
    return round(duration_ms)


def _decoded_part(plan: ResizePlan, size: Size, decoded: Image.Image) -> Box | None:
    """Return what a plan keeps of a page of this size, in what was decoded of it."""
    part = plan.page_part(size)
    if part is None:
        return None
    left, top, right, bottom = (side / plan.draft_divisor for side in part)
    # Sides that were rounded up end within the last pixel.
    return (left, top, min(right, decoded.width), min(bottom, decoded.height))


def _render_channels(opened: OpenSource, plans: Sequence[ResizePlan]) -> list[RenderedPages]:
    assert isinstance(opened.container, PngContainer)  # as the path was planned
    channels = png16.read_channels(opened.image, opened.file, opened.container)
    return [RenderedPages(plan, _resized_channels(channels, plan)) for plan in plans]


def _resized_channels(channels: Sequence[Image.Image], plan: ResizePlan) -> list[Image.Image]:
    part = plan.page_part(plan.stored)
    resized = png16.resized(channels, plan.stored_target, plan.resampling, box=part)
    return [pixels.upright(channel, plan.orientation) for channel in resized]


def _frames(opened: OpenSource, frames: int) -> Iterator[Frame]:
    """Yield the first frames; one may be decoded into the memory of the one before.

    GIF and APNG are composed here, because Pillow does not compose them as browsers do.
    """
    image, container = opened.image, opened.container
    if isinstance(container, GifContainer):
        screens = gif_frames.composed(opened.stored, container, frames)
        yield from zip(screens, (frame.duration_ms for frame in container.images), strict=False)
    elif isinstance(container, PngContainer) and container.animation is not None:
        for canvas, duration_ms in islice(apng.composed_frames(opened.stored, container), frames):
            if profile := image.info.get("icc_profile"):
                canvas.info = {"icc_profile": profile}
            yield canvas, duration_ms
    else:
        for index in range(frames):
            if container.frames > 1:
                image.seek(index)
            yield image, None


def _decode(opened: OpenSource, frame: Image.Image) -> Image.Image:
    container = opened.container
    png = container if isinstance(container, PngContainer) else None
    if png is not None and png.color_key is not None and png.animation is None:
        page = color_key.with_alpha(frame, png, opened.file)
    else:
        page = pixels.decode(frame)
    if opened.format is ImageFormat.HEIC and page.mode == "I;16":
        page = heic_decoder.to_8_bits(page)
    if png is not None and png.is_gray and page.mode == "RGBA":  # of 16 bits, with alpha
        page = page.convert("LA")
    return page
