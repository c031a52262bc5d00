"""What encoding a result costs beside its pages, measured (`tests/core/test_costs.py`)."""

from imgctl.core.formats import ImageFormat
from imgctl.core.geometry import Size

_FRAME_BYTES = 6_000  # Pillow's objects for one frame of a GIF


def encoder_bytes(
    output_format: ImageFormat, target: Size, frames: int, *, alpha: bool, lossless: bool = False
) -> int:
    """Return the most memory that an encoder holds beside the pages, in bytes.

    libwebp holds the picture as ARGB and as planes; lossless coding, also that of an alpha plane,
    adds tables of matches, and an animation three canvases. libaom holds several copies of the
    planes, and for a sequence of those of the frames that it looks ahead at, at most 20 at this
    speed. A GIF's frames are all held as indexes.
    """
    pixels = target.pixels
    if output_format is ImageFormat.WEBP:
        still = 48 if lossless else 21 if alpha else 6
        return (still + (22 if frames > 1 else 0)) * pixels
    if output_format is ImageFormat.AVIF:
        if frames == 1:
            return (31 if alpha else 27) * pixels
        ahead = min(frames, 20)
        return (65 + 4 * ahead if alpha else 45 + 2 * ahead) * pixels
    if output_format is ImageFormat.GIF:
        return (24 + frames) * pixels + _FRAME_BYTES * frames
    return 0


def encoder_seconds(output_format: ImageFormat, frames: int) -> float:
    """Return the processor time of encoding many frames, beside that for their pixels.

    libwebp's muxer walks all frames for each that it adds (WebPMuxPushFrame).
    """
    return 10e-9 * frames**2 if output_format is ImageFormat.WEBP else 0
