"""Which versions of the function and which bundles nothing needs any longer.

A deployment or `publish` that makes a new version deletes them: without that, each would leave a
version behind for good, and Lambda stores at most 75 GB of code in an account and region (Lambda
Developer Guide, "Lambda quotas"). infra/code_storage.py reads and deletes; this only decides.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from infra import bundle_manifest
from infra.function_version import Version
from infra.plan import Plan

MAX_AT_ONCE = 50
"""The most versions that one deployment deletes, the oldest first.

Lambda serves 15 requests about functions per second, and each version takes several.
"""

MIN_BUNDLE_AGE = timedelta(days=1)
"""How old a bundle has to be: a deployment stores its bundle before anything refers to it."""


@dataclass(frozen=True, slots=True)
class StoredBundle:
    """An object under the key of a bundle, and when it was stored."""

    key: str
    modified: datetime


@dataclass(frozen=True, slots=True)
class Superseded:
    """What nothing needs any longer: versions, the oldest first, and bundles by their keys."""

    versions: tuple[Version, ...] = ()
    bundles: tuple[str, ...] = ()

    @property
    def is_empty(self) -> bool:
        """Whether there is neither."""
        return not self.versions and not self.bundles


NOTHING = Superseded()


@dataclass(frozen=True, slots=True)
class UpcomingVersion:
    """A version that is about to be published of the `bundle` with this key.

    It does not become live if a rollback has made another one live, which a deployment leaves so.
    """

    bundle: str
    becomes_live: bool


def upcoming_version(plan: Plan) -> UpcomingVersion | None:
    """Return what a plan publishes as another version of a function that exists already, if so."""
    functions = [c for c in plan.changes if c.resource_type == "AWS::Lambda::Function"]
    if any(c.action != "Modify" or c.replacement == "True" for c in functions):
        return None
    if not plan.change_set.publishes:
        return None
    bundle = plan.change_set.parameters["CodeKey"]
    return UpcomingVersion(bundle, becomes_live=not plan.live_version)


def superseded_versions(
    versions: Sequence[Version],
    in_use: Collection[int],
    live: Collection[int],
    *,
    keep: int,
    upcoming: UpcomingVersion | None = None,
) -> tuple[Version, ...]:
    """Return the versions that nothing needs, the oldest first.

    `versions` are all published ones of the function, `in_use` the numbers of those that aliases or
    CloudFormation refer to, and `live` of those that serve uploads. Kept are what is in use, the
    version before a live one, which `rollback` would choose, and the newest `keep` versions that
    imgctl has published, the upcoming one included. What somebody else has published is kept.
    """
    numbers = {version.number for version in versions}
    by_imgctl = sorted((v.number for v in versions if v.bundle), reverse=True)
    new = set() if upcoming is None else {max(numbers, default=0) + 1}
    kept = {*in_use, *by_imgctl[: keep - len(new)]}
    remaining = () if upcoming is not None and upcoming.becomes_live else live
    for number in {*remaining, *new}:
        kept.add(max((other for other in numbers if other < number), default=0))
    return tuple(
        sorted((v for v in versions if v.bundle and v.number not in kept), key=lambda v: v.number)
    )


def unneeded_bundles(
    stored: Iterable[StoredBundle], needed: Collection[str], now: datetime
) -> tuple[str, ...]:
    """Return the keys of the bundles that are not needed, and that are old enough to be sure."""
    return tuple(
        bundle.key
        for bundle in stored
        if bundle_manifest.is_key(bundle.key)
        and bundle.key not in needed
        and now - bundle.modified >= MIN_BUNDLE_AGE
    )
