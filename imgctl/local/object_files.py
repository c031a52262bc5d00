"""How the emulator's objects are written to disk: completely, or not at all.

An object is two files, its content and its metadata. Both are first written to a folder of their
own; renaming that folder is the moment from which on the object exists. If the server is killed
before, the object was never acknowledged, and after, the next start finishes the move.
"""

import json
import os
import shutil
import uuid
from pathlib import Path
from typing import Any

STAGED = "staged"

_COMPLETE = ".complete"
_DATA, _METADATA = "data", "metadata"
_TARGET = "imgctl:path"


def replace(staged: Path, target: Path, data: bytes | None, metadata: dict[str, Any]) -> None:
    """Replace an object's content, unless `data` is None, and its metadata.

    Raises OSError and changes nothing if there is no space for them.
    """
    folder = staged / uuid.uuid4().hex
    complete = folder.with_suffix(_COMPLETE)
    relative = os.path.relpath(target, staged)  # the user may move the whole folder
    try:
        folder.mkdir(mode=0o700)
        target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        if data is not None:
            (folder / _DATA).write_bytes(data)
        (folder / _METADATA).write_text(json.dumps(metadata | {_TARGET: relative}))
        folder.rename(complete)
    except OSError:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    _move(complete, target)


def recover(staged: Path) -> None:
    """Finish what a server did not that was killed, and delete what it had not completed."""
    for folder in staged.iterdir():
        metadata = folder / _METADATA
        if folder.suffix == _COMPLETE and metadata.exists():
            relative = json.loads(metadata.read_text())[_TARGET]
            _move(folder, Path(os.path.normpath(staged / relative)))
        else:
            shutil.rmtree(folder)


def _move(complete: Path, target: Path) -> None:
    if (complete / _DATA).exists():
        (complete / _DATA).replace(target)
    # Last, because it says what is left to do.
    (complete / _METADATA).replace(target.with_name(target.name + ".meta.json"))
    complete.rmdir()
