"""Renditions as they are written: tables in imgctl.toml, and JSON of the same form.

A table has a name, a prefix and a size; format, quality and metadata are optional.
"""

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import combinations
from typing import Any

from imgctl.core.formats import FORMATS_BY_NAME
from imgctl.core.keys import ESCAPE_FOLDER
from imgctl.core.renditions import Rendition, RenditionSet, could_meet
from imgctl.core.spec import (
    Cover,
    Fit,
    Gravity,
    MetadataPolicy,
    ResizeSpec,
    ResizeTarget,
    Scale,
    factor_text,
    parse_box,
)

MAX_RENDITIONS = 16
MAX_JSON_BYTES = 2500
"""Of the 4 KB that all of a function's environment variables may take (Lambda quotas)."""

_NAME = re.compile(r"[a-z](?:[a-z0-9]|-(?=[a-z0-9])){0,31}")
# Without the characters that S3's guide says to avoid, and what begins with a dot.
_PREFIX = re.compile(r"(?:(?!\.)[\w.!*() -]+/)*(?:(?!\.)[\w.!*() -]+|(?<=/))", re.ASCII)
_MAX_PREFIX = 128
_MAX_SIDE = 65_535

_TARGETS = ("scale", "width", "height", "fit", "cover")
_FIELDS = ("name", "prefix", *_TARGETS, "gravity", "format", "quality", "metadata")


class InvalidRendition(ValueError):
    """A rendition is invalid.

    `index` is its place among the tables, from 0, None for all of them, and `field` the name of the
    invalid field, None for the table as a whole. `hint` says what is allowed.
    """

    def __init__(self, index: int | None, field: str | None, message: str, hint: str) -> None:
        super().__init__(message)
        self.index = index
        self.field = field
        self.message = message
        self.hint = hint

    @property
    def place(self) -> str:
        """Which one it is: `renditions`, or `renditions, number 2`."""
        return "renditions" if self.index is None else f"renditions, number {self.index + 1}"


def from_json(text: str) -> RenditionSet:
    """Read JSON that holds the tables of renditions. Raises InvalidRendition."""
    try:
        tables = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InvalidRendition(None, None, f"not JSON: {error}", "Use a list of tables.") from error
    return parse_renditions(tables)


def renditions_in(environ: Mapping[str, str]) -> RenditionSet:
    """Return the renditions in the function's environment variables.

    Without any, it is the one result of SCALE, OUTPUT_PREFIX and QUALITY. Raises InvalidRendition,
    KeyError or ValueError.
    """
    if "RENDITIONS" in environ:
        return from_json(environ["RENDITIONS"])
    spec = ResizeSpec(
        target=Scale(Fraction(factor_text(environ["SCALE"]))),
        quality=int(environ["QUALITY"]) if "QUALITY" in environ else None,
    )
    return RenditionSet.unnamed(environ["OUTPUT_PREFIX"], spec)


def to_json(renditions: RenditionSet) -> str:
    """Return JSON that `from_json` reads; equal sets have equal JSON."""
    return _to_json([_to_table(rendition) for rendition in renditions.renditions])


def describe(renditions: RenditionSet) -> str:
    """Return the renditions as a person reads them: `half: resized-, scale 0.5; web: ...`."""
    return "; ".join(_described(_to_table(rendition)) for rendition in renditions.renditions)


def _described(table: Mapping[str, Any]) -> str:
    parts = [f"{key} {value}" for key, value in table.items() if key not in ("name", "prefix")]
    return f"{table['name']}: {', '.join((table['prefix'], *parts))}"


def settings_digest(rendition: Rendition) -> str:
    """Identify how a rendition is made, but not what it is called: 8 hexadecimal digits."""
    table = _to_table(rendition)
    described = {key: table[key] for key in table if key not in ("name", "prefix")}
    return hashlib.sha256(_to_json(described).encode()).hexdigest()[:8]


def parse_renditions(tables: object) -> RenditionSet:
    """Read the tables of renditions. Raises InvalidRendition for the first that is wrong."""
    if not isinstance(tables, list) or not tables:
        raise InvalidRendition(None, None, "not a list of tables", "Use [[renditions]] for each.")
    if len(tables) > MAX_RENDITIONS:
        raise InvalidRendition(
            MAX_RENDITIONS, None, f"{len(tables)} renditions", f"Use at most {MAX_RENDITIONS}."
        )
    renditions = [_parse(index, table) for index, table in enumerate(tables)]
    for (_, one), (index, other) in combinations(enumerate(renditions), 2):
        _check_pair(one, other, index)
    parsed = RenditionSet(tuple(renditions))
    if (size := len(to_json(parsed).encode())) > MAX_JSON_BYTES:
        raise InvalidRendition(
            len(tables) - 1,
            None,
            f"all renditions together take {size:,} bytes",
            f"Use fewer, or shorter names and prefixes: {MAX_JSON_BYTES:,} bytes fit.",
        )
    return parsed


def _check_pair(one: Rendition, other: Rendition, index: int) -> None:
    """Raise InvalidRendition for two renditions of one name, or whose results could meet."""
    if one.name == other.name:
        raise InvalidRendition(
            index, "name", f"another rendition is called {other.name}", "Choose another name."
        )
    if could_meet(one, other):
        raise InvalidRendition(
            index,
            "prefix",
            f"results of {other.name} could have the names of results of {one.name},"
            f" whose prefix is {one.prefix!r}",
            "Use a prefix that does not begin like the other, or a folder that is not inside the"
            " other's, such as 'web/'.",
        )


def _parse(index: int, table: object) -> Rendition:
    if not isinstance(table, Mapping):
        raise InvalidRendition(index, None, "not a table", "Use [[renditions]] for each.")
    for key in table:
        if key not in _FIELDS:
            allowed = f"Known fields: {', '.join(_FIELDS)}."
            raise InvalidRendition(index, str(key), f"unknown field {key}", allowed)
    reader = _TableReader(index, table)
    return Rendition(
        name=reader.text(
            "name", _NAME, "1 to 32 lowercase letters, digits and hyphens, such as 'web'"
        ),
        prefix=_prefix(reader),
        spec=ResizeSpec(
            target=_target(reader),
            format=reader.choice("format", FORMATS_BY_NAME),
            quality=reader.integer("quality", 1, 100),
            metadata=reader.choice("metadata", {p.value: p for p in MetadataPolicy})
            or MetadataPolicy.SAFE,
        ),
    )


@dataclass(frozen=True, slots=True)
class _TableReader:
    """Reads the fields of one table; each method raises InvalidRendition."""

    index: int
    table: Mapping[str, object]

    def error(self, field: str, expected: str) -> InvalidRendition:
        """Return the error for a field with an invalid or missing value."""
        if field not in self.table:
            return InvalidRendition(self.index, None, f"{field} is missing", f"Use {expected}.")
        message = f"invalid value {self.table[field]!r} for {field}"
        return InvalidRendition(self.index, field, message, f"Use {expected}.")

    def text(self, field: str, pattern: re.Pattern[str], expected: str) -> str:
        """Return a text that has to be there."""
        value = self.table.get(field)
        if not isinstance(value, str) or not pattern.fullmatch(value):
            raise self.error(field, expected)
        return value

    def integer(self, field: str, lowest: int, highest: int) -> int | None:
        """Return a whole number between two bounds, both inclusive; None if it is not there."""
        value = self.table.get(field)
        if field not in self.table:
            return None
        if not isinstance(value, int) or isinstance(value, bool) or not lowest <= value <= highest:
            raise self.error(field, f"a whole number from {lowest} to {highest}")
        return value

    def choice(self, field: str, choices: Mapping[str, Any]) -> Any:
        """Return what a text stands for, in any case; None if it is not there."""
        value = self.table.get(field)
        if field not in self.table:
            return None
        if not isinstance(value, str) or value.lower() not in choices:
            *others, last = choices
            raise self.error(field, f"{', '.join(others)} or {last}")
        return choices[value.lower()]

    def box(self, field: str) -> tuple[int, int]:
        """Return width and height in pixels."""
        value = self.table.get(field)
        try:
            width, height = parse_box(value)
        except ValueError:
            width = height = 0
        if not (1 <= width <= _MAX_SIDE and 1 <= height <= _MAX_SIDE):
            raise self.error(field, "WIDTHxHEIGHT in pixels, such as '1600x1200'")
        return width, height


def _prefix(reader: _TableReader) -> str:
    expected = (
        "letters, digits and -_.!*(), such as 'small-', or a folder that ends in a slash, such as"
        " 'web/'"
    )
    prefix = reader.text("prefix", _PREFIX, expected)
    if len(prefix) > _MAX_PREFIX or prefix.startswith(ESCAPE_FOLDER):
        raise reader.error("prefix", f"{expected}, of at most {_MAX_PREFIX} characters")
    return prefix


def _target(reader: _TableReader) -> ResizeTarget:
    given = [field for field in _TARGETS if field in reader.table]
    if len(given) != 1:
        what = f"{' and '.join(given)} are both given" if given else "the size is missing"
        hint = f"Use one of {', '.join(_TARGETS)}; for both sides, fit = '1600x1200'."
        raise InvalidRendition(reader.index, given[-1] if given else None, what, hint)
    (field,) = given
    if "gravity" in reader.table and field != "cover":
        message = "gravity is only for cover, which cuts"
        raise InvalidRendition(reader.index, "gravity", message, "Remove it, or use cover.")
    if field == "scale":
        try:
            return Scale(Fraction(factor_text(reader.table["scale"])))
        except ValueError as error:
            raise reader.error("scale", str(error)) from None
    if field == "cover":
        gravity = reader.choice("gravity", {item.value: item for item in Gravity})
        return Cover(*reader.box("cover"), gravity or Gravity.CENTER)
    if field == "fit":
        return Fit(*reader.box("fit"))
    side = reader.integer(field, 1, _MAX_SIDE)
    return Fit(width=side) if field == "width" else Fit(height=side)


def _to_table(rendition: Rendition) -> dict[str, Any]:
    spec = rendition.spec
    table = {"name": rendition.name, "prefix": rendition.prefix, **_target_fields(spec.target)}
    if spec.format is not None:
        table["format"] = spec.format.value.lower()
    if spec.quality is not None:
        table["quality"] = spec.quality
    if spec.metadata is not MetadataPolicy.SAFE:
        table["metadata"] = spec.metadata.value
    return table


def _target_fields(target: ResizeTarget) -> dict[str, Any]:
    match target:
        case Scale(factor):
            decimal = float(factor)
            is_exact = Fraction(repr(decimal)) == factor
            return {"scale": decimal if is_exact else str(factor)}
        case Cover(width, height, gravity):
            cut = {} if gravity is Gravity.CENTER else {"gravity": gravity.value}
            return {"cover": f"{width}x{height}", **cut}
        case Fit(int(width), int(height)):
            return {"fit": f"{width}x{height}"}
        case Fit(width, height):
            return {"height": height} if width is None else {"width": width}
    raise AssertionError(f"no rendition has the target {target}")


def _to_json(value: Mapping[str, Any] | Sequence[Mapping[str, Any]]) -> str:
    return json.dumps(value, separators=(",", ":"))
