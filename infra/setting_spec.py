"""How a setting is defined: its kind of value, default, description and template parameter.

A setting is a field of a frozen dataclass, declared with `setting(...)`. Everything else about it
is derived from that one declaration: imgctl.toml, `imgctl config`, the template's parameters and
the reference page.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, Protocol, TypeAlias

from imgctl.core.rendition_tables import from_json, parse_renditions, to_json
from imgctl.core.spec import FACTOR, factor_text

SettingValue: TypeAlias = str | int | Path | None

_SPEC = "setting"  # the key in a field's metadata


class Kind(Protocol):
    """A kind of value: how it is parsed, and what is accepted."""

    @property
    def type_name(self) -> str:
        """The name of the TOML type, such as `integer`."""

    @property
    def expected(self) -> str:
        """What is accepted, to follow "Use": `a whole number from 1 to 100`."""

    def parse(self, value: object) -> SettingValue:
        """Return the value of a TOML value or of a variable's text; raises ValueError."""


@dataclass(frozen=True, slots=True)
class Text:
    """A string that matches `pattern` as a whole."""

    pattern: re.Pattern[str]
    expected: str
    type_name: str = "string"

    def parse(self, value: object) -> str:
        """Return the string unchanged."""
        if not isinstance(value, str) or not self.pattern.fullmatch(value):
            raise ValueError(self.expected)
        return value


@dataclass(frozen=True, slots=True)
class Choice:
    """One of several strings."""

    choices: tuple[str, ...]
    type_name: str = "string"

    @property
    def expected(self) -> str:
        """`iam, key or none`."""
        return f"{', '.join(self.choices[:-1])} or {self.choices[-1]}"

    def parse(self, value: object) -> str:
        """Return the string unchanged."""
        if value not in self.choices:
            raise ValueError(self.expected)
        return str(value)


@dataclass(frozen=True, slots=True)
class Integer:
    """A whole number between two bounds, both inclusive."""

    minimum: int
    maximum: int
    type_name: str = "integer"

    @property
    def expected(self) -> str:
        """`a whole number from 1 to 100`."""
        return f"a whole number from {self.minimum} to {self.maximum}"

    def parse(self, value: object) -> int:
        """Return the number; a text may hold it, a float or a boolean may not."""
        if isinstance(value, bool | float):
            raise ValueError(self.expected)
        number = int(str(value))
        if not self.minimum <= number <= self.maximum:
            raise ValueError(self.expected)
        return number


@dataclass(frozen=True, slots=True)
class IntegerChoice:
    """One of several whole numbers."""

    choices: tuple[int, ...]
    type_name: str = "integer"

    @property
    def expected(self) -> str:
        """`one of 1, 3, 5`."""
        return f"one of {', '.join(map(str, self.choices))}"

    def parse(self, value: object) -> int:
        """Return the number; a text may hold it."""
        if str(value) not in map(str, self.choices):
            raise ValueError(self.expected)
        return int(str(value))


@dataclass(frozen=True, slots=True)
class Boolean:
    """True or false; in a variable also 1 or 0, yes or no, on or off."""

    expected: str = "true or false"
    type_name: str = "boolean"

    def parse(self, value: object) -> bool:
        """Return the boolean of a TOML value or of a variable's text."""
        if isinstance(value, bool):
            return value
        if isinstance(value, str) and value.lower() in ("1", "true", "yes", "on"):
            return True
        if isinstance(value, str) and value.lower() in ("0", "false", "no", "off", ""):
            return False
        raise ValueError(self.expected)


@dataclass(frozen=True, slots=True)
class ScaleFactor:
    """A factor above 0 and at most 1, kept as text: `0.1` is no exact float."""

    expected: str = FACTOR
    type_name: str = "number"

    def parse(self, value: object) -> str:
        """Return the factor's text, as `factor_text` does."""
        return factor_text(value)


@dataclass(frozen=True, slots=True)
class RenditionTables:
    """The tables of renditions, kept as JSON, in which a variable holds them too."""

    expected: str = "one [[renditions]] table for each result"
    type_name: str = "tables"

    def parse(self, value: object) -> str:
        """Return the JSON of the tables; raises InvalidRendition, which is a ValueError."""
        parsed = from_json(value) if isinstance(value, str) else parse_renditions(value)
        return to_json(parsed)


@dataclass(frozen=True, slots=True, kw_only=True)
class SettingSpec:
    """The definition of one setting.

    `when_unset` says what applies without a value, where `default` is None. `example` is shown in
    a new imgctl.toml in place of the default. `parameter` is the template's, empty for what never
    reaches it. `default_name` is set for names of resources: the name in a stack whose `{suffix}`
    is empty for the default stack and `-<stack>` for others.
    """

    name: str
    kind: Kind
    default: SettingValue
    description: str
    when_unset: str
    example: str | int | float | None
    option: str
    parameter: str
    default_name: str
    in_file: bool

    @property
    def variable(self) -> str:
        """The environment variable that sets it."""
        return f"IMGCTL_{self.name.upper()}"

    @property
    def default_text(self) -> str:
        """What applies where nothing is set, for people."""
        if self.default_name:
            plain = self.default_name.format(suffix="", account="<account>", region="<region>")
            return f"{plain} (plus -<stack>)" if "{account}" not in self.default_name else plain
        if self.default is None:
            return self.when_unset
        return str(self.default).lower() if isinstance(self.default, bool) else str(self.default)


def setting(
    default: SettingValue,
    *,
    kind: Kind,
    description: str,
    when_unset: str = "",
    example: str | float | None = None,
    option: str = "",
    parameter: str = "",
    default_name: str = "",
    in_file: bool = True,
) -> Any:
    """Declare a field of a dataclass as a setting; see `SettingSpec`."""
    spec = SettingSpec(
        name="",  # the field's, see `specs_of`
        kind=kind,
        default=default,
        description=description,
        when_unset=when_unset,
        example=example,
        option=option,
        parameter=parameter,
        default_name=default_name,
        in_file=in_file,
    )
    return field(default=default, metadata={_SPEC: spec})


def specs_of(settings_class: type) -> Iterator[SettingSpec]:
    """List the settings that a dataclass declares, in the order of its fields."""
    for declared in fields(settings_class):
        spec = declared.metadata.get(_SPEC)
        if isinstance(spec, SettingSpec):
            option = spec.option or f"--{declared.name.replace('_', '-')}"
            yield replace(spec, name=declared.name, option=option)
