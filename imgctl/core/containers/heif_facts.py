"""The facts about an AVIF or HEIC, and how its properties state them (ISO/IEC 23008-12, 6.5)."""

from dataclasses import dataclass, field

from imgctl.core.containers.container import Container
from imgctl.core.containers.optional_parts import is_icc_profile
from imgctl.core.geometry import Size

UNSPECIFIED, SRGB_PRIMARIES, SRGB_TRANSFER = 2, 1, 13
"""Code points of ITU-T H.273."""


@dataclass(frozen=True, slots=True)
class ColorDescription:
    """Code points of ITU-T H.273 for the primaries and the transfer function."""

    primaries: int = UNSPECIFIED
    transfer: int = UNSPECIFIED

    @property
    def is_srgb(self) -> bool:
        """Whether the colors are sRGB, which is also what unspecified ones are taken for."""
        return self.primaries in (SRGB_PRIMARIES, UNSPECIFIED) and self.transfer in (
            SRGB_TRANSFER,
            UNSPECIFIED,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class HeifContainer(Container):
    """What the boxes of an AVIF or HEIC say. `subsampling` is as Pillow's writer names it."""

    bits: int = 8
    subsampling: str = "4:2:0"
    alpha: bool = False
    color: ColorDescription = field(default_factory=ColorDescription)


@dataclass(slots=True)
class PropertyFacts:
    """What the properties of an item or a track say; `config` is the decoder's."""

    size: Size | None = None
    config: bytes = b""
    nclx: bytes = b""
    has_icc: bool = False
    clap: bytes = b""
    pasp: bytes = b""

    @property
    def color(self) -> ColorDescription:
        """The described colors; unspecified ones where a profile takes precedence."""
        if len(self.nclx) < 4 or self.has_icc:
            return ColorDescription()
        primaries, transfer = (int.from_bytes(self.nclx[at : at + 2], "big") for at in (0, 2))
        return ColorDescription(primaries, transfer)


def read_property(facts: PropertyFacts, kind: bytes, data: bytes) -> bool:
    """Add what a property says; return whether it is a damaged color profile."""
    if kind in (b"av1C", b"hvcC"):
        facts.config = data
    elif kind == b"clap":
        facts.clap = data
    elif kind == b"pasp":
        facts.pasp = data
    elif kind == b"colr" and data[:4] == b"nclx":
        facts.nclx = data[4:11]
    elif kind == b"colr" and data[:4] in (b"prof", b"rICC"):
        facts.has_icc = is_icc_profile(data[4:])
        return not facts.has_icc
    return False


def pixel_notes(facts: PropertyFacts, bits: int) -> list[str]:
    """Return notes on what is lost of the pixels and their shape, apart from a clean aperture."""
    notes = []
    if bits > 8:
        notes.append(f"reduced from {bits} to 8 bits")
    horizontal, vertical = facts.pasp[:4], facts.pasp[4:8]
    if horizontal != vertical:
        notes.append("pixel aspect ratio ignored")
    return notes
