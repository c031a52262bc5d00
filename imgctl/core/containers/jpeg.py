"""The structure of a JPEG file (ITU-T T.81): its scans, its cost, and how it ends."""

from dataclasses import dataclass
from typing import BinaryIO

from imgctl.core.containers.container import Container, Patch
from imgctl.core.containers.jpeg_frame import Frame, Scans, read_frame
from imgctl.core.containers.jpeg_markers import (
    DHP,
    DQT,
    EOI,
    FRAMES,
    SOS,
    Segment,
    segments,
)
from imgctl.core.containers.jpeg_parts import OptionalParts, unreadable_part
from imgctl.core.containers.jpeg_quality import estimated_quality
from imgctl.core.geometry import Size

CONTINUATIONS = 4
"""How many endings are tried, twice, for an image without an end marker (`jpeg_ending`)."""

_EOI_BYTES = bytes([0xFF, EOI])

# Measured on one vCPU: libjpeg visits every block of a scan, and reads every byte of it. For
# arithmetic coding, where a byte can hold hundreds of decisions, it is 64 coefficients of a block.
_SECONDS_PER_BLOCK = 65e-9
_SECONDS_PER_ARITHMETIC_BLOCK = 1e-6
_SECONDS_PER_BYTE = 25e-9

_VIDEO = b"ftyp"  # the first box of an MP4 file (ISO/IEC 14496-12)
_BLOCK_BYTES = 1 << 20
_BYTES_OF_A_PIXEL = 4  # in Pillow
_FILL_BYTES = 64  # so many equal bytes at the end are no entropy-coded data, but a lost part


@dataclass(frozen=True, slots=True, kw_only=True)
class JpegContainer(Container):
    """The structure of a JPEG file.

    `decoder_bytes` are the coefficients that libjpeg holds beside the pixels: all of them, unless
    a single scan has the whole image. `quality` is estimated from the quantization table, 100 if
    there is none. `unfinished_at` is where entropy-coded data end without an EOI marker, else
    None: `jpeg_ending` finds out whether they are complete.
    """

    scans: int = 0
    lossless: bool = False
    quality: int = 100
    extra_images: int = 0
    unfinished_at: int | None = None


def read(file: BinaryIO, file_bytes: int) -> Container:
    """Read the structure of a JPEG file.

    Raises TooLarge for more segments than any encoder writes, and UnsupportedFormat for a kind of
    JPEG that libjpeg does not decode.
    """
    found = _Found(file, file_bytes)
    for segment in segments(file, file_bytes):
        found.add(segment)
        if found.scans is not None and found.scans.single_pass and segment.marker == SOS:
            file.seek(-2, 2)
            if file.read(2) == _EOI_BYTES:
                found.ended = True  # at the latest there: libjpeg reads this scan only
                break
    return found.container()


class _Found:
    """What has been found so far."""

    def __init__(self, file: BinaryIO, file_bytes: int) -> None:
        self.file = file
        self.file_bytes = file_bytes
        self.frame: Frame | None = None
        self.scans: Scans | None = None
        self.ended = False
        self.cut_at: int | None = None
        self.end = file_bytes
        self.tables: dict[int, bytes] = {}
        self.parts = OptionalParts()
        self.patches: list[Patch] = []
        self.notes: list[str] = []

    def add(self, segment: Segment) -> None:
        if segment.end > self.file_bytes:
            self.cut_at = segment.start
        elif segment.marker == EOI:
            self.ended, self.end = True, segment.end
        elif segment.marker in (*FRAMES, DHP) and self.frame is None:
            self.frame = read_frame(segment)
            if self.frame is not None:
                self.scans = Scans(self.frame)
        elif segment.marker == DQT:
            self._add_tables(segment.data)
        elif segment.marker == SOS and self.scans is not None:
            self.scans.add(segment.data)
        elif self.scans is None or not self.scans.count:
            self._add_part(segment)

    def _add_tables(self, data: bytes) -> None:
        while len(data) >= 65:  # T.81 B.2.4.1: precision and number, then 64 values
            size = 2 if data[0] >> 4 else 1
            self.tables.setdefault(data[0] & 15, data[1 : 1 + 64 * size])
            data = data[1 + 64 * size :]

    def _add_part(self, segment: Segment) -> None:
        if name := unreadable_part(segment):
            self.patches.append(Patch(segment.start, segment.end))
            self.notes.append(f"{name} dropped: damaged")
        else:
            self.parts.add(segment)

    def container(self) -> Container:
        if self.frame is None or self.scans is None:
            return JpegContainer(size=Size(1, 1))  # the decoder decides what is wrong with it
        size = Size(self.frame.width, self.frame.height)
        held = 0 if self.scans.single_pass else self.frame.coefficient_bytes
        arithmetic = self.frame.arithmetic
        block_seconds = _SECONDS_PER_ARITHMETIC_BLOCK if arithmetic else _SECONDS_PER_BLOCK
        seconds = self.scans.blocks * block_seconds + self.file_bytes * _SECONDS_PER_BYTE
        unfinished_at = self._unfinished_at()
        if unfinished_at is not None:  # then `jpeg_ending` decodes it in full, several times
            self.patches.append(Patch(unfinished_at, self.file_bytes, _EOI_BYTES))
            held += _BYTES_OF_A_PIXEL * size.pixels
            seconds *= 1 + 2 * CONTINUATIONS
        return JpegContainer(
            size=size,
            decoder_bytes=held,
            decoder_seconds=seconds,
            decoder_work=f"{self.scans.count:,} scans",
            patches=tuple(self.patches),
            notes=(*self.notes, *self._dropped_parts()),
            scans=self.scans.count,
            lossless=self.frame.lossless,
            quality=self._quality(),
            extra_images=max(0, self.parts.images - 1 - self.parts.gain_map),
            unfinished_at=unfinished_at,
        )

    def _unfinished_at(self) -> int | None:
        """Return where the EOI marker is missing, if all scans have at least begun."""
        assert self.frame is not None
        assert self.scans is not None
        # An arithmetic decoder reads beyond its data, so that it cannot tell where they end.
        if self.ended or self.frame.arithmetic or not self.scans.complete:
            return None
        end = self.file_bytes if self.cut_at is None else self.cut_at
        self.file.seek(max(0, end - _FILL_BYTES))
        last = self.file.read(min(end, _FILL_BYTES))
        if len(set(last)) == 1:
            return None
        return end - 1 if last.endswith(b"\xff") else end

    def _quality(self) -> int:
        assert self.frame is not None
        first = next(iter(self.frame.components.values()))
        table = self.tables.get(first.table, b"")
        if self.frame.lossless or len(table) < 64:
            return 100
        size = len(table) // 64
        values = [int.from_bytes(table[at : at + size]) for at in range(0, len(table), size)]
        return estimated_quality(values)

    def _dropped_parts(self) -> list[str]:
        notes = ["gain map dropped"] if self.parts.gain_map else []
        if self._has_video():
            notes.append("video of a motion photo dropped")
        return notes

    def _has_video(self) -> bool:
        position = self.end
        while position < self.file_bytes:
            self.file.seek(position)
            if _VIDEO in self.file.read(_BLOCK_BYTES):
                return True
            position += _BLOCK_BYTES - len(_VIDEO) + 1
        return False
