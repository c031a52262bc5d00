"""How a result states its colors, where the source does so by more than a profile."""

from dataclasses import dataclass

from imgctl.core.containers.heif_facts import ColorDescription


@dataclass(frozen=True, slots=True, repr=False)
class ColorPlan:
    """What describes a result's colors beside the profile of its source.

    Chunks of a PNG, code points of an AVIF, or a profile that says the same. `notes` name what is
    said by none of them.
    """

    chunks: tuple[tuple[bytes, bytes], ...] = ()
    description: ColorDescription | None = None
    profile: bytes | None = None
    notes: tuple[str, ...] = ()
