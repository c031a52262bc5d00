"""Records as comma-separated values."""

import csv
import io
from collections.abc import Iterable

from imgctl.cli.text import printable
from imgctl.core.record import ATTRIBUTE_NAMES, Record, to_plain


def records_csv(records: Iterable[Record]) -> str:
    """Return a header and a line per record."""
    text = io.StringIO()
    writer = csv.DictWriter(text, ATTRIBUTE_NAMES)
    writer.writeheader()
    for record in records:
        writer.writerow({name: _inert(value) for name, value in to_plain(record).items()})
    return text.getvalue()


def _inert(value: str | int) -> str | int:
    """Prevent a spreadsheet from evaluating a file name, and a terminal from obeying it."""
    if isinstance(value, int):
        return value
    return printable(f"'{value}" if value[:1] in tuple("=+-@\t\r") else value)
