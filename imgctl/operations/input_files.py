"""The files that a user names: files, folders and patterns, and the names of their results."""

import glob
import os
import stat
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from imgctl.core.errors import InvalidInput, PictureError
from imgctl.core.formats import HEAD_BYTES, ImageFormat, sniff
from imgctl.output_files import PARTIAL_PREFIX

SUBFOLDER = "a subfolder: use --recursive to include it"
_SHOWN = 3  # of what was left out, in an error


class InputNotFound(InvalidInput):
    """A path leads to no file, or a folder holds no images."""


@dataclass(frozen=True, slots=True)
class InputFile:
    """A file and its name relative to what the user named: `trip/a.jpg` for the folder `trip`."""

    path: Path
    name: PurePosixPath


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
    left_out = {item.path: item for item in items if isinstance(item, LeftOut)}
    if not files:
        raise _nothing_found(list(left_out.values()))
    return InputFiles(tuple(files.values()), tuple(left_out.values()))


def _nothing_found(left_out: Sequence[LeftOut]) -> InputNotFound:
    shown = "; ".join(f"{item.path}: {item.reason.rstrip('.')}" for item in left_out[:_SHOWN])
    more = f"; and {len(left_out) - _SHOWN} more" if len(left_out) > _SHOWN else ""
    has_folders = any(item.reason == SUBFOLDER for item in left_out)
    return InputNotFound(
        f"No images found ({shown}{more})." if left_out else "No images found.",
        hint="Use --recursive to include subfolders." if has_folders else "Check the path.",
    )


def _expand(
    paths: Iterable[str], *, recursive: bool, skip_prefix: str | None
) -> Iterator[InputFile | LeftOut]:
    for text in paths:
        path = Path(text)
        if not text:
            raise InputNotFound("Empty path.")
        if path.is_dir():
            yield from _in_folder(path, recursive=recursive, skip_prefix=skip_prefix)
        elif path.is_file() or (path.is_symlink() and not path.exists()):
            yield InputFile(
                path, PurePosixPath(path.name)
            )  # a dangling link fails later, by itself
        elif path.exists():
            raise InputNotFound(f"Not a regular file: {text!r}.", hint="Check the path.")
        elif glob.has_magic(text) and (matches := sorted(glob.glob(text, recursive=recursive))):  # noqa: PTH207 (a pattern may be absolute)
            yield from _expand(matches, recursive=recursive, skip_prefix=skip_prefix)
        else:
            raise InputNotFound(f"No such file or folder: {text!r}.", hint="Check the path.")


def _in_folder(
    folder: Path, *, recursive: bool, skip_prefix: str | None
) -> Iterator[InputFile | LeftOut]:
    """List a folder's images under its own name, and what is left out."""
    own_name = folder.resolve().name if folder.name in ("", "..") else folder.name
    # The working folder itself has no name that its files should carry.
    name = PurePosixPath() if folder == Path() else PurePosixPath(own_name)
    yield from _walk(folder, name, recursive=recursive, skip_prefix=skip_prefix)


def _walk(
    folder: Path, name: PurePosixPath, *, recursive: bool, skip_prefix: str | None
) -> Iterator[InputFile | LeftOut]:
    try:
        with os.scandir(folder) as found:
            entries = sorted(found, key=lambda entry: entry.name)
    except OSError as error:
        yield LeftOut(folder, _reason(error), failed=True)
        return
    for entry in entries:
        path = folder / entry.name
        if not entry.is_dir():
            reason = _reason_to_leave_out(path, skip_prefix)
            yield reason or InputFile(path, name / entry.name)
        elif entry.is_symlink():
            yield LeftOut(path, "a link to a folder: pass it as an argument to include it")
        elif recursive:
            yield from _walk(path, name / entry.name, recursive=True, skip_prefix=skip_prefix)
        else:
            yield LeftOut(path, SUBFOLDER)


def _reason_to_leave_out(file: Path, skip_prefix: str | None) -> LeftOut | None:
    if file.name.startswith(PARTIAL_PREFIX):
        return LeftOut(file, "an unfinished result of an interrupted run")
    if skip_prefix is not None and file.name.startswith(skip_prefix):
        return LeftOut(file, "a result of an earlier run")
    try:
        if not stat.S_ISREG(file.stat().st_mode):
            return LeftOut(file, "not a regular file")
        with file.open("rb") as opened:
            sniff(opened.read(HEAD_BYTES))
    except PictureError as error:
        return LeftOut(file, error.message)
    except OSError as error:
        return LeftOut(file, _reason(error), failed=True)
    return None


def _reason(error: OSError) -> str:
    return error.strerror or str(error)
