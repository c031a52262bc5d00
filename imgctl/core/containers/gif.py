"""The blocks of a GIF (GIF89a specification): what its frames are, and where."""

import re
from dataclasses import dataclass, field
from typing import BinaryIO

from imgctl.core.containers.container import Container, Patch
from imgctl.core.errors import Damaged, TooLarge, Truncated
from imgctl.core.geometry import Size

MAX_FRAMES = 100_000
_MAX_STEPS = 2_000_000  # about two seconds; a file of ordinary blocks takes some per frame
_MAX_COMMENT_BYTES = 65_536
_WINDOW_BYTES = 1 << 20
_RUN_BLOCKS = 256  # data blocks of the same length that are skipped at once

_EXTENSION, _IMAGE, _TRAILER = b"!", b",", b";"
_GRAPHIC_CONTROL, _COMMENT, _APPLICATION = 0xF9, 0xFE, 0xFF
_BLOCK = re.compile(rb"[!,;]")
_LOOPS = (b"NETSCAPE2.0", b"ANIMEXTS1.0")
_DROPPED_APPLICATIONS = {
    b"XMP DataXMP": "XMP dropped",
    b"ICCRGBG1012": "color profile dropped: not supported by GIF",
}

KEEP, CLEAR, RESTORE = 1, 2, 3
"""What becomes of a frame's area after it was shown (GIF89a, 23.c.iv)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GifFrame:
    """One image of a GIF: its area on the screen, and where its data is in the file.

    `data_start` is the position of the code size, and `data_end` that after the last data block.
    `palette` is the frame's own, or None. `transparency` is the index of clear pixels.
    """

    left: int
    top: int
    width: int
    height: int
    data_start: int
    data_end: int
    interlaced: bool = False
    palette: bytes | None = field(default=None, repr=False)
    transparency: int | None = None
    disposal: int = KEEP
    duration_ms: int = 0

    @property
    def pixels(self) -> int:
        """The number of pixels, which may be 0."""
        return self.width * self.height

    @property
    def box(self) -> tuple[int, int, int, int]:
        """The area: left, top, right, bottom."""
        return (self.left, self.top, self.left + self.width, self.top + self.height)


@dataclass(frozen=True, slots=True, kw_only=True)
class GifContainer(Container):
    """A GIF's frames and palette; `size` is the screen, at least as large as the first frame."""

    images: tuple[GifFrame, ...] = field(repr=False)
    palette: bytes | None = field(default=None, repr=False)

    @property
    def opaque(self) -> bool:
        """Whether no pixel of any frame can be clear."""
        first, *rest = self.images
        whole = (0, 0, self.size.width, self.size.height)
        cleared = any(frame.disposal == CLEAR for frame in self.images[:-1])
        restored_to_nothing = bool(rest) and first.disposal == RESTORE
        return (
            first.box == whole
            and first.transparency is None
            and not cleared
            and not restored_to_nothing
        )


@dataclass(slots=True)
class _GraphicControl:
    """The extension that applies to the next image (GIF89a, 23)."""

    transparency: int | None = None
    disposal: int = KEEP
    duration_ms: int = 0


class _Bytes:
    """Random access to a file through a window, with a bound on the steps of all reading."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._start = 0
        self._window = b""
        self._steps = 0

    def at(self, position: int, count: int) -> bytes:
        """Return `count` bytes, or fewer at the end of the file."""
        offset = self._load(position, count)
        return self._window[offset : offset + count]

    def next_block(self, position: int) -> int | None:
        """Return where the next block's introducer is, after any junk; None at the end."""
        while True:
            offset = self._load(position, 1)
            if found := _BLOCK.search(self._window, offset):
                return self._start + found.start()
            if offset >= len(self._window):
                return None
            position = self._start + len(self._window)

    def after_data_blocks(self, position: int) -> tuple[int, bool]:
        """Return the position after a sequence of data blocks, and whether its end is there.

        Blocks of the same length are skipped many at a time: most files consist of such.
        """
        while True:
            offset = self._load(position, 1)
            if offset >= len(self._window):
                return position, False
            length = self._window[offset]
            if length == 0:
                return position + 1, True
            step = length + 1
            lengths = self._window[offset : offset + step * _RUN_BLOCKS : step]
            position += step * (len(lengths) - len(lengths.lstrip(bytes([length]))))

    def _load(self, position: int, count: int) -> int:
        self._steps += 1
        if self._steps > _MAX_STEPS:
            raise TooLarge("The GIF has too many blocks.", hint="Reduce its number of frames.")
        offset = position - self._start
        if not 0 <= offset <= len(self._window) - count:
            self._file.seek(position)
            self._window = self._file.read(_WINDOW_BYTES)
            self._start, offset = position, 0
        return offset


class _Reader:
    """Reads one file from beginning to end."""

    def __init__(self, file: BinaryIO, file_bytes: int) -> None:
        self._bytes = _Bytes(file)
        self._file_bytes = file_bytes
        self._images: list[GifFrame] = []
        self._comment: tuple[int, int] | None = None
        self._first_block = 0
        self._plays: int | None = None
        self._notes: list[str] = []

    def read(self) -> GifContainer:
        screen = self._bytes.at(0, 13)
        if len(screen) < 13:
            raise _truncated()
        palette, position = self._palette(13, screen[10])
        first_block = position
        control = _GraphicControl()
        while (start := self._bytes.next_block(position)) is not None:
            kind = self._bytes.at(start, 1)
            if kind == _TRAILER:
                break
            if kind == _EXTENSION:
                control, position = self._extension(start, control)
            else:
                position = self._image(start, control)
                control = _GraphicControl()
        if not self._images:
            raise Damaged(
                "The GIF has no image.", hint="Export it again from the program that created it."
            )
        first = self._images[0]
        width = max(int.from_bytes(screen[6:8], "little"), first.left + first.width)
        height = max(int.from_bytes(screen[8:10], "little"), first.top + first.height)
        if not width or not height or not any(frame.pixels for frame in self._images):
            raise Damaged(
                "The GIF has no pixels.", hint="Export it again from the program that created it."
            )
        size = Size(width, height)
        return GifContainer(
            size=size,
            frames=len(self._images),
            decoder_bytes=self._decoder_bytes(size),
            decoder_seconds=self._seconds(size),
            patches=self._patches(first_block),
            notes=tuple(dict.fromkeys(self._notes)),
            images=tuple(self._images),
            palette=palette,
            plays=1 if self._plays is None else self._plays,
        )

    def _decoder_bytes(self, size: Size) -> int:
        """Return the data, indexes and colors of a frame, the screen, and an area to restore.

        Resampling weights a copy of the screen by its alpha.
        """
        largest = max(frame.pixels for frame in self._images)
        data = max(frame.data_end - frame.data_start for frame in self._images)
        single = len(self._images) == 1 and self._images[0].transparency is None
        screens = 0 if single and largest >= size.pixels else 9
        restored = any(frame.disposal == RESTORE for frame in self._images)
        per_frame_pixel = 5 + (4 if restored else 0)
        return per_frame_pixel * largest + screens * size.pixels + 2 * data

    def _seconds(self, size: Size) -> float:
        decoded = sum(frame.pixels for frame in self._images)
        shown = size.pixels * len(self._images)
        return 300e-6 * len(self._images) + 10e-9 * decoded + 30e-9 * shown

    def _patches(self, first_block: int) -> tuple[Patch, ...]:
        """Leave the first frame and the first comment: the rest is read by `gif_frames`."""
        first = self._images[0]
        descriptor = first.data_start - 10 - len(first.palette or b"")
        kept = b""
        if self._comment is not None and self._comment[1] <= descriptor:
            start, end = self._comment
            kept = self._bytes.at(start, end - start)
        control = b""
        if first.transparency is not None:
            control = b"!\xf9\x04\x01\x00\x00" + bytes([first.transparency, 0])
        return (
            Patch(first_block, descriptor, kept + control),
            Patch(first.data_end, self._file_bytes, _TRAILER),
        )

    def _palette(self, position: int, flags: int) -> tuple[bytes | None, int]:
        """Read a color table, if the flags of a screen or an image name one (GIF89a, 18.c)."""
        if not flags & 0x80:
            return None, position
        table_bytes = 3 << ((flags & 7) + 1)
        table = self._bytes.at(position, table_bytes)
        if len(table) < table_bytes:
            raise _truncated()
        return table, position + table_bytes

    def _extension(self, start: int, control: _GraphicControl) -> tuple[_GraphicControl, int]:
        head = self._bytes.at(start, 20)
        label = head[1] if len(head) > 1 else None
        end, _ = self._bytes.after_data_blocks(start + 2)
        if label == _GRAPHIC_CONTROL and len(head) >= 7 and head[2] >= 4:
            flags = head[3]
            disposal = flags >> 2 & 7
            control = _GraphicControl(
                transparency=head[6] if flags & 1 else None,
                # Browsers take 4 for 3, because an early specification counted so.
                disposal={CLEAR: CLEAR, RESTORE: RESTORE, 4: RESTORE}.get(disposal, KEEP),
                duration_ms=10 * int.from_bytes(head[4:6], "little"),
            )
        elif label == _COMMENT and self._comment is None:
            if end - start <= _MAX_COMMENT_BYTES:
                self._comment = (start, end)
            else:
                self._notes.append(f"comment dropped: larger than {_MAX_COMMENT_BYTES:,} bytes")
        elif label == _APPLICATION and head[2:3] == b"\x0b":
            self._application(head, self._bytes.at(start + 14, 4))
        return control, end

    def _application(self, head: bytes, data: bytes) -> None:
        name = head[3:14]
        if note := _DROPPED_APPLICATIONS.get(name):
            self._notes.append(note)
        if name in _LOOPS and self._plays is None and len(data) == 4 and data[1] & 7 == 1:
            repeats = int.from_bytes(data[2:4], "little")
            self._plays = repeats + 1 if repeats else 0

    def _image(self, start: int, control: _GraphicControl) -> int:
        descriptor = self._bytes.at(start, 10)
        if len(descriptor) < 10:
            raise _truncated()
        left, top, width, height = (
            int.from_bytes(descriptor[at : at + 2], "little") for at in (1, 3, 5, 7)
        )
        palette, data_start = self._palette(start + 10, descriptor[9])
        end, _ = self._bytes.after_data_blocks(data_start + 1)
        if end == data_start + 1 and not self._bytes.at(data_start, 1):
            raise _truncated()
        self._images.append(
            GifFrame(
                left=left,
                top=top,
                width=width,
                height=height,
                data_start=data_start,
                data_end=min(end, self._file_bytes),
                interlaced=bool(descriptor[9] & 0x40),
                palette=palette,
                transparency=control.transparency,
                disposal=control.disposal,
                duration_ms=control.duration_ms,
            )
        )
        if len(self._images) > MAX_FRAMES:
            raise TooLarge(
                f"The GIF has more than {MAX_FRAMES} frames.", hint="Reduce its number of frames."
            )
        return end


def read(file: BinaryIO, file_bytes: int) -> GifContainer:
    """Read the blocks of a GIF. Raises Damaged, Truncated or TooLarge."""
    return _Reader(file, file_bytes).read()


def _truncated() -> Truncated:
    return Truncated("The image is truncated.", hint="Copy or upload the complete file.")
