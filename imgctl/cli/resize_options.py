"""What `imgctl resize` makes: renditions of the settings, or one result that options describe."""

from collections.abc import Sequence
from dataclasses import astuple, dataclass, replace
from fractions import Fraction

import click

from imgctl.core.errors import InvalidInput
from imgctl.core.formats import FORMATS_BY_NAME
from imgctl.core.renditions import Rendition, RenditionSet
from imgctl.core.spec import (
    Cover,
    Fit,
    Gravity,
    MetadataPolicy,
    ResizeSpec,
    ResizeTarget,
    Scale,
    factor_text,
    parse_box,
)
from imgctl.operations.resize_plan import ResultNames
from infra.settings import StackSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class OneResult:
    """The options that describe one result; None or an empty suffix where they are not given."""

    prefix: str | None = None
    suffix: str = ""
    scale: str | None = None
    width: int | None = None
    height: int | None = None
    fit: str | None = None
    cover: str | None = None
    gravity: str | None = None
    format: str | None = None
    quality: int | None = None
    metadata: str | None = None

    @property
    def is_given(self) -> bool:
        """Whether there is any of these options."""
        return any(value not in (None, "") for value in astuple(self)) or self.prefix is not None


def chosen_renditions(
    settings: StackSettings, one: OneResult, names: Sequence[str], *, high_quality: bool
) -> RenditionSet:
    """Return the renditions with these names, all of them, or the one result of the options.

    Raises UsageError or InvalidInput.
    """
    if names and one.is_given:
        raise click.UsageError("Use either --rendition or options that describe one result.")
    if names:
        chosen = _named(settings.rendition_set, names)
    elif one.is_given or not settings.rendition_set.are_named:
        chosen = _single(settings, one)
    else:
        chosen = settings.rendition_set
    return RenditionSet(
        tuple(
            replace(rendition, spec=replace(rendition.spec, high_quality=high_quality))
            for rendition in chosen.renditions
        )
    )


def _named(configured: RenditionSet, names: Sequence[str]) -> RenditionSet:
    by_name: dict[str, Rendition] = {}
    if configured.are_named:
        by_name = {rendition.name: rendition for rendition in configured.renditions}
    for name in names:
        if name not in by_name:
            known = f"Known renditions: {', '.join(by_name)}."
            raise InvalidInput(
                f"There is no rendition {name}.",
                hint=known if by_name else "Describe it with [[renditions]] in imgctl.toml.",
            )
    return RenditionSet(tuple(item for item in configured.renditions if item.name in names))


def _single(settings: StackSettings, one: OneResult) -> RenditionSet:
    prefix = settings.prefix if one.prefix is None else one.prefix
    ResultNames(prefix, one.suffix)  # which checks both
    spec = ResizeSpec(
        target=_target(one, settings.scale),
        format=FORMATS_BY_NAME[one.format] if one.format else None,
        quality=settings.quality if one.quality is None else one.quality,
        metadata=MetadataPolicy(one.metadata or "safe"),
    )
    return RenditionSet.unnamed(prefix, spec)


def _target(one: OneResult, default_scale: str) -> ResizeTarget:
    sides = one.width is not None or one.height is not None
    given = (one.scale is not None, sides, one.fit is not None, one.cover is not None)
    if sum(given) > 1:
        raise click.UsageError("Use one of --scale, --fit, --cover, or --width and --height.")
    if one.gravity is not None and one.cover is None:
        raise click.UsageError("--gravity is only for --cover.")
    if one.fit is not None:
        return Fit(*_box("--fit", one.fit))
    if one.cover is not None:
        return Cover(*_box("--cover", one.cover), Gravity(one.gravity or "center"))
    if sides:
        return Fit(one.width, one.height)
    try:
        return Scale(Fraction(factor_text(one.scale or default_scale)))
    except ValueError as error:
        raise click.UsageError(f"--scale {one.scale}: use {error}.") from error


def _box(option: str, text: str) -> tuple[int, int]:
    try:
        width, height = parse_box(text)
        Fit(width, height)
    except ValueError as error:
        raise click.UsageError(f"{option} {text}: use the form 1600x1200.") from error
    return width, height
