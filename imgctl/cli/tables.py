"""Records, settings and outputs as tables for a terminal, or as lines for a pipe."""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from rich.text import Text

from imgctl.cli.layout import Grid, Line
from imgctl.cli.text import local_time, printable, size_text
from imgctl.core.record import Record, Status

if TYPE_CHECKING:
    from imgctl.cli.image_documents import RecordDocument
    from infra.setting_spec import SettingValue

STATUS_STYLES = {
    Status.SUCCEEDED: "green",
    Status.FAILED: "red",
    Status.SUPERSEDED: "dim",
    Status.UNKNOWN: "yellow",
}


def records_grid(records: Iterable[Record]) -> Grid:
    """Tabulate records, one per row, in the given order."""
    rows = []
    for record in records:
        time, key, size, saved = _cells(record)
        status = Text(record.status.value, style=STATUS_STYLES[record.status])
        rows.append((Text(time), status, Text(key), Text(size), Text(saved, justify="right")))
    columns = ("when", "status", "image", "size", "saved")
    return Grid(columns, rows, title="image", optional=("saved",))


def record_line(record: Record) -> Line:
    """Return one record as a line of its own, with why it failed."""
    time, key, size, saved = _cells(record)
    failed = record.status is Status.FAILED
    return Line(
        word=record.status.value,
        style=STATUS_STYLES[record.status],
        values=(time, key, *(text for text in (size, saved) if text)),
        hint=printable(record.failure_reason or "") if failed else "",
        word_cells=max(map(len, Status)),
    )


def _cells(record: Record) -> tuple[str, str, str, str]:
    """Return a record's time, key, size or failure code, and how much smaller its output is."""
    failed = record.status is Status.FAILED
    size = (record.failure_code if failed else record.dimension_reduction) or ""
    saved = "" if record.reduction_percentage is None else f"{record.reduction_percentage}%"
    key = printable(record.original_object_key or "?")
    return local_time(record.processing_time), key, printable(size), saved


def record_grid(document: "RecordDocument") -> Grid:
    """Tabulate one record, with a row for each rendition that it lists."""
    pairs = [(name, value) for name, value in document.items() if name != "Renditions"]
    for one in document.get("Renditions", []):
        parts = [one["key"], f"{one['width']}x{one['height']}", one["format"]]
        parts.append(size_text(one["bytes"]))
        if "quality" in one:
            parts.append(f"quality {one['quality']}")
        if "notes" in one:
            parts.append(one["notes"])
        pairs.append((f"Rendition {one['name']}", ", ".join(parts)))
    return pairs_grid(pairs)


def pairs_grid(pairs: Iterable[tuple[str, object]]) -> Grid:
    """Tabulate names and values."""
    return Grid((), [(Text(name), Text(printable(str(value)))) for name, value in pairs])


def settings_grid(values: Mapping[str, "SettingValue"], origins: Mapping[str, str]) -> Grid:
    """Tabulate settings with the origin of each."""
    rows = []
    for name, value in values.items():
        text = "" if value is None else str(value)
        text = text.lower() if isinstance(value, bool) else text  # as in imgctl.toml
        origin = Text(printable(origins[name]), style="dim")
        rows.append((Text(name), Text(printable(text)), origin))
    return Grid(("setting", "value", "from"), rows, title="setting", folded="value")
