"""The object keys of uploads: from the names of files, or as the user chose one."""

import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from imgctl.core.errors import InvalidInput
from imgctl.core.keys import MAX_KEY_BYTES
from imgctl.operations.input_files import InputFile
from imgctl.operations.key_spelling import composed

# Control characters (S3 User Guide, "Characters to avoid") and what is not Unicode at all.
_NOT_IN_KEYS = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class UploadFile:
    """A file and the object key to store it under.

    `is_named` tells a file that the user named from one that was found in a folder.
    """

    path: str
    key: str
    is_named: bool = True


def assign_keys(files: Iterable[InputFile], prefix: str) -> list[UploadFile]:
    """Return each file with its key: its name under the prefix, in Unicode's composed form (NFC).

    macOS may name a file in the decomposed form (NFD), which looks the same and is another key.
    Raises InvalidInput where two files would share a key.
    """
    folder = prefix.strip("/")
    if ".." in folder.split("/"):
        raise InvalidInput("A key prefix cannot contain '..'.", hint="Choose another --prefix.")
    start = str(PurePosixPath(folder, "_")).removesuffix("_")
    by_key: dict[str, UploadFile] = {}
    for file in files:
        key = composed(start + file.name)
        new = UploadFile(file.path, key, file.is_named)
        if (other := by_key.setdefault(key, new)) is not new:
            raise InvalidInput(
                f"{other.path} and {new.path} would both become {key}.",
                hint=_collision_hint(other, new),
            )
    return list(by_key.values())


def _collision_hint(one: UploadFile, other: UploadFile) -> str:
    if os.path.dirname(one.path) == os.path.dirname(other.path):  # noqa: PTH120 (strings)
        return "Their names differ only in how accents are encoded: rename one of them."
    return (
        "Upload them with different --prefix, or name the folder that contains both"
        " with --recursive."
    )


def assign_key(files: Sequence[InputFile], key: str) -> list[UploadFile]:
    """Return the only file with this key, in Unicode's composed form (NFC).

    Raises InvalidInput if there are several files, or if S3 does not allow the key.
    """
    if len(files) != 1:
        raise InvalidInput(
            f"A key names one file, not {len(files)}.", hint="Use --prefix for several files."
        )
    key = composed(key)
    if problem := key_problem(key):
        raise InvalidInput(f"The key {key!r} {problem}.", hint="Choose another --key.")
    return [UploadFile(files[0].path, key, files[0].is_named)]


def key_problem(key: str) -> str | None:
    """Return what is wrong with a key; None if an image can be stored under it."""
    if not key or key.endswith("/"):
        return "has no name"
    if _NOT_IN_KEYS.search(key):
        return "contains characters not allowed in S3 keys"
    if not {".", ".."}.isdisjoint(key.split("/")):
        return "contains '.' or '..' as a folder"
    if len(key.encode()) > MAX_KEY_BYTES:
        return f"is longer than {MAX_KEY_BYTES} bytes"
    return None
