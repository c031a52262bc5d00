"""Every single AWS call of the function fails once, before it took effect and after.

Lambda then sends the event again, and the end is that of an undisturbed run.
"""

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError, ReadTimeoutError

from imgctl.core.record import Record
from imgctl.worker.events import ObjectCreated
from imgctl.worker.handler import RetryableFailures, handle
from tests.pictures import encoded, photo
from tests.worker.conftest import Cloud
from tests.worker.test_handler import s3_event_for

ONE = encoded(photo(24, 16), "PNG")
OTHER = encoded(photo(16, 24), "JPEG")
BAD = b"not a picture"

Story = Callable[[Cloud], Sequence[Sequence[ObjectCreated]]]
"""Uploads pictures, and gives the events that tell of them, in the order of their arrival."""

STORIES: dict[str, Story] = {
    "one upload": lambda cloud: [[cloud.put("a.png", ONE, "0A")]],
    "no picture": lambda cloud: [[cloud.put("a.png", BAD, "0A")]],
    "an upload that is gone": lambda cloud: [
        [replace(cloud.put("a.png", ONE, "0A"), version_id="gone")]
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
    "an overwrite by no picture": lambda cloud: [
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


class Interrupted:
    """A client whose call of one number fails, before or after it took effect."""

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
            answer = operation(**arguments)
            if self._fault.kind == "while reading":
                answer["Body"] = Cut(answer["Body"])
                return answer
            raise failure(name)

        return call


class Cut:
    """An answer's body that breaks off."""

    def __init__(self, body: Any) -> None:
        self._body = body

    def iter_chunks(self, size: int) -> Any:
        """Give the first bytes, then fail."""
        yield next(self._body.iter_chunks(min(size, 10)))
        raise ReadTimeoutError(endpoint_url="https://s3")

    def close(self) -> None:
        """Close the whole body."""
        self._body.close()


@dataclass(frozen=True)
class Fault:
    """Which call fails, and when."""

    number: int
    kind: str


def failure(name: str) -> ClientError:
    answer: Any = {
        "Error": {"Code": "InternalError", "Message": "Please try again."},
        "ResponseMetadata": {"HTTPStatusCode": 500},
    }
    return ClientError(answer, name)


def told(cloud: Cloud, events: Sequence[Sequence[ObjectCreated]], fault: Fault | None) -> list[str]:
    """Let the function have the events, each until it is done; gives the calls that it made."""
    calls: list[str] = []
    s3: Any = Interrupted(cloud.s3, calls, fault)
    dynamodb: Any = Interrupted(cloud.dynamodb, calls, fault)
    effects = replace(cloud.effects, s3=s3, dynamodb=dynamodb)
    invocation = replace(cloud.invocation, effects=effects)
    for event in events:
        for attempt in itertools.count():
            try:
                handle(s3_event_for(*event), invocation)
            except RetryableFailures:
                assert attempt == 0, "a fault that happens once is overcome by one retry"
            else:
                break
    return calls


def settled(record: Record) -> Record:
    """Leave out what differs from run to run."""
    return replace(record, fetch_ms=None, resize_ms=None, store_ms=None)


def state(cloud: Cloud) -> Any:
    """Give all that the function leaves behind."""
    outputs = {}
    for key in cloud.outputs():
        stored = cloud.s3.get_object(Bucket=cloud.settings.destination_bucket, Key=key)
        outputs[key] = (stored["Body"].read(), stored["Metadata"], stored["ContentType"])
    by_id = sorted(map(settled, cloud.records()), key=lambda record: record.resource_id)
    return outputs, by_id, sorted(cloud.currents(), key=lambda one: one.key)


def cleared(cloud: Cloud) -> None:
    """Take away all that the function made."""
    outputs: Any = [{"Key": key} for key in cloud.outputs()]
    items: Any = cloud.dynamodb.scan(TableName="hala-db")["Items"]
    if outputs:
        bucket = cloud.settings.destination_bucket
        cloud.s3.delete_objects(Bucket=bucket, Delete={"Objects": outputs})
    if items:
        keys: Any = [{"DeleteRequest": {"Key": {"resource-id": i["resource-id"]}}} for i in items]
        cloud.dynamodb.batch_write_item(RequestItems={"hala-db": keys})


@pytest.mark.parametrize("story", STORIES)
def test_any_call_may_fail_once_and_the_end_is_the_same(
    cloud: Cloud,
    story: str,
    scratch: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    events = STORIES[story](cloud)
    calls = told(cloud, events, None)
    undisturbed = state(cloud)
    cases = [
        Fault(number, kind)
        for number, name in enumerate(calls, start=1)
        for kind in ("before", "after", "while reading")
        if kind != "while reading" or name == "get_object"
    ]
    for fault in cases:
        cleared(cloud)
        told(cloud, events, fault)
        assert state(cloud) == undisturbed, fault
        assert list(scratch.iterdir()) == []
    with capsys.disabled():
        print(f"\n{story}: {len(calls)} calls, {len(cases)} faults", end="")
    assert len(cases) >= 6
