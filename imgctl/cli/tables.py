"""Records, settings and outputs as tables for a terminal, or as lines for a pipe."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from imgctl.cli.text import local_time, printable
from imgctl.core.record import Record, Status

if TYPE_CHECKING:
    from infra.setting_spec import SettingValue

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
