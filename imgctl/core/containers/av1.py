"""The first frame's header in AV1 data (AV1 specification, 5.5 and 5.9), for its quality."""

from dataclasses import dataclass
from itertools import pairwise

_SEQUENCE_HEADER, _FRAME_HEADER, _FRAME = 1, 3, 6
_SELECT = 2  # of screen content tools and integer motion vectors (6.4.1)
_MAX_OBUS = 16
# The index, and libavif's quality that libaom encodes with it: measured at the speeds 6 to 10.
_QUALITIES = tuple(
    zip(
        (0, 15, 33, 60, 76, 93, 121, 149, 171, 197, 217, 237, 255),
        (100, 95, 90, 80, 75, 70, 60, 50, 40, 30, 20, 10, 0),
        strict=True,
    )
)


@dataclass(slots=True)
class _Sequence:
    """What a sequence header says that a frame header depends on."""

    reduced: bool = False
    width: int = 0
    height: int = 0
    large_blocks: bool = False
    superres: bool = False
    screen_content: int = _SELECT
    integer_motion: int = _SELECT
    order_bits: int = 0


class _Unsupported(Exception):
    """The header has a part that still pictures do not have, or it ends too early."""


class _Bits:
    def __init__(self, data: bytes) -> None:
        self._value = int.from_bytes(data, "big")
        self._left = 8 * len(data)

    def read(self, count: int) -> int:
        self._left -= count
        if self._left < 0:
            raise _Unsupported
        return self._value >> self._left & ((1 << count) - 1)


def estimated_quality(data: bytes) -> int | None:
    """Estimate libavif's quality, 0 to 100, from the beginning of an image's data.

    None if it cannot be told, as for headers that no still picture needs.
    """
    sequence = None
    position = 0
    try:
        for _ in range(_MAX_OBUS):
            kind, start, end = _obu(data, position)
            bits = _Bits(data[start : min(end, start + 128)])
            if kind == _SEQUENCE_HEADER:
                sequence = _sequence(bits)
            elif kind in (_FRAME_HEADER, _FRAME) and sequence is not None:
                return _quality(_quantizer_index(bits, sequence))
            position = end
    except (_Unsupported, IndexError):
        pass
    return None


def _quality(index: int) -> int:
    for (low, better), (high, worse) in pairwise(_QUALITIES):
        if index <= high:
            return round(better - (better - worse) * (index - low) / (high - low))
    return 0


def _obu(data: bytes, position: int) -> tuple[int, int, int]:
    """Return the type of an OBU, and where its content begins and ends (5.3)."""
    header = data[position]
    position += 2 if header & 4 else 1
    if not header & 2:
        return header >> 3 & 15, position, len(data)
    size = 0
    for shift in range(0, 56, 7):
        byte = data[position]
        position += 1
        size |= (byte & 0x7F) << shift
        if not byte & 0x80:
            break
    return header >> 3 & 15, position, position + size


def _sequence(bits: _Bits) -> _Sequence:
    """Read a sequence header (5.5.1)."""
    sequence = _Sequence()
    bits.read(3 + 1)  # profile, still picture
    sequence.reduced = bool(bits.read(1))
    if sequence.reduced:
        bits.read(5)
    else:
        if bits.read(1):  # timing
            raise _Unsupported
        has_delay = bits.read(1)
        for _ in range(bits.read(5) + 1):
            bits.read(12)
            if bits.read(5) > 7:
                bits.read(1)
            if has_delay and bits.read(1):
                bits.read(4)
    width_bits, height_bits = bits.read(4) + 1, bits.read(4) + 1
    sequence.width, sequence.height = bits.read(width_bits) + 1, bits.read(height_bits) + 1
    if not sequence.reduced and bits.read(1):
        bits.read(4 + 3)  # frame numbers, which a first frame does not have in a still picture
        raise _Unsupported
    sequence.large_blocks = bool(bits.read(1))
    bits.read(2)
    if not sequence.reduced:
        _read_tools(bits, sequence)
    sequence.superres = bool(bits.read(1))
    return sequence


def _read_tools(bits: _Bits, sequence: _Sequence) -> None:
    bits.read(4)
    has_order = bits.read(1)
    if has_order:
        bits.read(2)
    sequence.screen_content = _SELECT if bits.read(1) else bits.read(1)
    if sequence.screen_content:
        sequence.integer_motion = _SELECT if bits.read(1) else bits.read(1)
    if has_order:
        sequence.order_bits = bits.read(3) + 1


def _quantizer_index(bits: _Bits, sequence: _Sequence) -> int:
    """Read a key frame's header as far as `base_q_idx` (5.9.2, 5.9.12)."""
    if not sequence.reduced and bits.read(4) != 0b0001:  # not shown before, a key frame, shown
        raise _Unsupported
    disables_update = bits.read(1)
    screen_content = sequence.screen_content
    if screen_content == _SELECT:
        screen_content = bits.read(1)
    if screen_content and sequence.integer_motion == _SELECT:
        bits.read(1)
    if not sequence.reduced:
        if bits.read(1):  # a size of its own
            raise _Unsupported
        bits.read(sequence.order_bits)
    if sequence.superres and bits.read(1):
        raise _Unsupported
    if bits.read(1):  # another size to render
        bits.read(32)
    if screen_content:
        bits.read(1)
    if not sequence.reduced and not disables_update:
        bits.read(1)
    _skip_tiles(bits, sequence)
    return bits.read(8)


def _skip_tiles(bits: _Bits, sequence: _Sequence) -> None:
    """Skip the tiles (5.9.15), which are spaced evenly in what libaom writes."""
    shift = 7 if sequence.large_blocks else 6
    columns, rows = (
        (side + (1 << shift) - 1) >> shift for side in (sequence.width, sequence.height)
    )
    max_tile_blocks = 4096 >> shift
    max_area_blocks = (4096 * 2304) >> (2 * shift)
    min_log2_columns = _log2(max_tile_blocks, columns)
    min_log2 = max(min_log2_columns, _log2(max_area_blocks, columns * rows))
    if not bits.read(1):
        raise _Unsupported
    log2_columns = _increment(bits, min_log2_columns, _log2(1, min(columns, 64)))
    log2_rows = _increment(bits, max(min_log2 - log2_columns, 0), _log2(1, min(rows, 64)))
    if log2_columns or log2_rows:
        bits.read(log2_rows + log2_columns + 2)


def _log2(unit: int, target: int) -> int:
    """Return the least power of two by which the unit reaches the target (5.9.16)."""
    power = 0
    while unit << power < target:
        power += 1
    return power


def _increment(bits: _Bits, value: int, largest: int) -> int:
    while value < largest and bits.read(1):
        value += 1
    return value
