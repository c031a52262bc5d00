"""Events may be repeated, reversed, mixed and run side by side: one current record, one output.

Invocations run as threads of which one at a time goes on, from one call of AWS to the next, in the
order that the schedule says.
"""

import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from imgctl.core.record import Status
from imgctl.worker.events import ObjectCreated
from imgctl.worker.handler import RetryableFailures, handle
from tests.pictures import decoded, encoded, photo
from tests.worker.conftest import SOURCE, Cloud
from tests.worker.test_faults import cleared
from tests.worker.test_handler import s3_event_for

# Few contents, so that the same bytes come again: S3 tells outputs apart by their ETags alone.
CONTENTS = {
    "tall": encoded(photo(8, 16), "PNG"),
    "wide": encoded(photo(16, 8), "PNG"),
    "bad": b"not a picture",
}
HALVES = {"tall": (4, 8), "wide": (8, 4)}


@dataclass(frozen=True)
class Schedule:
    """What is uploaded, which events tell of it, and which of those in flight goes on when."""

    uploads: tuple[tuple[str, str, str], ...]  # key, content, sequencer
    events: tuple[tuple[int, ...], ...]  # each the uploads that it tells of
    turns: tuple[int, ...]


@st.composite
def schedules(draw: st.DrawFn) -> Schedule:
    keys = draw(st.lists(st.sampled_from(["a.png", "b.png"]), min_size=1, max_size=4))
    numbers = draw(
        st.lists(
            st.integers(1, 16**6 - 1), min_size=len(keys), max_size=len(keys), unique=True
        ).map(sorted)
    )
    # S3 leaves out zeros at the end, so that lengths differ.
    sequencers = [f"{number:06X}".rstrip("0") for number in numbers]
    contents = draw(st.lists(st.sampled_from(list(CONTENTS)), min_size=4, max_size=4))
    uploads = tuple(zip(keys, contents, sequencers, strict=False))
    told = draw(st.permutations(range(len(uploads))))
    again = draw(st.lists(st.sampled_from(told), max_size=2))
    order = draw(st.permutations([*told, *again]))
    cuts = draw(st.lists(st.integers(1, 3), min_size=len(order), max_size=len(order)))
    turns = draw(st.lists(st.integers(0, 5), max_size=40))
    return Schedule(uploads, tuple(_cut(order, cuts)), tuple(turns))


def _cut(order: Sequence[int], cuts: Sequence[int]) -> Iterator[tuple[int, ...]]:
    at = 0
    for size in cuts:
        if at < len(order):
            yield tuple(order[at : at + size])
            at += size


class Flight:
    """One invocation, retried until it is done, that stops before each call until it is let go."""

    def __init__(self, cloud: Cloud, created: Sequence[ObjectCreated]) -> None:
        self._go, self._stopped = threading.Semaphore(0), threading.Semaphore(0)
        self.landed = False
        self.next_call = ""
        self.next_arguments: dict[str, Any] = {}
        self.failure: BaseException | None = None
        s3: Any = _Stopping(cloud.s3, self)
        dynamodb: Any = _Stopping(cloud.dynamodb, self)
        effects = replace(cloud.effects, s3=s3, dynamodb=dynamodb)
        self._invocation = replace(cloud.invocation, effects=effects)
        self._event = s3_event_for(*created)
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        self._stopped.acquire()

    def step(self) -> None:
        """Let it go on to its next call, or to its end."""
        self._go.release()
        self._stopped.acquire()
        if self.failure is not None:
            raise self.failure

    def stop(self, name: str, arguments: dict[str, Any]) -> None:
        """Wait to be let go, before a call."""
        self.next_call, self.next_arguments = name, arguments
        self._stopped.release()
        self._go.acquire()

    def _run(self) -> None:
        try:
            for _ in range(8):
                try:
                    handle(self._event, self._invocation)
                    break
                except RetryableFailures:
                    event("lost a race, and was tried again")
            else:
                raise AssertionError("never done")
        except BaseException as error:
            self.failure = error
        self.landed = True
        self._stopped.release()


class _Stopping:
    def __init__(self, client: Any, flight: Flight) -> None:
        self._client, self._flight = client, flight

    def __getattr__(self, name: str) -> Any:
        operation = getattr(self._client, name)

        def call(**arguments: Any) -> Any:
            self._flight.stop(name, arguments)
            return operation(**arguments)

        return call


def uploaded(cloud: Cloud, schedule: Schedule, *, versioned: bool) -> list[ObjectCreated]:
    status: Any = "Enabled" if versioned else "Suspended"
    cloud.s3.put_bucket_versioning(Bucket=SOURCE, VersioningConfiguration={"Status": status})
    created = [cloud.put(key, CONTENTS[name], number) for key, name, number in schedule.uploads]
    return created if versioned else [replace(one, version_id="") for one in created]


def fly(cloud: Cloud, created: list[ObjectCreated], schedule: Schedule) -> None:
    flights = [Flight(cloud, [created[at] for at in told]) for told in schedule.events]
    turns = iter(schedule.turns)
    while flying := [flight for flight in flights if not flight.landed]:
        flying[next(turns, 0) % len(flying)].step()
    for flight in flights:
        if flight.failure is not None:
            raise flight.failure


@pytest.mark.parametrize("versioned", [True, False])
@given(schedule=schedules())
@settings(
    max_examples=500,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_whatever_the_schedule_one_record_is_current_and_the_output_is_the_newest(
    cloud: Cloud, versioned: bool, schedule: Schedule
) -> None:
    cleared(cloud)
    created = uploaded(cloud, schedule, versioned=versioned)
    fly(cloud, created, schedule)

    newest = {key: at for at, (key, _, _) in enumerate(schedule.uploads)}
    currents = {one.key: one for one in cloud.currents()}
    assert set(currents) == set(newest)
    records = cloud.records()
    identities = {(one.key, one.version_id or (one.etag, one.sequencer)) for one in created}
    assert len(records) == len(identities)
    for key, at in newest.items():
        (record,) = (
            one
            for one in records
            if one.original_object_key == key and one.status is not Status.SUPERSEDED
        )
        assert record.resource_id == currents[key].record_id
        assert record.sequencer == created[at].sequencer
        content = schedule.uploads[at][1]
        if content == "bad":
            assert record.status is Status.FAILED
        else:
            assert record.status is Status.SUCCEEDED
            assert decoded(cloud.output(f"resized-{key}")).size == HALVES[content]


def overtaken(cloud: Cloud) -> tuple[Flight, Flight]:
    """Let an older invocation look at the output, and stop; a newer one brings back its bytes.

    S3 then takes the older one's write: it asks for the ETag that the newer output has as well.
    """
    first = cloud.put("a.png", CONTENTS["tall"], "0A")
    older = cloud.put("a.png", CONTENTS["wide"], "0B")
    newer = cloud.put("a.png", CONTENTS["tall"], "0C")
    handle(s3_event_for(first), cloud.invocation)
    slow, quick = Flight(cloud, [older]), Flight(cloud, [newer])
    while slow.next_call != "put_object" or "IfMatch" not in slow.next_arguments:
        slow.step()
    return slow, quick


def test_an_older_output_that_slips_over_a_newer_one_is_mended_by_its_own_writer(
    cloud: Cloud,
) -> None:
    slow, quick = overtaken(cloud)
    for flight in (quick, slow):
        while not flight.landed:
            flight.step()
    assert decoded(cloud.output("resized-a.png")).size == HALVES["tall"]
    assert cloud.currents()[0].sequencer == "0C"


def test_an_older_output_that_slips_over_a_newer_one_is_mended_by_the_newers_writer(
    cloud: Cloud,
) -> None:
    slow, quick = overtaken(cloud)
    while quick.next_call != "transact_write_items":
        quick.step()
    for flight in (slow, quick):
        while not flight.landed:
            flight.step()
    assert decoded(cloud.output("resized-a.png")).size == HALVES["tall"]
    assert cloud.currents()[0].sequencer == "0C"
