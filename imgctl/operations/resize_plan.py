"""Which file each input of a batch is resized into."""

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PurePath, PurePosixPath

from imgctl.core.errors import ImgctlError, InvalidInput
from imgctl.core.formats import ImageFormat
from imgctl.core.keys import output_name
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
class ResizeJob:
    """One file to resize, and the file to write: below `folder`, if the user named one."""

    source: Path
    destination: Path
    folder: Path | None = None

    def check(self, inputs: set[Path]) -> None:
        """Raise OutputExists if the result would replace an input, OutsideFolder behind a link."""
        if self.destination.resolve() in inputs:
            raise OutputExists(
                f"{self.destination} is also an input file.", hint="Choose another folder with -o."
            )
        parent = self.destination.parent.resolve()
        if self.folder is not None and not parent.is_relative_to(self.folder.resolve()):
            raise OutsideFolder(
                f"{self.destination.parent} leads out of {self.folder} through a link.",
                hint="Remove the link, or choose another folder with -o.",
            )


def plan_jobs(
    files: Iterable[InputFile],
    names: ResultNames,
    *,
    folder: Path | None = None,
    wanted: ImageFormat | None = None,
) -> list[ResizeJob]:
    """Return a job for each file: its result lies beside it, or under `folder` by its name.

    `wanted` is the format of all results; None keeps each file's own, or what is written for it.
    Raises InvalidInput where two results would share a file.
    """
    by_destination: dict[Path, ResizeJob] = {}
    for file in files:
        name = names.name(file.path.name, _converted_to(file.path, wanted))
        parent = file.path.parent if folder is None else folder / _parent(file.name)
        job = ResizeJob(file.path, parent / name, folder)
        other = by_destination.setdefault(job.destination.absolute(), job)
        if other is not job:
            raise InvalidInput(
                f"{other.source} and {job.source} would both become {job.destination}.",
                hint="Resize them into different folders, or name the folder that contains both"
                " with --recursive.",
            )
    return list(by_destination.values())


def _converted_to(source: Path, wanted: ImageFormat | None) -> ImageFormat | None:
    """Return the format that a file is converted to; None if it keeps its own."""
    try:
        own = format_of(source)
    except OSError:  # which its job reports
        own = None
    if own is None:
        return wanted
    result = wanted or own.result
    return None if result is own else result


def _parent(name: PurePosixPath) -> Path:
    return Path(*name.parts[:-1])
