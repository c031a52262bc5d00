"""The files that a user names: files, folders and patterns, with the names they go by."""

import glob
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import click

from imgctl.core.errors import PictureError
from imgctl.core.formats import HEAD_BYTES, ImageFormat, sniff
from imgctl.core.keys import DEFAULT_PREFIX


@dataclass(frozen=True, slots=True)
class Input:
    """A file, and its name below what the user named: `trip/a.jpg` for `trip` given as a folder."""

    path: Path
    name: PurePosixPath


def format_of(path: Path) -> ImageFormat | None:
    """Name the format of a file by its content; None for what imgctl does not process."""
    with path.open("rb") as file:
        try:
            return sniff(file.read(HEAD_BYTES))
        except PictureError:
            return None


def find_inputs(
    named: Iterable[str], *, recursive: bool, skip_prefix: str = DEFAULT_PREFIX
) -> list[Input]:
    """List the files that are meant.

    A file that is named is taken as it is. Of a folder its pictures are taken, told by their
    content, without those that are results themselves (`skip_prefix`). Raises click's UsageError
    for a name that leads nowhere.
    """
    found = list(_expand(named, recursive=recursive, skip_prefix=skip_prefix))
    if not found:
        raise click.UsageError("There are no pictures there. For folders in folders: --recursive.")
    return list({entry.path.resolve(): entry for entry in found}.values())


def _expand(named: Iterable[str], *, recursive: bool, skip_prefix: str) -> Iterator[Input]:
    for text in named:
        path = Path(text)
        if path.is_file():
            yield Input(path, PurePosixPath(path.name))
        elif path.is_dir():
            files = sorted(path.rglob("*") if recursive else path.iterdir())
            for file in files:
                if file.name.startswith(skip_prefix) or not file.is_file():
                    continue
                if format_of(file) is not None:
                    # Below the folder that was named, under its own name where it has one.
                    name = PurePosixPath(path.name, file.relative_to(path).as_posix())
                    yield Input(file, name)
        elif glob.has_magic(text) and (matches := sorted(glob.glob(text, recursive=recursive))):  # noqa: PTH207 (a pattern may be absolute)
            yield from _expand(matches, recursive=recursive, skip_prefix=skip_prefix)
        else:
            raise click.UsageError(f"There is no file or folder {text!r}.")
