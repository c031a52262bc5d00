"""Plans, records and outputs, laid out for a person."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from imgctl.cli.settings import Setting
from imgctl.cli.ui import printable
from imgctl.core.record import Record, Status

if TYPE_CHECKING:
    from infra.plan import Plan

_ACTIONS = {"Add": "green", "Import": "cyan", "Modify": "yellow", "Remove": "red"}
_FAILURE = "red"


def records_table(records: Iterable[Record]) -> Table:
    """Lay records out, one a row, in the order given."""
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for name in ("when", "picture", "size", "bytes", "saved", "status"):
        table.add_column(name, justify="right" if name in ("bytes", "saved") else "left")
    for record in records:
        failed = record.status is Status.FAILED
        outcome = f"{record.status.value}: {record.failure_code}" if failed else record.status.value
        table.add_row(
            local_time(record.processing_time),
            Text(printable(record.original_object_key or "?"), overflow="fold"),
            record.dimension_reduction or "",
            _bytes_change(record),
            "" if record.reduction_percentage is None else f"{record.reduction_percentage}%",
            Text(outcome, style=_FAILURE if failed else "green"),
        )
    return table


def record_details(attributes: Mapping[str, str | int]) -> Table:
    """Lay one record out, one attribute a row."""
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in attributes.items():
        table.add_row(name, Text(printable(str(value))))
    return table


def plan_table(plan: "Plan") -> Table:
    """Lay a plan out, one resource a row, with what changes about it."""
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for name in ("action", "resource", "type", "replacement", "what changes"):
        table.add_column(name)
    for change in sorted(plan.changes, key=lambda c: (c.action, c.resource_type, c.logical_id)):
        details = "\n".join(
            p.name if p.before is None and p.after is None else f"{p.name}: {p.before} → {p.after}"
            for p in change.properties
        )
        action = Text(change.action, style=_ACTIONS.get(change.action, ""))
        if change.loses_data:
            action.append(" LOSES DATA", style="bold red")
        table.add_row(
            action, change.logical_id, change.resource_type, change.replacement, Text(details)
        )
    return table


def pairs_table(pairs: Sequence[tuple[str, str]]) -> Table:
    """Lay out names and values."""
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in pairs:
        table.add_row(name, Text(printable(value)))
    return table


def size_text(count: int) -> str:
    """Say a number of bytes in a unit that fits: `812 B`, `4.2 kB`, `18.0 MB`."""
    if count < 1000:
        return f"{count} B"
    size = float(count)
    for unit in ("kB", "MB", "GB"):
        size /= 1000
        if size < 999.95 or unit == "GB":
            break
    return f"{size:.1f} {unit}"


def local_time(time: str | None) -> str:
    """Say a record's time in the reader's own time zone."""
    if not time:
        return ""
    try:
        moment = datetime.fromisoformat(time)
    except ValueError:
        return printable(time)
    if moment.tzinfo is None:  # the original function wrote UTC without saying so
        moment = datetime.fromisoformat(f"{time}+00:00")
    return moment.astimezone().strftime("%Y-%m-%d %H:%M:%S")


def _bytes_change(record: Record) -> str:
    if record.original_file_size is None or record.resized_file_size is None:
        return "" if record.original_size is None else size_text(record.original_size)
    return f"{size_text(record.original_file_size)} → {size_text(record.resized_file_size)}"


def settings_table(settings: Mapping[str, Setting]) -> Table:
    """Lay settings out, with where each came from."""
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for name in ("setting", "value", "from"):
        table.add_column(name, overflow="fold")
    for name, setting in settings.items():
        value = "" if setting.value is None else str(setting.value)
        table.add_row(name, Text(printable(value)), Text(printable(setting.origin), style="dim"))
    return table
