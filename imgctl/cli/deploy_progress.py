"""Progress of a deployment: a tree with durations on a terminal, one line per step elsewhere."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from imgctl.cli.text import duration_text, printable
from imgctl.core.errors import Hint

if TYPE_CHECKING:
    from rich.text import Text
    from rich.tree import Tree

    from imgctl.cli.app import App
    from infra.plan import DeployEvent

_SYMBOLS = {"running": ("◌", "cyan"), "done": ("✓", "green"), "failed": ("✗", "bold red")}
_VERBS = {"CREATE": "", "UPDATE": "changed", "DELETE": "deleted", "IMPORT": "imported"}


@dataclass(frozen=True, slots=True)
class DeployStep:
    """What happens to one resource, or to the stack itself."""

    logical_id: str
    service: str
    verb: str
    state: str  # running, done or failed
    began: datetime
    ended: datetime | None = None
    reason: str = ""

    def seconds(self, now: datetime) -> float:
        """Return how long it took, or has taken so far."""
        return max(0.0, ((self.ended or now) - self.began).total_seconds())


class DeployProgress:
    """All steps of one operation on a stack, with CloudFormation's own times."""

    def __init__(self, stack: str) -> None:
        self._stack = stack
        self._steps: dict[tuple[str, str], DeployStep] = {}

    @property
    def has_begun(self) -> bool:
        """Whether any step has been reported."""
        return bool(self._steps)

    def add(self, event: "DeployEvent") -> DeployStep:
        """Add an event. Return the step that it belongs to."""
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
        if before is not None and before.state == "failed":  # its failure is what matters
            step = replace(step, state="failed", reason=before.reason)
        self._steps[key] = step
        return step

    def tree(self, now: datetime, *, complete: bool) -> "Tree":
        """Return the steps by service; unless `complete`, finished ones are only counted."""
        from rich.text import Text
        from rich.tree import Tree

        steps = list(self._steps.values())
        own = [step for step in steps if step.logical_id == self._stack]
        root = Tree(_label(own[-1], now) if own else Text(self._stack), guide_style="dim")
        services: dict[str, list[DeployStep]] = {}
        for step in steps:
            if step not in own:
                services.setdefault(step.service, []).append(step)
        for service, members in sorted(services.items()):
            branch = root.add(_summary(service, members, now))
            for step in members:
                if complete or step.state != "done":
                    branch.add(_label(step, now))
        return root


@contextmanager
def following(
    app: "App", stack: str, *, resume_with: str = "deploy"
) -> Iterator[Callable[["DeployEvent"], None]]:
    """Show the events reported inside as they come.

    `resume_with` is the command that follows the operation to its end after an interruption.
    """
    ui, progress = app.ui, DeployProgress(stack)

    def on_event(event: "DeployEvent") -> None:
        step = progress.add(event)
        if not ui.can_draw and (event.is_done or event.is_failure):
            ui.info(_line(event, step))

    with ui.drawing(
        lambda: progress.tree(datetime.now(UTC), complete=False),
        lambda: progress.tree(datetime.now(UTC), complete=True) if progress.has_begun else "",
    ):
        try:
            yield on_event
        except KeyboardInterrupt:
            hint = Hint(
                "CloudFormation continues in the background; run {} to resume watching.",
                resume_with,
            )
            ui.warn(hint.render(app.program))
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

    symbol, style = _SYMBOLS[step.state]
    words = [step.logical_id, step.verb]
    return Text.assemble(
        (f"{symbol} ", style),
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
    symbol, style = _SYMBOLS[state]
    count = str(done) if done == len(steps) else f"{done} of {len(steps)}"
    took = duration_text(max(0.0, (ended - began).total_seconds()))
    return Text.assemble((f"{symbol} ", style), (service, "bold"), (f"  {count}, {took}", "dim"))
