"""Plans, records and outputs, laid out for a person or, line by line, for a pipe."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from imgctl.cli.settings import Setting
from imgctl.cli.words import local_time, printable, size_text
from imgctl.core.record import Record, Status

if TYPE_CHECKING:
    from infra.plan import Change, Plan
    from infra.release import Version

_ACTIONS = {"Add": "green", "Import": "cyan", "Modify": "yellow", "Remove": "red"}
_STATUS = {
    Status.SUCCEEDED: "green",
    Status.FAILED: "red",
    Status.SUPERSEDED: "dim",
    Status.UNKNOWN: "yellow",
}


@dataclass(frozen=True, slots=True)
class Grid:
    """Rows of cells; without `columns` the first cell of each row names the second.

    Columns in `whole` are never broken over lines, however narrow the terminal.
    """

    columns: Sequence[str]
    rows: Sequence[Sequence[Text]]
    whole: frozenset[str] = frozenset()

    def table(self) -> Table:
        """Lay out for a terminal."""
        if not self.columns:
            table = Table(box=None, show_header=False, pad_edge=False)
            table.add_column(style="dim", no_wrap=True)
            table.add_column(overflow="fold")
        else:
            table = Table(box=SIMPLE_HEAD, pad_edge=False, padding=(0, 1))
            for name in self.columns:
                table.add_column(name, overflow="fold", no_wrap=name in self.whole)
        for row in self.rows:
            table.add_row(*row)
        return table

    def lines(self) -> str:
        """Lay out for a pipe: a line a row, with tabs between the cells."""
        return "\n".join(
            "\t".join(cell.plain.replace("\n", " ") for cell in row) for row in self.rows
        )


def records_grid(records: Iterable[Record]) -> Grid:
    """Lay records out, one a row, in the order given."""
    rows = []
    for record in records:
        failed = record.status is Status.FAILED
        size = (record.failure_code if failed else record.dimension_reduction) or ""
        saved = "" if record.reduction_percentage is None else f"{record.reduction_percentage}%"
        rows.append(
            (
                Text(local_time(record.processing_time)),
                Text(record.status.value, style=_STATUS[record.status]),
                Text(printable(record.original_object_key or "?")),
                Text(printable(size)),
                Text(saved, justify="right"),
            )
        )
    columns = ("when", "status", "picture", "size", "saved")
    return Grid(columns, rows, whole=frozenset({"when", "status", "size", "saved"}))


def plan_grid(plan: "Plan") -> Grid:
    """Lay a plan out, one resource a row, with what changes about it."""
    rows = []
    for change in sorted(plan.changes, key=lambda c: (c.action, c.resource_type, c.logical_id)):
        action = Text(change.action, style=_ACTIONS.get(change.action, ""))
        if change.loses_data:
            action.append(" LOSES DATA", style="bold red")
        type_ = Text(change.resource_type.removeprefix("AWS::"))
        rows.append((action, Text(change.logical_id), type_, Text(_what_changes(change))))
    if not any(row[-1].plain for row in rows):
        return Grid(("action", "resource", "type"), [row[:-1] for row in rows])
    return Grid(("action", "resource", "type", "what changes"), rows)


def _what_changes(change: "Change") -> str:
    lines = [f"replacement: {change.replacement}"] if change.replacement == "True" else []
    for told in change.properties:
        known = told.before is not None or told.after is not None
        lines.append(f"{told.name}: {told.before} → {told.after}" if known else told.name)
    return "\n".join(printable(line) for line in dict.fromkeys(lines))


def versions_grid(versions: Iterable["Version"], live: int) -> Grid:
    """Lay the function's versions out, one a row."""
    rows = []
    for one in versions:
        mark = Text("live", style="green") if one.number == live else Text("")
        size = Text(size_text(one.size), justify="right")
        when = Text(local_time(one.modified))
        rows.append((Text(str(one.number)), mark, when, size, Text(one.sha256[:12])))
    return Grid(("version", "", "published", "size", "code"), rows)


def pairs_grid(pairs: Iterable[tuple[str, object]]) -> Grid:
    """Lay out names and values."""
    return Grid((), [(Text(name), Text(printable(str(value)))) for name, value in pairs])


def settings_grid(settings: Mapping[str, Setting]) -> Grid:
    """Lay settings out, with where each came from."""
    rows = []
    for name, setting in settings.items():
        value = "" if setting.value is None else str(setting.value)
        origin = Text(printable(setting.origin), style="dim")
        rows.append((Text(name), Text(printable(value)), origin))
    return Grid(("setting", "value", "from"), rows)
