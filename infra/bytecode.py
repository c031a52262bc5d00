"""Bytecode for the bundle: where it is unpacked in Lambda nothing can be written beside it.

Without it every execution environment compiles what it imports when it starts. Only Python 3.12
itself can write what Python 3.12 loads.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

_RUNTIME = (3, 12)
_UNPACKED_AT = "/var/task"  # where Lambda has the function's code


def find_runtime() -> Path | None:
    """Find a Python of the function's runtime on this machine: this very one, or on the PATH."""
    if sys.version_info[:2] == _RUNTIME:
        return Path(sys.executable)
    found = shutil.which("python{}.{}".format(*_RUNTIME))
    if found is None:
        return None
    probe = "import sys; print(sys.version_info[:2])"
    told = subprocess.run([found, "-c", probe], capture_output=True, text=True, check=False)
    return Path(found) if told.stdout.strip() == str(_RUNTIME) else None


def compiled(sources: Mapping[str, bytes], python: Path) -> dict[str, bytes]:
    """Compile modules, named by their paths in the bundle; what cannot be compiled is left out.

    The files are never checked against their sources (PEP 552), whose times the zip has not kept.
    The same interpreter gives the same bytes: the order is fixed, and so is the seed of hashes.
    """
    with tempfile.TemporaryDirectory(prefix="imgctl-bytecode-") as folder:
        root = Path(folder)
        for name, data in sources.items():
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        command = [
            str(python), "-m", "compileall", "-q", "-j", "1", "-s", folder, "-p", _UNPACKED_AT,
            "--invalidation-mode", "unchecked-hash", folder,
        ]  # fmt: skip
        environment = {**os.environ, "PYTHONHASHSEED": "0"}
        subprocess.run(command, env=environment, capture_output=True, check=False)
        return {
            path.relative_to(root).as_posix(): path.read_bytes() for path in root.rglob("*.pyc")
        }
