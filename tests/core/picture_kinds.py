"""Sources of every kind that Pillow and libvips write: format, mode, depth, alpha and frames."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import product
from typing import Any

import pyvips
from PIL import ExifTags, Image

from imgctl.core.formats import ImageFormat
from tests.core import gifs
from tests.core.profiles import gray_profile
from tests.pictures import encoded, srgb_profile

AVIF, BMP, GIF, JPEG = ImageFormat.AVIF, ImageFormat.BMP, ImageFormat.GIF, ImageFormat.JPEG
PNG, TIFF, WEBP = ImageFormat.PNG, ImageFormat.TIFF, ImageFormat.WEBP

OPAQUE, CLEAR, PARTIAL = ALPHAS = "opaque", "clear", "partial"
SIZE, ODD_SIZE = (48, 32), (25, 17)
GRAY_GAMMA = 1.8

_HIDDEN = (0, 255, 0)  # the color of clear pixels: what is averaged with it turns green
_DURATIONS_MS = [70, 120, 30, 400]
_UNEVEN_MS = [71, 120, 30, 400]  # which a GIF has to round


@dataclass(frozen=True)
class Kind:
    """A kind of source."""

    name: str
    format: ImageFormat
    encode: Callable[[], bytes]


def picture(
    mode: str = "RGB", alpha: str = OPAQUE, size: tuple[int, int] = SIZE, *, stripe: int = 4
) -> Image.Image:
    """Return a smooth picture without symmetry.

    Its clear pixels, in stripes of this width, begin and end within the blocks of 2x2 pixels that
    are averaged.
    """
    down = Image.linear_gradient("L").resize(size)
    across = Image.linear_gradient("L").transpose(Image.Transpose.ROTATE_90).resize(size)
    rgb = Image.merge("RGB", (down, across.point(lambda v: v // 2), Image.blend(down, across, 0.7)))
    if alpha == OPAQUE:
        return rgb.convert(mode)
    opacity = across.point(lambda v: 80 + v // 2) if alpha == PARTIAL else Image.new("L", size, 255)
    for left in range(3, size[0] - stripe - 4, 2 * stripe):
        opacity.paste(0, (left, 5, left + stripe, size[1] - 5))
    rgb.paste(_HIDDEN, mask=opacity.point([255, *[0] * 255]))
    rgb.putalpha(opacity)
    return rgb.convert(mode)


def inks_with_profile(format_: ImageFormat) -> bytes:
    """Return a picture in CMYK with the profile that libvips brings along."""
    return _saved(_vips_image(picture()).icc_transform("cmyk", input_profile="srgb"), format_)


def kinds() -> Iterator[Kind]:
    """Yield every kind."""
    yield from _jpegs()
    yield from _pngs()
    yield from _webps()
    yield from _avifs()
    yield from _gifs()
    yield from _bmps()
    yield from _tiffs()


def _pillow(
    name: str,
    format_: ImageFormat,
    mode: str = "RGB",
    alpha: str = OPAQUE,
    size: tuple[int, int] = SIZE,
    **options: Any,
) -> Kind:
    def encode() -> bytes:
        image = picture(mode, alpha, size, stripe=_stripe(format_))
        return encoded(image, format_.value, **options)

    return Kind(f"{format_} {name}", format_, encode)


def _libvips(
    name: str,
    format_: ImageFormat,
    mode: str = "RGB",
    alpha: str = OPAQUE,
    *,
    deep: bool = False,
    profile: bytes | None = None,
    **options: Any,
) -> Kind:
    def encode() -> bytes:
        image = _vips_image(picture(mode, alpha, stripe=_stripe(format_)))
        if deep:  # all 16 bits, not 8 bits made wider
            space = "grey16" if image.bands < 3 else "rgb16"
            image = (image.cast("float") * 256.9).cast("ushort").copy(interpretation=space)
        if profile is not None:
            image.set_type(pyvips.GValue.blob_type, "icc-profile-data", profile)
        return _saved(image, format_, **options)

    return Kind(f"{format_} of libvips, {name}", format_, encode)


def _stripe(format_: ImageFormat) -> int:
    return 16 if format_ in (AVIF, WEBP) else 4


def _turned(format_: ImageFormat, orientation: int) -> Kind:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    return _pillow(f"orientation {orientation}", format_, exif=exif)


def _vips_image(image: Image.Image) -> Any:
    gray = image.mode in ("1", "L", "LA")
    space = "cmyk" if image.mode == "CMYK" else "b-w" if gray else "srgb"
    image = image.convert("L") if image.mode == "1" else image
    bands = len(image.getbands())
    raw = pyvips.Image.new_from_memory(image.tobytes(), *image.size, bands, "uchar")
    return raw.copy(interpretation=space)


def _saved(image: Any, format_: ImageFormat, **options: Any) -> bytes:
    name = "heif" if format_ is AVIF else format_.value.lower()
    data = getattr(image, f"{name}save_buffer")(**options)
    assert isinstance(data, bytes)
    return data


def _jpegs() -> Iterator[Kind]:
    for subsampling in ("4:4:4", "4:2:2", "4:2:0"):
        for progressive in (False, True):
            yield _pillow(
                f"{subsampling} {'progressive' if progressive else 'baseline'}",
                JPEG,
                subsampling=subsampling,
                progressive=progressive,
                quality=92,
            )
        yield _pillow(f"odd {subsampling}", JPEG, size=ODD_SIZE, subsampling=subsampling)
    yield _pillow("gray", JPEG, "L")
    yield _pillow("gray with a profile", JPEG, "L", icc_profile=gray_profile(GRAY_GAMMA))
    yield _pillow("with a profile", JPEG, icc_profile=srgb_profile())
    yield _pillow("inks", JPEG, "CMYK", quality=95)
    yield _libvips("progressive", JPEG, Q=90, interlace=True)
    yield _libvips("4:4:4", JPEG, Q=90, subsample_mode="off")
    for orientation in range(2, 9):
        yield _turned(JPEG, orientation)


def _pngs() -> Iterator[Kind]:
    for mode in ("1", "L", "RGB"):
        yield _pillow(mode, PNG, mode)
    yield _pillow("odd", PNG, size=ODD_SIZE)
    yield _turned(PNG, 7)
    yield _pillow("with a profile", PNG, icc_profile=srgb_profile())
    yield _pillow("gray with a profile", PNG, "L", icc_profile=gray_profile(GRAY_GAMMA))
    for mode, alpha in product(("LA", "RGBA"), (CLEAR, PARTIAL)):
        yield _pillow(f"{mode} {alpha}", PNG, mode, alpha)
    for bits, alpha in product((1, 2, 4, 8), (OPAQUE, CLEAR)):
        mode = "RGB" if alpha == OPAQUE else "RGBA"
        yield _libvips(
            f"palette of {bits} bits {alpha}", PNG, mode, alpha, palette=True, bitdepth=bits
        )
    deep: dict[str, Any] = {"deep": True, "bitdepth": 16}
    for mode, alpha in (("L", OPAQUE), ("RGB", OPAQUE), ("LA", PARTIAL), ("RGBA", PARTIAL)):
        yield _libvips(f"16 bits {mode}", PNG, mode, alpha, interlace=True, **deep)
    yield _libvips("16 bits L with a profile", PNG, "L", profile=gray_profile(GRAY_GAMMA), **deep)


def _webps() -> Iterator[Kind]:
    for lossless, alpha in product((False, True), ALPHAS):
        name = f"{'lossless' if lossless else 'lossy'} {alpha}"
        mode = "RGB" if alpha == OPAQUE else "RGBA"
        yield _pillow(name, WEBP, mode, alpha, lossless=lossless, exact=True)
        yield _libvips(name, WEBP, mode, alpha, lossless=lossless, profile=srgb_profile(), effort=0)
    yield _pillow("odd", WEBP, size=ODD_SIZE)
    yield _turned(WEBP, 5)
    for alpha in (OPAQUE, PARTIAL):
        yield _animation(WEBP, alpha, _UNEVEN_MS, lossless=True, loop=3)
    yield _animation_of_libvips(WEBP)


def _avifs() -> Iterator[Kind]:
    for subsampling, alpha in product(("4:0:0", "4:2:0", "4:2:2", "4:4:4"), ALPHAS):
        mode = "RGB" if alpha == OPAQUE else "RGBA"
        yield _pillow(
            f"{subsampling} {alpha}", AVIF, mode, alpha, subsampling=subsampling, quality=90
        )
    yield _pillow("odd", AVIF, size=ODD_SIZE)
    for orientation in range(2, 9):
        yield _turned(AVIF, orientation)
    yield _pillow("with a profile", AVIF, icc_profile=srgb_profile())
    for bits, alpha in product((10, 12), (OPAQUE, PARTIAL)):
        mode = "RGB" if alpha == OPAQUE else "RGBA"
        options: dict[str, Any] = {"compression": "av1", "bitdepth": bits, "Q": 90, "effort": 0}
        yield _libvips(f"{bits} bits {alpha}", AVIF, mode, alpha, deep=True, **options)
    for alpha in (OPAQUE, PARTIAL):
        yield _animation(AVIF, alpha, _UNEVEN_MS, quality=90)


def _gifs() -> Iterator[Kind]:
    yield _pillow("opaque", GIF)
    yield _pillow("gray", GIF, "L")
    yield _pillow("clear", GIF, "RGBA", CLEAR)
    yield _pillow("odd", GIF, size=ODD_SIZE)
    yield _libvips("clear", GIF, "RGBA", CLEAR)
    for disposal, alpha in product((1, 2), (OPAQUE, CLEAR)):
        yield _animation(GIF, alpha, _DURATIONS_MS, loop=2, disposal=disposal)
    yield _animation_of_libvips(GIF)
    for disposal in (1, 2, 3):
        yield _gif_of_parts(disposal)


def _bmps() -> Iterator[Kind]:
    for mode in ("1", "L", "RGB"):
        yield _pillow(mode, BMP, mode)
    yield _pillow("palette", BMP, "P")
    yield _pillow("odd", BMP, size=ODD_SIZE)


def _tiffs() -> Iterator[Kind]:
    compressions = ("none", "lzw", "deflate", "packbits", "jpeg")
    for compression, tile in product(compressions, (False, True)):
        yield _libvips(
            f"{compression} {'tiles' if tile else 'strips'}",
            TIFF,
            profile=srgb_profile(),
            compression=compression,
            tile=tile,
            tile_width=16,
            tile_height=16,
            Q=90,
        )
    yield _libvips("gray", TIFF, "L")
    yield _libvips("inks", TIFF, "CMYK", compression="lzw")
    for mode, alpha, associated in product(("LA", "RGBA"), (CLEAR, PARTIAL), (False, True)):
        name = f"{mode} {alpha}{' associated' if associated else ''}"
        yield _libvips(name, TIFF, mode, alpha, compression="lzw", premultiply=associated)
    for mode, alpha in (("L", OPAQUE), ("RGB", OPAQUE), ("RGBA", PARTIAL)):
        yield _libvips(
            f"16 bits {mode}", TIFF, mode, alpha, deep=True, compression="deflate", bigtiff=True
        )
    for compression in ("none", "packbits", "ccittfax4"):
        yield _libvips(f"1 bit {compression}", TIFF, "1", compression=compression, bitdepth=1)
    yield _pillow("odd", TIFF, size=ODD_SIZE)
    for orientation in (4, 6):
        yield _turned(TIFF, orientation)
    pages = [picture("L"), picture("RGBA", PARTIAL, (24, 16)), picture("1")]
    yield _pillow("pages", TIFF, save_all=True, append_images=pages, compression="tiff_lzw")


def _frames(alpha: str) -> list[Image.Image]:
    """Return frames in which a part moves."""
    mode = "RGB" if alpha == OPAQUE else "RGBA"
    frames = [picture(mode, alpha, stripe=16) for _ in range(4)]
    for index, frame in enumerate(frames):
        frame.paste((160, 130, 90), (10 * index, 2, 10 * index + 8, 14))
    return frames


def _animation(format_: ImageFormat, alpha: str, times: list[int], **options: Any) -> Kind:
    def encode() -> bytes:
        first, *rest = _frames(alpha)
        return encoded(
            first, format_.value, save_all=True, append_images=rest, duration=times, **options
        )

    disposal = f", disposal {options['disposal']}" if "disposal" in options else ""
    return Kind(f"{format_} animated {alpha}{disposal}", format_, encode)


def _animation_of_libvips(format_: ImageFormat) -> Kind:
    def encode() -> bytes:
        frames = _frames(CLEAR)
        column = pyvips.Image.arrayjoin([_vips_image(frame) for frame in frames], across=1).copy()
        column.set_type(pyvips.GValue.gint_type, "page-height", frames[0].height)
        column.set_type(pyvips.GValue.gint_type, "loop", 3)
        column.set_type(pyvips.GValue.array_int_type, "delay", _DURATIONS_MS)
        return _saved(column, format_)

    return Kind(f"{format_} of libvips, animated clear", format_, encode)


def _gif_of_parts(disposal: int) -> Kind:
    palette = [_HIDDEN, (90, 120, 160), (150, 130, 110), (60, 50, 70)]

    def part(width: int, height: int, index: int) -> list[list[int]]:
        return [
            [0 if 5 <= x < 16 and 3 <= y < 12 else index for x in range(width)]
            for y in range(height)
        ]

    def encode() -> bytes:
        frames = [
            gifs.Frame(part(*SIZE, 1), transparency=0),
            gifs.Frame(part(21, 13, 2), 5, 3, transparency=0, disposal=disposal, duration=7),
            gifs.Frame(part(16, 20, 3), 20, 8, transparency=0, disposal=disposal, duration=20),
        ]
        return gifs.gif(SIZE, palette, frames, repeats=0)

    return Kind(f"GIF of parts, disposal {disposal}", GIF, encode)
