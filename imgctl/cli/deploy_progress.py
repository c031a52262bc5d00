"""Progress of a deployment: a tree with durations on a terminal, one line per step elsewhere."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from imgctl.cli.text import duration_text, printable
from imgctl.core.errors import Hint

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.text import Text
    from rich.tree import Tree

    from imgctl.cli.app import App
    from infra.deploy_event import DeployEvent
    from infra.plan import Plan

_SHORTEST_S = 0.05
_MOST_LISTED = 12  # in the end; of more, the services are counted: a screen has 24 lines
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


@dataclass(frozen=True, slots=True)
class Watch:
    """How long CloudFormation watches an alarm, once it has changed these resources."""

    minutes: int
    resources: frozenset[str]


class DeployProgress:
    """All steps of one operation on a stack, with CloudFormation's own times.

    `planned` are the planned actions by the logical IDs of the resources that change; None lists
    all. CloudFormation also reports resources that it only re-evaluates: they are counted, unless
    they fail. With `watch`, it watches an alarm after these changes.
    """

    def __init__(
        self, stack: str, planned: Mapping[str, str] | None = None, watch: Watch | None = None
    ) -> None:
        self._stack = stack
        self._planned = planned
        self._watch = watch
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
            self._verb(event, operation),
            state or "running",
            began=event.time if before is None else before.began,
            ended=event.time if state else None,
            reason=event.reason if state == "failed" else "",
        )
        if before is not None and before.state == "failed":  # its failure is what matters
            step = replace(step, state="failed", reason=before.reason)
        self._steps[key] = step
        return step

    def _verb(self, event: "DeployEvent", operation: str) -> str:
        if event.status.endswith("_SKIPPED"):
            return "kept"
        if operation == "ROLLBACK":
            return "rolled back"
        is_added = self._planned is not None and self._planned.get(event.logical_id) == "Add"
        return "" if is_added and operation == "UPDATE" else _VERBS.get(operation, "")

    @property
    def others(self) -> int:
        """The number of resources that were only re-evaluated."""
        return len({s.logical_id for s in self._steps.values() if not self.is_listed(s)})

    @property
    def listed(self) -> int:
        """The number of steps that are listed."""
        return sum(map(self.is_listed, self._steps.values()))

    def is_listed(self, step: DeployStep) -> bool:
        """Return whether a step is about the stack, a planned change, or a failure."""
        return (
            self._planned is None
            or step.logical_id in self._planned
            or step.logical_id == self._stack
            or step.state == "failed"
        )

    @property
    def watched_since(self) -> datetime | None:
        """When CloudFormation began to do nothing but watch an alarm; None if it does not."""
        if self._watch is None:
            return None
        steps = [s for s in self._steps.values() if s.logical_id in self._watch.resources]
        stack = [s for s in self._steps.values() if s.logical_id == self._stack]
        ended = [s.ended for s in steps if s.state == "done" and s.ended is not None]
        is_done = {s.logical_id for s in steps if s.state == "done"} == self._watch.resources
        is_running = len(stack) == 1 and stack[0].state == "running"
        return max(ended) if is_done and is_running else None

    def tree(self, now: datetime, *, complete: bool) -> "Tree":
        """Return the steps by service; unless `complete`, finished ones are only counted."""
        from rich.text import Text
        from rich.tree import Tree

        steps = [step for step in self._steps.values() if self.is_listed(step)]
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
        if self._watch is not None and (since := self.watched_since) is not None:
            waited = duration_text(max(0.0, (now - since).total_seconds()))
            root.add(Text(f"◌ watching the alarm  {waited} of {self._watch.minutes} min", "cyan"))
        if self.others:
            root.add(Text(_others_text(self.others), "dim"))
        return root


@contextmanager
def following(
    app: "App", stack: str, plan: "Plan | None" = None, *, resume_with: str = "deploy"
) -> Iterator[Callable[["DeployEvent"], None]]:
    """Show the events reported inside as they come.

    With a plan, what it does not change is only counted, unless everything is wanted.
    `resume_with` is the command that follows the operation to its end after an interruption.
    """
    ui, planned = app.ui, None
    if plan is not None and not ui.verbose:
        planned = {change.logical_id: change.action for change in plan.effective_changes}
    watch = None if plan is None or app.aws.is_local else _watch(plan)
    progress = DeployProgress(stack, planned, watch)
    is_announced = False

    def on_event(event: "DeployEvent") -> None:
        nonlocal is_announced
        step = progress.add(event)
        if ui.can_draw:
            return
        if progress.is_listed(step) and (event.is_done or event.is_failure):
            ui.info(_line(event, step))
        if watch is not None and not is_announced and progress.watched_since is not None:
            is_announced = True
            ui.info(f"  CloudFormation watches the alarm for {watch.minutes} minutes.")

    def final_tree() -> "RenderableType":
        if not progress.has_begun:
            return ""
        complete = ui.verbose or progress.listed <= _MOST_LISTED
        return progress.tree(datetime.now(UTC), complete=complete)

    with ui.drawing(lambda: progress.tree(datetime.now(UTC), complete=False), final_tree):
        try:
            yield on_event
        except (KeyboardInterrupt, Exception) as error:
            if isinstance(error, KeyboardInterrupt) or _is_access_error(error):
                hint = Hint(
                    "CloudFormation continues in the background; run {} to resume watching.",
                    resume_with,
                )
                ui.warn(hint.render(app.program))
            raise
    if progress.others and not ui.can_draw:
        ui.info(f"  {_others_text(progress.others)}")


def _watch(plan: "Plan") -> Watch | None:
    """Return what follows the changes of a gradual release; removals follow that in turn."""
    if plan.gradual is None:
        return None
    changed = (c.logical_id for c in plan.effective_changes if c.action in ("Add", "Modify"))
    return Watch(plan.gradual.canary.minutes, frozenset(changed))


def _is_access_error(error: BaseException) -> bool:
    """Return whether AWS cannot be asked any more, as when credentials expire in the middle."""
    from imgctl.aws.errors import AccessError, translate

    known = translate(error) if isinstance(error, Exception) else None
    return isinstance(error, AccessError) or isinstance(known, AccessError)


def _line(event: "DeployEvent", step: DeployStep) -> str:
    took = _took(step.seconds(event.time))
    reason = f"  {printable(event.reason)}" if event.is_failure and event.reason else ""
    return f"  {event.status:<28}{event.logical_id}{took}{reason}"


def _label(step: DeployStep, now: datetime) -> "Text":
    from rich.text import Text

    symbol, style = _SYMBOLS[step.state]
    words = [step.logical_id, step.verb]
    return Text.assemble(
        (f"{symbol} ", style),
        " ".join(word for word in words if word),
        (_took(step.seconds(now)), "dim"),
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
    took = _took((ended - began).total_seconds())
    return Text.assemble((f"{symbol} ", style), (service, "bold"), (f"  {count}{took}", "dim"))


def _took(seconds: float) -> str:
    """Return a duration to append; empty if it rounds to nothing."""
    return f"  {duration_text(seconds)}" if seconds >= _SHORTEST_S else ""


def _others_text(count: int) -> str:
    return f"{count} other resources re-evaluated, without a change"
