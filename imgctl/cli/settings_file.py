"""The settings file: which one is read, and its values with the line of each."""

import difflib
import os
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from imgctl.cli.settings import BY_NAME, FILE_NAME, SETTINGS, FilePath, SettingsError
from imgctl.core.rendition_tables import InvalidRendition, parse_renditions

_TABLE = re.compile(r"^[ \t]*\[\[[ \t]*[\"']?renditions[\"']?[ \t]*\]\]", re.MULTILINE)


def named_file(options: Mapping[str, Any], environ: Mapping[str, str]) -> Path | None:
    """Return the file that an option or a variable names. Raises SettingsError if it is missing."""
    named = options.get("config") or environ.get("IMGCTL_CONFIG")
    if not named:
        return None
    path = Path(named).expanduser()
    if not path.is_file():
        raise SettingsError(f"No such file: {path}.", hint="Check --config.")
    return path


def find_file(working_folder: Path) -> tuple[Path | None, Path | None]:
    """Return the nearest settings file of the user's, and a nearer one that is somebody else's."""
    ignored = None
    for folder in (working_folder, *working_folder.parents):
        path = folder / FILE_NAME
        if not path.is_file():
            continue
        if _belongs_to_user(path):
            return path, ignored
        ignored = ignored or path
    return None, ignored


def _belongs_to_user(path: Path) -> bool:
    """Return whether the user owns a file, and the link to it if it is one."""
    user = os.geteuid()
    return path.lstat().st_uid == user and path.stat().st_uid == user


def load(path: Path) -> dict[str, tuple[Any, str]]:
    """Read a file into values with their origins, `imgctl.toml:3`; paths are relative to it."""
    try:
        text = path.read_text(encoding="utf-8")
        values = tomllib.loads(text)
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"Cannot read {path}: {error}", hint="Check the file.") from error
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{path}: {error}", hint=_syntax_hint(text)) from error
    in_file = {}
    for name, value in values.items():
        start = rf"^[ \t]*(?:\[\[?[ \t]*)?[\"']?{re.escape(name)}[\"']?[ \t]*[=.\]]"
        line = re.search(start, text, re.MULTILINE)
        place = f"{path}:{text.count(chr(10), 0, line.start()) + 1}" if line else str(path)
        if name not in BY_NAME or not BY_NAME[name].in_file:
            known = [spec.name for spec in SETTINGS if spec.in_file]
            similar = difflib.get_close_matches(name, known)
            hint = (
                f"Did you mean {' or '.join(similar)}?"
                if similar
                else f"Known settings: {', '.join(known)}."
            )
            raise SettingsError(f"{place}: Unknown setting {name}.", hint=hint)
        if name == "renditions":
            _check_tables(value, path, text)
        is_path = isinstance(BY_NAME[name].kind, FilePath) and isinstance(value, str)
        in_file[name] = (_relative_to(path, value) if is_path else value, place)
    return in_file


def _syntax_hint(text: str) -> str:
    """Return what to do about a file that is not TOML, in which no number begins with a zero."""
    if re.search(r"^[ \t]*account[ \t]*=[ \t]*0\d", text, re.MULTILINE):
        return "A number cannot begin with 0: put the account in quotes."
    return "Fix the syntax."


def _check_tables(tables: object, path: Path, text: str) -> None:
    """Raise SettingsError with the line of what is wrong with renditions."""
    try:
        parse_renditions(tables)
    except InvalidRendition as error:
        line = _line_of(text, error.index, error.field)
        raise SettingsError(
            f"{path}:{line}: {error.place}: {error.message}.",
            hint=error.hint,
        ) from error


def _line_of(text: str, index: int | None, field: str | None) -> int:
    """Return the line, from 1, of a field in one of the tables `[[renditions]]`, or of the table.

    Without such tables, it is that of the list `renditions = [...]`.
    """
    starts = [match.start() for match in _TABLE.finditer(text)]
    if index is None or index >= len(starts):
        start = re.search(r"^[ \t]*renditions[ \t]*=", text, re.MULTILINE)
        return text.count("\n", 0, start.start() if start else 0) + 1
    start_at = starts[index]
    body = text[start_at : starts[index + 1] if index + 1 < len(starts) else None]
    found = field and re.search(
        rf"^[ \t]*[\"']?{re.escape(field)}[\"']?[ \t]*=", body, re.MULTILINE
    )
    return text.count("\n", 0, start_at + (found.start() if found else 0)) + 1


def _relative_to(file: Path, value: str) -> str:
    return str(file.parent / Path(value).expanduser()) if value.strip() else value
