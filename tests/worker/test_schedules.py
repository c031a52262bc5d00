"""Events repeated, reordered and processed concurrently end in one current record and one output.

Invocations run as threads, of which only one at a time proceeds, from one AWS call to the next, in
the order of the schedule.
"""

import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from imgctl.core.formats import ImageFormat
from imgctl.core.record import Status
from imgctl.core.renditions import RenditionSet
from imgctl.worker.events import ObjectCreated
from imgctl.worker.handler import RetryableFailures, handle
from tests.pictures import decoded, encoded, photo
from tests.worker.cloud import DEFAULT, SOURCE, THREE, Cloud, s3_event_for

# Few contents, so that the same bytes recur: S3 distinguishes outputs only by their ETags.
CONTENTS = {
    "tall": encoded(photo(8, 16), "PNG"),
    "wide": encoded(photo(16, 8), "PNG"),
    "bad": b"not a picture",
}
HALVES = {"tall": (4, 8), "wide": (8, 4)}


@dataclass(frozen=True)
class Schedule:
    """The uploads, their events, and the order in which concurrent invocations proceed."""

    uploads: tuple[tuple[str, str, str], ...]  # key, content, sequencer
    events: tuple[tuple[int, ...], ...]  # indexes of the uploads that each event reports
    turns: tuple[int, ...]


@st.composite
def schedules(draw: st.DrawFn) -> Schedule:
    keys = draw(st.lists(st.sampled_from(["a.png", "b.png"]), min_size=1, max_size=4))
    numbers = draw(
        st.lists(
            st.integers(1, 16**6 - 1), min_size=len(keys), max_size=len(keys), unique=True
        ).map(sorted)
    )
    # S3 omits trailing zeros, so that lengths differ.
    sequencers = [f"{number:06X}".rstrip("0") for number in numbers]
    contents = draw(st.lists(st.sampled_from(list(CONTENTS)), min_size=4, max_size=4))
    uploads = tuple(zip(keys, contents, sequencers, strict=False))
    reported = draw(st.permutations(range(len(uploads))))
    repeated = draw(st.lists(st.sampled_from(reported), max_size=2))
    order = draw(st.permutations([*reported, *repeated]))
    sizes = draw(st.lists(st.integers(1, 3), min_size=len(order), max_size=len(order)))
    turns = draw(st.lists(st.integers(0, 5), max_size=40))
    return Schedule(uploads, tuple(_split(order, sizes)), tuple(turns))


def _split(order: Sequence[int], sizes: Sequence[int]) -> Iterator[tuple[int, ...]]:
    start = 0
    for size in sizes:
        if start < len(order):
            yield tuple(order[start : start + size])
            start += size


class ScheduledInvocation:
    """An invocation, retried until it succeeds, that waits before each AWS call for `step`."""

    def __init__(self, cloud: Cloud, created: Sequence[ObjectCreated]) -> None:
        self._resume, self._stopped = threading.Semaphore(0), threading.Semaphore(0)
        self.finished = False
        self.next_call = ""
        self.next_arguments: dict[str, Any] = {}
        self.failure: BaseException | None = None
        s3: Any = _SteppedClient(cloud.s3, self)
        dynamodb: Any = _SteppedClient(cloud.dynamodb, self)
        deps = replace(cloud.deps, s3=s3, dynamodb=dynamodb)
        self._invocation = replace(cloud.invocation, deps=deps)
        self._event = s3_event_for(*created)
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        self._stopped.acquire()

    def step(self) -> None:
        """Proceed to the next call, or to the end."""
        self._resume.release()
        self._stopped.acquire()
        if self.failure is not None:
            raise self.failure

    def stop(self, name: str, arguments: dict[str, Any]) -> None:
        """Wait before a call until `step`."""
        self.next_call, self.next_arguments = name, arguments
        self._stopped.release()
        self._resume.acquire()

    def _run(self) -> None:
        try:
            for _ in range(8):
                try:
                    handle(self._event, self._invocation)
                    break
                except RetryableFailures:
                    event("lost a race and was retried")
            else:
                raise AssertionError("never succeeded")
        except BaseException as error:
            self.failure = error
        self.finished = True
        self._stopped.release()


class _SteppedClient:
    def __init__(self, client: Any, invocation: ScheduledInvocation) -> None:
        self._client, self._invocation = client, invocation

    def __getattr__(self, name: str) -> Any:
        operation = getattr(self._client, name)

        def call(**arguments: Any) -> Any:
            self._invocation.stop(name, arguments)
            return operation(**arguments)

        return call


def uploaded(cloud: Cloud, schedule: Schedule, *, versioned: bool) -> list[ObjectCreated]:
    status: Any = "Enabled" if versioned else "Suspended"
    cloud.s3.put_bucket_versioning(Bucket=SOURCE, VersioningConfiguration={"Status": status})
    created = [cloud.put(key, CONTENTS[name], number) for key, name, number in schedule.uploads]
    return created if versioned else [replace(item, version_id="") for item in created]


def run(cloud: Cloud, created: list[ObjectCreated], schedule: Schedule) -> None:
    invocations = [
        ScheduledInvocation(cloud, [created[index] for index in indexes])
        for indexes in schedule.events
    ]
    turns = iter(schedule.turns)
    while running := [invocation for invocation in invocations if not invocation.finished]:
        running[next(turns, 0) % len(running)].step()
    for invocation in invocations:
        if invocation.failure is not None:
            raise invocation.failure


@pytest.mark.parametrize("renditions", [DEFAULT, THREE], ids=["one result", "three renditions"])
@pytest.mark.parametrize("versioned", [True, False])
@given(schedule=schedules())
@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_in_any_schedule_one_record_is_current_and_the_output_is_the_newest(
    cloud: Cloud, versioned: bool, renditions: RenditionSet, schedule: Schedule
) -> None:
    cloud.clear()
    cloud.settings = replace(cloud.settings, renditions=renditions)
    created = uploaded(cloud, schedule, versioned=versioned)
    run(cloud, created, schedule)

    newest = {key: index for index, (key, _, _) in enumerate(schedule.uploads)}
    currents = {current.key: current for current in cloud.current_records()}
    assert set(currents) == set(newest)
    records = cloud.records()
    identities = {(item.key, item.version_id or (item.etag, item.sequencer)) for item in created}
    assert len(records) == len(identities)
    for key, index in newest.items():
        (record,) = (
            record
            for record in records
            if record.original_object_key == key and record.status is not Status.SUPERSEDED
        )
        assert record.resource_id == currents[key].record_id
        assert record.sequencer == created[index].sequencer
        content = schedule.uploads[index][1]
        if content == "bad":
            assert record.status is Status.FAILED
        else:
            assert record.status is Status.SUCCEEDED
            assert decoded(cloud.output(f"resized-{key}")).size == HALVES[content]
            keys = renditions.output_keys(key, ImageFormat.PNG)
            owners = {cloud.head(output)["Metadata"]["record_id"] for output in keys}
            assert owners == {record.resource_id}


def overtaken(cloud: Cloud) -> tuple[ScheduledInvocation, ScheduledInvocation]:
    """Stop an older invocation after it read the output; a newer one restores the same bytes.

    S3 then accepts the older one's conditional write, because the newer output has the same ETag.
    """
    first = cloud.put("a.png", CONTENTS["tall"], "0A")
    older = cloud.put("a.png", CONTENTS["wide"], "0B")
    newer = cloud.put("a.png", CONTENTS["tall"], "0C")
    handle(s3_event_for(first), cloud.invocation)
    slow, fast = ScheduledInvocation(cloud, [older]), ScheduledInvocation(cloud, [newer])
    while slow.next_call != "put_object" or "IfMatch" not in slow.next_arguments:
        slow.step()
    return slow, fast


def test_an_older_output_that_replaced_a_newer_one_is_repaired_by_its_own_writer(
    cloud: Cloud,
) -> None:
    slow, fast = overtaken(cloud)
    for invocation in (fast, slow):
        while not invocation.finished:
            invocation.step()
    assert decoded(cloud.output("resized-a.png")).size == HALVES["tall"]
    assert cloud.current_records()[0].sequencer == "0C"


def test_an_older_output_that_replaced_a_newer_one_is_repaired_by_the_newer_writer(
    cloud: Cloud,
) -> None:
    slow, fast = overtaken(cloud)
    while fast.next_call != "transact_write_items":
        fast.step()
    for invocation in (slow, fast):
        while not invocation.finished:
            invocation.step()
    assert decoded(cloud.output("resized-a.png")).size == HALVES["tall"]
    assert cloud.current_records()[0].sequencer == "0C"
