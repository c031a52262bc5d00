"""Every setting's value, and where it came from.

An option wins over its IMGCTL_* variable, that over imgctl.toml, that over the default.
"""

import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import click

from imgctl.core.errors import ImgctlError
from infra.names import BUCKET_NAME, STACK_NAME

FILE_NAME = "imgctl.toml"

_KEY_ARN = re.compile(r"arn:[\w-]+:kms:[\w-]+:\d{12}:key/[\w-]+")
_PREFIX = re.compile(r"[\w.!*() -]+")

RETENTION_DAYS = (1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 3653)


class SettingsError(ImgctlError):
    """A setting has a value that is not allowed."""

    code = "settings"


@dataclass(frozen=True, slots=True)
class Setting:
    """A value, and its origin in words: an option, a variable, a file, or the default."""

    value: Any
    origin: str


@dataclass(frozen=True, slots=True)
class Key:
    """What may be set: how a text or a TOML value is read, and whether the file may hold it.

    `about` says what it is for, and where there is no default, what is taken then; `example` is
    what a file may hold, where that is not the default. `option` is where that is not named alike.
    """

    name: str
    read: Callable[[Any], Any]
    default: Any = None
    in_file: bool = True
    about: str = ""
    example: Any = None
    option: str = ""


def _text(value: object) -> str:
    if not isinstance(value, str) or not value.strip():
        raise ValueError("a text that is not empty")
    return value


def _switch(value: object) -> bool:
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.lower() in ("1", "true", "yes", "on"):
        return True
    if isinstance(value, str) and value.lower() in ("0", "false", "no", "off", ""):
        return False
    raise ValueError("true or false")


def _whole(lowest: int, highest: int) -> Callable[[object], int]:
    def read(value: object) -> int:
        wanted = f"a whole number from {lowest} to {highest}"
        try:
            if isinstance(value, bool | float):
                raise ValueError(wanted)
            number = int(str(value))
        except ValueError:
            raise ValueError(wanted) from None
        if not lowest <= number <= highest:
            raise ValueError(wanted)
        return number

    return read


def _retention(value: object) -> int:
    if str(value) not in map(str, RETENTION_DAYS):
        raise ValueError(f"one of {', '.join(map(str, RETENTION_DAYS))}")
    return int(str(value))


def _scale(value: object) -> str:
    try:
        if isinstance(value, bool) or not 0 < Fraction(str(value)) <= 1:
            raise ValueError
    except (ValueError, ZeroDivisionError):
        raise ValueError("a number above 0 and at most 1, such as 0.5") from None
    return str(value)


def _one_of(*allowed: str) -> Callable[[object], str]:
    def read(value: object) -> str:
        if value not in allowed:
            raise ValueError(f"{', '.join(allowed[:-1])} or {allowed[-1]}")
        return str(value)

    return read


def _bucket(value: object) -> str:
    if not isinstance(value, str) or not BUCKET_NAME.fullmatch(value):
        raise ValueError("3 to 63 lower-case letters, digits, dots and hyphens")
    return value


def _stack(value: object) -> str:
    if not isinstance(value, str) or not STACK_NAME.fullmatch(value):
        raise ValueError("lower-case letters, digits and single hyphens, with a letter first")
    return value


def _prefix(value: object) -> str:
    if not isinstance(value, str) or not _PREFIX.fullmatch(value) or value.startswith("."):
        raise ValueError("letters, digits and -_.!*() without a slash, such as resized-")
    return value


def _name(shortest: int, longest: int) -> Callable[[object], str]:
    def read(value: object) -> str:
        if not isinstance(value, str) or not re.fullmatch(
            rf"[\w-]{{{shortest},{longest}}}", value, re.ASCII
        ):
            raise ValueError(f"{shortest} to {longest} letters, digits, hyphens and underscores")
        return value

    return read


def _key(value: object) -> str:
    if not isinstance(value, str) or not _KEY_ARN.fullmatch(value):
        raise ValueError("a key's ARN, such as arn:aws:kms:eu-west-2:123456789012:key/...")
    return value


def _email(value: object) -> str:
    if not isinstance(value, str) or not re.fullmatch(r"[^@\s]+@[^@\s]+\.[^@\s]+", value):
        raise ValueError("an address such as me@example.org")
    return value


def _path(value: object) -> Path:
    return Path(_text(value)).expanduser()


_RESERVED = (
    "Invocations at once that are kept for the function, and its most; they are taken from the"
    " account's other functions."
)
_ENCRYPTED = (
    "Encrypts what is stored; else keys that AWS owns do. docs/recipes/customer-key.md says what"
    " the key's policy has to allow."
)
_WHO_MAY = (
    "Who may use the API: iam, callers whom IAM allows it; key, whoever has its key; none, anyone"
    " on the internet, who can then fill your bucket."
)

KEYS = (
    Key("stack", _stack, "imgctl", about="Another name makes another pipeline beside the first."),
    Key("region", _text, about="AWS region; else what AWS's own tools are set to."),
    Key("profile", _text, about="AWS profile; else what AWS's own tools are set to."),
    Key("local", _switch, default=False, about="Use the embedded AWS on this machine."),
    Key("local_dir", _path, about="Where the embedded AWS keeps its data; else a user's folder."),
    Key("source_bucket", _bucket, about="Else src-bucket-image-in-<account>-<region>."),
    Key("destination_bucket", _bucket, about="Else dest-bucket-image-out-<account>-<region>."),
    Key("access_logs_bucket", _bucket, about="Else imgctl-access-logs-<account>-<region>."),
    Key("scale", _scale, "0.5", about="Width and height are multiplied by this.", example=0.5),
    Key("prefix", _prefix, "resized-", about="Stands before the name of a resized picture."),
    Key("quality", _whole(1, 100), about="Of JPEG, WebP, AVIF; else 80, 80, 74.", example=80),
    Key("architecture", _one_of("arm64", "x86_64"), "arm64", about="Of the function; or x86_64."),
    Key("memory_mb", _whole(256, 10240), 1769, about="1769 is where Lambda gives a whole CPU."),
    Key("timeout_s", _whole(30, 900), 60, about="The longest that one event may take."),
    Key("reserved_concurrency", _whole(1, 1000), about=_RESERVED, example=20),
    Key("log_retention_days", _retention, 30, about="How long logs are kept."),
    Key("alarm_email", _email, about="Who is told of alarms; else they only show in CloudWatch."),
    Key("kms_key", _key, about=_ENCRYPTED, option="--cmk"),
    Key("api_authorization", _one_of("iam", "key", "none"), "iam", about=_WHO_MAY),
    Key("api_requests_per_s", _whole(1, 10000), 100, about="More of them are refused with 429."),
    Key("api_burst", _whole(1, 5000), 50, about="How many may come at once."),
    Key("table", _name(3, 255), about="Else hala-db, and the stack's name if it is another."),
    Key("function", _name(1, 64), about="Else Landa-image-s3-function, likewise."),
    Key("function_role", _name(1, 64), about="Else lambda-image-role, likewise."),
    Key(
        "dead_letter_queue",
        _name(1, 80),
        about="Else Landa-image-s3-function-dead-letters, likewise.",
    ),
    Key("api", _name(1, 128), about="Else Quaen-Hala-API, likewise."),
    Key("api_role", _name(1, 64), about="Else api-gw-s3-role, likewise."),
    Key("json", _switch, default=False, in_file=False),
    Key("quiet", _switch, default=False, in_file=False),
    Key("verbose", _switch, default=False, in_file=False),
    Key("debug", _switch, default=False, in_file=False),
    Key("yes", _switch, default=False, in_file=False),
    Key("no_color", _switch, default=False, in_file=False),
)
_BY_NAME = {key.name: key for key in KEYS}


@dataclass(frozen=True, slots=True)
class Settings:
    """All settings of one run, by name."""

    by_name: Mapping[str, Setting]
    file: Path | None

    def __getitem__(self, name: str) -> Any:
        return self.by_name[name].value


def resolve(
    options: Mapping[str, Any], environ: Mapping[str, str], working_folder: Path | None
) -> Settings:
    """Settle every setting; raises SettingsError naming the place and what is allowed there.

    Without a working folder no file is looked for.
    """
    path = _find_file(options.get("config") or environ.get("IMGCTL_CONFIG"), working_folder)
    in_file = {} if path is None else _load(path)
    settled = {}
    for key in KEYS:
        variable = f"IMGCTL_{key.name.upper()}"
        if options.get(key.name) is not None:
            origin = key.option or f"--{key.name.replace('_', '-')}"
            settled[key.name] = _read(key, options[key.name], origin)
        elif variable in environ:
            settled[key.name] = _read(key, environ[variable], variable)
        elif key.name in in_file:
            value, origin = in_file[key.name]
            settled[key.name] = _read(key, value, origin)
            if key.read is _path and path is not None:  # as seen from the file
                settled[key.name] = Setting(path.parent / settled[key.name].value, origin)
        else:
            settled[key.name] = Setting(key.default, "default")
    if settled["local_dir"].value is None:
        folder = Path(click.get_app_dir("imgctl")) / "local"
        settled["local_dir"] = Setting(folder, "default")
    return Settings(settled, path)


def _read(key: Key, value: object, origin: str) -> Setting:
    try:
        return Setting(key.read(value), origin)
    except ValueError as error:
        raise SettingsError(
            f"{origin}: {key.name} is {value!r}, which is not allowed.", hint=f"Give {error}."
        ) from None


def _find_file(named: str | None, working_folder: Path | None) -> Path | None:
    if named:
        path = Path(named).expanduser()
        if not path.is_file():
            raise SettingsError(f"There is no file {path}.", hint="Check --config.")
        return path
    if working_folder is None:
        return None
    for folder in (working_folder, *working_folder.parents):
        if (folder / FILE_NAME).is_file():
            return folder / FILE_NAME
    return None


def _load(path: Path) -> dict[str, tuple[Any, str]]:
    """Read a file into values with their origins, `imgctl.toml:3`."""
    try:
        text = path.read_text(encoding="utf-8")
        values = tomllib.loads(text)
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path} cannot be read: {error}", hint="Check the file.") from error
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{path}: {error}", hint="Mend the file's syntax.") from error
    found = {}
    for name, value in values.items():
        line = re.search(rf"^[ \t]*[\"']?{re.escape(name)}[\"']?[ \t]*[=.]", text, re.MULTILINE)
        place = f"{path}:{text.count(chr(10), 0, line.start()) + 1}" if line else str(path)
        if name not in _BY_NAME or not _BY_NAME[name].in_file:
            allowed = ", ".join(key.name for key in KEYS if key.in_file)
            raise SettingsError(f"{place}: {name} is no setting.", hint=f"There are: {allowed}.")
        found[name] = (value, place)
    return found
