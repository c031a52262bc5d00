"""Each AWS call of the function fails once, either before or after it takes effect.

Lambda then retries the event, and the result is the same as without the failure.
"""

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError, ReadTimeoutError

from imgctl.core.record import Record
from imgctl.core.renditions import RenditionSet
from imgctl.worker.events import ObjectCreated
from imgctl.worker.handler import RetryableFailures, handle
from tests.pictures import encoded, photo
from tests.worker.cloud import DEFAULT, SOURCE, THREE, Cloud, s3_event_for

ONE = encoded(photo(24, 16), "PNG")
OTHER = encoded(photo(16, 24), "JPEG")
BAD = b"not a picture"

Story = Callable[[Cloud], Sequence[Sequence[ObjectCreated]]]
"""Uploads images and returns their events in the order of arrival."""

STORIES: dict[str, Story] = {
    "one upload": lambda cloud: [[cloud.put("a.png", ONE, "0A")]],
    "an invalid image": lambda cloud: [[cloud.put("a.png", BAD, "0A")]],
    "a deleted upload": lambda cloud: [
        [replace(cloud.put("a.png", ONE, "0A"), version_id="deleted")]
    ],
    "a repeated event": lambda cloud: [[cloud.put("a.png", ONE, "0A")]] * 2,
    "an overwrite": lambda cloud: [
        [cloud.put("a.png", ONE, "0A")],
        [cloud.put("a.png", OTHER, "0B")],
    ],
    "an overwrite that arrives first": lambda cloud: [
        [cloud.put("a.png", ONE, "0A")],
        [cloud.put("a.png", OTHER, "0B")],
    ][::-1],
    "an overwrite by an invalid image": lambda cloud: [
        [cloud.put("a.png", ONE, "0A")],
        [cloud.put("a.png", BAD, "0B")],
    ],
    "several in one event": lambda cloud: [
        [
            cloud.put("a.png", ONE, "0A"),
            cloud.put("b.png", BAD, "0A"),
            cloud.put("a.png", OTHER, "0B"),
        ]
    ],
    "events without sequencers": lambda cloud: [
        [cloud.put("a.png", ONE)],
        [cloud.put("a.png", OTHER)],
    ],
}


class FailingClient:
    """A client of which one call fails, before or after it takes effect."""

    def __init__(self, client: Any, calls: list[str], fault: "Fault | None") -> None:
        self._client, self._calls, self._fault = client, calls, fault
        self.meta = client.meta

    def __getattr__(self, name: str) -> Any:
        operation = getattr(self._client, name)

        def call(**arguments: Any) -> Any:
            self._calls.append(name)
            if self._fault is None or len(self._calls) != self._fault.number:
                return operation(**arguments)
            if self._fault.kind == "before":
                raise failure(name)
            response = operation(**arguments)
            if self._fault.kind == "while reading":
                response["Body"] = BrokenBody(response["Body"])
                return response
            raise failure(name)

        return call


class BrokenBody:
    """A response body whose connection breaks."""

    def __init__(self, body: Any) -> None:
        self._body = body

    def iter_chunks(self, size: int) -> Any:
        """Yield the first bytes, then fail."""
        yield next(self._body.iter_chunks(min(size, 10)))
        raise ReadTimeoutError(endpoint_url="https://s3")

    def close(self) -> None:
        """Close the original body."""
        self._body.close()


@dataclass(frozen=True)
class Fault:
    """Which call fails, and when."""

    number: int
    kind: str


def failure(name: str) -> ClientError:
    response: Any = {
        "Error": {"Code": "InternalError", "Message": "Please try again."},
        "ResponseMetadata": {"HTTPStatusCode": 500},
    }
    return ClientError(response, name)


def kinds(call: str) -> tuple[str, ...]:
    """Return when a call can fail: if it only reads, it makes no difference that it took effect."""
    if call == "get_object":
        return ("before", "while reading")
    return ("before",) if call.startswith(("get_", "head_", "list_")) else ("before", "after")


def run_events(
    cloud: Cloud, events: Sequence[Sequence[ObjectCreated]], fault: Fault | None
) -> list[str]:
    """Invoke the function for each event until it succeeds; return the AWS calls made."""
    calls: list[str] = []
    s3: Any = FailingClient(cloud.s3, calls, fault)
    dynamodb: Any = FailingClient(cloud.dynamodb, calls, fault)
    deps = replace(cloud.deps, s3=s3, dynamodb=dynamodb)
    invocation = replace(cloud.invocation, deps=deps)
    for event in events:
        for attempt in itertools.count():
            try:
                handle(s3_event_for(*event), invocation)
            except RetryableFailures:
                assert attempt == 0, "one retry is enough after one failure"
            else:
                break
    return calls


def without_durations(record: Record) -> Record:
    """Remove what differs between runs."""
    return replace(record, fetch_ms=None, resize_ms=None, store_ms=None)


def state(cloud: Cloud) -> Any:
    """Return everything that the function wrote."""
    outputs = {}
    for key in cloud.output_keys():
        stored = cloud.s3.get_object(Bucket=cloud.settings.destination_bucket, Key=key)
        outputs[key] = (stored["Body"].read(), stored["Metadata"], stored["ContentType"])
    records, current_records = cloud.table()
    by_id = sorted(map(without_durations, records), key=lambda record: record.resource_id)
    return outputs, by_id, sorted(current_records, key=lambda current: current.key)


_OVERWRITES = ("one upload", "an overwrite that arrives first")
_CASES = [
    *((story, DEFAULT, True) for story in STORIES),
    *((story, THREE, True) for story in _OVERWRITES),
    *((story, THREE, False) for story in _OVERWRITES),
]


@pytest.mark.parametrize(
    ("story", "renditions", "versioned"),
    _CASES,
    ids=[
        f"{story}, {len(renditions.names)} outputs, {'' if versioned else 'not '}versioned"
        for story, renditions, versioned in _CASES
    ],
)
def test_any_call_can_fail_once_without_changing_the_result(
    cloud: Cloud,
    story: str,
    renditions: RenditionSet,
    versioned: bool,
    scratch: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    cloud.settings = replace(cloud.settings, renditions=renditions)
    status: Any = "Enabled" if versioned else "Suspended"
    cloud.s3.put_bucket_versioning(Bucket=SOURCE, VersioningConfiguration={"Status": status})
    events = STORIES[story](cloud)
    if not versioned:
        events = [[replace(created, version_id="") for created in event] for event in events]
    calls = run_events(cloud, events, None)
    expected = state(cloud)
    cases = [Fault(number, kind) for number, name in enumerate(calls, 1) for kind in kinds(name)]
    for fault in cases:
        cloud.clear()
        run_events(cloud, events, fault)
        assert state(cloud) == expected, fault
        assert list(scratch.iterdir()) == []
    with capsys.disabled():
        print(f"\n{story}: {len(calls)} calls, {len(cases)} faults", end="")
    assert len(cases) >= 5
