"""The frames of a GIF as browsers show them: what was never drawn, or was disposed of, is clear.

Pillow decodes each image on its own here. Its own composition fills such areas with the background
color, and applies a disposal to later frames that do not ask for it.
"""

import io
from collections.abc import Iterator
from typing import BinaryIO

from PIL import Image

from imgctl.core.containers.gif import CLEAR, RESTORE, GifContainer, GifFrame

_CLEAR = (0, 0, 0, 0)


def composed(file: BinaryIO, gif: GifContainer, frames: int) -> Iterator[Image.Image]:
    """Yield the screen as each of the first `frames` images leaves it.

    It is RGB where all of it is opaque, otherwise RGBA, or L for a single opaque gray image. The
    next frame is drawn into the same memory. Raises what Pillow does for damaged data.
    """
    screen: Image.Image | None = None
    mode = "RGB" if gif.opaque else "RGBA"
    for index, frame in enumerate(gif.images[:frames]):
        picture = _decoded(file, gif, frame)
        if index == 0 and mode == "RGB" and picture is not None:
            if len(gif.images) == 1 and picture.mode == "L":
                mode = "L"
            screen = picture.convert(mode)
        elif screen is None:
            screen = Image.new(mode, (gif.size.width, gif.size.height), _CLEAR)
        if index == 0 and mode != "RGBA":
            yield screen
            continue
        before = screen.crop(frame.box) if frame.disposal == RESTORE else None
        if picture is not None:
            _draw(screen, picture, frame)
        yield screen
        if before is not None:
            screen.paste(before, frame.box)
        elif frame.disposal == CLEAR and mode == "RGBA":
            screen.paste(_CLEAR, frame.box)


def _draw(screen: Image.Image, picture: Image.Image, frame: GifFrame) -> None:
    place = (frame.left, frame.top)
    if frame.transparency is None:
        screen.paste(picture.convert(screen.mode), place)
    else:
        colors = picture.convert("RGBA")
        screen.paste(colors, place, colors)


def _decoded(file: BinaryIO, gif: GifContainer, frame: GifFrame) -> Image.Image | None:
    """Return one image's pixels, in mode P or L; None if it has none.

    It is decoded from a GIF of its own, so that its palette, its clear color and its place on the
    screen do not mix with those of the others.
    """
    if not frame.pixels:
        return None
    sides = b"".join(side.to_bytes(2, "little") for side in (frame.width, frame.height))
    palette = frame.palette or gif.palette or b""
    flags = 0x80 | (len(palette) // 3).bit_length() - 2 if palette else 0
    control = b""
    if frame.transparency is not None:
        control = b"!\xf9\x04\x01\0\0" + bytes([frame.transparency, 0])
    file.seek(frame.data_start)
    single = b"".join(
        (
            b"GIF89a" + sides + bytes([flags, 0, 0]) + palette + control,
            b",\0\0\0\0" + sides + (b"\x40" if frame.interlaced else b"\0"),
            file.read(frame.data_end - frame.data_start),
            b";",
        )
    )
    picture = Image.open(io.BytesIO(single), formats=["GIF"])
    picture.load()
    return picture
