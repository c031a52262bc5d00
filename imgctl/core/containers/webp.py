"""The chunks of a WebP (RFC 9649): its frames, how they are encoded, and its metadata."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from imgctl.core.containers.container import Container, Patch
from imgctl.core.containers.optional_parts import is_icc_profile, is_readable_exif
from imgctl.core.containers.vp8 import estimated_quality
from imgctl.core.errors import Damaged, TooLarge, Truncated
from imgctl.core.geometry import Size

MAX_FRAMES = 100_000
_MAX_CHUNKS = 400_000
_MAX_METADATA_BYTES = 64 << 20
_FRAME_HEADER_BYTES = 16  # before the chunks in an ANMF (RFC 9649, 2.7.1.1)
_METADATA = {b"EXIF": "EXIF", b"ICCP": "color profile", b"XMP ": "XMP"}
_ANIMATION_FLAG = 0x02  # of VP8X
_UNKNOWN = b"skip"  # a chunk of no known name, which every decoder ignores


@dataclass(frozen=True, slots=True, kw_only=True)
class WebpContainer(Container):
    """What a WebP's chunks say.

    `lossless` is true if every frame is. `quality` is libwebp's, estimated from the coarsest of
    the first lossy frames; None if there is none.
    """

    lossless: bool = False
    quality: int | None = None


@dataclass(frozen=True, slots=True)
class _Chunk:
    name: bytes
    start: int
    size: int

    @property
    def data(self) -> int:
        return self.start + 8

    @property
    def end(self) -> int:
        """Where the next chunk begins; data of odd size is padded."""
        return self.data + self.size + (self.size & 1)


class _Reader:
    def __init__(self, file: BinaryIO, file_bytes: int) -> None:
        self._file = file
        self._file_bytes = file_bytes
        self._chunks = 0
        self._canvas: Size | None = None
        self._plays: int | None = None
        self._frames = 0
        self._lossless = self._lossy = self._alpha = 0
        self._decoded_pixels = 0
        self._quality: int | None = None
        self._patches: list[Patch] = []
        self._notes: list[str] = []
        self._truncated = self._has_exif = False

    def read(self) -> WebpContainer:
        header = self._at(0, 12)
        riff_end = 8 + int.from_bytes(header[4:8], "little")
        end = min(riff_end, self._file_bytes)
        for chunk in self._walk(12, end):
            self._read_chunk(chunk)
        if self._truncated:
            raise Truncated("The image is truncated.", hint="Copy or upload the complete file.")
        if self._canvas is None or not self._frames:
            raise Damaged(
                "The WebP file has no image.",
                hint="Export it again from the program that created it.",
            )
        if riff_end > self._file_bytes:
            complete = min(self._cut or self._file_bytes, self._file_bytes) - 8
            self._patches.insert(0, Patch(4, 8, complete.to_bytes(4, "little")))
        return self._container(self._canvas)

    def _container(self, canvas: Size) -> WebpContainer:
        return WebpContainer(
            size=canvas,
            frames=self._frames,
            plays=self._plays,
            decoder_bytes=self._decoder_bytes(canvas),
            decoder_seconds=self._decoder_seconds(canvas),
            patches=tuple(self._patches),
            notes=tuple(dict.fromkeys(self._notes)),
            lossless=bool(self._lossless and not self._lossy),
            quality=self._quality,
        )

    def _decoder_bytes(self, canvas: Size) -> int:
        """Two canvases, a frame's pixels as bytes and as Pillow's image, and the file twice.

        Alpha is decoded into a plane of its own.
        """
        return (17 if self._alpha else 16) * canvas.pixels + 2 * self._file_bytes

    def _decoder_seconds(self, canvas: Size) -> float:
        shown = canvas.pixels * self._frames
        return 300e-6 * self._frames + 30e-9 * self._decoded_pixels + 20e-9 * shown

    @property
    def _cut(self) -> int | None:
        """Where the data ends that is left, if the end is left out."""
        last = self._patches[-1] if self._patches else None
        return last.start if last is not None and not last.replacement else None

    def _read_chunk(self, chunk: _Chunk) -> None:
        complete = chunk.data + chunk.size <= self._file_bytes
        if chunk.name == b"VP8X":
            body = self._at(chunk.data, 10)
            if len(body) == 10:
                self._canvas = Size(_int24(body, 4) + 1, _int24(body, 7) + 1)
        elif chunk.name == b"ANIM":
            body = self._at(chunk.data, 6)
            self._plays = int.from_bytes(body[4:6], "little")
        elif chunk.name == b"ANMF":
            self._read_frame(chunk)
        elif chunk.name in (b"VP8 ", b"VP8L"):
            self._frames = max(self._frames, 1)
            self._read_bitstream(chunk)
        elif chunk.name == b"ALPH":
            self._alpha = 1
        elif not complete and self._frames:
            # The image is there: what is cut off is optional.
            name = _METADATA.get(chunk.name, "data after the image")
            self._patches.append(Patch(chunk.start, self._file_bytes))
            self._notes.append(f"{name} dropped: truncated")
        elif chunk.name == b"EXIF" and self._has_exif:
            # Readers may ignore all but the first (RFC 9649, 2.7.1.5); judging each takes time.
            self._patches.append(Patch(chunk.start, chunk.start + 4, _UNKNOWN))
        elif chunk.name in (b"EXIF", b"ICCP"):
            self._has_exif |= chunk.name == b"EXIF"
            self._check_metadata(chunk)
        if not complete and chunk.name in (b"VP8 ", b"VP8L", b"ANMF", b"ALPH"):
            self._truncated = True

    def _read_frame(self, frame: _Chunk) -> None:
        self._frames += 1
        if self._frames > MAX_FRAMES:
            raise TooLarge(
                f"The WebP file has more than {MAX_FRAMES} frames.",
                hint="Reduce its number of frames.",
            )
        end = min(frame.data + frame.size, self._file_bytes)
        for chunk in self._walk(frame.data + _FRAME_HEADER_BYTES, end):
            if chunk.name in (b"VP8 ", b"VP8L"):
                self._read_bitstream(chunk)
            elif chunk.name == b"ALPH":
                self._alpha = 1

    def _read_bitstream(self, chunk: _Chunk) -> None:
        size: Size | None = None
        if chunk.name == b"VP8L":
            head = self._at(chunk.data, 5)
            if len(head) == 5:
                bits = int.from_bytes(head[1:5], "little")  # RFC 9649, 3.4
                size = Size((bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1)
                self._alpha |= bits >> 28 & 1
            self._lossless = 1
        else:
            head = self._at(chunk.data, 64 if self._frames < 4 else 10)
            width, height = (int.from_bytes(head[at : at + 2], "little") & 0x3FFF for at in (6, 8))
            if width and height:
                size = Size(width, height)
            self._lossy = 1
            quality = estimated_quality(head) if len(head) > 10 else None
            if quality is not None:
                self._quality = min(quality, self._quality or quality)
        if size is not None:
            self._canvas = self._canvas or size
            self._decoded_pixels += size.pixels

    def _check_metadata(self, chunk: _Chunk) -> None:
        data = self._at(chunk.data, min(chunk.size, _MAX_METADATA_BYTES))
        readable = is_readable_exif(data) if chunk.name == b"EXIF" else is_icc_profile(data)
        if not readable:
            self._patches.append(Patch(chunk.start, chunk.start + 4, _UNKNOWN))
            self._notes.append(f"{_METADATA[chunk.name]} dropped: damaged")

    def _walk(self, position: int, end: int) -> Iterator[_Chunk]:
        while position + 8 <= end:
            self._chunks += 1
            if self._chunks > _MAX_CHUNKS:
                raise TooLarge(
                    "The WebP file has too many chunks.",
                    hint="Export it again from the program that created it.",
                )
            head = self._at(position, 8)
            chunk = _Chunk(head[:4], position, int.from_bytes(head[4:8], "little"))
            yield chunk
            position = chunk.end

    def _at(self, position: int, count: int) -> bytes:
        self._file.seek(position)
        return self._file.read(count)


def read(file: BinaryIO, file_bytes: int) -> WebpContainer:
    """Read the chunks of a WebP. Raises Damaged, Truncated or TooLarge."""
    return _Reader(file, file_bytes).read()


def _int24(data: bytes, at: int) -> int:
    return int.from_bytes(data[at : at + 3], "little")
