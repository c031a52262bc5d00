"""The facts about an AVIF, and how its properties state them (ISO/IEC 23008-12, 6.5)."""

from dataclasses import dataclass, field

from imgctl.core.containers.container import Container, Patch
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
class AvifContainer(Container):
    """What an AVIF's boxes say. `subsampling` is as Pillow's writer names it.

    `quality` is libavif's, estimated; None if it cannot be told.
    """

    bits: int = 8
    quality: int | None = None
    subsampling: str = "4:2:0"
    alpha: bool = False
    color: ColorDescription = field(default_factory=ColorDescription)


@dataclass(slots=True)
class PropertyFacts:
    """What the properties of an item or a track say."""

    size: Size | None = None
    config: bytes = b""
    nclx: bytes = b""
    has_icc: bool = False
    clap: bytes = b""
    pasp: bytes = b""


def read_property(facts: PropertyFacts, kind: bytes, data: bytes) -> bool:
    """Add what a property says; return whether it is a damaged color profile."""
    if kind == b"av1C":
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


def avif_container(
    facts: PropertyFacts,
    size: Size,
    file_bytes: int,
    *,
    alpha: bool,
    tiles: int = 1,
    frames: int = 1,
    plays: int | None = None,
    quality: int | None = None,
    patches: tuple[Patch, ...] = (),
    notes: tuple[str, ...] = (),
) -> AvifContainer:
    """Return the facts, with the cost that follows from them, measured."""
    flags = facts.config[2] if len(facts.config) > 2 else 0  # AV1-ISOBMFF, 2.3.3
    bits = (12 if flags & 0x20 else 10) if flags & 0x40 else 8
    subsampling = {0x00: "4:4:4", 0x08: "4:2:2", 0x0C: "4:2:0"}.get(flags & 0x0C, "4:2:0")
    if flags & 0x10:
        subsampling = "4:0:0"
    samples = {"4:0:0": 1.0, "4:2:0": 1.5, "4:2:2": 2.0, "4:4:4": 3.0}[subsampling] + alpha
    planes = samples * (1 if bits == 8 else 2)
    # dav1d's planes, and for a grid those of the whole image or for a sequence those that other
    # frames refer to; the colors as bytes and as Pillow's image; and a copy weighted by alpha.
    held = planes * (2 if tiles > 1 else 15 if frames > 1 else 1)
    per_pixel = held + (14 if alpha else 9)
    color = ColorDescription()
    if len(facts.nclx) >= 4 and not facts.has_icc:
        color = ColorDescription(
            int.from_bytes(facts.nclx[:2], "big"), int.from_bytes(facts.nclx[2:4], "big")
        )
    return AvifContainer(
        size=size,
        frames=frames,
        plays=plays,
        decoder_bytes=int(per_pixel * size.pixels) + file_bytes,
        decoder_seconds=(100e-9 * size.pixels + 200e-6) * frames,
        patches=patches,
        notes=(*notes, *_pixel_notes(facts, bits)),
        bits=bits,
        quality=quality,
        subsampling=subsampling,
        alpha=alpha,
        color=color,
    )


def _pixel_notes(facts: PropertyFacts, bits: int) -> list[str]:
    notes = []
    if bits > 8:
        notes.append(f"reduced from {bits} to 8 bits")
    horizontal, vertical = facts.pasp[:4], facts.pasp[4:8]
    if horizontal != vertical:
        notes.append("pixel aspect ratio ignored")
    if facts.clap:
        notes.append("clean aperture ignored: the full image is kept")
    return notes
