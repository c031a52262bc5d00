"""How the user calls this program, for commands that hints tell them to run."""

import shutil
import sys
from pathlib import Path

_NAME = "imgctl"


def invocation() -> tuple[str, ...]:
    """Return the words that call this very program in the user's shell.

    That is its name if PATH leads to it, else the path that was used: a program in an environment
    that is not activated cannot be called by its name.
    """
    called = Path(sys.argv[0])
    if called.name == "__main__.py":
        beside = Path(sys.executable).with_name(_NAME)
        return (_NAME,) if _on_path(beside) else (_shown(Path(sys.executable)), "-m", _NAME)
    if called.name != _NAME or _on_path(called):
        return (_NAME,)
    return (_shown(called),)


def _on_path(program: Path) -> bool:
    found = shutil.which(_NAME)
    return found is not None and program.exists() and Path(found).samefile(program)


def _shown(path: Path) -> str:
    """Return a path as it can be called from the working folder; links are kept."""
    try:
        here = Path.cwd()
    except FileNotFoundError:  # the folder was deleted
        return str(path)
    absolute = path.absolute()
    if not absolute.is_relative_to(here):
        return str(absolute)
    relative = absolute.relative_to(here)
    return str(relative) if len(relative.parts) > 1 else f"./{relative}"
