"""Writing GIFs: palettes, the changed part of each frame, and the frames' times."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from PIL import GifImagePlugin, Image, ImageChops

from imgctl.core.containers.gif import CLEAR, KEEP

# Median cut's time grows with the number of colors. Octree is five times faster, and as good for a
# photograph of more colors than this; where they are close together, as in a sky, it finds only
# some twenty.
_FEW_COLORS = 8192
_FEW_FOUND = 160

_MAX_DURATION = 65_535  # in hundredths of a second (GIF89a, 23.c.vii)
_MAX_REPEATS = 65_535
_CLEAR_INDEX = 255


@dataclass(frozen=True, slots=True)
class _Drawing:
    """What one frame draws: a picture in mode P, its place, and the index of its clear pixels."""

    picture: Image.Image
    place: tuple[int, int]
    clear: int | None
    disposal: int


def save(
    pages: Sequence[Image.Image],
    durations_ms: Sequence[float] = (),
    *,
    plays: int | None = None,
    comment: bytes = b"",
) -> bytes:
    """Encode pages in the modes L, RGB or RGBA, whose alpha is 0 or 255, as a GIF.

    Every page becomes a frame, also one that shows nothing new. `plays` is how often an animation
    is shown, 0 for ever; None for a still image.
    """
    drawings = list(_drawings(pages))
    shared = _shared_palette(drawings)
    if shared is not None:
        drawings, palette = shared
    else:
        palette = bytes(drawings[0].picture.getpalette() or [])
    size = pages[0].size
    parts = [_header(size, palette, plays, comment)]
    for drawing, duration in zip(drawings, _hundredths(durations_ms, len(pages)), strict=True):
        options = {
            "duration": 10 * duration,
            "disposal": drawing.disposal if plays is not None else 0,
        }
        if drawing.clear is not None:
            options["transparency"] = drawing.clear
        if shared is None and drawing is not drawings[0]:
            options["include_color_table"] = True
        parts += GifImagePlugin.getdata(drawing.picture, drawing.place, **options)
    return b"".join((*parts, b";"))


def rounds_durations(durations_ms: Sequence[float]) -> bool:
    """Return whether a GIF, which counts hundredths of a second, must round the times."""
    return any(duration % 10 or duration > 10 * _MAX_DURATION for duration in durations_ms)


def _hundredths(durations_ms: Sequence[float], frames: int) -> Iterator[int]:
    """Yield the frames' times, rounded so that each frame begins at its rounded time."""
    elapsed, written = 0.0, 0
    for duration in durations_ms or [0] * frames:
        elapsed += duration
        rounded = min(max(0, int((elapsed + 5) // 10) - written), _MAX_DURATION)
        written += rounded
        yield rounded


def _header(size: tuple[int, int], palette: bytes, plays: int | None, comment: bytes) -> bytes:
    depth = _palette_bits(palette)
    sides = b"".join(side.to_bytes(2, "little") for side in size)
    header = b"GIF89a" + sides + bytes([0x80 | depth - 1, 0, 0]) + palette.ljust(3 << depth, b"\0")
    if plays is not None and plays != 1:
        repeats = min(max(plays - 1, 0), _MAX_REPEATS)
        header += b"!\xff\x0bNETSCAPE2.0\x03\x01" + repeats.to_bytes(2, "little") + b"\0"
    if comment:
        blocks = (comment[at : at + 255] for at in range(0, len(comment), 255))
        header += b"!\xfe" + b"".join(bytes([len(block)]) + block for block in blocks) + b"\0"
    return header


def _palette_bits(palette: bytes) -> int:
    return max(1, (len(palette) // 3 - 1).bit_length())


def _drawings(pages: Sequence[Image.Image]) -> Iterator[_Drawing]:
    """Yield what each frame draws.

    Where pixels become clear, every frame is cleared before the next one: a GIF cannot clear
    pixels otherwise. In all other animations a frame draws what has changed.
    """
    if any(_becomes_clear(*pair) for pair in pairwise(pages)):
        for page in pages:
            box = page.getchannel("A").getbbox() if page.mode == "RGBA" else (0, 0, *page.size)
            box = box or (0, 0, 1, 1)
            yield _drawing(page.crop(box), None, box, CLEAR)
        return
    yield _drawing(pages[0], None, (0, 0, *pages[0].size), KEEP)
    for before, page in pairwise(pages):
        both = [_comparable(image, before, page) for image in (before, page)]
        change = ImageChops.difference(*both)
        box = change.getbbox(alpha_only=False) or (0, 0, 1, 1)
        yield _drawing(page.crop(box), _unchanged(change.crop(box)), box, KEEP)


def _comparable(image: Image.Image, before: Image.Image, page: Image.Image) -> Image.Image:
    return image if before.mode == page.mode else image.convert("RGBA")


def _becomes_clear(before: Image.Image, page: Image.Image) -> bool:
    if page.mode != "RGBA":
        return False
    alpha = page.getchannel("A")
    if before.mode != "RGBA":
        return alpha.getextrema()[0] == 0
    return ImageChops.subtract(before.getchannel("A"), alpha).getbbox() is not None


def _unchanged(change: Image.Image) -> Image.Image | None:
    """Return a mask of the pixels that did not change, if leaving them clear saves bytes."""
    bands = change.split()
    mask = bands[0]
    for band in bands[1:]:
        mask = ImageChops.lighter(mask, band)
    mask = mask.point([255, *[0] * 255])
    unchanged = mask.histogram()[255]
    return mask if 8 * unchanged >= mask.width * mask.height else None


def _drawing(
    page: Image.Image, unchanged: Image.Image | None, box: tuple[int, int, int, int], disposal: int
) -> _Drawing:
    clear = unchanged
    if page.mode == "RGBA":
        alpha = page.getchannel("A")
        # Some decoders clear an area only if its frame has a clear color, and fill it otherwise.
        if disposal == CLEAR or alpha.getextrema()[0] == 0:
            transparent = ImageChops.invert(alpha)
            clear = transparent if clear is None else ImageChops.lighter(clear, transparent)
        page = page.convert("RGB")
    if clear is None:
        return _Drawing(_quantized(page, 256), box[:2], None, disposal)
    page = page.copy() if page.mode == "RGB" else page.convert("RGB")
    page.paste(_any_visible(page, clear), mask=clear)
    picture = _quantized(page, _CLEAR_INDEX)
    used = len(picture.getpalette() or []) // 3
    picture.paste(used, mask=clear)
    picture.putpalette([*(picture.getpalette() or []), 0, 0, 0])
    return _Drawing(picture, box[:2], used, disposal)


def _any_visible(page: Image.Image, clear: Image.Image) -> tuple[int, ...]:
    """Return a color that the palette needs anyway, for pixels that are not seen."""
    box = ImageChops.invert(clear).getbbox()
    if box is None:
        return (0, 0, 0)
    left, top, right, _ = box
    row = clear.crop((left, top, right, top + 1)).tobytes()
    color = page.getpixel((left + row.index(0), top))
    assert isinstance(color, tuple)  # the page is RGB
    return color


def _quantized(page: Image.Image, colors: int) -> Image.Image:
    """Return the page in mode P with a palette of just the colors that it uses."""
    if page.mode == "L":
        picture = page.convert("P")
        return _compacted(picture)
    if page.getcolors(_FEW_COLORS) is None:
        picture = page.quantize(colors, Image.Quantize.FASTOCTREE)
        if len(picture.getcolors() or ()) > _FEW_FOUND:
            return _compacted(picture)
    return _compacted(page.quantize(colors, Image.Quantize.MEDIANCUT))


def _compacted(picture: Image.Image) -> Image.Image:
    """Return the picture without the colors that no pixel has."""
    used = [index for index, count in enumerate(picture.histogram()) if count]
    palette = picture.getpalette() or []
    colors = [palette[3 * index : 3 * index + 3] for index in used]
    if len(used) * 3 != len(palette):
        picture = picture.point(_table(dict(zip(used, range(len(used)), strict=True))), "L")
        picture = _with_palette(picture, [value for color in colors for value in color])
    return picture


def _with_palette(indexes: Image.Image, palette: list[int]) -> Image.Image:
    picture = Image.frombytes("P", indexes.size, indexes.tobytes())
    picture.putpalette(palette)
    return picture


def _table(new: dict[int, int]) -> list[int]:
    return [new.get(index, 0) for index in range(256)]


def _shared_palette(drawings: list[_Drawing]) -> tuple[list[_Drawing], bytes] | None:
    """Return the drawings with one palette for all, if their colors fit into one."""
    index_of: dict[tuple[int, ...], int] = {}
    some_clear = any(drawing.clear is not None for drawing in drawings)
    tables = []
    for drawing in drawings:
        palette = drawing.picture.getpalette() or []
        table = {}
        for index in range(len(palette) // 3):
            if index != drawing.clear:
                color = tuple(palette[3 * index : 3 * index + 3])
                table[index] = index_of.setdefault(color, len(index_of))
        tables.append(table)
        if len(index_of) + some_clear > 256:
            return None
    clear = len(index_of) if some_clear else None
    colors = [value for color in index_of for value in color] + [0, 0, 0] * some_clear
    shared = []
    for drawing, table in zip(drawings, tables, strict=True):
        if drawing.clear is not None and clear is not None:
            table[drawing.clear] = clear
        if table == {index: index for index in table}:
            picture = drawing.picture
        else:
            picture = _with_palette(drawing.picture.point(_table(table), "L"), colors)
        used = clear if drawing.clear is not None else None
        shared.append(_Drawing(picture, drawing.place, used, drawing.disposal))
    return shared, bytes(colors)
