"""Types of the values of options."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import click

_AGE = re.compile(r"(\d+)([smhdw])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_DATE = re.compile(r"\d{4}-\d{2}(-\d{2})?")


class TimeParam(click.ParamType[str]):
    """A time as records have it, given as a timestamp, a date, or an age such as `2h`."""

    name = "time"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return a timestamp; a date stays a date, and means the whole day or month."""
        from imgctl.core.record import timestamp

        try:
            if age := _AGE.fullmatch(value):
                span = timedelta(**{_UNITS[age[2]]: int(age[1])})
                return timestamp(datetime.now(UTC) - span)
            if _DATE.fullmatch(value):
                datetime.fromisoformat(value if len(value) > 7 else f"{value}-01")
                return value  # the prefix of all times of that day or month
            time = datetime.fromisoformat(value)
        except (ValueError, OverflowError):
            self.fail(
                f"invalid time {value!r}: use a date (2026-11-23), a timestamp"
                " (2026-11-23T15:00), or an age (2h).",
                param,
                ctx,
            )
        return timestamp(time.astimezone())


class Bounded(click.ParamType[Any]):
    """A number within bounds that the help does not repeat: a metavar or text describes it."""

    name = "number"

    def __init__(self, bounds: click.IntRange | click.FloatRange) -> None:
        self._bounds = bounds

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the number; fails outside of the bounds."""
        return self._bounds.convert(value, param, ctx)
