"""Bytecode for the bundle, which shortens cold starts.

Lambda unpacks the bundle into a read-only folder, so without bytecode each execution environment
compiles all imported modules again. Python 3.12 loads only bytecode that Python 3.12 wrote.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

_RUNTIME = (3, 12)
_UNPACKED_AT = "/var/task"  # Lambda's folder of the function's code


def find_runtime() -> Path | None:
    """Return an interpreter of the runtime's version: this one, or one on the PATH, or None."""
    if sys.version_info[:2] == _RUNTIME:
        return Path(sys.executable)
    path = shutil.which("python{}.{}".format(*_RUNTIME))
    if path is None:
        return None
    probe = "import sys; print(sys.version_info[:2])"
    version = subprocess.run([path, "-I", "-c", probe], capture_output=True, text=True, check=False)
    return Path(path) if version.stdout.strip() == str(_RUNTIME) else None


def compile_modules(sources: Mapping[str, bytes], python: Path) -> dict[str, bytes]:
    """Compile modules, both given and returned by path in the bundle.

    A module that cannot be compiled is omitted. The bytecode is never validated against its source
    (PEP 552, unchecked), whose modification time the zip file does not keep. It is reproducible
    with the same interpreter, because both the order and the hash seed are fixed.
    """
    with tempfile.TemporaryDirectory(prefix="imgctl-bytecode-") as folder:
        root = Path(folder)
        for name, data in sources.items():
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        command = [
            str(python), "-P", "-m", "compileall", "-q", "-j", "1", "-s", folder,
            "-p", _UNPACKED_AT, "--invalidation-mode", "unchecked-hash", folder,
        ]  # fmt: skip
        environment = {**os.environ, "PYTHONHASHSEED": "0"}
        subprocess.run(command, env=environment, capture_output=True, check=False)
        return {
            path.relative_to(root).as_posix(): path.read_bytes() for path in root.rglob("*.pyc")
        }
