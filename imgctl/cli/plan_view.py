"""A plan on a terminal and in a pipe."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from rich.text import Text

from imgctl.cli.layout import Grid, hanging
from imgctl.cli.tables import pairs_grid
from imgctl.cli.text import printable, shortened
from infra.changes import Change, PropertyChange, Risk
from infra.plan import Plan
from infra.version_settings import CODE

_RISK_STYLES = {
    Risk.DATA_LOSS: "bold red",
    Risk.IAM: "magenta",
    Risk.PUBLIC_ACCESS: "bold yellow",
}
_TAG = "Tag"  # what is done to a resource of which only the tags change
_ACTION_STYLES = {
    "Add": "green", "Import": "cyan", "Modify": "yellow", "Remove": "red", _TAG: "yellow",
}  # fmt: skip
_VERBS = {
    "Add": "add",
    "Import": "import",
    "Modify": "change",
    _TAG: "tag",
    "Dynamic": "change, add or remove",
    "Remove": "remove",
    "SyncWithActual": "take as it is",
}
_MOST_ADDED = 8  # more than these are counted by service and type: a screen has 24 lines
_VALUE_LENGTH = 60
_UNSET = "default"
CODE_LENGTH = 12
"""The characters of the code's digest that are shown."""


@dataclass(frozen=True, slots=True)
class PlanView:
    """The resources of a plan that change; with `is_complete` also those that are re-evaluated.

    On a terminal many added resources are counted, as are those of which only tags change, and long
    values cut, unless it is complete.
    """

    plan: Plan
    is_complete: bool = False

    @property
    def _changes(self) -> list[Change]:
        changes = self.plan.changes if self.is_complete else self.plan.effective_changes
        return sorted(changes, key=lambda c: (c.action, c.resource_type, c.logical_id))

    def rendered(self, width: int) -> Text:
        """Return the form for a terminal; if possible, less than 24 lines."""
        changes = self._changes
        added = [change for change in changes if change.action == "Add"]
        if self.is_complete or len(added) <= _MOST_ADDED:
            added = []
        tagged = [] if self.is_complete else [change for change in changes if change.is_of_tags]
        rows = [(_action_text("Add"), text) for text in _counted(added)]
        rows += [
            (_action_text(change.action, kept=change.is_kept), self._body(change))
            for change in changes
            if change not in added and change not in tagged
        ]
        rows += [(_action_text(_TAG), text) for text in _counted(tagged)]
        return hanging(rows, width)

    def lines(self) -> str:
        """Return the form for a pipe: one resource per line, cells separated by tabs."""
        rows = [
            (
                _action_text(change.action, kept=change.is_kept),
                Text(change.logical_id),
                Text(_type_text(change)),
                Text(_replacement_text(change)),
                Text(", ".join(change.risks)),
                Text("\n".join(_changed_properties(change))),
            )
            for change in self._changes
        ]
        used = [i for i in range(6) if i < 3 or any(row[i].plain for row in rows)]
        return Grid((), [[row[i] for i in used] for row in rows]).lines()

    def _body(self, change: Change) -> Text:
        text = Text.assemble(change.logical_id, "  ", (_type_text(change), "dim"))
        if replacement := _replacement_text(change):
            text.append(f"  {replacement}", style="red")
        _append_risks(text, change.risks)
        length = None if self.is_complete else _VALUE_LENGTH
        for line in _changed_properties(change, length):
            text.append(f"\n  {line}")
        return text


def changes_grid(changes: Iterable[PropertyChange]) -> Grid:
    """Tabulate settings, and the code's digest, with their values before and after."""
    rows = []
    for item in changes:
        values = (item.before or _UNSET, item.after or _UNSET)
        if item.name == CODE:
            values = (values[0][:CODE_LENGTH], values[1][:CODE_LENGTH])
        rows.append((item.name, " → ".join(values)))
    return pairs_grid(rows)


def snapshot_text(plan: Plan) -> str:
    """Return what a new version means with SnapStart; empty for a plan without one."""
    if not plan.change_set.publishes:
        return ""
    return (
        "Lambda takes a snapshot of the new version, which takes a few minutes. Every version that"
        " is kept (keep_function_versions) keeps its snapshot, and costs as much."
    )


def tags_grid(changes: Iterable[PropertyChange]) -> Grid:
    """Tabulate the stack's tags with their values before and after."""
    values = ((item.name, item.before or "none", item.after or "none") for item in changes)
    return pairs_grid(
        [(printable(f"tag {key}"), f"{before} → {after}") for key, before, after in values]
    )


def plan_total(plan: Plan, *, is_complete: bool) -> str:
    """Return how much a plan would do, in one line."""
    changes = plan.effective_changes
    actions = Counter(_TAG if change.is_of_tags else change.action for change in changes)
    risks = Counter(risk for change in changes for risk in change.risks)
    parts = [f"{actions[action]} to {verb}" for action, verb in _VERBS.items() if actions[action]]
    parts += [f"{risks[risk]} marked {risk}" for risk in Risk if risks[risk]]
    if count := len(plan.reevaluated):
        hint = "" if is_complete else " (--verbose lists them)"
        parts.append(f"{count} re-evaluated without a change{hint}")
    return ", ".join(parts)


def _counted(changes: Iterable[Change]) -> Iterable[Text]:
    """Summarize changes, one line per service and risk: `S3  3 Bucket`."""
    groups: dict[tuple[str, tuple[Risk, ...]], Counter[str]] = {}
    for change in changes:
        service, _, kind = _type_text(change).partition("::")
        groups.setdefault((service, change.risks), Counter())[kind] += 1
    for (service, risks), kinds in groups.items():
        names = (f"{count} {kind}" if count > 1 else kind for kind, count in kinds.items())
        text = Text.assemble((f"{service:<10}", "bold"), "  ", ", ".join(names))
        _append_risks(text, risks)
        yield text


def _append_risks(text: Text, risks: Iterable[Risk]) -> None:
    for risk in risks:
        text.append("  ").append(f"[{risk}]", style=_RISK_STYLES[risk])


def _action_text(action: str, *, kept: bool = False) -> Text:
    text = Text(action, style=_ACTION_STYLES.get(action, ""))
    return text.append(", keep", style="dim") if kept else text


def _replacement_text(change: Change) -> str:
    if change.replacement == "True":
        return "replaced"
    return "may be replaced" if change.may_be_replaced else ""


def _type_text(change: Change) -> str:
    return change.resource_type.removeprefix("AWS::")


def _changed_properties(change: Change, length: int | None = None) -> list[str]:
    lines = []
    for item in change.distinct_properties:
        name = f"{item.name} ({item.parameter})" if item.parameter else item.name
        before, after = (shortened(value or "none", length) for value in (item.before, item.after))
        line = f"{name}: {before} → {after}" if item.has_values else item.name
        lines.append(printable(line))
    return list(dict.fromkeys(lines))
