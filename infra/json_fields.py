"""The fields of a JSON object from a file of unknown origin, checked as they are read."""

import re
from typing import Any

_MAX_LENGTH = 2048


class InvalidField(ValueError):
    """A field of a file is missing, or not what it should be."""


class JsonFields:
    """The fields of a JSON object, each checked as it is read."""

    def __init__(self, value: object) -> None:
        if not isinstance(value, dict):
            raise InvalidField("it is not a JSON object")
        self._values: dict[str, Any] = value

    def take(self, name: str, kind: Any) -> Any:
        """Return a field of a type."""
        value = self._values.get(name)
        if not isinstance(value, kind) or (isinstance(value, bool) and kind is int):
            raise InvalidField(f"{name} is missing or invalid")
        return value

    def matching(self, name: str, pattern: str) -> str:
        """Return a text that matches a pattern as a whole."""
        value: str = self.take(name, str)
        if len(value) > _MAX_LENGTH or not re.fullmatch(pattern, value, re.ASCII):
            raise InvalidField(f"{name} is invalid")
        return value

    def optional(self, name: str, pattern: str) -> str | None:
        """Return a text that matches a pattern, or None for null."""
        return None if self._values.get(name) is None else self.matching(name, pattern)

    def texts(self, name: str) -> dict[str, str]:
        """Return an object whose values are texts."""
        values: dict[str, str] = self.take(name, dict)
        if not all(isinstance(value, str) for value in values.values()):
            raise InvalidField(f"{name} is invalid")
        return values

    def inside(self, name: str) -> "JsonFields":
        """Return an object's fields."""
        return JsonFields(self.take(name, dict))
