"""Plans, records and outputs as tables for a terminal, or as lines for a pipe."""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from rich.text import Text

from imgctl.cli.layout import Grid
from imgctl.cli.text import local_time, printable, size_text
from imgctl.core.record import Record, Status
from infra.plan import Change, Plan, PropertyChange, Risk

if TYPE_CHECKING:
    from infra.function_version import Version
    from infra.setting_spec import SettingValue

_RISK_STYLES = {
    Risk.DATA_LOSS: "bold red",
    Risk.IAM: "magenta",
    Risk.PUBLIC_ACCESS: "bold yellow",
}
_ACTION_STYLES = {"Add": "green", "Import": "cyan", "Modify": "yellow", "Remove": "red"}
_VERBS = {
    "Add": "add",
    "Import": "import",
    "Modify": "change",
    "Dynamic": "re-evaluate",
    "Remove": "remove",
}
_REPLACEMENT = {"True": "yes", "Conditional": "maybe"}
_STATUS = {
    Status.SUCCEEDED: "green",
    Status.FAILED: "red",
    Status.SUPERSEDED: "dim",
    Status.UNKNOWN: "yellow",
}


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
    return Grid(columns, rows, title="image", optional=("saved",))


def plan_grid(plan: Plan) -> Grid:
    """Tabulate a plan: one resource per row, with what changes about it."""
    rows = []
    for change in sorted(plan.changes, key=lambda c: (c.action, c.resource_type, c.logical_id)):
        action = Text(change.action, style=_ACTION_STYLES.get(change.action, ""))
        if change.is_kept:
            action.append(", keep", style="dim")
        resource_type = Text(change.resource_type.removeprefix("AWS::"))
        replaced = Text(_REPLACEMENT.get(change.replacement, ""), style="red")
        risks = Text(", ").join(Text(risk, style=_RISK_STYLES[risk]) for risk in change.risks)
        details = Text(_changed_properties(change))
        rows.append((action, Text(change.logical_id), resource_type, replaced, risks, details))
    columns = ("action", "resource", "type", "replaced", "risk", "changes")
    used = [i for i, _ in enumerate(columns) if i < 3 or any(row[i].plain for row in rows)]
    return Grid(
        [columns[i] for i in used], [[row[i] for i in used] for row in rows], title="resource"
    )


def parameters_grid(plan: Plan) -> Grid:
    """Tabulate the template's parameters that change in a deployed stack."""
    return pairs_grid((item.name, _before_and_after(item)) for item in plan.parameters)


def plan_total(plan: Plan) -> str:
    """Return how much a plan would do, in one line."""
    actions = Counter(change.action for change in plan.changes)
    risks = Counter(risk for change in plan.changes for risk in change.risks)
    parts = [f"{actions[action]} to {verb}" for action, verb in _VERBS.items() if actions[action]]
    parts += [f"{risks[risk]} marked {risk}" for risk in Risk if risks[risk]]
    return ", ".join(parts)


def _changed_properties(change: Change) -> str:
    lines: dict[str, str] = {}
    for item in change.properties:
        has_values = item.before is not None or item.after is not None
        name = f"{item.name} ({item.parameter})" if item.parameter else item.name
        line = f"{name}: {_before_and_after(item)}" if has_values else item.name
        if has_values or item.name not in lines:  # values replace a name without any
            lines.pop(item.name, None)
            lines[name] = line
    return "\n".join(printable(line) for line in lines.values())


def _before_and_after(item: PropertyChange) -> str:
    return f"{item.before or 'none'} → {item.after or 'none'}"


def versions_grid(versions: Iterable["Version"], live: int) -> Grid:
    """Tabulate the function's versions."""
    rows = []
    for version in versions:
        is_live = Text("live", style="green") if version.number == live else Text("")
        size = Text(size_text(version.size), justify="right")
        published = Text(local_time(version.modified))
        settings = f"{version.memory_mb} MB, {version.timeout_s} s, scale {version.scale}"
        code = Text(version.sha256[:12])
        number = Text(str(version.number))
        rows.append((number, is_live, published, size, code, Text(printable(settings))))
    columns = ("version", "", "published", "size", "code", "settings")
    return Grid(columns, rows, optional=("size",))


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
    return Grid(("setting", "value", "from"), rows, title="setting")
