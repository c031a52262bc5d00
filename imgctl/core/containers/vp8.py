"""The frame header of a VP8 key frame (RFC 6386), for the quality of a lossy WebP."""

_MAX_INDEX = 127  # of the quantizer (RFC 6386, 9.6)


class _BoolDecoder:
    """Decodes bits of even probability (RFC 6386, 7.3)."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._position = 2
        self._value = int.from_bytes(data[:2].ljust(2, b"\0"), "big")
        self._range = 255
        self._shifts = 0

    def bit(self) -> int:
        split = 1 + ((self._range - 1) * 128 >> 8)
        big = split << 8
        if self._value >= big:
            self._range -= split
            self._value -= big
            bit = 1
        else:
            self._range = split
            bit = 0
        while self._range < 128:
            self._value <<= 1
            self._range <<= 1
            self._shifts += 1
            if self._shifts == 8:
                self._shifts = 0
                if self._position < len(self._data):
                    self._value |= self._data[self._position]
                self._position += 1
        return bit

    def literal(self, bits: int) -> int:
        value = 0
        for _ in range(bits):
            value = value << 1 | self.bit()
        return value

    def signed(self, bits: int) -> int:
        value = self.literal(bits)
        return -value if self.bit() else value

    def optional(self, bits: int) -> int:
        """Decode a signed value that is present if a flag says so; else 0."""
        return self.signed(bits) if self.bit() else 0


def estimated_quality(head: bytes) -> int | None:
    """Estimate libwebp's quality, 0 to 100, from the first bytes of a VP8 frame.

    The inverse of libwebp's `QualityToCompression` (quant_enc.c). Of its four segments the third is
    the one that photographs encode at about the quality asked for. None if this is no key frame.
    """
    if len(head) < 16 or head[0] & 1 or head[3:6] != b"\x9d\x01\x2a":
        return None
    indexes = _quantizer_indexes(_BoolDecoder(head[10:]))
    index = sorted(indexes)[len(indexes) // 4]
    compression = (1 - index / _MAX_INDEX) ** 3
    share = compression * 1.5 if compression < 0.5 else (compression + 1) / 2
    return max(1, min(100, round(100 * share)))


def _quantizer_indexes(bits: _BoolDecoder) -> list[int]:
    """Read the quantizer index of each segment (RFC 6386, 9.2 to 9.6)."""
    bits.literal(2)  # color space and clamping
    segments, absolute = [0], False
    if bits.bit():
        updates_map, updates_data = bits.bit(), bits.bit()
        if updates_data:
            absolute = bool(bits.bit())
            segments = [bits.optional(7) for _ in range(4)]
            for _ in range(4):
                bits.optional(6)
        if updates_map:
            for _ in range(3):
                if bits.bit():
                    bits.literal(8)
    bits.literal(1 + 6 + 3)  # the loop filter's type, level and sharpness
    if bits.bit() and bits.bit():
        for _ in range(8):
            bits.optional(6)
    bits.literal(2)  # the number of partitions
    base = bits.literal(7)
    indexes = segments if absolute else [base + delta for delta in segments]
    return [max(0, min(_MAX_INDEX, index)) for index in indexes]
