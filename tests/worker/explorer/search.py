"""The search for states that break a rule.

An invocation is a function of the responses that it got. A state is therefore the stored data and,
for each invocation, those responses: no threads are needed, and no state is visited twice.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, NamedTuple

from botocore.exceptions import ClientError

from tests.worker.explorer.fake_aws import AwsState, FakeAws
from tests.worker.explorer.handlers import Call, Ended, Handlers
from tests.worker.explorer.rules import broken_at_end, broken_by_step
from tests.worker.explorer.world import Scenario, World

MAX_ATTEMPTS = 4
"""Lambda makes three; a fault that the explorer causes allows for one more."""

DONE = -1


class Fault(StrEnum):
    """What happens to one call of an invocation."""

    KILLED_BEFORE = "killed before"
    KILLED_AFTER = "killed after"
    LOST = "response lost"  # the call took effect, and the function sees an error
    REPEATED = "repeated"  # the SDK lost the response, and sent the request again
    CONFLICT = "conflict"  # another write of the same object or item is being made


class State(NamedTuple):
    """A state: what is stored, and how far the bucket's changes and the invocations are."""

    aws: AwsState
    changes: int  # of the bucket that were made
    nodes: tuple[int, ...]  # of each invocation, see `Handlers`
    attempts: tuple[int, ...]
    faults: int  # that may still happen
    outputs: frozenset[tuple[str, str]]  # records and their outputs that have ever been stored


@dataclass
class Result:
    """What an exploration found: its size, and each broken rule with its first history."""

    states: int = 0
    transitions: int = 0
    endings: int = 0
    broken: Counter[str] = field(default_factory=Counter)
    histories: dict[str, list[str]] = field(default_factory=dict)

    def add(self, other: "Result") -> None:
        """Add the numbers and the broken rules of another exploration."""
        self.states += other.states
        self.transitions += other.transitions
        self.endings += other.endings
        self.broken += other.broken
        self.histories = {**other.histories, **self.histories}


class Exploration:
    """The states of a scenario."""

    def __init__(self, scenario: Scenario, handlers: Handlers, *, faults: int = 0) -> None:
        self._world = World(scenario, handlers.settings.renditions)
        self._handlers = handlers
        self._events = [self._world.event(delivery) for delivery in scenario.deliveries]
        self._roots = tuple(handlers.root(event) for event in self._events)
        self._earliest = tuple(self._world.earliest(d) for d in scenario.deliveries)
        empty = (0,) * len(self._roots)
        start = State(self._world.states[0], 0, self._roots, empty, 0, frozenset())
        for index in range(scenario.settled):
            start = self._changed(start)
            while start.nodes[index] != DONE:
                call = handlers.next(start.nodes[index])
                assert isinstance(call, Call)
                start = self._stepped(start, index, call)
        self.start = start._replace(faults=faults)

    def run(self, max_states: int = 1_000_000) -> Result:
        """Visit every state, up to a number that stops a function that never ends."""
        result = Result()
        parents: dict[State, tuple[State | None, str]] = {self.start: (None, "")}
        stack = [self.start]
        while stack and result.states < max_states:
            state = stack.pop()
            result.states += 1
            ended = True
            for label, following in self.steps(state):
                ended = False
                result.transitions += 1
                if following in parents:
                    continue
                parents[following] = (state, label)
                broken = self._broken_by(state, following)
                self._note(result, broken, lambda at=following: _history(parents, at))
                if max(following.attempts) < MAX_ATTEMPTS:
                    stack.append(following)
            if ended:
                result.endings += 1
                broken = broken_at_end(self._world, state.aws)
                self._note(result, broken, lambda at=state: _history(parents, at))
        return result

    def walk(self, choose: Any, result: Result) -> None:
        """Take one random path to an ending; `choose` selects one of several steps."""
        state, history = self.start, []
        while steps := list(self.steps(state)):
            label, following = choose(steps)
            history.append(label)
            result.transitions += 1
            broken = self._broken_by(state, following)
            self._note(result, broken, lambda: history)
            if max(following.attempts) >= MAX_ATTEMPTS:
                return
            state = following
        result.states += len(history)
        result.endings += 1
        self._note(result, broken_at_end(self._world, state.aws), lambda: history)

    def steps(self, state: State) -> Iterator[tuple[str, State]]:
        """Yield the states that can follow, each with the step that leads there."""
        if state.changes < len(self._world.changes):
            yield self._world.label(state.changes), self._changed(state)
        for index, node in enumerate(state.nodes):
            if node == DONE or state.changes < self._earliest[index]:
                continue
            call = self._handlers.next(node)
            assert isinstance(call, Call)
            name = f"{index + 1}: {call.operation}"
            yield name, self._stepped(state, index, call)
            if state.faults:
                for fault in Fault:
                    if self._is_possible(fault, index, node, call):
                        yield f"{name} {fault}", self._stepped(state, index, call, fault)

    def _is_possible(self, fault: Fault, index: int, node: int, call: Call) -> bool:
        if fault is Fault.KILLED_BEFORE:
            return node != self._roots[index]
        if fault is Fault.CONFLICT:
            return call.operation in _CONFLICTS
        return fault is not Fault.REPEATED or call.operation not in ("get_object", "head_object")

    def _changed(self, state: State) -> State:
        aws = FakeAws(state.aws)
        self._world.changes[state.changes].apply(aws)
        return state._replace(aws=aws.state, changes=state.changes + 1)

    def _stepped(self, state: State, index: int, call: Call, fault: Fault | None = None) -> State:
        aws, answer = state.aws, None
        if fault is Fault.CONFLICT:
            answer = _CONFLICTS[call.operation]
        elif fault is not Fault.KILLED_BEFORE:
            aws, answer = _answered(aws, call)
        if fault is Fault.REPEATED and call.operation != "transact_write_items":
            aws, answer = _answered(aws, call)  # the SDK makes transactions idempotent by a token
        if fault is Fault.LOST:
            answer = _SERVER_ERROR
        outputs = state.outputs
        if call.operation == "put_object" and aws != state.aws:
            outputs |= {(call.arguments["Metadata"]["record_id"], call.arguments["Key"])}
        node, attempt = self._roots[index], state.attempts[index] + 1
        if fault not in (Fault.KILLED_BEFORE, Fault.KILLED_AFTER):
            following = self._handlers.after(state.nodes[index], answer)
            match self._handlers.next(following):
                case Call():
                    node, attempt = following, attempt - 1
                case Ended(succeeded=True):
                    node, attempt = DONE, 0
        return State(
            aws,
            state.changes,
            _with(state.nodes, index, node),
            _with(state.attempts, index, attempt),
            state.faults - (fault is not None),
            outputs,
        )

    def _broken_by(self, state: State, following: State) -> list[str]:
        if max(following.attempts) >= MAX_ATTEMPTS:
            return ["an event never succeeds"]
        if following.aws.table == state.aws.table:
            return []
        return broken_by_step(self._world, state, following)

    def _note(self, result: Result, broken: list[str], history: Any) -> None:
        for rule in broken:
            result.broken[rule] += 1
            if rule not in result.histories:
                result.histories[rule] = history()


_SERVER_ERROR: Any = {
    "Error": {"Code": "InternalError", "Message": "Please try again."},
    "ResponseMetadata": {"HTTPStatusCode": 500},
}


_CONFLICTS: dict[str, Any] = {
    "put_object": {
        "Error": {"Code": "ConditionalRequestConflict", "Message": "Please try again."},
        "ResponseMetadata": {"HTTPStatusCode": 409},
    },
    "transact_write_items": {
        "Error": {"Code": "TransactionCanceledException", "Message": "Please try again."},
        "CancellationReasons": [
            {"Code": "None"},
            {"Code": "None"},
            {"Code": "TransactionConflict"},
        ],
        "ResponseMetadata": {"HTTPStatusCode": 400},
    },
}


def _answered(state: AwsState, call: Call) -> tuple[AwsState, Any]:
    """Perform a call, and return the new state and the response; an error is its `Error`."""
    aws = FakeAws(state)
    try:
        answer = aws.call(call.operation, call.arguments)
    except ClientError as error:
        answer = error.response
    return aws.state, answer


def _with(values: tuple[int, ...], index: int, value: int) -> tuple[int, ...]:
    return (*values[:index], value, *values[index + 1 :])


def _history(parents: Mapping[State, tuple[State | None, str]], state: State) -> list[str]:
    labels: list[str] = []
    at: State | None = state
    while at is not None:
        at, label = parents[at]
        labels.append(label)
    return labels[-2::-1]
