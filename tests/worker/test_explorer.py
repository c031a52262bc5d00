"""Whatever two invocations do at once, and whatever happens to them and their bucket: the newest
upload has the current record and the output.

`python -m tests.worker.explorer` explores more, in some minutes.
"""

import gc
import random
from collections.abc import Iterator

import pytest

from tests.worker.cloud import THREE, TWO
from tests.worker.explorer.__main__ import report
from tests.worker.explorer.handlers import Handlers, one_folder
from tests.worker.explorer.scenarios import exhaustive, random_scenario
from tests.worker.explorer.search import Exploration, Result
from tests.worker.explorer.world import Bucket, DeleteOutput


@pytest.fixture(autouse=True, scope="module")
def _no_search_for_cycles() -> Iterator[None]:
    """Spare the search for cycles among millions of states, which have none."""
    gc.disable()
    yield
    gc.enable()


@pytest.fixture(scope="module")
def handlers() -> Iterator[Handlers]:
    with one_folder():
        yield Handlers()


def explored(handlers: Handlers, bucket: Bucket, *, faults: int, deliveries: int) -> Result:
    """Visit every state of the scenarios with so many deliveries."""
    total = Result()
    for scenario in exhaustive().values():
        # With faults, an output that is deleted by hand has several times the states.
        has_too_many = faults and any(isinstance(one, DeleteOutput) for one in scenario.changes)
        few = len(scenario.deliveries) <= deliveries and not has_too_many
        if scenario.bucket is bucket and few:
            total.add(Exploration(scenario, handlers, faults=faults).run())
    return total


@pytest.mark.parametrize("bucket", Bucket)
def test_in_every_interleaving_the_newest_upload_has_the_current_record_and_the_output(
    handlers: Handlers, bucket: Bucket, capsys: pytest.CaptureFixture[str]
) -> None:
    # Adopted buckets have several times the states; the rest of them is left to the program.
    deliveries = 2 if bucket is Bucket.ADOPTED else 4
    result = explored(handlers, bucket, faults=0, deliveries=deliveries)
    show(capsys, report(f"{bucket}, every interleaving", result))
    assert result.endings
    assert not result.broken, result.histories


@pytest.mark.parametrize("bucket", [Bucket.VERSIONED, Bucket.UNVERSIONED])
def test_the_same_holds_if_any_call_fails_or_its_invocation_is_killed(
    handlers: Handlers, bucket: Bucket, capsys: pytest.CaptureFixture[str]
) -> None:
    result = explored(handlers, bucket, faults=1, deliveries=2)
    show(capsys, report(f"{bucket}, every interleaving with one fault", result))
    assert not result.broken, result.histories


def test_the_same_holds_for_random_uploads_events_and_faults(
    handlers: Handlers, capsys: pytest.CaptureFixture[str]
) -> None:
    result = Result()
    seed = 20261125  # of its own in each run of `python -m tests.worker.explorer`
    random_ = random.Random(seed)
    for _ in range(250):
        exploration = Exploration(random_scenario(random_), handlers, faults=random_.randint(0, 2))
        exploration.walk(random_.choice, result)
    show(capsys, report(f"random walks from seed {seed}", result))
    assert not result.broken, (seed, result.histories)


@pytest.mark.parametrize("bucket", [Bucket.VERSIONED, Bucket.UNVERSIONED])
def test_in_every_interleaving_all_renditions_are_those_of_the_newest_upload(
    bucket: Bucket, capsys: pytest.CaptureFixture[str]
) -> None:
    with one_folder():
        result = explored(Handlers(TWO), bucket, faults=0, deliveries=2)
    show(capsys, report(f"{bucket}, two renditions, every interleaving", result))
    assert result.endings
    assert not result.broken, result.histories


def test_all_renditions_are_those_of_the_newest_upload_after_random_events_and_faults(
    capsys: pytest.CaptureFixture[str],
) -> None:
    result = Result()
    seed = 20261130
    random_ = random.Random(seed)
    with one_folder():
        handlers = Handlers(THREE)
        for _ in range(80):
            scenario, faults = random_scenario(random_), random_.randint(0, 2)
            Exploration(scenario, handlers, faults=faults).walk(random_.choice, result)
    show(capsys, report(f"three renditions, random walks from seed {seed}", result))
    assert not result.broken, (seed, result.histories)


def show(capsys: pytest.CaptureFixture[str], text: str) -> None:
    with capsys.disabled():
        print(f"\n{text}", end="")
