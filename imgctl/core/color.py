"""Colors that a source describes by code points, and what a result keeps of them."""

from dataclasses import dataclass, replace

from imgctl.core.containers.avif_facts import AvifContainer, ColorDescription
from imgctl.core.formats import ImageFormat
from imgctl.core.icc import HDR_NAMES, described_profile
from imgctl.core.metadata import SourceMetadata
from imgctl.core.source import SourceInfo


@dataclass(frozen=True, slots=True)
class ColorPlan:
    """How a result states its colors: by code points (`kept`), or by the metadata's profile."""

    metadata: SourceMetadata
    kept: ColorDescription | None = None
    notes: tuple[str, ...] = ()


def plan_color(source: SourceInfo, output_format: ImageFormat) -> ColorPlan:
    """Decide how the result states the source's colors. A profile takes precedence."""
    container, metadata = source.container, source.metadata
    if not isinstance(container, AvifContainer) or container.color.is_srgb or metadata.icc_profile:
        return ColorPlan(metadata)
    color = container.color
    if output_format is ImageFormat.AVIF:
        return ColorPlan(metadata, kept=color)
    profile = described_profile(color)
    if profile is None:
        return ColorPlan(
            metadata,
            notes=(
                f"color description dropped: primaries {color.primaries},"
                f" transfer {color.transfer} (ITU-T H.273)",
            ),
        )
    notes = ["colors described by a profile"]
    if hdr := HDR_NAMES.get(color.transfer):
        notes.append(f"highlights above reference white are lost ({hdr})")
    return ColorPlan(replace(metadata, icc_profile=profile), notes=tuple(notes))
