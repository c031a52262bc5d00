"""The settings of one run, each with its origin.

An option takes precedence over its IMGCTL_* variable, the variable over imgctl.toml, and the file
over the default.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from imgctl.cli import settings_file
from imgctl.cli.settings import BY_NAME, SETTINGS, Settings, SettingsError
from imgctl.core.rendition_tables import InvalidRendition
from infra.setting_spec import SettingSpec, SettingValue
from infra.settings import STACK_SETTINGS, StackSettings
from infra.tags import InvalidTag

_OF_ONE_RESULT = ("scale", "prefix", "quality")


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
    path, ignored = settings_file.named_file(options, environ), None
    found = path is None
    if path is None and working_folder is not None:
        path, ignored = settings_file.find_file(working_folder)
    in_file = {} if path is None else settings_file.load(path)
    if found and "local_dir" in in_file:
        raise SettingsError(
            f"{in_file['local_dir'][1]}: local_dir is not accepted from a file that was found.",
            hint=f"Pass the file with --config, or set {BY_NAME['local_dir'].variable}.",
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
