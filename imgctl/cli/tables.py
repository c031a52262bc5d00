"""Plans, records and outputs as tables for a terminal, or as lines for a pipe."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from imgctl.cli.text import local_time, printable, size_text
from imgctl.core.record import Record, Status
from infra.plan import Change, Plan, PropertyChange, Risk

if TYPE_CHECKING:
    from infra.release import Version
    from infra.setting_spec import SettingValue

_MARKS = {
    Risk.DATA_LOSS: "bold red",
    Risk.IAM: "magenta",
    Risk.PUBLIC_ACCESS: "bold yellow",
}
_ACTIONS = {"Add": "green", "Import": "cyan", "Modify": "yellow", "Remove": "red"}
_VERBS = {
    "Add": "add",
    "Import": "take in",
    "Modify": "change",
    "Dynamic": "look at again",
    "Remove": "remove",
}
_REPLACEMENT = {"True": "yes", "Conditional": "perhaps"}
_STATUS = {
    Status.SUCCEEDED: "green",
    Status.FAILED: "red",
    Status.SUPERSEDED: "dim",
    Status.UNKNOWN: "yellow",
}


@dataclass(frozen=True, slots=True)
class Grid:
    """Rows of cells; without `columns` the first cell of each row names the second.

    Columns in `whole` are never wrapped, however narrow the terminal.
    """

    columns: Sequence[str]
    rows: Sequence[Sequence[Text]]
    whole: frozenset[str] = frozenset()

    def table(self) -> Table | Text:
        """Return the form for a terminal."""
        if not self.columns:
            widest = max((name.cell_len for name, _ in self.rows), default=0)
            lines = (
                Text.assemble((name.plain.ljust(widest), "dim"), "  ", value)
                for name, value in self.rows
            )
            return Text("\n").join(lines)
        table = Table(box=SIMPLE_HEAD, pad_edge=False, padding=(0, 1))
        for name in self.columns:
            table.add_column(name, overflow="fold", no_wrap=name in self.whole)
        for row in self.rows:
            table.add_row(*row)
        return table

    def lines(self) -> str:
        """Return the form for a pipe: one line per row, cells separated by tabs."""
        return "\n".join(
            "\t".join(cell.plain.replace("\n", " ") for cell in row) for row in self.rows
        )


def records_grid(records: Iterable[Record]) -> Grid:
    """Tabulate records, one per row, in the given order."""
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
    columns = ("when", "status", "image", "size", "saved")
    return Grid(columns, rows, whole=frozenset({"when", "status", "size", "saved"}))


def plan_grid(plan: Plan) -> Grid:
    """Lay a plan out, one resource a row, with what changes about it."""
    rows = []
    for change in sorted(plan.changes, key=lambda c: (c.action, c.resource_type, c.logical_id)):
        action = Text(change.action, style=_ACTIONS.get(change.action, ""))
        if change.is_kept:
            action.append(", keep", style="dim")
        type_ = Text(change.resource_type.removeprefix("AWS::"))
        replaced = Text(_REPLACEMENT.get(change.replacement, ""), style="red")
        marks = Text(", ").join(Text(mark, style=_MARKS[mark]) for mark in change.risks)
        what = Text(_what_changes(change))
        rows.append((action, Text(change.logical_id), type_, replaced, marks, what))
    columns = ("action", "resource", "type", "replaced", "mark", "what changes")
    told = [i for i, _ in enumerate(columns) if i < 3 or any(row[i].plain for row in rows)]
    return Grid([columns[i] for i in told], [[row[i] for i in told] for row in rows])


def parameters_grid(plan: Plan) -> Grid:
    """Lay out what of the template's parameters changes in a deployed stack."""
    return pairs_grid((told.name, _before_and_after(told)) for told in plan.parameters)


def plan_total(plan: Plan) -> str:
    """Say in a line how much a plan would do."""
    actions = Counter(change.action for change in plan.changes)
    marks = Counter(mark for change in plan.changes for mark in change.risks)
    said = [f"{actions[action]} to {verb}" for action, verb in _VERBS.items() if actions[action]]
    said += [f"{marks[mark]} marked {mark}" for mark in Risk if marks[mark]]
    return ", ".join(said)


def _what_changes(change: Change) -> str:
    lines: dict[str, str] = {}
    for told in change.properties:
        known = told.before is not None or told.after is not None
        name = f"{told.name} ({told.parameter})" if told.parameter else told.name
        line = f"{name}: {_before_and_after(told)}" if known else told.name
        if known or told.name not in lines:  # a name alone says less than what it becomes
            lines.pop(told.name, None)
            lines[name] = line
    return "\n".join(printable(line) for line in lines.values())


def _before_and_after(told: PropertyChange) -> str:
    return f"{told.before or 'none'} → {told.after or 'none'}"


def versions_grid(versions: Iterable["Version"], live: int) -> Grid:
    """Lay the function's versions out, one a row."""
    rows = []
    for one in versions:
        mark = Text("live", style="green") if one.number == live else Text("")
        size = Text(size_text(one.size), justify="right")
        when = Text(local_time(one.modified))
        settings = f"{one.memory_mb} MB, {one.timeout_s} s, scale {one.scale}"
        code = Text(one.sha256[:12])
        rows.append((Text(str(one.number)), mark, when, size, code, Text(printable(settings))))
    columns = ("version", "", "published", "size", "code", "settings")
    return Grid(columns, rows, whole=frozenset({"published", "size", "code"}))


def pairs_grid(pairs: Iterable[tuple[str, object]]) -> Grid:
    """Tabulate names and values."""
    return Grid((), [(Text(name), Text(printable(str(value)))) for name, value in pairs])


def settings_grid(values: Mapping[str, "SettingValue"], origins: Mapping[str, str]) -> Grid:
    """Tabulate settings with the origin of each."""
    rows = []
    for name, value in values.items():
        text = "" if value is None else str(value)
        origin = Text(printable(origins[name]), style="dim")
        rows.append((Text(name), Text(printable(text)), origin))
    return Grid(("setting", "value", "from"), rows)
