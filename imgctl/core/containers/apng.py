"""The frames of an APNG: where their data are, and how they are shown (W3C PNG, clause 11.3.2)."""

import struct
from dataclasses import dataclass, field, replace
from enum import IntEnum
from typing import BinaryIO

from imgctl.core.containers.png_chunks import Chunk, has_valid_crc
from imgctl.core.geometry import Size

_CONTROL_BYTES = 26
_DAMAGED = "animation dropped: damaged"


class Disposal(IntEnum):
    """What happens to a frame's area before the next frame is drawn."""

    NONE = 0
    BACKGROUND = 1
    PREVIOUS = 2


class Blend(IntEnum):
    """Whether a frame replaces what its area shows, or is drawn over it."""

    SOURCE = 0
    OVER = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """One frame: its place, its time, and the ranges of the file that hold its compressed data."""

    left: int
    top: int
    size: Size
    duration_ms: float
    disposal: Disposal
    blend: Blend
    data: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class Animation:
    """The frames of an animation, and how often it is played: 0 is for ever.

    A default image that is not the first frame is for viewers without animation only.
    """

    frames: tuple[Frame, ...]
    plays: int

    def covers(self, canvas: Size) -> bool:
        """Return whether no frame lets the transparent background show."""
        first = self.frames[0]
        return first.size == canvas and not any(
            frame.disposal is Disposal.BACKGROUND
            or (frame is first and frame.disposal is Disposal.PREVIOUS)
            for frame in self.frames
        )


@dataclass(slots=True)
class AnimationReader:
    """Collects the animation's chunks in the order of the file."""

    canvas: Size
    _declared: int | None = None
    _plays: int = 0
    _next_number: int = 0
    _frames: list[Frame] = field(default_factory=list)
    _control: bytes | None = None
    _data: list[tuple[int, int]] = field(default_factory=list)
    _damaged: bool = False
    _present: bool = False

    def add(self, file: BinaryIO, chunk: Chunk, *, has_image: bool) -> None:
        """Add a chunk of the animation: acTL, which must precede the image, fcTL or fdAT."""
        self._present = True
        self._damaged |= has_image and chunk.name == b"acTL"
        if self._damaged:
            return
        if chunk.name == b"fdAT":
            file.seek(chunk.data_start)
            self._check_number(file.read(4))
            if self._control is None:
                self._damaged = True
            self._data.append((chunk.data_start + 4, chunk.data_start + chunk.length))
            return
        data = chunk.read(file) if chunk.length <= _CONTROL_BYTES else b""
        if not data or not has_valid_crc(file, chunk, data):
            self._damaged = True
        elif chunk.name == b"acTL":
            self._add_animation(data)
        else:
            self._add_control(data)

    def add_image_data(self, chunk: Chunk) -> None:
        """Add a chunk of the default image, which is the first frame if a control precedes it."""
        if self._control is None or self._frames:
            return
        self._data.append((chunk.data_start, chunk.data_start + chunk.length))
        stored = Size(*struct.unpack(">II", self._control[4:12])) if not self._damaged else None
        if stored != self.canvas:
            self._damaged = True

    def finish(self, *, complete: bool) -> tuple[Animation | None, str]:
        """Return the animation, if there is one, and a note if it or a part of it is dropped.

        In a file that is not `complete` the missing frames are still frames: its decoder reports
        that it is truncated.
        """
        if not self._present:
            return None, ""
        if self._declared is None:
            return None, _DAMAGED
        self._end_frame()
        frames = self._frames[: self._declared]
        if self._damaged or not frames:
            return None, _DAMAGED
        missing = self._declared - len(frames)
        if missing and not complete:
            frames += [_without_data(frames[-1])]
        note = f"{missing} of {self._declared} frames missing" if missing and complete else ""
        return Animation(tuple(frames), self._plays), note

    def _add_animation(self, data: bytes) -> None:
        frames = int.from_bytes(data[:4])
        if len(data) != 8 or self._declared is not None or not 0 < frames < 2**31:
            self._damaged = True
            return
        self._declared, self._plays = frames, int.from_bytes(data[4:8])

    def _add_control(self, data: bytes) -> None:
        self._end_frame()
        self._check_number(data[:4])
        self._control = data
        width, height, left, top = (int.from_bytes(data[i : i + 4]) for i in (4, 8, 12, 16))
        inside = left + width <= self.canvas.width and top + height <= self.canvas.height
        sound = len(data) == _CONTROL_BYTES and width and height and inside
        if not sound or data[24] > max(Disposal) or data[25] > max(Blend):
            self._damaged = True

    def _check_number(self, data: bytes) -> None:
        """Numbers count up through all fcTL and fdAT chunks."""
        if int.from_bytes(data) != self._next_number:
            self._damaged = True
        self._next_number += 1

    def _end_frame(self) -> None:
        control, data = self._control, tuple(self._data)
        self._control, self._data = None, []
        if control is None or self._damaged:
            return
        if not data:
            self._damaged = True
            return
        numerator, denominator = int.from_bytes(control[20:22]), int.from_bytes(control[22:24])
        self._frames.append(
            Frame(
                left=int.from_bytes(control[12:16]),
                top=int.from_bytes(control[16:20]),
                size=Size(int.from_bytes(control[4:8]), int.from_bytes(control[8:12])),
                duration_ms=1000 * numerator / (denominator or 100),
                disposal=Disposal(control[24]),
                blend=Blend(control[25]),
                data=data,
            )
        )


def _without_data(frame: Frame) -> Frame:
    end = frame.data[-1][1]
    return replace(frame, data=((end, end),))
