"""Invocations of the function as values: the call that follows from the responses so far."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, BinaryIO
from unittest.mock import patch

from botocore.exceptions import ClientError

from imgctl.core.errors import PictureError
from imgctl.core.limits import Limits
from imgctl.core.renditions import RenditionSet
from imgctl.core.resize import resize_each
from imgctl.core.result import ResizeResult
from imgctl.core.spec import ResizeSpec
from imgctl.worker.deadline import Deadline
from imgctl.worker.handler import Invocation, RetryableFailures, handle
from imgctl.worker.resizing import Dependencies
from imgctl.worker.settings import Settings
from tests.worker.cloud import DEFAULT, DESTINATION, NOW, SOURCE, TABLE


@dataclass(frozen=True, slots=True)
class Call:
    """An AWS call that an invocation makes next."""

    operation: str
    arguments: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Ended:
    """The end of an invocation; one that did not succeed is retried."""

    succeeded: bool


@dataclass(slots=True)
class _Node:
    event: Any
    answers: tuple[Any, ...]
    next: Call | Ended
    following: dict[str, int] = field(default_factory=dict)


class Handlers:
    """A tree of invocations: each node has an event and the responses that were received."""

    def __init__(self, renditions: RenditionSet = DEFAULT) -> None:
        self.settings = Settings(SOURCE, DESTINATION, TABLE, renditions, Limits())
        self._nodes: list[_Node] = []
        self._roots: dict[str, int] = {}

    def root(self, event: Any) -> int:
        """Return an invocation for an event that has not made any call."""
        return self._known(self._roots, repr(event), event, ())

    def next(self, node: int) -> Call | Ended:
        """Return what an invocation does next."""
        return self._nodes[node].next

    def after(self, node: int, answer: Any) -> int:
        """Return an invocation after one more response."""
        at = self._nodes[node]
        return self._known(at.following, repr(answer), at.event, (*at.answers, answer))

    def _known(self, known: dict[str, int], name: str, event: Any, answers: Any) -> int:
        if name not in known:
            known[name] = len(self._nodes)
            self._nodes.append(_Node(event, answers, _next(self.settings, event, answers)))
        return known[name]


def _next(settings: Settings, event: Any, answers: Sequence[Any]) -> Call | Ended:
    """Run the function with recorded responses up to the first call that has none."""
    client: Any = _ReplayingClient(iter(answers))
    invocation = Invocation(
        settings=settings,
        deps=Dependencies(
            client,
            client,
            resize=_resize_once,
            now=lambda: NOW,
            stopwatch_s=lambda: 0.0,
            deadline=Deadline(lambda: 0.0),
        ),
        request_id="request-1",
        cold=False,
        log=lambda _line: None,
    )
    try:
        response = handle(event, invocation)
    except _UnansweredError as unanswered:
        return unanswered.call
    except RetryableFailures:
        return Ended(succeeded=False)
    results = response.get("results", [])
    return Ended(all(result["resultCode"] != "TemporaryFailure" for result in results))


class _UnansweredError(BaseException):
    """Stops an invocation at a call; no handler of exceptions in the function catches it."""

    def __init__(self, call: Call) -> None:
        self.call = call


class _ReplayingClient:
    """Both of the function's clients, which give recorded responses."""

    def __init__(self, answers: Iterator[Any]) -> None:
        self._answers = answers

    def __getattr__(self, operation: str) -> Any:
        def call(**arguments: Any) -> Any:
            answer = next(self._answers, None)
            if answer is None:
                raise _UnansweredError(Call(operation, arguments))
            if "Error" in answer:
                raise ClientError(answer, operation)
            return {**answer, "Body": _Body(answer["Body"])} if "Body" in answer else answer

        return call


class _Body(BytesIO):
    def iter_chunks(self, size: int) -> Iterator[bytes]:
        while chunk := self.read(size):
            yield chunk


@cache
def _resized(
    data: bytes, specs: tuple[ResizeSpec, ...], limits: Limits
) -> list[ResizeResult] | PictureError:
    try:
        return resize_each(BytesIO(data), specs, limits)
    except PictureError as error:
        return error


def _resize_once(
    source: BinaryIO,
    specs: Sequence[ResizeSpec],
    limits: Limits,
    *,
    timeout_s: float | None = None,  # noqa: ARG001
) -> list[ResizeResult]:
    """Resize each content only once."""
    results = _resized(source.read(), tuple(specs), limits)
    if isinstance(results, PictureError):
        raise results
    return results


@contextmanager
def one_folder() -> Iterator[None]:
    """Use one temporary folder for all invocations in this block.

    It is emptied after each: ext4 takes milliseconds to overwrite a file that was just written.
    """

    @contextmanager
    def emptied(_size: int) -> Iterator[Path]:
        try:
            yield Path(folder)
        finally:
            (Path(folder) / "original").unlink(missing_ok=True)

    with TemporaryDirectory() as folder, patch("imgctl.worker.scratch.scratch_folder", emptied):
        yield
