"""The structure of a PNG or APNG file (W3C PNG, 3rd edition).

The decoder sees the still image and what belongs to it. Chunks that it does not need, that it would
refuse, or that are damaged are left out; an animation's frames are decoded one by one
(`imgctl.core.apng`).
"""

from dataclasses import dataclass, field
from typing import BinaryIO

from imgctl.core.containers.apng import Animation, AnimationReader
from imgctl.core.containers.container import Container, Patch
from imgctl.core.containers.png_chunks import MAX_CHUNKS, Chunk, has_valid_crc, read_chunks
from imgctl.core.containers.png_optional import OptionalPart, check_optional, fits_header
from imgctl.core.errors import Damaged, TooLarge, UnsupportedFormat
from imgctl.core.geometry import Size

GRAY, RGB, PALETTE, GRAY_ALPHA, RGB_ALPHA = 0, 2, 3, 4, 6  # clause 11.2.1, color types

_DEPTHS = {
    GRAY: (1, 2, 4, 8, 16),
    RGB: (8, 16),
    PALETTE: (1, 2, 4, 8),
    GRAY_ALPHA: (8, 16),
    RGB_ALPHA: (8, 16),
}
_SAMPLES = {GRAY: 1, RGB: 3, PALETTE: 1, GRAY_ALPHA: 2, RGB_ALPHA: 4}

# Measured: bytes per pixel of decoding and halving, and seconds on one vCPU for a byte to inflate
# and unfilter, to open a frame, and to compose, resample and encode it.
_OPAQUE_BYTES, _ALPHA_BYTES, _KEY_16_BIT_BYTES = 8, 12, 16
_ANIMATION_BYTES, _FRAME_BYTES = 22, 2
_SECONDS_PER_BYTE = 9e-9
_SECONDS_PER_FRAME = 0.25e-3
_SECONDS_PER_CANVAS_PIXEL = 80e-9

COLOR_CHUNKS = (b"cICP", b"mDCV", b"cLLI", b"sRGB", b"gAMA", b"cHRM")
"""What describes color beside the profile; all precede the palette and the image (clause 5.6)."""

_MAX_PALETTE_BYTES = 3 * 256
_ANIMATION = (b"acTL", b"fcTL", b"fdAT")
_CRITICAL = (b"IHDR", b"PLTE", b"IDAT", b"IEND")
_ONLY_BEFORE_IMAGE = (b"tRNS", b"iCCP", b"pHYs", *COLOR_CHUNKS)


@dataclass(frozen=True, slots=True, kw_only=True)
class PngContainer(Container):
    """The facts of a PNG file.

    `color_key` is the gray level or the color that is transparent, in values of `depth` bits.
    `palette_alpha` is whether entries of the palette are transparent. `color_chunks` are the
    chunks that describe color, and `palette_chunks` the palette and transparency, as stored.
    """

    depth: int
    color_type: int
    interlaced: bool = False
    color_key: tuple[int, ...] | None = None
    palette_alpha: bool = False
    color_chunks: tuple[tuple[bytes, bytes], ...] = ()
    palette_chunks: tuple[tuple[bytes, bytes], ...] = ()
    animation: Animation | None = None

    @property
    def is_gray(self) -> bool:
        """Whether pixels have no color."""
        return self.color_type in (GRAY, GRAY_ALPHA)

    @property
    def has_few_colors(self) -> bool:
        """Whether it has a palette or few gray levels."""
        return self.color_type == PALETTE or self.depth < 8

    @property
    def has_alpha(self) -> bool:
        """Whether pixels of the still image, or of a frame on its own, can be transparent."""
        return (
            self.color_type in (GRAY_ALPHA, RGB_ALPHA)
            or self.color_key is not None
            or self.palette_alpha
        )

    @property
    def is_transparent(self) -> bool:
        """Whether the picture can be transparent: each frame, composed, of an animation."""
        shows_background = self.animation is not None and not self.animation.covers(self.size)
        return self.has_alpha or shows_background


@dataclass(slots=True)
class _Header:
    size: Size
    depth: int
    color_type: int
    interlaced: bool


@dataclass(slots=True)
class _View:
    """What the decoder shall not see, and what is known of the rest."""

    patches: list[Patch] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    color_chunks: dict[bytes, bytes] = field(default_factory=dict)
    palette: bytes | None = None
    transparency: bytes | None = None
    has_image: bool = False
    has_end: bool = False

    def leave_out(self, chunk: Chunk, file_bytes: int, note: str = "") -> None:
        end = min(chunk.end, file_bytes)
        if self.patches and self.patches[-1].end == chunk.start:
            self.patches[-1] = Patch(self.patches[-1].start, end)
        else:
            self.patches.append(Patch(chunk.start, end))
        if note and note not in self.notes:
            self.notes.append(note)


def read(file: BinaryIO, file_bytes: int) -> PngContainer:
    """Read a PNG file's chunks, without its image data.

    Raises Damaged for an invalid header, UnsupportedFormat for an unknown critical chunk, and
    TooLarge for too many chunks.
    """
    header = _read_header(file)
    view, animation_reader = _View(), AnimationReader(header.size)
    optional, end = OptionalPart(), 0
    for index, chunk in enumerate(read_chunks(file, file_bytes)):
        if index >= MAX_CHUNKS:
            raise TooLarge(
                f"The PNG has more than {MAX_CHUNKS:,} chunks.",
                hint="Export it again from the program that created it.",
            )
        if chunk.name in _ANIMATION:
            view.leave_out(chunk, file_bytes)
            animation_reader.add(file, chunk, has_image=view.has_image)
        elif chunk.name in _CRITICAL:
            _add_critical(view, file, animation_reader, chunk)
            if chunk.name == b"IEND":
                break
        elif chunk.is_critical:
            _check_unknown(view, chunk)
            view.leave_out(chunk, file_bytes)
        else:
            _add_ancillary(view, file, file_bytes, chunk, header, optional)
        end = chunk.end
    if view.has_image and not view.has_end:
        if end < file_bytes:  # no chunk begins here: what follows is noise
            view.patches.append(Patch(end, file_bytes))
        view.notes.append("end marker missing")
    animation, note = animation_reader.finish(complete=view.has_end)
    if note:
        view.notes.append(note)
    return _container(header, view, animation)


def _read_header(file: BinaryIO) -> _Header:
    file.seek(8)
    start = file.read(8)
    if start[4:] == b"CgBI":
        raise UnsupportedFormat(
            "The PNG is in Apple's CgBI variant, which is not supported.",
            hint="Export it as a standard PNG.",
        )
    data = file.read(13)
    if start[4:] != b"IHDR" or len(data) < 13:
        raise _damaged("its header is missing")
    width, height = int.from_bytes(data[:4]), int.from_bytes(data[4:8])
    depth, color_type = data[8], data[9]
    if not (0 < width < 2**31 and 0 < height < 2**31):
        raise _damaged(f"its size is {width}x{height}")
    if depth not in _DEPTHS.get(color_type, ()):
        raise _damaged(f"its header has color type {color_type} with {depth} bits")
    return _Header(Size(width, height), depth, color_type, interlaced=bool(data[12]))


def _damaged(reason: str) -> Damaged:
    return Damaged(
        f"The PNG cannot be decoded: {reason}.",
        hint="Export it again from the program that created it.",
    )


def _add_critical(view: _View, file: BinaryIO, animation: AnimationReader, chunk: Chunk) -> None:
    if chunk.name == b"PLTE" and chunk.length <= _MAX_PALETTE_BYTES:
        view.palette = chunk.read(file)
    elif chunk.name == b"IDAT":
        view.has_image = True
        animation.add_image_data(chunk)
    elif chunk.name == b"IEND":
        view.has_end = True


def _check_unknown(view: _View, chunk: Chunk) -> None:
    """Raise UnsupportedFormat for a critical chunk that the image depends on (clause 5.4)."""
    if not view.has_image:
        raise UnsupportedFormat(
            f"The PNG has a critical chunk {chunk.name.decode()}, which is not supported.",
            hint="Export it as a standard PNG.",
        )


def _add_ancillary(
    view: _View,
    file: BinaryIO,
    file_bytes: int,
    chunk: Chunk,
    header: _Header,
    optional: OptionalPart,
) -> None:
    """Note what an ancillary chunk says, or leave it out."""
    name = chunk.name
    label = optional.label(name)
    if label is None:  # neither the decoder nor the result needs it
        view.leave_out(chunk, file_bytes)
        return
    if chunk.length > optional.max_stored_bytes:
        view.leave_out(chunk, file_bytes, f"{label} dropped: larger than 1 MiB")
        return
    misplaced = view.has_image and name in _ONLY_BEFORE_IMAGE
    data = chunk.read(file)
    if misplaced or not has_valid_crc(file, chunk, data):
        view.leave_out(chunk, file_bytes, f"{label} dropped: damaged")
        return
    if reason := check_optional(name, data, optional) or fits_header(name, data, header.color_type):
        view.leave_out(chunk, file_bytes, f"{label} {reason}")
    elif name in COLOR_CHUNKS:
        view.color_chunks.setdefault(name, data)
    elif name == b"tRNS":
        view.transparency = data


def _container(header: _Header, view: _View, animation: Animation | None) -> PngContainer:
    key: tuple[int, ...] | None = None
    transparency = view.transparency
    if transparency is not None and header.color_type in (GRAY, RGB):
        mask = (1 << header.depth) - 1  # other bits are to be ignored (clause 11.3.1.1)
        samples = range(0, 2 * _SAMPLES[header.color_type], 2)
        key = tuple(int.from_bytes(transparency[at : at + 2]) & mask for at in samples)
    palette_alpha = header.color_type == PALETTE and transparency is not None
    frames = len(animation.frames) if animation else 1
    return PngContainer(
        size=header.size,
        frames=frames,
        decoder_bytes=_decoder_bytes(header, view, animation),
        decoder_seconds=_decoder_seconds(header, animation),
        patches=tuple(view.patches),
        notes=tuple(view.notes),
        depth=header.depth,
        color_type=header.color_type,
        interlaced=header.interlaced,
        color_key=key,
        palette_alpha=palette_alpha,
        palette_chunks=tuple(
            (name, data)
            for name, data in ((b"PLTE", view.palette), (b"tRNS", transparency))
            if data is not None
        ),
        color_chunks=tuple(view.color_chunks.items()),
        animation=animation,
    )


def _decoder_bytes(header: _Header, view: _View, animation: Animation | None) -> int:
    """Return the peak memory of decoding and halving.

    With alpha, pixels are premultiplied into a copy. To compare all 16 bits of a color with the
    transparent one, the image is decoded twice. An animation has the still image, the frame, the
    canvas, what is restored after the frame, and the copies of the canvas; each half is kept, and
    copied once by Pillow's encoder.
    """
    per_pixel = _OPAQUE_BYTES
    if animation is not None:
        per_pixel = _ANIMATION_BYTES + _FRAME_BYTES * len(animation.frames)
    elif view.transparency is not None and header.depth == 16:
        per_pixel = _KEY_16_BIT_BYTES
    elif view.transparency is not None or header.color_type in (GRAY_ALPHA, RGB_ALPHA):
        per_pixel = _ALPHA_BYTES
    return per_pixel * header.size.pixels


def _decoder_seconds(header: _Header, animation: Animation | None) -> float:
    bits = header.depth * _SAMPLES[header.color_type]
    pixels = header.size.pixels
    seconds = pixels * bits / 8 * _SECONDS_PER_BYTE
    if animation is not None:
        frames = len(animation.frames)
        areas = sum(frame.size.pixels for frame in animation.frames)
        seconds += areas * bits / 8 * _SECONDS_PER_BYTE
        seconds += frames * (_SECONDS_PER_FRAME + pixels * _SECONDS_PER_CANVAS_PIXEL)
    return seconds
