"""Resending dead letters: the events that the function could not finish.

Lambda writes two messages about each such event. They are one event here: it is sent once, and
both messages are deleted when it succeeds. Every other message stays in the queue.
"""

from collections.abc import Callable, Generator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, TypeAlias

from imgctl.aws import dead_letters
from imgctl.aws.dead_letters import DeadLetter
from imgctl.aws.invoke import InvokeResult

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

Invoke: TypeAlias = Callable[[Mapping[str, Any]], InvokeResult]
"""Sends the function an event and returns its response; called from several threads."""

_PARALLEL = 5


class RedriveStatus(StrEnum):
    """What happened to one event."""

    WAITING = "waiting"  # only listed
    REPLAYED = "replayed"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class RedriveResult:
    """One event, as its first message describes it; `reason` says why it or its image failed."""

    letter: DeadLetter
    status: RedriveStatus
    reason: str


def list_dead_letters(sqs: "SQSClient", queue_url: str) -> Generator[RedriveResult]:
    """List the events in the queue; their messages stay in it, visible to others."""
    kept: list[DeadLetter] = []
    seen: set[str] = set()
    try:
        for batch in dead_letters.receive(sqs, queue_url):
            kept += batch
            for letter in batch:
                if letter.request_id not in seen:
                    seen.add(letter.request_id)
                    yield RedriveResult(letter, RedriveStatus.WAITING, letter.cause)
    finally:
        _release(sqs, queue_url, kept)


def redrive(sqs: "SQSClient", queue_url: str, invoke: Invoke) -> Generator[RedriveResult]:
    """Send each event in the queue to the function, and yield the result.

    A message is deleted only after its event has succeeded, or was recorded as an image that
    fails. All others are visible again at the end, however it comes.
    """
    kept: list[DeadLetter] = []
    results: dict[str, RedriveResult] = {}
    pool = ThreadPoolExecutor(_PARALLEL)
    try:
        for batch in dead_letters.receive(sqs, queue_url):
            kept += batch
            new = {item.request_id: item for item in batch if item.request_id not in results}
            for result in pool.map(lambda letter: _send(invoke, letter), new.values()):
                results[result.letter.request_id] = result
            for letter in batch:
                if results[letter.request_id].status is RedriveStatus.REPLAYED:
                    dead_letters.delete(sqs, queue_url, letter)
                    kept.remove(letter)
            for request_id in new:
                yield results[request_id]
    finally:
        pool.shutdown(cancel_futures=True)
        _release(sqs, queue_url, kept)


def _send(invoke: Invoke, letter: DeadLetter) -> RedriveResult:
    if letter.event is None:
        return RedriveResult(letter, RedriveStatus.FAILED, letter.cause)
    response = invoke(letter.event)
    if response.error:
        return RedriveResult(letter, RedriveStatus.FAILED, response.error)
    # The function has recorded every object, also those whose image is at fault.
    reasons = (item.reason for item in response.outcomes if item.reason)
    return RedriveResult(letter, RedriveStatus.REPLAYED, "; ".join(reasons))


def _release(sqs: "SQSClient", queue_url: str, letters: list[DeadLetter]) -> None:
    """Make messages visible again; otherwise they are after `dead_letters.HIDDEN_S` seconds."""
    for letter in letters:
        with suppress(Exception):
            dead_letters.keep(sqs, queue_url, letter)
