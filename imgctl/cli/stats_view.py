"""Statistics as text, tables with small plots, and JSON."""

from typing import TYPE_CHECKING

from rich.text import Text

from imgctl.cli.layout import Grid
from imgctl.cli.text import printable, size_text
from imgctl.core.record import Status
from imgctl.operations.stats import PERCENTILES, Grouping

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from imgctl.cli.image_documents import StatsDocument, StatsGroup
    from imgctl.cli.ui import Part
    from imgctl.operations.stats import Group, Statistics

_EIGHTHS = " ▏▎▍▌▋▊▉█"
_BAR_CELLS = 16


def stats_parts(statistics: "Statistics", by: Grouping, *, plots: bool) -> "Iterator[Part | str]":
    """Yield the parts of the result: totals, a table of the groups, and one of the failures."""
    everything = statistics.all
    if not everything.total:
        yield "No records."
        return
    yield _totals(everything)
    yield ""
    yield _groups_grid(statistics.groups, by, plots=plots)
    if everything.failures:
        yield ""
        yield _failures_grid(everything.failures, plots=plots)


def _totals(group: "Group") -> str:
    counts = [f"{group.statuses[status]:,} {status.value.lower()}" for status in Status]
    present = [text for text in counts if not text.startswith("0 ")]
    lines = [f"{group.total:,} {'image' if group.total == 1 else 'images'}: {', '.join(present)}"]
    if group.original_bytes:
        lines.append(
            f"{size_text(group.original_bytes)} became {size_text(group.output_bytes)}:"
            f" {_saved(group)}"
        )
    if (median := group.durations.percentile(50)) is not None:
        rest = [f"{p}% within {_ms(group.durations.percentile(p))}" for p in PERCENTILES[1:]]
        lines.append(f"Duration: median {_ms(median)}, {', '.join(rest)}")
    return "\n".join(lines)


def _groups_grid(groups: "Mapping[str, Group]", by: Grouping, *, plots: bool) -> Grid:
    most = max(group.total for group in groups.values())
    columns = [by.value, "images", *([""] if plots else []), "failed", "original", "saved"]
    columns += [f"p{percent}" for percent in PERCENTILES]
    rows = [
        (
            Text(printable(name)),
            _number(f"{group.total:,}"),
            *([_bar(group.total, most)] if plots else []),
            _number(f"{group.statuses[Status.FAILED]:,}"),
            _number(size_text(group.original_bytes) if group.original_bytes else ""),
            _number(_saved_percent(group)),
            *(_number(_ms(group.durations.percentile(percent))) for percent in PERCENTILES),
        )
        for name, group in groups.items()
    ]
    return Grid(columns, rows, title=by.value, optional=("", "original"))


def _failures_grid(failures: "Mapping[str, int]", *, plots: bool) -> Grid:
    ordered = sorted(failures.items(), key=lambda item: (-item[1], item[0]))
    rows = [
        (
            Text(printable(code)),
            _number(f"{count:,}"),
            *([_bar(count, ordered[0][1])] if plots else []),
        )
        for code, count in ordered
    ]
    columns = ["failure", "images", *([""] if plots else [])]
    return Grid(columns, rows, title="failure", optional=("",))


def _bar(value: int, most: int) -> Text:
    """Return a bar whose length is in proportion; one that is not empty has at least an eighth."""
    eighths = max(round(value / most * _BAR_CELLS * 8), 1 if value else 0)
    whole, rest = divmod(eighths, 8)
    return Text("█" * whole + (_EIGHTHS[rest] if rest else ""), style="cyan")


def _number(text: str) -> Text:
    return Text(text, justify="right")


def _ms(duration_ms: int | None) -> str:
    if duration_ms is None:
        return ""
    return f"{duration_ms} ms" if duration_ms < 1000 else f"{duration_ms / 1000:.1f} s"


def _saved(group: "Group") -> str:
    if group.saved_bytes < 0:
        return f"{size_text(-group.saved_bytes)} more"
    return f"{size_text(group.saved_bytes)} saved ({_saved_percent(group)})"


def _saved_percent(group: "Group") -> str:
    if not group.original_bytes:
        return ""
    return f"{group.saved_bytes / group.original_bytes:.0%}"


def stats_document(statistics: "Statistics", by: Grouping) -> "StatsDocument":
    """Return the statistics for JSON."""
    return {
        "all": _group_document(statistics.all),
        "by": by.value,
        "groups": {name: _group_document(group) for name, group in statistics.groups.items()},
    }


def _group_document(group: "Group") -> "StatsGroup":
    return {
        "images": group.total,
        "statuses": {status.value: count for status, count in sorted(group.statuses.items())},
        "failures": dict(sorted(group.failures.items())),
        "original_bytes": group.original_bytes,
        "output_bytes": group.output_bytes,
        "saved_bytes": group.saved_bytes,
        "duration_ms": {f"p{p}": group.durations.percentile(p) for p in PERCENTILES},
    }
