"""The status of a stack as a screen and as JSON."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, TypeVar

from rich.text import Text

from imgctl.cli.layout import Grid
from imgctl.cli.text import local_time, printable, size_text
from imgctl.core.errors import Hint
from imgctl.operations.status import Known, StackStatus, Today, Unknown
from infra.deployed_stack import DeployedStack
from infra.recovery import nothing_deployed, problem_of

if TYPE_CHECKING:
    from imgctl.aws.metrics import Alarm
    from imgctl.cli.operating_documents import StatusDocument
    from infra.recovery import StackProblem

T = TypeVar("T")

_GOOD, _BAD, _BUSY, _FAINT = "green", "red", "yellow", "dim"


def status_grid(name: str, status: StackStatus, program: str) -> Grid:
    """Return one row for each part; `program` is how to call imgctl for the same stack."""
    return Grid((), [(Text(label), value) for label, value in _rows(name, status, program)])


def _rows(name: str, status: StackStatus, program: str) -> Iterator[tuple[str, Text]]:
    stack = status.stack
    yield "stack", Text(printable(name))
    reason = f": {printable(stack.reason)}" if stack.reason else ""
    state = f"{printable(stack.status)} since {local_time(stack.changed)}{reason}"
    yield "state", Text(state, style=_state_style(stack.status))
    if (problem := _problem(name, status)) is not None:
        text = f"{problem.message} {problem.hint.render(program)}"
        yield "to do", Text(printable(text), style=_state_style(stack.status))
    for label, output in (
        ("API", "ApiEndpoint"),
        ("originals", "SourceBucket"),
        ("results", "DestinationBucket"),
    ):
        yield label, _optional(stack.outputs.get(output))
    yield "live", _live(status)
    yield "drift", _drift(status)
    yield "alarms", _unless_unknown(status.alarms) or _alarms(_value(status.alarms) or [])
    letters = _value(status.dead_letters)
    yield "dead letters", _unless_unknown(status.dead_letters) or _letters(letters or 0, program)
    yield "today", _unless_unknown(status.today) or _today(_value(status.today))


def _problem(name: str, status: StackStatus) -> "StackProblem | None":
    """Return why the stack cannot be used or updated; the reason for its state is beside that."""
    stack = DeployedStack(name, status.stack.status, outputs=status.stack.outputs)
    return problem_of(stack) or nothing_deployed(stack)


def _value(part: Known[T] | Unknown) -> T | None:
    return part.value if isinstance(part, Known) else None


def _unless_unknown(part: Known[T] | Unknown) -> Text | None:
    """Return why a part is not known; None if it is."""
    if isinstance(part, Known):
        return None
    if part.is_missing:
        return Text("none yet", style=_FAINT)
    return Text("not permitted" if part.is_denied else printable(part.reason), style=_FAINT)


def _state_style(state: str) -> str:
    if state.endswith("_IN_PROGRESS"):
        return _BUSY
    return _BAD if "ROLLBACK" in state or state.endswith("_FAILED") else _GOOD


def _optional(text: str | None) -> Text:
    return Text(printable(text)) if text else Text("none yet", style=_FAINT)


def _live(status: StackStatus) -> Text:
    live = _value(status.live)
    if live is None:
        return _unless_unknown(status.live) or Text("")
    since = _value(status.live_since)
    when = f", since {local_time(since)}" if since else ""
    text = Text(f"version {printable(live.version)}{when}")
    for version, part in live.weights.items():
        text.append(f"; version {printable(version)} takes {part:.0%} of the invocations", _BUSY)
    return text


def _drift(status: StackStatus) -> Text:
    stack = status.stack
    if not stack.drift:
        return Text("not checked", style=_FAINT)
    checked = f"checked {local_time(stack.drift_checked)}"
    if stack.drift == "DRIFTED":
        return Text(f"changed outside of CloudFormation, {checked}", style=_BAD)
    return Text(f"{'none' if stack.drift == 'IN_SYNC' else stack.drift.lower()}, {checked}")


def _alarms(alarms: "list[Alarm]") -> Text:
    active = [alarm for alarm in alarms if alarm.state == "ALARM"]
    if not active:
        return Text(f"none of {len(alarms)}")
    lines = (
        f"{_short(alarm.name)} since {local_time(alarm.since)}: {printable(alarm.description)}"
        for alarm in active
    )
    return Text("\n".join(lines), style=_BAD)


def _short(alarm: str) -> str:
    """Return the logical ID in the name that CloudFormation gave an alarm."""
    return printable(alarm.split("-")[-2])


def _letters(count: int, program: str) -> Text:
    if not count:
        return Text("none")
    hint = Hint("{} lists them", "redrive --list").render(program)
    return Text(f"{count:,} waiting: {hint}", style=_BAD)


def _today(today: Today | None) -> Text:
    if today is None:
        return Text("")
    saved = size_text(abs(today.saved_bytes))
    change = f"{saved} more than the originals" if today.saved_bytes < 0 else f"{saved} saved"
    partly = "" if today.is_complete else " (of the newest 1,000 images only)"
    text = Text(f"{today.processed:,} processed, ")
    text.append(f"{today.failed:,} failed", style=_BAD if today.failed else "")
    return text.append(f", {change}{partly}")


def status_document(name: str, status: StackStatus, program: str) -> "StatusDocument":
    """Return the status for --json."""
    stack, problem = status.stack, _problem(name, status)
    live, alarms, today = _value(status.live), _value(status.alarms), _value(status.today)
    parts = {
        "live": status.live,
        "live_since": status.live_since,
        "alarms": status.alarms,
        "dead_letters": status.dead_letters,
        "today": status.today,
    }
    return {
        "stack": name,
        "state": stack.status,
        "reason": stack.reason,
        "problem": None if problem is None else problem.message,
        "hint": None if problem is None else problem.hint.render(program),
        "changed": stack.changed,
        "api_endpoint": stack.outputs.get("ApiEndpoint"),
        "source_bucket": stack.outputs.get("SourceBucket"),
        "destination_bucket": stack.outputs.get("DestinationBucket"),
        "live_version": None if live is None else live.version,
        "canary": None
        if live is None or not live.weights
        else [
            {"version": version, "percent": round(100 * part)}
            for version, part in live.weights.items()
        ],
        "live_since": _value(status.live_since),
        "drift": {"status": stack.drift, "checked": stack.drift_checked} if stack.drift else None,
        "alarms": None
        if alarms is None
        else [
            {
                "name": alarm.name,
                "state": alarm.state,
                "since": alarm.since,
                "description": alarm.description,
                "reason": alarm.reason,
            }
            for alarm in alarms
        ],
        "dead_letters": _value(status.dead_letters),
        "today": None
        if today is None
        else {
            "processed": today.processed,
            "failed": today.failed,
            "saved_bytes": today.saved_bytes,
            "complete": today.is_complete,
        },
        "unknown": {
            label: "not permitted" if part.is_denied else part.reason
            for label, part in parts.items()
            if isinstance(part, Unknown)
        },
    }
