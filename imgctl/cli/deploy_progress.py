"""A deployment as it goes: a tree with durations on a terminal, a line a step elsewhere."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from imgctl.cli.text import duration_text, printable

if TYPE_CHECKING:
    from rich.text import Text
    from rich.tree import Tree

    from imgctl.cli.ui import Ui
    from infra.plan import DeployEvent

_MARKS = {"running": ("◌", "cyan"), "done": ("✓", "green"), "failed": ("✗", "bold red")}
_VERBS = {"CREATE": "", "UPDATE": "changed", "DELETE": "deleted", "IMPORT": "taken in"}


@dataclass(frozen=True, slots=True)
class DeployStep:
    """What is being done to one resource, or to the stack itself."""

    logical_id: str
    service: str
    verb: str
    state: str  # running, done or failed
    began: datetime
    ended: datetime | None = None
    reason: str = ""

    def seconds(self, now: datetime) -> float:
        """Tell how long it took, or takes by now."""
        return max(0.0, ((self.ended or now) - self.began).total_seconds())


class DeployProgress:
    """All steps of one operation on a stack, by CloudFormation's own times."""

    def __init__(self, stack: str) -> None:
        self._stack = stack
        self._steps: dict[tuple[str, str], DeployStep] = {}

    @property
    def begun(self) -> bool:
        """Whether there is any step."""
        return bool(self._steps)

    def add(self, event: "DeployEvent") -> DeployStep:
        """Take account of an event; gives the step that it belongs to."""
        operation, _, _ = event.status.partition("_")
        if "ROLLBACK" in event.status:
            operation = "ROLLBACK"
        key = (event.logical_id, operation)
        state = "done" if event.is_done else "failed" if event.status.endswith("_FAILED") else ""
        before = self._steps.get(key)
        step = DeployStep(
            event.logical_id,
            event.resource_type.split("::")[1] if "::" in event.resource_type else "",
            _verb(event.status, operation),
            state or "running",
            began=event.time if before is None else before.began,
            ended=event.time if state else None,
            reason=event.reason if state == "failed" else "",
        )
        if before is not None and before.state == "failed":  # its failure is what is worth telling
            step = replace(step, state="failed", reason=before.reason)
        self._steps[key] = step
        return step

    def tree(self, now: datetime, *, whole: bool) -> "Tree":
        """Lay the steps out by service; unless it is the whole, what is done is only counted."""
        from rich.text import Text
        from rich.tree import Tree

        steps = list(self._steps.values())
        own = [step for step in steps if step.logical_id == self._stack]
        root = Tree(_label(own[-1], now) if own else Text(self._stack), guide_style="dim")
        services: dict[str, list[DeployStep]] = {}
        for step in steps:
            if step not in own:
                services.setdefault(step.service, []).append(step)
        for service, of_it in sorted(services.items()):
            branch = root.add(_summary(service, of_it, now))
            for step in of_it:
                if whole or step.state != "done":
                    branch.add(_label(step, now))
        return root


@contextmanager
def following(
    ui: "Ui", stack: str, *, again: str = "deploy"
) -> Iterator[Callable[["DeployEvent"], None]]:
    """Show the events that are told inside, as they come; `again` is what follows them later."""
    steps = DeployProgress(stack)

    def tell(event: "DeployEvent") -> None:
        step = steps.add(event)
        if not ui.can_draw and (event.is_done or event.is_failure):
            ui.info(_line(event, step))

    with ui.drawing(
        lambda: steps.tree(datetime.now(UTC), whole=False),
        lambda: steps.tree(datetime.now(UTC), whole=True) if steps.begun else "",
    ):
        try:
            yield tell
        except KeyboardInterrupt:
            ui.warn(f"CloudFormation goes on by itself. `imgctl {again}` follows it to its end.")
            raise


def _verb(status: str, operation: str) -> str:
    if status.endswith("_SKIPPED"):
        return "kept"
    return "rolled back" if operation == "ROLLBACK" else _VERBS.get(operation, "")


def _line(event: "DeployEvent", step: DeployStep) -> str:
    took = f"  {duration_text(step.seconds(event.time))}" if step.began != event.time else ""
    reason = f"  {printable(event.reason)}" if event.is_failure and event.reason else ""
    return f"  {event.status:<28}{event.logical_id}{took}{reason}"


def _label(step: DeployStep, now: datetime) -> "Text":
    from rich.text import Text

    mark, style = _MARKS[step.state]
    words = [step.logical_id, step.verb]
    return Text.assemble(
        (f"{mark} ", style),
        " ".join(word for word in words if word),
        (f"  {duration_text(step.seconds(now))}", "dim"),
        (f"  {printable(step.reason)}" if step.reason else "", "red"),
    )


def _summary(service: str, steps: list[DeployStep], now: datetime) -> "Text":
    from rich.text import Text

    states = {step.state for step in steps}
    state = "failed" if "failed" in states else "running" if "running" in states else "done"
    done = sum(step.state == "done" for step in steps)
    began = min(step.began for step in steps)
    ended = max(step.ended or now for step in steps)
    mark, style = _MARKS[state]
    count = str(done) if done == len(steps) else f"{done} of {len(steps)}"
    took = duration_text(max(0.0, (ended - began).total_seconds()))
    return Text.assemble((f"{mark} ", style), (service, "bold"), (f"  {count}, {took}", "dim"))
