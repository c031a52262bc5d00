"""What a version of the function consists of, by the names of settings, and how versions differ."""

import base64
from collections.abc import Callable, Mapping

from imgctl.core.rendition_tables import InvalidRendition, describe, from_json
from infra.bundle_manifest import sources_in, zip_sha256_in
from infra.changes import PropertyChange
from infra.function_version import VERSION_BINDINGS, Version
from infra.settings import STACK_SETTINGS

CODE = "code"
"""The name of the code's digest beside the settings."""

VersionContent = Mapping[str, str]
"""The settings by their names, as text and empty if unset, and the digest of the code."""

# By the template's parameter, in the order in which they are shown.
_READERS: Mapping[str, Callable[[Version], str | None]] = {
    "Scale": lambda version: version.scale,
    "OutputPrefix": lambda version: version.environment.get("OUTPUT_PREFIX", ""),
    "Quality": lambda version: version.environment.get("QUALITY", ""),
    "Renditions": lambda version: described(version.environment.get("RENDITIONS", "")),
    "CacheControl": lambda version: version.environment.get("CACHE_CONTROL", ""),
    "MemoryMegabytes": lambda version: str(version.memory_mb),
    "TimeoutSeconds": lambda version: str(version.timeout_s),
    "Architecture": lambda version: version.architecture,
    "SnapStart": lambda version: str(version.snap_start).lower(),
    **VERSION_BINDINGS,
}
_NAMES = {spec.parameter: spec.name for spec in STACK_SETTINGS}
_RENDITIONS, _SNAP_START = _NAMES["Renditions"], _NAMES["SnapStart"]
_OF_ONE_RESULT = tuple(_NAMES[name] for name in ("Scale", "OutputPrefix", "Quality"))

BOUND_SETTINGS = frozenset(_NAMES[name] for name in VERSION_BINDINGS)
"""The names, and the key, that a version is bound to: they do not decide what results look like."""


def content_of(version: Version) -> VersionContent:
    """Return what a version consists of, without what it is not bound to."""
    settings = {_NAMES[name]: read(version) for name, read in _READERS.items()}
    bound = {name: value for name, value in settings.items() if value is not None}
    return {CODE: version.sources or version.sha256, **_in_effect(bound)}


def deployed_content(parameters: Mapping[str, str]) -> VersionContent:
    """Return what a version that is published with these parameters of the stack consists of."""
    settings = {_NAMES[name]: parameters.get(name, "") for name in _READERS}
    settings[_RENDITIONS] = described(settings[_RENDITIONS])
    # A stack that an earlier imgctl deployed has no such parameter.
    settings[_SNAP_START] = settings[_SNAP_START] or "false"
    return {CODE: code_digest(parameters.get("CodeKey", "")), **_in_effect(settings)}


def _in_effect(settings: Mapping[str, str]) -> dict[str, str]:
    """Leave out the settings of the one result where renditions take its place."""
    unused = _OF_ONE_RESULT if settings[_RENDITIONS] else ()
    return {name: value for name, value in settings.items() if name not in unused}


def described(renditions: str) -> str:
    """Return the JSON of renditions as a person reads it; as it is if it holds none."""
    try:
        return describe(from_json(renditions)) if renditions else ""
    except InvalidRendition:
        return renditions


def code_digest(key: str) -> str:
    """Return the digest of the code from the key of its bundle, the same as `content_of` has.

    It is that of the sources, in hexadecimal. In the key of an earlier imgctl it is the SHA-256 of
    the zip file, which is returned in base64, as Lambda reports it.
    """
    if sources := sources_in(key):
        return sources
    sha256 = zip_sha256_in(key)
    return base64.b64encode(bytes.fromhex(sha256)).decode() if sha256 else key


def differences(before: VersionContent, after: VersionContent) -> tuple[PropertyChange, ...]:
    """Return what changes from one version to another, of what both have."""
    return tuple(
        PropertyChange(name, before[name], value)
        for name, value in after.items()
        if name in before and before[name] != value
    )


def named_setting(parameter: PropertyChange) -> PropertyChange:
    """Return a changed parameter of the template under the name of its setting, if it has one."""
    if parameter.name == "CodeKey":
        before = code_digest(parameter.before or "")
        return PropertyChange(CODE, before, code_digest(parameter.after or ""))
    name = _NAMES.get(parameter.name, parameter.name)
    if name == _RENDITIONS:
        before, after = (described(text or "") for text in (parameter.before, parameter.after))
        return PropertyChange(name, before, after)
    return PropertyChange(name, parameter.before, parameter.after)
