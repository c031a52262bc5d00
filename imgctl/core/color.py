"""The plan for colors that a source describes by chunks or code points."""

from imgctl.core.code_points import HDR_NAMES, described_profile
from imgctl.core.color_plan import ColorPlan
from imgctl.core.containers.heif_facts import ColorDescription, HeifContainer
from imgctl.core.containers.png import PngContainer
from imgctl.core.formats import ImageFormat
from imgctl.core.png_color import plan_png_color
from imgctl.core.source import SourceInfo

_PROFILED = (ImageFormat.JPEG, ImageFormat.PNG, ImageFormat.WEBP, ImageFormat.TIFF)


def plan_color(source: SourceInfo, output_format: ImageFormat, *, has_profile: bool) -> ColorPlan:
    """Decide how the result states the source's colors. A profile of the source takes precedence.

    `has_profile` is whether the result has that profile. The pixels are not converted.
    """
    container = source.container
    if isinstance(container, PngContainer):
        return plan_png_color(container, output_format, has_profile=has_profile)
    if isinstance(container, HeifContainer) and not source.metadata.icc_profile:
        return _plan_described(container.color, output_format)
    return ColorPlan()


def _plan_described(color: ColorDescription, output_format: ImageFormat) -> ColorPlan:
    if color.is_srgb:
        return ColorPlan()
    if output_format is ImageFormat.AVIF:
        return ColorPlan(description=color)
    profile = described_profile(color)
    if profile is None or output_format not in _PROFILED:
        return ColorPlan(
            notes=(
                f"color description dropped: primaries {color.primaries},"
                f" transfer {color.transfer} (ITU-T H.273)",
            )
        )
    notes = ["color description converted to an ICC profile"]
    if hdr := HDR_NAMES.get(color.transfer):
        notes.append(f"highlights above reference white clipped ({hdr})")
    return ColorPlan(profile=profile, notes=tuple(notes))
