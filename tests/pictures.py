"""Pictures that the tests make, with every property that the core has to keep."""

import io
from pathlib import Path
from typing import Any

from PIL import Image, ImageCms, ImageDraw

import imgctl.local

PHOTOS = Path(str(imgctl.local.__file__)).parent / "photos"


def photo(width: int = 64, height: int = 48, mode: str = "RGB") -> Image.Image:
    """Make a picture with smooth colour, a hard edge, and no symmetry that would hide a turn."""
    image = Image.linear_gradient("L").resize((width, height))
    bands = [image, image.transpose(Image.Transpose.FLIP_LEFT_RIGHT), image.point(lambda v: v // 2)]
    rgb = Image.merge("RGB", bands)
    ImageDraw.Draw(rgb).rectangle((0, 0, width // 3, height // 4), fill=(250, 20, 20))
    return rgb.convert(mode)


def encoded(image: Image.Image, format_: str, **options: Any) -> bytes:
    """Encode a picture."""
    buffer = io.BytesIO()
    image.save(buffer, format_, **options)
    return buffer.getvalue()


def animation(format_: str, *, frames: int = 4, mode: str = "RGB", **options: Any) -> bytes:
    """Make an animation whose frames differ, with a duration for each."""
    pictures = []
    for index in range(frames):
        frame = photo(40, 30, mode)
        ImageDraw.Draw(frame).rectangle((index * 8, 10, index * 8 + 6, 28), fill="blue")
        pictures.append(frame)
    durations = [100 + 50 * index for index in range(frames)]
    return encoded(
        pictures[0],
        format_,
        save_all=True,
        append_images=pictures[1:],
        duration=durations,
        **options,
    )


def srgb_profile() -> bytes:
    """Give an ICC profile."""
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def decoded(data: bytes) -> Image.Image:
    """Decode a picture whole."""
    image = Image.open(io.BytesIO(data))
    image.load()
    return image
