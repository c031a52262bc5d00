"""The template's parameters, from names and settings."""

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from infra.bundle import Bundle
from infra.names import Names
from infra.setting_spec import SettingValue
from infra.settings import STACK_SETTINGS, StackSettings

__all__ = ["StackSettings", "stack_parameters"]

STAGE_NAME = "hala"

_SLOW_MS_PER_SECOND = 800  # of the timeout: the duration alarm fires at 80% of it


def stack_parameters(
    names: Names,
    settings: StackSettings,
    bundle: Bundle,
    *,
    is_local: bool = False,
    sets_api_logging_role: bool,
    live_version: str = "",
) -> dict[str, str]:
    """Return every parameter of `stack.yaml`.

    `names` are the resolved ones: the names in `settings` are ignored. The embedded AWS is asked
    neither to require TLS, because it speaks plain HTTP on the loopback address only, nor for
    alarms that compare metrics, which it does not know.
    """
    from_settings = {
        spec.parameter: _text(getattr(names if spec.default_name else settings, spec.name))
        for spec in STACK_SETTINGS
    }
    return from_settings | {
        "StageName": STAGE_NAME,
        "Architecture": bundle.architecture.value,  # what the code was built for
        "CodeBucket": names.artifacts_bucket,
        "CodeKey": bundle.key,
        "LiveVersion": live_version,
        "CanaryWeight": "",  # a gradual release begins with the plan of an update
        "WatchUploads": _text(settings.watch_uploads and not is_local),
        "ApiCorsOrigin": _api_origin(settings.cors_origins or ""),
        "SlowMilliseconds": str(settings.timeout_s * _SLOW_MS_PER_SECOND),
        "RequireTls": "false" if is_local else "true",
        "ApiLoggingRole": "create" if sets_api_logging_role else "existing",
    }


def deployed_settings(parameters: Mapping[str, str]) -> StackSettings:
    """Return the settings that a stack's parameters stand for; defaults for what is unknown."""
    values: dict[str, Any] = {}
    for spec in STACK_SETTINGS:
        text = parameters.get(spec.parameter)
        with suppress(ValueError):  # a value that another version of imgctl allows
            if text is not None:
                values[spec.name] = spec.kind.parse(text) if text else None
    return StackSettings(**values)


def _api_origin(origins: str) -> str:
    """Return the origin that the API's responses name: the only one, or any if there are several.

    They have a fixed header, except for the preflight, which decides what a page may send.
    """
    return "*" if "," in origins else origins


def _text(value: SettingValue) -> str:
    """Return a parameter's text; an empty one leaves the choice to the template."""
    if isinstance(value, bool):
        return str(value).lower()
    return "" if value is None else str(value)
