"""The outputs of stacks as they were last read, so that `status` need not wait for them.

They are names, no secrets, and only what `status` asks first: it compares them with the stack's.
"""

import hashlib
import json
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from platformdirs import user_cache_path

from imgctl.output_files import output_file

_MAX_BYTES = 64 * 1024


def read(*whose: str | None) -> dict[str, str]:
    """Return the outputs that were stored for a stack; empty if there are none.

    `whose` is what tells stacks apart: the profile, the region and the name.
    """
    with suppress(OSError, ValueError, RecursionError), _path(whose).open("rb") as file:
        stored = json.loads(file.read(_MAX_BYTES))
        if isinstance(stored, dict) and all(isinstance(value, str) for value in stored.values()):
            return stored
    return {}


def store(outputs: Mapping[str, str], *whose: str | None) -> None:
    """Store the outputs of a stack; does nothing where that is not possible."""
    path = _path(whose)
    if not path.is_absolute():  # no home is known
        return
    with suppress(OSError):
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with output_file(path, mode=0o600) as file:
            file.write(json.dumps(dict(outputs)).encode())


def _path(whose: tuple[str | None, ...]) -> Path:
    digest = hashlib.sha256(json.dumps(whose).encode()).hexdigest()
    return user_cache_path("imgctl") / "stacks" / f"{digest[:32]}.json"
