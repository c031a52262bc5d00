"""The settings of one run, each with its origin.

An option takes precedence over its IMGCTL_* variable, the variable over imgctl.toml, and the file
over the default.
"""

import difflib
import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from imgctl.core.errors import InvalidInput
from imgctl.core.rendition_tables import InvalidRendition, parse_renditions
from infra.names import DEFAULT_STACK, STACK_NAME
from infra.setting_spec import (
    Boolean,
    Integer,
    RenditionTables,
    SettingSpec,
    SettingValue,
    Text,
    setting,
    specs_of,
)
from infra.settings import STACK_SETTINGS, StackSettings
from infra.tags import InvalidTag, TagTable, tags_from_json

FILE_NAME = "imgctl.toml"

_TEXT = Text(re.compile(r".*\S.*", re.DOTALL), "a non-empty string")
# Every partition's regions have this form: us-east-1, us-gov-west-1, eusc-de-east-1.
_REGION = Text(re.compile(r"[a-z]{2,4}(-[a-z]+)+-[0-9]{1,2}"), "a region such as eu-west-2")
_ACCOUNT = Text(
    re.compile(r"\d{12}", re.ASCII), 'an account ID of 12 digits in quotes, as in "123456789012"'
)
_ROLE_ARN = Text(
    re.compile(r"arn:[\w-]+:iam::\d{12}:role/[\w+=,.@/-]{1,512}", re.ASCII),
    "a role ARN such as arn:aws:iam::123456789012:role/deployments",
)
_STACK = Text(STACK_NAME, "lowercase letters, digits and single hyphens, with a letter first")

_OF_ONE_RESULT = ("scale", "prefix", "quality")
_TABLE = re.compile(r"^[ \t]*\[\[[ \t]*[\"']?renditions[\"']?[ \t]*\]\]", re.MULTILINE)


class SettingsError(InvalidInput):
    """A setting has an invalid value, or the settings file cannot be used."""

    code = "settings"


@dataclass(frozen=True, slots=True)
class FilePath:
    """A path; `~` is the home folder."""

    expected: str = "a non-empty path"
    type_name: str = "path"

    def parse(self, value: object) -> Path:
        """Return the path, relative if it was."""
        return Path(_TEXT.parse(value)).expanduser()


def _flag(description: str) -> Any:
    return setting(False, kind=Boolean(), description=description, in_file=False)  # noqa: FBT003


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Every setting of one run; `stack_settings` are those that reach the template."""

    stack: str = setting(
        DEFAULT_STACK,
        kind=_STACK,
        description="Name of the stack. Several stacks can exist side by side.",
    )
    region: str | None = setting(
        None, kind=_REGION, description="AWS region.", when_unset="as configured for the AWS CLI"
    )
    profile: str | None = setting(
        None, kind=_TEXT, description="AWS profile.", when_unset="as configured for the AWS CLI"
    )
    account: str | None = setting(
        None,
        kind=_ACCOUNT,
        description="ID of the AWS account that imgctl may use: with credentials of any other,"
        " nothing is done. It does not apply to the embedded AWS.",
        when_unset="any account",
        example="123456789012",
    )
    assume_role: str | None = setting(
        None,
        kind=_ROLE_ARN,
        description="ARN of the IAM role that imgctl itself assumes, with the credentials that it"
        " finds, and makes every call with. It does not apply to the embedded AWS.",
        when_unset="none",
        option="--role-arn",
    )
    role_arn: str | None = setting(
        None,
        kind=_ROLE_ARN,
        description="ARN of CloudFormation's service role: the IAM role with which CloudFormation,"
        " and not imgctl, creates and changes the stack's resources. The stack remembers it.",
        when_unset="the role that the stack remembers, else the permissions of whoever deploys",
    )
    local: bool = setting(
        False,  # noqa: FBT003
        kind=Boolean(),
        description="Use the embedded AWS on this machine.",
    )
    local_dir: Path = setting(
        None,
        kind=FilePath(),
        description="Data folder of the embedded AWS. A file may set it only if passed with"
        " --config.",
        when_unset="the folder imgctl/local in the user's state folder, which on Linux is"
        " ~/.local/state or XDG_STATE_HOME",
    )
    termination_protection: bool | None = setting(
        None,
        kind=Boolean(),
        description="Whether CloudFormation refuses to delete the stack. To delete it, set this to"
        " false and deploy first.",
        when_unset="left as it is",
        example=True,
    )
    keep_function_versions: int = setting(
        10,
        kind=Integer(1, 1000),
        description="How many versions of the function are kept for a rollback, the newest ones and"
        " always those in use. Deployments of a new version delete older ones.",
    )
    heic: bool = setting(
        True,  # noqa: FBT003
        kind=Boolean(),
        description="Whether the function reads HEIC, for which its bundle includes pi-heif with"
        " libheif and libde265 (LGPL).",
    )
    tags: str | None = setting(
        None,
        kind=TagTable(),
        description="All tags of the stack, and of its resources that can have any. Others are"
        " removed.",
        when_unset="left as they are",
        example='{"team": "photos"}',
    )
    json: bool = _flag("Print one JSON document.")
    quiet: bool = _flag("Only print results and errors.")
    verbose: bool = _flag("Log each AWS call, and leave nothing out of lists.")
    debug: bool = _flag("Show tracebacks.")
    yes: bool = _flag("Assume yes for all prompts.")
    no_color: bool = _flag("Print without colors.")
    stack_settings: StackSettings = StackSettings()

    @property
    def stack_tags(self) -> dict[str, str] | None:
        """The tags that the stack is to have; None to leave them as they are."""
        return None if self.tags is None else tags_from_json(self.tags)


_RUN_SETTINGS = tuple(specs_of(Settings))

_TABLES = (RenditionTables, TagTable)  # what follows one in a TOML file belongs to it
_IN_FILE = (*(spec for spec in _RUN_SETTINGS if spec.in_file), *STACK_SETTINGS)

SETTINGS = (
    *(spec for spec in _IN_FILE if not isinstance(spec.kind, _TABLES)),
    *(spec for spec in _IN_FILE if isinstance(spec.kind, _TABLES)),
    *(spec for spec in _RUN_SETTINGS if not spec.in_file),
)
"""Every setting, in the order of imgctl.toml; those that no file may hold come last."""

_BY_NAME = {spec.name: spec for spec in SETTINGS}


@dataclass(frozen=True, slots=True)
class ResolvedSettings:
    """The settings, with the origin of each: an option, a variable, `imgctl.toml:3`, or `default`.

    `file` is the settings file in use; `found` says that it was found above the working folder
    and not named. `ignored` is a nearer file that was not read, because it is another user's.
    """

    settings: Settings
    origins: Mapping[str, str]
    file: Path | None
    found: bool = False
    ignored: Path | None = None

    def found_in_file(self, name: str) -> SettingValue:
        """Return the value of a setting if a file that was not named sets it, else None."""
        if self.found and self.origins[name].startswith(str(self.file)):
            return self.value(name)
        return None

    def value(self, name: str) -> SettingValue:
        """Return the value of a setting by its name."""
        owner = self.settings if hasattr(self.settings, name) else self.settings.stack_settings
        value: SettingValue = getattr(owner, name)
        return value

    def is_given(self, name: str) -> bool:
        """Return whether an option or a variable sets it."""
        return self.origins[name].startswith(("--", "IMGCTL_"))


def resolve(
    options: Mapping[str, Any], environ: Mapping[str, str], working_folder: Path | None
) -> ResolvedSettings:
    """Resolve every setting; raises SettingsError naming the origin and what is accepted there.

    Without a working folder no file is searched for. A file that is found there or above, and
    not named, is only read if it belongs to the user, and may not select `local_dir`: whoever
    can write to one of these folders must not choose what runs on the user's behalf.
    """
    path, ignored = _named_file(options, environ), None
    found = path is None
    if path is None and working_folder is not None:
        path, ignored = _find_file(working_folder)
    in_file = {} if path is None else _load(path)
    if found and "local_dir" in in_file:
        raise SettingsError(
            f"{in_file['local_dir'][1]}: local_dir is not accepted from a file that was found.",
            hint=f"Pass the file with --config, or set {_BY_NAME['local_dir'].variable}.",
        )
    values: dict[str, Any] = {}
    origins: dict[str, str] = {}
    for spec in SETTINGS:
        name = spec.name
        if options.get(name) is not None:
            value, origin = options[name], spec.option
        elif spec.variable in environ:
            value, origin = environ[spec.variable], spec.variable
        elif name in in_file:
            value, origin = in_file[name]
        else:
            values[name], origins[name] = spec.default, "default"
            continue
        values[name], origins[name] = _parse(spec, value, origin), origin
    _check_renditions(values, origins)
    if values["local_dir"] is None:
        values["local_dir"] = _default_local_dir()
    of_stack = {spec.name: values.pop(spec.name) for spec in STACK_SETTINGS}
    settings = Settings(stack_settings=StackSettings(**of_stack), **values)
    return ResolvedSettings(settings, origins, path, found and path is not None, ignored)


def _check_renditions(values: Mapping[str, Any], origins: Mapping[str, str]) -> None:
    """Raise SettingsError for a setting of the one result that renditions take the place of."""
    for name in _OF_ONE_RESULT:
        if values["renditions"] is not None and origins[name] != "default":
            raise SettingsError(
                f"{origins[name]}: {name} cannot be combined with renditions"
                f" ({origins['renditions']}).",
                hint="Set it in each of the [[renditions]] instead.",
            )


def _default_local_dir() -> Path:
    from platformdirs import user_state_path

    return user_state_path("imgctl") / "local"


def _parse(spec: SettingSpec, value: object, origin: str) -> SettingValue:
    try:
        return spec.kind.parse(value)
    except InvalidRendition as error:
        raise SettingsError(
            f"{origin}: {error.place}: {error.message}.", hint=error.hint
        ) from error
    except InvalidTag as error:
        raise SettingsError(f"{origin}: tags: {error.message}.", hint=error.hint) from error
    except ValueError:
        raise SettingsError(
            f"{origin}: {spec.name}: invalid value {value!r}.", hint=f"Use {spec.kind.expected}."
        ) from None


def _named_file(options: Mapping[str, Any], environ: Mapping[str, str]) -> Path | None:
    named = options.get("config") or environ.get("IMGCTL_CONFIG")
    if not named:
        return None
    path = Path(named).expanduser()
    if not path.is_file():
        raise SettingsError(f"No such file: {path}.", hint="Check --config.")
    return path


def _find_file(working_folder: Path) -> tuple[Path | None, Path | None]:
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


def _load(path: Path) -> dict[str, tuple[Any, str]]:
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
        if name not in _BY_NAME or not _BY_NAME[name].in_file:
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
        is_path = isinstance(_BY_NAME[name].kind, FilePath) and isinstance(value, str)
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
