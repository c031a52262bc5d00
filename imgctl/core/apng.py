"""The frames of an APNG, each as the whole picture that a browser shows (W3C PNG, clause 13.2).

Pillow composes frames in the mode of the file, where a background without alpha is black, and over
a default image that is not part of the animation. Here each frame is decoded on its own.
"""

import io
from collections.abc import Iterator
from typing import BinaryIO

from PIL import Image

from imgctl.core import color_key, pixels
from imgctl.core.containers.apng import Blend, Disposal, Frame
from imgctl.core.containers.container import Patch, patched
from imgctl.core.containers.png import PngContainer
from imgctl.core.containers.png_chunks import encoded_chunk

_SIGNATURE = b"\x89PNG\r\n\x1a\n"


def composed_frames(stored: BinaryIO, png: PngContainer) -> Iterator[tuple[Image.Image, float]]:
    """Return each frame, composed, and its duration in milliseconds.

    `stored` is the file as stored. The image has a mode without alpha if nothing in the animation
    is transparent. It is changed for the next frame: whoever keeps it copies it.
    """
    animation = png.animation
    assert animation is not None
    transparent = png.is_transparent
    mode = ("LA" if transparent else "L") if png.is_gray else ("RGBA" if transparent else "RGB")
    canvas = Image.new(mode, (png.size.width, png.size.height))
    for frame in animation.frames:
        page = _decode(stored, png, frame)
        page = page if page.mode == mode else page.convert(mode)
        box = (
            frame.left,
            frame.top,
            frame.left + frame.size.width,
            frame.top + frame.size.height,
        )
        before = canvas.crop(box) if frame.disposal is Disposal.PREVIOUS else None
        if frame.blend is Blend.OVER and transparent:
            canvas.alpha_composite(page, (frame.left, frame.top))
        else:
            canvas.paste(page, box)
        yield canvas, frame.duration_ms
        if before is not None:
            canvas.paste(before, box)
        elif frame.disposal is Disposal.BACKGROUND:
            canvas.paste(Image.new(mode, (frame.size.width, frame.size.height)), box)


def _decode(stored: BinaryIO, png: PngContainer, frame: Frame) -> Image.Image:
    source = _still(stored, png, frame)
    with Image.open(source, formats=["PNG"]) as image:
        if png.color_key is not None:
            return color_key.with_alpha(image, png, source)
        page = pixels.decode(image)
        return color_key.gray_8_bit(page) if page.mode == "I;16" else page


def _still(stored: BinaryIO, png: PngContainer, frame: Frame) -> BinaryIO:
    """Return a PNG file that shows only this frame; its data stay where they are.

    The checksums of image data are left empty, because Pillow does not read them.
    """
    size = frame.size.width.to_bytes(4) + frame.size.height.to_bytes(4)
    header = bytes([png.depth, png.color_type, 0, 0, png.interlaced])
    chunks = [(b"IHDR", size + header), *png.palette_chunks]
    between = _SIGNATURE + b"".join(encoded_chunk(*chunk) for chunk in chunks)
    patches, end = [], 0
    for data_start, data_end in frame.data:
        between += (data_end - data_start).to_bytes(4) + b"IDAT"
        patches.append(Patch(end, data_start, between))
        between, end = bytes(4), data_end
    between += encoded_chunk(b"IEND", b"")
    patches.append(Patch(end, stored.seek(0, io.SEEK_END), between))
    return patched(stored, patches)
