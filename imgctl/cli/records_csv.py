"""Records as comma-separated values."""

import csv
import io
import json
from collections.abc import Iterable, Iterator
from typing import Any

from imgctl.cli.text import printable
from imgctl.core.record import ATTRIBUTE_NAMES, Record, to_plain


def csv_rows(records: Iterable[Record]) -> Iterator[str]:
    """Yield a header, and then a row for each record, each with its line break."""
    yield _row(ATTRIBUTE_NAMES)
    for record in records:
        plain = to_plain(record)
        yield _row([_inert(_cell(plain.get(name, ""))) for name in ATTRIBUTE_NAMES])


def _row(values: Iterable[str | int]) -> str:
    text = io.StringIO()
    csv.writer(text).writerow(values)
    return text.getvalue()


def _cell(value: Any) -> str | int:
    """Return what one cell can hold: a list of renditions as JSON."""
    return json.dumps(value, ensure_ascii=False) if isinstance(value, list) else value


def _inert(value: str | int) -> str | int:
    """Prevent a spreadsheet from evaluating a file name, and a terminal from obeying it."""
    if isinstance(value, int):
        return value
    return printable(f"'{value}" if value[:1] in tuple("=+-@\t\r") else value)
