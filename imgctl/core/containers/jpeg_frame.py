"""The frame and the scans of a JPEG file: what decoding it takes (ITU-T T.81, annexes A, B, G)."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from imgctl.core.containers.jpeg_markers import DHP, JPEG_LS, Segment
from imgctl.core.errors import UnsupportedFormat

_PROGRESSIVE = (0xC2, 0xCA)
_LOSSLESS = (0xC3, 0xCB)
_ARITHMETIC = (0xC9, 0xCA, 0xCB)
_HIERARCHICAL = (0xC5, 0xC6, 0xC7, 0xCD, 0xCE, 0xCF, DHP)

_COEFFICIENTS_OF_A_BLOCK = 64
_BYTES_OF_A_BLOCK = 2 * _COEFFICIENTS_OF_A_BLOCK  # JCOEF is a short


@dataclass(frozen=True, slots=True)
class Component:
    """A component of the frame: its sampling factors, and the number of its quantization table."""

    horizontal: int
    vertical: int
    table: int


@dataclass(frozen=True, slots=True)
class Frame:
    """A frame header (T.81 B.2.2)."""

    marker: int
    width: int
    height: int
    components: Mapping[int, Component]

    @property
    def progressive(self) -> bool:
        """Whether the frame is decoded by spectral selection or successive approximation."""
        return self.marker in _PROGRESSIVE

    @property
    def lossless(self) -> bool:
        """Whether the frame has no DCT, so that it cannot be scaled while it is decoded."""
        return self.marker in _LOSSLESS

    @property
    def arithmetic(self) -> bool:
        """Whether its scans are arithmetic-coded."""
        return self.marker in _ARITHMETIC

    @property
    def coefficient_bytes(self) -> int:
        """What libjpeg holds of a frame of several scans, all coefficients, in bytes (jdcoefct.c).

        Each component is padded to whole MCUs.
        """
        columns, rows = self._mcus
        blocks = sum(c.horizontal * c.vertical for c in self.components.values())
        return columns * rows * blocks * _BYTES_OF_A_BLOCK

    def scan_blocks(self, identifiers: tuple[int, ...]) -> int:
        """Return how many blocks a scan of these components visits (T.81 A.2)."""
        known = [self.components[i] for i in identifiers if i in self.components]
        if len(known) == 1:
            h_max, v_max = self._max_sampling
            width = -(-self.width * known[0].horizontal // h_max)
            height = -(-self.height * known[0].vertical // v_max)
            return -(-width // 8) * -(-height // 8)
        columns, rows = self._mcus
        return columns * rows * sum(c.horizontal * c.vertical for c in known)

    @property
    def _max_sampling(self) -> tuple[int, int]:
        components = self.components.values()
        return max(c.horizontal for c in components), max(c.vertical for c in components)

    @property
    def _mcus(self) -> tuple[int, int]:
        h_max, v_max = self._max_sampling
        return -(-self.width // (8 * h_max)), -(-self.height // (8 * v_max))


@dataclass(slots=True)
class Scans:
    """What the scan headers so far say (T.81 B.2.3 and G.1.1)."""

    frame: Frame
    count: int = 0
    blocks: int = 0
    interleaved: bool = False
    missing_bits: dict[tuple[int, int], int] = field(default_factory=dict)

    def add(self, header: bytes) -> None:
        """Count a scan; `header` is the data of its SOS segment."""
        if self.single_pass:
            return
        number = header[0] if header else 0
        identifiers = tuple(header[1 : 1 + 2 * number : 2])
        self.count += 1
        self.blocks += self.frame.scan_blocks(identifiers)
        self.interleaved = self.count == 1 and number == len(self.frame.components)
        spectral = header[1 + 2 * number : 4 + 2 * number]
        if len(spectral) < 3 or not self.frame.progressive:
            spectral = bytes([0, 63, 0])
        first, last, approximation = spectral
        for identifier in identifiers:
            for coefficient in range(first, min(last, 63) + 1):
                self.missing_bits[identifier, coefficient] = approximation & 15

    @property
    def single_pass(self) -> bool:
        """Whether one scan has it all, so that libjpeg decodes row by row and reads no other."""
        return self.interleaved and not self.frame.progressive

    @property
    def complete(self) -> bool:
        """Whether every bit of every coefficient has been in some scan."""
        expected = len(self.frame.components) * _COEFFICIENTS_OF_A_BLOCK
        return len(self.missing_bits) == expected and not any(self.missing_bits.values())


def read_frame(segment: Segment) -> Frame | None:
    """Return the frame of a SOF segment, or None for one that no decoder could read.

    Raises UnsupportedFormat for a kind of JPEG that libjpeg does not decode.
    """
    marker, data = segment.marker, segment.data
    if marker == JPEG_LS:
        raise unsupported("a JPEG-LS file")
    if marker in _HIERARCHICAL:
        raise unsupported("a hierarchical JPEG")
    if len(data) < 6:
        return None
    bits, height, width, number = data[0], *_pairs(data[1:5]), data[5]
    if len(data) < 6 + 3 * number:
        return None
    if marker in _LOSSLESS and marker in _ARITHMETIC:
        raise unsupported("an arithmetic-coded lossless JPEG")
    if bits != 8:
        kind = "lossless JPEG" if marker in _LOSSLESS else "JPEG"
        raise unsupported(f"a {kind} of {bits} bits per channel")
    if number not in (1, 3, 4):
        raise unsupported(f"a JPEG of {number} channels")
    if width and not height:
        raise unsupported("a JPEG whose height follows its first scan (DNL)")
    components = {
        data[at]: Component(max(data[at + 1] >> 4, 1), max(data[at + 1] & 15, 1), data[at + 2])
        for at in range(6, 6 + 3 * number, 3)
    }
    return Frame(marker, width, height, components) if width else None


def unsupported(kind: str) -> UnsupportedFormat:
    """Return the error for a sound file of a kind that is not supported."""
    return UnsupportedFormat(
        f"The file is {kind}, which is not supported.",
        hint="Export it as a JPEG of 8 bits per channel.",
    )


def _pairs(data: bytes) -> tuple[int, int]:
    return int.from_bytes(data[:2]), int.from_bytes(data[2:4])
