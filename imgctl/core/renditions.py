"""Renditions: the results that are made of each upload, and their keys."""

from dataclasses import dataclass

from imgctl.core.formats import ImageFormat
from imgctl.core.keys import output_key, split_prefix
from imgctl.core.spec import ResizeSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class Rendition:
    """One result of each upload. The only one of a stack without renditions has no name.

    What follows the last slash of `prefix` begins the result's file name; what precedes it is the
    folder of the result's key.
    """

    name: str
    prefix: str
    spec: ResizeSpec

    def converted_to(self, source: ImageFormat | None) -> ImageFormat | None:
        """Return the format that a source is converted to; None if it keeps its own.

        `source` is None for a format that is not known: that of the original function's records.
        """
        if source is None:
            return self.spec.format
        result = self.spec.output_format(source)
        return None if result is source else result


@dataclass(frozen=True, slots=True)
class RenditionSet:
    """All renditions of a stack, in order; the record's own attributes are those of the first."""

    renditions: tuple[Rendition, ...]

    @classmethod
    def unnamed(cls, prefix: str, spec: ResizeSpec) -> "RenditionSet":
        """Return what a stack without renditions makes: one result."""
        return cls((Rendition(name="", prefix=prefix, spec=spec),))

    @property
    def are_named(self) -> bool:
        """Whether these are renditions, and not the one result of a stack without."""
        return bool(self.renditions[0].name)

    @property
    def names(self) -> tuple[str, ...]:
        """The names, in order."""
        return tuple(rendition.name for rendition in self.renditions)

    @property
    def specs(self) -> tuple[ResizeSpec, ...]:
        """How each result is made, in order."""
        return tuple(rendition.spec for rendition in self.renditions)

    def output_keys(self, key: str, source: ImageFormat | None) -> tuple[str, ...]:
        """Return the keys of the results of an original with this key and format, in order.

        Keys of two renditions never meet, whatever the keys of their originals are.
        """
        return tuple(
            output_key(
                key,
                rendition.prefix,
                rendition.converted_to(source),
                reserved=self._folders_of_others(rendition),
                with_prefix_in_digest=index > 0,
            )
            for index, rendition in enumerate(self.renditions)
        )

    def _folders_of_others(self, rendition: Rendition) -> tuple[str, ...]:
        """Return the folders in which a file could have the name of a result of this rendition."""
        prefixes = [other.prefix for other in self.renditions if other is not rendition]
        return tuple(
            split_prefix(prefix)[0]
            for prefix in prefixes
            if _overlap(split_prefix(prefix)[1], split_prefix(rendition.prefix)[1])
        )


def could_meet(one: Rendition, other: Rendition) -> bool:
    """Return whether results of two renditions could share a key."""
    (one_folder, one_start), (other_folder, other_start) = (
        split_prefix(rendition.prefix) for rendition in (one, other)
    )
    shorter, longer = sorted((one_folder, other_folder), key=len)
    # A result without a folder stays out of those of others (`output_keys`).
    are_apart = shorter != longer and (not shorter or not longer.startswith(shorter))
    return _overlap(one_start, other_start) and not are_apart


def _overlap(one: str, other: str) -> bool:
    return one.startswith(other) or other.startswith(one)
