"""How a Python program is started whose imports nobody else can choose."""

import sys
from pathlib import Path

# The interpreter's own path lacks imgctl if that was found by PYTHONPATH or in the working folder.
_PROGRAM = """
import runpy, sys
root, module = sys.argv[1:3]
del sys.argv[1:3]
if root not in sys.path:
    sys.path.insert(0, root)
runpy.run_module(module, run_name="__main__", alter_sys=True)
"""


def isolated_command(module: str, *arguments: str) -> list[str]:
    """Return the command that runs a module of the imgctl that this process runs.

    -E and -P keep PYTHONPATH and the working folder off the import path.
    """
    root = str(Path(__file__).parents[2])
    return [sys.executable, "-E", "-P", "-c", _PROGRAM, root, module, *arguments]
