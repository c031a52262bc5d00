"""The mark on a result of what it was made from, by which an interrupted batch continues.

It is an extended attribute of the file, which Linux has; where there is none, a result is made
again and compared.
"""

import hashlib
import json
import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from dataclasses import fields as record_fields
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, cast

from imgctl import __version__
from imgctl.core.record import PICTURE_FIELDS, Record
from imgctl.core.spec import ResizeSpec

_ATTRIBUTE = "user.imgctl.result"


def spec_digest(spec: ResizeSpec) -> str:
    """Identify everything but the source that a result's bytes depend on."""
    parts = [repr(spec), __version__, version("pillow")]
    with suppress(PackageNotFoundError):
        parts.append(version("pi-heif"))
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class KnownResult:
    """What is known of a result: fields of its record, and the quality that it was encoded with.

    There are no fields for an existing result that is kept whatever it is.
    """

    fields: dict[str, Any] = field(default_factory=dict)
    quality: int | None = None


def write_mark(result: int, source: os.stat_result, settings: str, known: KnownResult) -> None:
    """Mark the result with this descriptor, which is complete, and keep what is known of it."""
    mark = {
        "source": _source_identity(source),
        "settings": settings,
        "result": _identity(os.fstat(result)),
        "fields": known.fields,
        "quality": known.quality,
    }
    with suppress(OSError, AttributeError):
        os.setxattr(result, _ATTRIBUTE, json.dumps(mark).encode())


def read_mark(result: Path, source: os.stat_result, settings: str) -> KnownResult | None:
    """Return what is known of a result that is what the source and the settings would make again.

    None if it is not, or if nothing says so: size and time of change must be those of then.
    """
    try:
        mark = json.loads(os.getxattr(result, _ATTRIBUTE, follow_symlinks=False))
        expected = (_source_identity(source), settings, _identity(result.lstat()))
        if (mark["source"], mark["settings"], mark["result"]) == expected:
            return _checked(mark["fields"], mark["quality"])
    except (OSError, AttributeError, ValueError, TypeError, LookupError, RecursionError):
        pass
    return None


def _checked(fields: Mapping[str, Any], quality: object) -> KnownResult:
    """Return what anyone may have written; raises TypeError if it is not as we write it."""
    expected = {field.name: field.type for field in record_fields(Record)}
    if set(fields) != PICTURE_FIELDS:
        raise TypeError("not the fields of an image")
    for name, value in (*fields.items(), ("frames", quality)):
        is_size = type(value) is int and (value >= 0 or name == "reduction_percentage")
        is_text = type(value) is str and "int" not in str(expected[name])
        if not (value is None or is_text or (is_size and "int" in str(expected[name]))):
            raise TypeError(f"{name} has another type")
    return KnownResult(dict(fields), cast(int | None, quality))


def _source_identity(stat: os.stat_result) -> list[int]:
    """Identify a source also by what no program can set: two may have the same size and time."""
    return [*_identity(stat), stat.st_ctime_ns, stat.st_ino]


def _identity(stat: os.stat_result) -> list[int]:
    return [stat.st_size, stat.st_mtime_ns]
