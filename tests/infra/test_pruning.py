"""Nothing is deleted that serves uploads, that a rollback would choose, or that is somebody's."""

from collections.abc import Collection
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.bundle_manifest import key_of
from infra.changes import Change
from infra.function_version import choose_version
from infra.pruning import (
    MIN_BUNDLE_AGE,
    StoredBundle,
    UpcomingVersion,
    superseded_versions,
    upcoming_version,
)
from infra.pruning import unneeded_bundles as unneeded
from tests.cli.test_plan_view import plan_of
from tests.infra.test_function_version import VERSION

NOW = datetime(2026, 12, 1, tzinfo=UTC)
KEY, OTHER_KEY = key_of("ab" * 32), key_of("cd" * 32)

OURS = replace(VERSION, bundle=KEY)
THEIRS = replace(VERSION, bundle="")
NEW, BESIDE = UpcomingVersion(KEY, becomes_live=True), UpcomingVersion(KEY, becomes_live=False)


def superseded(
    numbers: Collection[int],
    live: Collection[int],
    keep: int,
    *,
    theirs: Collection[int] = (),
    in_use: Collection[int] = (),
    upcoming: UpcomingVersion | None = None,
) -> list[int]:
    versions = [replace(THEIRS if n in theirs else OURS, number=n) for n in numbers]
    in_use = {*in_use, *live}
    chosen = superseded_versions(versions, in_use, live, keep=keep, upcoming=upcoming)
    return [version.number for version in chosen]


@pytest.mark.parametrize(
    ("live", "keep", "deleted"),
    [
        (9, 3, [1, 2, 3, 4, 5, 6]),
        (9, 9, []),
        (9, 1, [1, 2, 3, 4, 5, 6, 7]),
        (3, 3, [1, 4, 5, 6]),  # after a rollback to version 3
        (1, 3, [2, 3, 4, 5, 6]),
    ],
)
def test_the_newest_are_kept_and_the_live_one_and_the_one_before_it(
    live: int, keep: int, deleted: list[int]
) -> None:
    assert superseded(range(1, 10), {live}, keep) == deleted


@pytest.mark.parametrize(
    ("live", "keep", "upcoming", "told", "later"),
    [
        (5, 3, NEW, [1, 2, 3], [1, 2, 3]),
        (5, 1, NEW, [1, 2, 3, 4], [1, 2, 3, 4]),
        (2, 1, NEW, [1, 3, 4], [1, 2, 3, 4]),  # the one that was live until now is kept
        (3, 1, BESIDE, [1, 4], [1, 4, 5]),  # after a rollback that a deployment leaves so
    ],
)
def test_a_version_that_is_about_to_be_published_is_one_of_those_that_are_kept(
    live: int, keep: int, upcoming: UpcomingVersion, told: list[int], later: list[int]
) -> None:
    assert superseded(range(1, 6), {live}, keep, in_use={5}, upcoming=upcoming) == told
    after = {6} if upcoming.becomes_live else {live}
    assert superseded(range(1, 7), after, keep, in_use={6}) == later


published = st.sets(st.integers(1, 60), max_size=40)


@given(
    numbers=published,
    live=st.sets(st.integers(1, 60), max_size=2),
    in_use=published,
    theirs=published,
    keep=st.integers(1, 12),
    upcoming=st.sampled_from([None, NEW, BESIDE]),
)
def test_nothing_that_anybody_needs_is_deleted_and_nothing_else_is_kept(
    numbers: set[int],
    live: set[int],
    in_use: set[int],
    theirs: set[int],
    keep: int,
    upcoming: UpcomingVersion | None,
) -> None:
    live, in_use = live & numbers, in_use & numbers
    gone = superseded(numbers, live, keep, theirs=theirs, in_use=in_use, upcoming=upcoming)
    assert gone == sorted(gone)
    assert set(gone) <= numbers - live - in_use - theirs
    newest_first = [replace(VERSION, number=n) for n in sorted(numbers, reverse=True)]
    live_later = {61} if upcoming == NEW else live | ({61} if upcoming else set())
    targets = {
        choose_version(newest_first, number, None).number
        for number in live_later
        if any(other < number for other in numbers)
    }
    assert not targets & set(gone)
    ours = sorted(numbers - theirs, reverse=True)
    newest = set(ours[: keep - (upcoming is not None)])
    assert not newest & set(gone)
    assert set(ours) - set(gone) == set(ours) & (newest | live | in_use | targets)


@given(numbers=published.filter(bool), live=published, keep=st.integers(1, 12))
def test_what_was_told_before_a_deployment_is_still_not_needed_after_it(
    numbers: set[int], live: set[int], keep: int
) -> None:
    told = superseded(numbers, live & numbers, keep, upcoming=NEW)
    new = max(numbers) + 1
    assert set(told) <= set(superseded({*numbers, new}, {new}, keep))


def test_only_old_bundles_that_nothing_needs_are_deleted() -> None:
    old, young = NOW - MIN_BUNDLE_AGE, NOW - MIN_BUNDLE_AGE + timedelta(seconds=1)
    earlier = f"function/{'ef' * 32}.zip"
    stored = [
        StoredBundle(KEY, old),
        StoredBundle(OTHER_KEY, old),
        StoredBundle(earlier, old),
        StoredBundle(key_of("12" * 32), young),
        StoredBundle("function/notes.txt", old),
        StoredBundle(f"function/{'ef' * 32}.zip.bak", old),
        StoredBundle(f"batches/{'ef' * 32}.zip", old),
    ]
    assert unneeded(stored, {KEY}, NOW) == (OTHER_KEY, earlier)


FUNCTION = Change("Modify", "Function", "f", "AWS::Lambda::Function", "False")
ADDED = Change("Add", "CodeVersion1", "", "AWS::Lambda::Version")


def test_a_plan_makes_a_version_only_of_a_function_that_stays() -> None:
    def upcoming(*changes: Change, live: str = "") -> UpcomingVersion | None:
        plan = replace(plan_of(*changes), live_version=live)
        change_set = replace(plan.change_set, parameters={"CodeKey": KEY})
        return upcoming_version(replace(plan, change_set=change_set))

    assert upcoming(ADDED, FUNCTION) == NEW
    assert upcoming(ADDED, FUNCTION, live="3") == BESIDE
    assert upcoming(FUNCTION) is None
    assert upcoming(ADDED, replace(FUNCTION, replacement="True")) is None
    assert upcoming(ADDED, replace(FUNCTION, action="Add")) is None
