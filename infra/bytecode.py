"""Bytecode for the bundle, which shortens cold starts.

Lambda unpacks the bundle into a read-only folder, so without bytecode each execution environment
compiles all imported modules again. Python 3.12 loads only bytecode that Python 3.12 wrote.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

_RUNTIME = (3, 12)
_UNPACKED_AT = "/var/task"  # Lambda's folder of the function's code


@dataclass(frozen=True, slots=True)
class Compiler:
    """An interpreter that compiles modules; `version` is its `sys.version`, with its build."""

    path: Path
    version: str


def this_interpreter() -> Compiler:
    """Return the interpreter that runs this."""
    return Compiler(Path(sys.executable), sys.version)


def find_runtime() -> Compiler | None:
    """Return an interpreter of the runtime's version: this one, or one on the PATH, or None."""
    if sys.version_info[:2] == _RUNTIME:
        return this_interpreter()
    path = shutil.which("python{}.{}".format(*_RUNTIME))
    if path is None:
        return None
    probe = "import json, sys; print(json.dumps([sys.version_info[:2], sys.version]))"
    done = subprocess.run([path, "-I", "-c", probe], capture_output=True, text=True, check=False)
    if done.returncode != 0:  # a name that stands for no interpreter, as pyenv's may
        return None
    number, version = json.loads(done.stdout)
    return Compiler(Path(path), version) if tuple(number) == _RUNTIME else None


def compile_modules(sources: Mapping[str, bytes], compiler: Compiler) -> dict[str, bytes]:
    """Compile modules, both given and returned by path in the bundle.

    A module that cannot be compiled is omitted. The bytecode is never validated against its source
    (PEP 552, unchecked), whose modification time the zip file does not keep. It is reproducible
    with the same interpreter, because both the order and the hash seed are fixed and the user's
    variables for Python, such as PYTHONOPTIMIZE, do not apply.
    """
    with tempfile.TemporaryDirectory(prefix="imgctl-bytecode-") as folder:
        root = Path(folder)
        for name, data in sources.items():
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        command = [
            str(compiler.path), "-P", "-m", "compileall", "-q", "-j", "1", "-s", folder,
            "-p", _UNPACKED_AT, "--invalidation-mode", "unchecked-hash", folder,
        ]  # fmt: skip
        environment = {k: v for k, v in os.environ.items() if not k.startswith("PYTHON")}
        environment["PYTHONHASHSEED"] = "0"
        subprocess.run(command, env=environment, capture_output=True, check=False)
        return {
            path.relative_to(root).as_posix(): path.read_bytes() for path in root.rglob("*.pyc")
        }
