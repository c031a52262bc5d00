"""The facts about an AVIF, and what it costs to decode."""

from dataclasses import dataclass

from imgctl.core.containers.container import Patch
from imgctl.core.containers.heif_facts import HeifContainer, PropertyFacts, pixel_notes
from imgctl.core.geometry import Size


@dataclass(frozen=True, slots=True, kw_only=True)
class AvifContainer(HeifContainer):
    """What an AVIF's boxes say. `quality` is libavif's, estimated; None if it cannot be told."""

    quality: int | None = None


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
    clap_notes = ["clean aperture ignored: the full image is kept"] if facts.clap else []
    return AvifContainer(
        size=size,
        frames=frames,
        plays=plays,
        decoder_bytes=int(per_pixel * size.pixels) + file_bytes,
        decoder_seconds=(100e-9 * size.pixels + 200e-6) * frames,
        patches=patches,
        notes=(*notes, *pixel_notes(facts, bits), *clap_notes),
        bits=bits,
        quality=quality,
        subsampling=subsampling,
        alpha=alpha,
        color=facts.color,
    )
