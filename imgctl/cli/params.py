"""Types of the values of options, and options that several commands share."""

import math
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import click

_AGE = re.compile(r"(\d+)([smhdw])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_SIZE = re.compile(r"(\d{1,9}(?:\.\d{1,9})?)([MG])(?:i?B)?", re.IGNORECASE)
_BYTES = {"m": 1024**2, "g": 1024**3}
_DATE = re.compile(r"\d{4}-\d{2}(-\d{2})?")


class TimeParam(click.ParamType[str]):
    """A time as records have it, given as a timestamp, a date, a month, or an age such as `2h`.

    Dates, and timestamps without an offset, are those of the user's time zone. A date or month
    means its beginning, or with `is_end` its last millisecond.
    """

    name = "time"

    def __init__(self, *, is_end: bool = False) -> None:
        self._is_end = is_end

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return a timestamp in UTC."""
        from imgctl.core.record import timestamp

        try:
            if match := _AGE.fullmatch(value):
                return age(timedelta(**{_UNITS[match[2]]: int(match[1])}))
            if _DATE.fullmatch(value):
                begin = datetime.fromisoformat(value if len(value) > 7 else f"{value}-01")
                time = _last_moment(begin, is_day=len(value) > 7) if self._is_end else begin
            else:
                time = datetime.fromisoformat(value)
            return timestamp(time.astimezone())
        except (ValueError, OverflowError):
            self.fail(
                f"invalid time {value!r}: use a date (2026-11-23), a timestamp"
                " (2026-11-23T15:00), or an age (2h).",
                param,
                ctx,
            )


def _last_moment(begin: datetime, *, is_day: bool) -> datetime:
    """Return the last millisecond of the day or the month that begins then."""
    following = begin + timedelta(days=1 if is_day else 31)
    after = following if is_day else following.replace(day=1)
    return after - timedelta(milliseconds=1)


def age(span: timedelta) -> str:
    """Return the time that was so long ago, as records have it."""
    from imgctl.core.record import timestamp

    return timestamp(datetime.now(UTC) - span)


class Duration(click.ParamType[int]):
    """A duration such as `15m`, in whole seconds, of at least one and at most a number of days."""

    name = "duration"

    def __init__(self, *, maximum_days: int) -> None:
        self._maximum_days = maximum_days

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Return the duration in seconds."""
        match = _AGE.fullmatch(value)
        longest = timedelta(days=self._maximum_days)
        try:
            span = timedelta(**{_UNITS[match[2]]: int(match[1])}) if match else timedelta()
        except OverflowError:
            span = timedelta.max
        if not timedelta() < span <= longest:
            self.fail(
                f"invalid duration {value!r}: use a form such as 90s, 15m, 2h or"
                f" {self._maximum_days}d, which is the longest.",
                param,
                ctx,
            )
        return round(span.total_seconds())


class ByteSize(click.ParamType[int]):
    """A size in bytes with a binary unit, such as `512M`, `2GiB` or `1.5G`."""

    name = "size"

    def __init__(self, minimum: str) -> None:
        self._minimum = minimum

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Return the size in bytes; fails below the minimum."""
        size = _SIZE.fullmatch(value.strip())
        if size is None:
            self.fail(f"invalid size {value!r}: use a form such as 512M or 2G.", param, ctx)
        size_bytes = int(Decimal(size[1]) * _BYTES[size[2].lower()])
        if value != self._minimum and size_bytes < self.convert(self._minimum, param, ctx):
            self.fail(f"{value} is less than {self._minimum}.", param, ctx)
        return size_bytes


class Folder(click.Path):
    """A folder, which need not exist; an empty text, as of an unset variable, is refused."""

    def __init__(self, *, allow_dash: bool = False) -> None:
        super().__init__(path_type=Path, file_okay=False, allow_dash=allow_dash)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the folder's path."""
        if value == "":
            self.fail("the folder's name is empty.", param, ctx)
        return super().convert(value, param, ctx)


class Bounded(click.ParamType[Any]):
    """A number within bounds that the help does not repeat: a metavar or text describes it."""

    name = "number"

    def __init__(self, bounds: click.IntRange | click.FloatRange) -> None:
        bounds.name = "integer" if isinstance(bounds, click.IntRange) else "number"
        self._bounds = bounds

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the number; fails outside of the bounds, within which NaN is not."""
        number = self._bounds.convert(value, param, ctx)
        if math.isnan(number):
            self.fail(f"{value!r} is not a valid number.", param, ctx)
        return number


def input_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that choose among the files of the named folders."""
    for option in (
        click.option(
            "--exclude", multiple=True, metavar="PATTERN",
            help="Leave out these files and folders of a named folder.",
        ),
        click.option(
            "--include", multiple=True, metavar="PATTERN",
            help="Take only these files of a named folder, such as '*.jpg'.",
        ),
        click.option("--recursive", is_flag=True, help="Recurse into subfolders."),
    ):  # fmt: skip
        command = option(command)
    return command


preview_option = click.option(
    "--preview", is_flag=True, help="Show the result as a picture, on terminals only."
)

bundle_option = click.option(
    "--bundle",
    "bundle_file",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Deploy the bundle in this file, which `package` wrote, instead of building one.",
)
