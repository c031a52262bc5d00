"""The files that a user names: files, folders and patterns, and the names of their results."""

import glob
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Protocol

from imgctl.core.errors import InvalidInput, PictureError
from imgctl.core.formats import HEAD_BYTES, ImageFormat, sniff
from imgctl.output_files import PARTIAL_PREFIX

SUBFOLDER = "a subfolder: use --recursive to include it"
HIDDEN = "hidden: pass it as an argument to include it"
EXCLUDED = "excluded by --include or --exclude"
_SHOWN = 3  # of what was left out, in an error


class InputNotFound(InvalidInput):
    """A path leads to no file, or a folder holds no images."""


@dataclass(frozen=True, slots=True)
class InputFile:
    """A file and its name: in a named folder its path from there, else its own name.

    `trip/day/a.jpg` is named `day/a.jpg` in the folder `trip`, however the path to that is spelled.
    `is_named` tells a file that the user named from one that was found in a folder. Path and name
    are strings: a `Path` for each of 100,000 files takes seconds.
    """

    path: str
    name: str
    is_named: bool = True


class Results(Protocol):
    """Recognizes earlier results among the files of a folder."""

    def is_result(self, name: str) -> bool:
        """Return whether a file has the name of a result."""

    def is_folder(self, path: Path) -> bool:
        """Return whether a folder contains results."""


@dataclass(frozen=True, slots=True)
class InputFilter:
    """Which files of a folder to take, apart from those that are no images.

    Patterns are those of `fnmatch`, for the name of a file or folder or for its path from the named
    folder; `*` matches `/` as well. A file has to match one of `include`, if there are any, and
    nothing on its path one of `exclude`. `results` recognizes earlier results by their names, and
    folders of them, which are not entered unless they are named.
    """

    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    results: "Results | None" = None

    def excludes(self, name: str, *, is_folder: bool = False) -> bool:
        """Return whether the patterns exclude a file, or a folder with everything in it."""
        if _matches(name, self.exclude):
            return True
        return bool(self.include) and not is_folder and not _matches(name, self.include)

    def is_result(self, name: str) -> bool:
        """Return whether a file has the name of an earlier result."""
        return self.results is not None and self.results.is_result(name)

    def is_results_folder(self, folder: Path) -> bool:
        """Return whether a folder contains earlier results."""
        return self.results is not None and self.results.is_folder(folder)


ALL_IMAGES = InputFilter()


def _matches(name: str, patterns: Iterable[str]) -> bool:
    return any(
        fnmatchcase(form, pattern)
        for pattern in patterns
        for form in (name.rpartition("/")[2], name)
    )


@dataclass(frozen=True, slots=True)
class LeftOut:
    """Something in a folder that is not worked on, and why; `failed` if it could not be read."""

    path: Path
    reason: str
    failed: bool = False


@dataclass(frozen=True, slots=True)
class InputFiles:
    """The files to work on, and what else the named folders contain."""

    files: tuple[InputFile, ...]
    left_out: tuple[LeftOut, ...] = ()


def format_of(path: Path) -> ImageFormat | None:
    """Return the image format of a file by its content; None if imgctl does not process it."""
    with path.open("rb") as file:
        try:
            return sniff(file.read(HEAD_BYTES))
        except PictureError:
            return None


def find_input_files(
    paths: Iterable[str], *, recursive: bool, wanted: InputFilter = ALL_IMAGES
) -> InputFiles:
    """List the files that the paths mean, each once.

    A named file is included whatever it is. Of a folder, the images are included, recognized by
    their content, if they are `wanted`. Raises InputNotFound for a path that does not exist, and
    where there is no file at all.
    """
    return _collect(map(_checked, _expand(paths, recursive=recursive, wanted=wanted)))


def list_input_files(
    paths: Iterable[str], *, recursive: bool, wanted: InputFilter = ALL_IMAGES
) -> InputFiles:
    """List the files that the paths mean as `find_input_files` does, without opening any.

    What is found in a folder may therefore be no image.
    """
    return _collect(_expand(paths, recursive=recursive, wanted=wanted))


def _collect(found: Iterable[InputFile | LeftOut]) -> InputFiles:
    files: dict[str, InputFile] = {}
    left_out: dict[Path, LeftOut] = {}
    for item in found:
        if isinstance(item, LeftOut):
            left_out[item.path] = item
        else:  # not resolved: a link and its target are two names
            files[os.path.abspath(item.path)] = item  # noqa: PTH100
    if not files:
        raise nothing_found(tuple(left_out.values()))
    return InputFiles(tuple(files.values()), tuple(left_out.values()))


def nothing_found(left_out: Sequence[LeftOut]) -> InputNotFound:
    """Return the error for paths that mean no images, with what is there instead."""
    shown = "; ".join(f"{item.path}: {item.reason.rstrip('.')}" for item in left_out[:_SHOWN])
    more = f"; and {len(left_out) - _SHOWN} more" if len(left_out) > _SHOWN else ""
    reasons = {item.reason for item in left_out}
    hint = "Check the path."
    if EXCLUDED in reasons:
        hint = "Check --include and --exclude."
    elif SUBFOLDER in reasons:
        hint = "Use --recursive to include subfolders."
    return InputNotFound(
        f"No images found ({shown}{more})." if left_out else "No images found.", hint=hint
    )


def split_paths(listing: bytes, *, separator: bytes) -> tuple[str, ...]:
    """Return the paths of a list, such as `find` prints; empty lines are skipped."""
    return tuple(os.fsdecode(path) for path in listing.split(separator) if path)


def _expand(
    paths: Iterable[str], *, recursive: bool, wanted: InputFilter
) -> Iterator[InputFile | LeftOut]:
    for text in paths:
        path = Path(text)
        if not text:
            raise InputNotFound("Empty path.")
        if path.is_dir():
            yield from _walk(path, "", recursive=recursive, wanted=wanted)
        elif path.is_file() or (path.is_symlink() and not path.exists()):
            yield InputFile(str(path), path.name)  # a dangling link fails later, by itself
        elif path.exists():
            raise InputNotFound(f"Not a regular file: {text!r}.", hint="Check the path.")
        elif glob.has_magic(text) and (matches := sorted(glob.glob(text, recursive=recursive))):  # noqa: PTH207 (a pattern may be absolute)
            yield from _expand(matches, recursive=recursive, wanted=wanted)
        else:
            raise InputNotFound(f"No such file or folder: {text!r}.", hint="Check the path.")


def _walk(
    folder: Path, parent: str, *, recursive: bool, wanted: InputFilter
) -> Iterator[InputFile | LeftOut]:
    """List a folder's images, and what is left out; each name begins with that of the parent."""
    start = str(folder / "_").removesuffix("_")
    try:
        with os.scandir(folder) as found:
            entries = sorted(found, key=lambda entry: entry.name)
    except OSError as error:
        yield LeftOut(folder, _reason(error), failed=True)
        return
    for entry in entries:
        path, name = start + entry.name, parent + entry.name
        if wanted.excludes(name, is_folder=entry.is_dir()):
            yield LeftOut(Path(path), EXCLUDED)
        elif entry.name.startswith(".") and not entry.name.startswith(PARTIAL_PREFIX):
            yield LeftOut(Path(path), HIDDEN)
        elif not entry.is_dir():
            reason = _reason_to_leave_out(entry, wanted.is_result)
            yield LeftOut(Path(path), reason) if reason else InputFile(path, name, is_named=False)
        elif entry.is_symlink():
            yield LeftOut(Path(path), "a link to a folder: pass it as an argument to include it")
        elif wanted.is_results_folder(Path(path)):
            yield LeftOut(Path(path), "a folder of results: pass it as an argument to include it")
        elif recursive:
            yield from _walk(Path(path), f"{name}/", recursive=True, wanted=wanted)
        else:
            yield LeftOut(Path(path), SUBFOLDER)


def _reason_to_leave_out(entry: "os.DirEntry[str]", is_result: Callable[[str], bool]) -> str | None:
    """Return why a file of a folder is left out whatever it contains; None if it is not."""
    if entry.name.startswith(PARTIAL_PREFIX):
        return "an unfinished result of an interrupted run"
    if is_result(entry.name):
        return "a result of an earlier run"
    if not entry.is_file() and os.path.exists(entry.path):  # noqa: PTH110 (of ten thousand)
        return "not a regular file"
    return None


def _checked(file: InputFile | LeftOut) -> InputFile | LeftOut:
    """Return a file, unless it was found in a folder and is no image, or cannot be read."""
    if isinstance(file, LeftOut) or file.is_named:
        return file
    try:
        with Path(file.path).open("rb") as opened:
            sniff(opened.read(HEAD_BYTES))
    except PictureError as error:
        return LeftOut(Path(file.path), error.message)
    except OSError as error:
        return LeftOut(Path(file.path), _reason(error), failed=True)
    return file


def _reason(error: OSError) -> str:
    return error.strerror or str(error)
