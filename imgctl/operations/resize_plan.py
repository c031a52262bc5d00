"""Which file each input of a batch is resized into."""

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PurePath, PurePosixPath

from imgctl.core.errors import ImgctlError, InvalidInput
from imgctl.core.formats import ImageFormat
from imgctl.core.keys import output_name, split_prefix
from imgctl.core.renditions import RenditionSet
from imgctl.operations.input_files import InputFile, format_of

_SEPARATORS = frozenset({"/", "\0", os.sep, os.altsep or "/"})


class OutputExists(ImgctlError):
    """The result's file already exists, or is one of the inputs."""

    code = "exists"


class OutsideFolder(ImgctlError):
    """The result would be written outside of the folder that the user named."""

    code = "outside"


@dataclass(frozen=True, slots=True)
class ResultNames:
    """How results are named: `prefix` before the source's name, `suffix` before its extension.

    Raises InvalidInput if one contains a separator of folders.
    """

    prefix: str
    suffix: str = ""

    def __post_init__(self) -> None:
        for part in (self.prefix, self.suffix):
            if not _SEPARATORS.isdisjoint(part):
                raise InvalidInput(
                    f"A prefix or suffix of a file name cannot contain a slash: {part!r}.",
                    hint="Choose the folder of the results with -o.",
                )

    @property
    def are_new(self) -> bool:
        """Whether a result is named differently than its source."""
        return bool(self.prefix or self.suffix)

    def name(self, source: str, converted_to: ImageFormat | None = None) -> str:
        """Return the result's name."""
        return output_name(source, self.prefix, converted_to, suffix=self.suffix)

    def is_result(self, name: str) -> bool:
        """Return whether a file has the name of a result."""
        stem = PurePath(name).stem
        stems = (stem, PurePath(stem).stem)  # the latter if an extension was appended
        has_suffix = any(item.endswith(self.suffix) for item in stems)
        return self.are_new and name.startswith(self.prefix) and has_suffix


@dataclass(frozen=True, slots=True)
class EarlierResults:
    """How results of this run, and of one with the settings, are recognized among the inputs.

    `folders` are the parts of the paths of folders of renditions, relative to the images that they
    lie beside; `folder` is the one that the user named for all results.
    """

    names: tuple[ResultNames, ...]
    folders: frozenset[tuple[str, ...]]
    folder: Path | None
    are_named_anew: bool

    @classmethod
    def of(
        cls, made: RenditionSet, configured: RenditionSet, *, suffix: str, folder: Path | None
    ) -> "EarlierResults":
        """Return how results of `made`, with this suffix, and of `configured` are recognized."""
        own = [(split_prefix(one.prefix), suffix) for one in made.renditions]
        both = own + [(split_prefix(one.prefix), "") for one in configured.renditions]
        return cls(
            names=tuple(ResultNames(start, ending) for (place, start), ending in both if not place),
            folders=frozenset(PurePath(place).parts for (place, _), _ in both if place),
            folder=folder,
            are_named_anew=all(place or start or suffix for (place, start), _ in own),
        )

    def is_result(self, name: str) -> bool:
        """Return whether a file has the name of a result."""
        return any(names.is_result(name) for names in self.names)

    def is_folder(self, path: Path) -> bool:
        """Return whether a folder, within one that the user named, contains results."""
        if self.folder is not None and self.folder.exists() and self.folder.samefile(path):
            return True
        return any(path.parts[-len(parts) :] == parts for parts in self.folders)


@dataclass(frozen=True, slots=True)
class ResizeJob:
    """One file to resize, and the file to write for each rendition, in order.

    They are below `folder`, if the user named one.
    """

    source: Path
    destinations: tuple[Path, ...]
    folder: Path | None = None

    def check(self, inputs: set[Path]) -> None:
        """Raise OutputExists if a result would replace an input, OutsideFolder behind a link."""
        for destination in self.destinations:
            if destination.resolve() in inputs:
                raise OutputExists(
                    f"{destination} is also an input file.", hint="Choose another folder with -o."
                )
            folder = self.source.parent if self.folder is None else self.folder
            if not destination.parent.resolve().is_relative_to(folder.resolve()):
                raise OutsideFolder(
                    f"{destination.parent} leads out of {folder} through a link.",
                    hint="Remove the link, or choose another folder with -o.",
                )


def plan_jobs(
    files: Iterable[InputFile],
    renditions: RenditionSet,
    *,
    suffix: str = "",
    folder: Path | None = None,
) -> list[ResizeJob]:
    """Return a job for each file: its results lie beside it, or under `folder` by its name.

    A folder in a rendition's prefix comes before that name. Raises InvalidInput where two results
    would share a file.
    """
    jobs, owners = [], dict[Path, Path]()
    for file in files:
        source = Path(file.path)
        own = _format_of(source)
        destinations = []
        for rendition in renditions.renditions:
            results_folder, start = split_prefix(rendition.prefix)
            name = ResultNames(start, suffix).name(source.name, rendition.converted_to(own))
            parent = (
                source.parent / results_folder
                if folder is None
                else folder / results_folder / _parent(file.name)
            )
            destination = parent / name
            # Two folders may be links to one.
            place = destination.parent.resolve() / destination.name
            other = owners.setdefault(place, source)
            if other is not source:
                raise InvalidInput(
                    f"{other} and {source} would both become {destination}.",
                    hint="Resize them into different folders, or name the folder that contains both"
                    " with --recursive.",
                )
            destinations.append(destination)
        jobs.append(ResizeJob(source, tuple(destinations), folder))
    return jobs


def _format_of(source: Path) -> ImageFormat | None:
    try:
        return format_of(source)
    except OSError:  # which its job reports
        return None


def _parent(name: str) -> Path:
    return Path(*PurePosixPath(name).parts[:-1])
