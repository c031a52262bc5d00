"""The files that a user names: files, folders and patterns, and the names of their results."""

import glob
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from imgctl.core.errors import InvalidInput, PictureError
from imgctl.core.formats import HEAD_BYTES, ImageFormat, sniff


class InputNotFound(InvalidInput):
    """A path leads to no file, or a folder holds no images."""


@dataclass(frozen=True, slots=True)
class InputFile:
    """A file and its name relative to what the user named: `trip/a.jpg` for the folder `trip`."""

    path: Path
    name: PurePosixPath


@dataclass(frozen=True, slots=True)
class InputFiles:
    """The files to work on, and how many other files of the folders were skipped."""

    files: tuple[InputFile, ...]
    skipped: int


def format_of(path: Path) -> ImageFormat | None:
    """Return the image format of a file by its content; None if imgctl does not process it."""
    with path.open("rb") as file:
        try:
            return sniff(file.read(HEAD_BYTES))
        except PictureError:
            return None


def find_input_files(
    paths: Iterable[str], *, recursive: bool, skip_prefix: str | None = None
) -> InputFiles:
    """List the files that the paths mean, each once.

    A named file is included whatever it is. Of a folder, the images are included, recognized by
    their content, except those whose names start with `skip_prefix`, which are earlier results.
    Raises InputNotFound for a path that does not exist, and where there is no file at all.
    """
    items = list(_expand(paths, recursive=recursive, skip_prefix=skip_prefix))
    # Not resolved: a link and its target are two names.
    files = {
        os.path.abspath(item.path): item  # noqa: PTH100
        for item in items
        if isinstance(item, InputFile)
    }
    if not files:
        raise InputNotFound("No images found.", hint="Use --recursive to include subfolders.")
    return InputFiles(tuple(files.values()), sum(item is None for item in items))


def _expand(
    paths: Iterable[str], *, recursive: bool, skip_prefix: str | None
) -> Iterator[InputFile | None]:
    for text in paths:
        path = Path(text)
        if not text:
            raise InputNotFound("One of the paths is empty.")
        if path.is_dir():
            yield from _in_folder(path, recursive=recursive, skip_prefix=skip_prefix)
        elif path.is_file() or path.is_symlink():  # a dangling link fails later, by itself
            yield InputFile(path, PurePosixPath(path.name))
        elif glob.has_magic(text) and (matches := sorted(glob.glob(text, recursive=recursive))):  # noqa: PTH207 (a pattern may be absolute)
            yield from _expand(matches, recursive=recursive, skip_prefix=skip_prefix)
        else:
            raise InputNotFound(f"No such file or folder: {text!r}.", hint="Check the path.")


def _in_folder(
    folder: Path, *, recursive: bool, skip_prefix: str | None
) -> Iterator[InputFile | None]:
    """List a folder's images under its own name; None for each file that is skipped."""
    own_name = folder.resolve().name if folder.name in ("", "..") else folder.name
    # The working folder itself has no name that its files should carry.
    parent = PurePosixPath() if folder == Path() else PurePosixPath(own_name)
    for file in sorted(folder.rglob("*") if recursive else folder.iterdir()):
        if file.is_dir():
            continue
        is_result = skip_prefix is not None and file.name.startswith(skip_prefix)
        if is_result or not _may_be_image(file):
            yield None
        else:
            yield InputFile(file, parent / file.relative_to(folder).as_posix())


def _may_be_image(file: Path) -> bool:
    try:
        return file.is_file() and format_of(file) is not None
    except OSError:
        return True  # an unreadable file is reported when it is processed
