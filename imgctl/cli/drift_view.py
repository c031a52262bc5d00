"""What was changed outside of imgctl, on a terminal, in a pipe and in JSON."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.text import Text

from imgctl.cli.app import App
from imgctl.cli.layout import Grid, hanging
from imgctl.cli.text import printable, shortened
from imgctl.core.errors import Hint
from infra.drift import PropertyDrift, ResourceDrift

if TYPE_CHECKING:
    from imgctl.cli.stack_documents import DriftDocument
    from infra.deployed_stack import DeployedStack
    from infra.drift_search import DriftSearch
    from infra.stack_context import StackContext

_VALUE_LENGTH = 60
_ABSENT = "none"


@dataclass(frozen=True, slots=True)
class DriftView:
    """Resources that have drifted, with the expected and the actual value of each property.

    On a terminal long values are cut, unless it is complete.
    """

    resources: tuple[ResourceDrift, ...]
    is_complete: bool = False

    def rendered(self, width: int) -> Text:
        """Return the form for a terminal."""
        length = None if self.is_complete else _VALUE_LENGTH
        return hanging([(_word(item), _body(item, length)) for item in self.resources], width)

    def lines(self) -> str:
        """Return the form for a pipe: one property per line, cells separated by tabs."""
        rows = [
            (_word(item), Text(item.logical_id), Text(_type(item)), Text(text))
            for item in self.resources
            for text in (_property_texts(item) or [""])
        ]
        return Grid((), rows).lines()


def look_for_drift(app: App, context: "StackContext", deployed: "DeployedStack") -> "DriftSearch":
    """Look for changes outside of imgctl and report them, with the command that undoes them."""
    from infra.drift_search import search

    ui = app.ui
    with ui.working("Looking for changes outside of imgctl"):
        found = search(context, deployed)
    resources = found.report.resources
    if resources:
        count = len(resources)
        were = "resource was" if count == 1 else "resources were"
        ui.warn(f"{count} {were} changed outside of imgctl since the last deployment:")
        ui.info(DriftView(resources, is_complete=ui.verbose))
        ui.info(Hint("{} changes this back.", "deploy --revert-drift").render(app.program))
    elif not found.not_read:
        ui.info("No changes outside of imgctl were found.")
    for reason in found.not_read:
        ui.warn(f"Not all was compared. {reason}")
    if unchecked := found.report.unchecked_types:
        ui.debug(f"Not compared by CloudFormation: {', '.join(unchecked)}")
    return found


def drift_document(found: "DriftSearch | None") -> "DriftDocument | None":
    """Return what was found as a JSON document."""
    if found is None:
        return None
    return {
        "resources": [
            {
                "resource": item.logical_id,
                "type": item.resource_type,
                "name": item.physical_id,
                "deleted": item.is_deleted,
                "properties": [
                    {"name": one.name, "expected": one.expected, "actual": one.actual}
                    for one in item.properties
                ],
            }
            for item in found.report.resources
        ],
        "unchecked_types": list(found.report.unchecked_types),
        "not_read": list(found.not_read),
    }


def _word(item: ResourceDrift) -> Text:
    return Text("deleted", style="red") if item.is_deleted else Text("changed", style="yellow")


def _body(item: ResourceDrift, length: int | None) -> Text:
    text = Text.assemble(printable(item.logical_id), "  ", (_type(item), "dim"))
    for line in _property_texts(item, length):
        text.append(f"\n  {line}")
    return text


def _property_texts(item: ResourceDrift, length: int | None = None) -> list[str]:
    return [printable(line) for one in item.properties for line in _lines(one, length)]


def _lines(one: PropertyDrift, length: int | None) -> Iterator[str]:
    actual, expected = (
        _ABSENT if value is None else shortened(value, length)
        for value in (one.actual, one.expected)
    )
    yield f"{one.name}: {actual} (deployed: {expected})"


def _type(item: ResourceDrift) -> str:
    return printable(item.resource_type.removeprefix("AWS::"))
