"""The files that a user names: files, folders and patterns, with the names they go by."""

import glob
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import click

from imgctl.core.errors import PictureError
from imgctl.core.formats import HEAD_BYTES, ImageFormat, sniff


@dataclass(frozen=True, slots=True)
class Input:
    """A file, and its name below what the user named: `trip/a.jpg` for `trip` given as a folder."""

    path: Path
    name: PurePosixPath


@dataclass(frozen=True, slots=True)
class Inputs:
    """The files to work on, and how many of the folders' other files were left out."""

    files: tuple[Input, ...]
    left_out: int

    @property
    def note(self) -> str:
        """Say what was left out; empty where nothing was."""
        return f"{self.left_out} other files were left out." if self.left_out else ""


def format_of(path: Path) -> ImageFormat | None:
    """Name the format of a file by its content; None for what imgctl does not process."""
    with path.open("rb") as file:
        try:
            return sniff(file.read(HEAD_BYTES))
        except PictureError:
            return None


def find_inputs(named: Iterable[str], *, recursive: bool, skip_prefix: str | None = None) -> Inputs:
    """List the files that are meant.

    A file that is named is taken as it is. Of a folder its pictures are taken, told by their
    content, and without those whose names begin with `skip_prefix`, which are results. Raises
    click's UsageError for a name that leads nowhere.
    """
    found = list(_expand(named, recursive=recursive, skip_prefix=skip_prefix))
    # Not resolved: a link, and what it leads to, are two names.
    files = {
        os.path.abspath(entry.path): entry  # noqa: PTH100
        for entry in found
        if isinstance(entry, Input)
    }
    if not files:
        raise click.UsageError("There are no pictures there. For folders in folders: --recursive.")
    return Inputs(tuple(files.values()), sum(entry is None for entry in found))


def _expand(
    named: Iterable[str], *, recursive: bool, skip_prefix: str | None
) -> Iterator[Input | None]:
    for text in named:
        path = Path(text)
        if not text:
            raise click.UsageError("One of the paths is empty.")
        if path.is_dir():
            yield from _in_folder(path, recursive=recursive, skip_prefix=skip_prefix)
        elif path.is_file() or path.is_symlink():  # a link to nothing fails by itself later
            yield Input(path, PurePosixPath(path.name))
        elif glob.has_magic(text) and (matches := sorted(glob.glob(text, recursive=recursive))):  # noqa: PTH207 (a pattern may be absolute)
            yield from _expand(matches, recursive=recursive, skip_prefix=skip_prefix)
        else:
            raise click.UsageError(f"There is no file or folder {text!r}.")


def _in_folder(folder: Path, *, recursive: bool, skip_prefix: str | None) -> Iterator[Input | None]:
    """List a folder's pictures under its own name; None for each file that is left out."""
    own_name = folder.resolve().name if folder.name in ("", "..") else folder.name
    # The working folder itself has no name that its files should carry.
    above = PurePosixPath() if folder == Path() else PurePosixPath(own_name)
    for file in sorted(folder.rglob("*") if recursive else folder.iterdir()):
        if file.is_dir():
            continue
        result = skip_prefix is not None and file.name.startswith(skip_prefix)
        if result or not _may_be_picture(file):
            yield None
        else:
            yield Input(file, above / file.relative_to(folder).as_posix())


def _may_be_picture(file: Path) -> bool:
    try:
        return file.is_file() and format_of(file) is not None
    except OSError:
        return True  # what cannot be read is reported by whoever tries to
