"""The scenarios that are explored completely, and random ones."""

import random
from typing import TypeAlias

from tests.worker.explorer.world import (
    CONTENTS,
    Bucket,
    Change,
    Delete,
    DeleteNewestVersion,
    DeleteOutput,
    Delivery,
    Kind,
    Scenario,
    Upload,
)

_A, _B, _BAD = Upload("A"), Upload("B"), Upload("bad")
_PURGE = DeleteNewestVersion()


def _again(upload: int, after: int = 0) -> Delivery:
    return Delivery(upload, Kind.REPROCESS, after)


def _events(*uploads: int) -> tuple[Delivery, ...]:
    return tuple(Delivery(upload) for upload in uploads)


# The number is that of the uploads which are processed beforehand, see `Scenario.settled`.
_Table: TypeAlias = dict[str, tuple[tuple[Change, ...], tuple[Delivery, ...], int]]

_ANY_BUCKET: _Table = {
    "A, reported twice": ((_A,), _events(1, 1), 0),
    "bad, reported twice": ((_BAD,), _events(1, 1), 0),
    "A, B": ((_A, _B), _events(1, 2), 0),
    "A, A": ((_A, _A), _events(1, 2), 0),
    "A, bad": ((_A, _BAD), _events(1, 2), 0),
    "bad, A": ((_BAD, _A), _events(1, 2), 0),
    "A before B, A": ((_A, _B, _A), _events(1, 2, 3), 1),
    "A before B, bad": ((_A, _B, _BAD), _events(1, 2, 3), 1),
    "A before B, A, bad": ((_A, _B, _A, _BAD), _events(1, 2, 3, 4), 1),
    "A, deleted": ((_A, Delete()), _events(1, 1), 0),
    "A, B, deleted": ((_A, _B, Delete()), _events(1, 2), 0),
    "A, deleted, A": ((_A, Delete(), _A), _events(1, 2), 0),
    "A, B, output deleted": ((_A, _B, DeleteOutput()), _events(1, 2), 0),
    "A before B, output deleted": ((_A, _B, DeleteOutput()), _events(1, 2, 1), 1),
    "A, reprocessed": ((_A,), (Delivery(1), _again(1)), 0),
    "bad, reprocessed": ((_BAD,), (Delivery(1), _again(1)), 0),
    "A, reprocessed twice": ((_A,), (Delivery(1), _again(1), _again(1)), 1),
    "A, in a batch job": ((_A,), (Delivery(1), Delivery(1, Kind.BATCH)), 0),
    "A before B, reprocessed": ((_A, _B), (Delivery(1), Delivery(2), _again(2)), 1),
    "A before A, reprocessed": ((_A, _A), (Delivery(1), Delivery(2), _again(2)), 1),
}

_WITH_VERSIONS: _Table = {
    "A, B, B deleted for good": ((_A, _B, _PURGE), _events(1, 2), 0),
    "A, bad, bad deleted for good": ((_A, _BAD, _PURGE), _events(1, 2), 0),
    "A, A, A deleted for good": ((_A, _A, _PURGE), _events(1, 2), 0),
    "A, B, both deleted for good": ((_A, _B, _PURGE, _PURGE), _events(1, 2), 0),
    "A before B, B deleted for good": ((_A, _B, _PURGE), _events(1, 2, 2), 1),
    "A, B, A reprocessed": ((_A, _B), (Delivery(2), _again(1)), 0),
    "A, A, first A reprocessed": ((_A, _A), (Delivery(2), _again(1)), 0),
}

_VERSIONED: _Table = {
    "A, B, B deleted for good, A reprocessed": (
        (_A, _B, _PURGE),
        (Delivery(2), _again(1), _again(1, after=3)),
        0,
    ),
}


def exhaustive() -> dict[str, Scenario]:
    """Return the scenarios whose every state is visited, by name."""
    tables = (
        (_ANY_BUCKET, tuple(Bucket)),
        (_WITH_VERSIONS, (Bucket.VERSIONED, Bucket.ADOPTED)),
        (_VERSIONED, (Bucket.VERSIONED,)),
    )
    return {
        f"{name} ({bucket})": Scenario(changes, deliveries, bucket, settled)
        for table, buckets in tables
        for name, (changes, deliveries, settled) in table.items()
        for bucket in buckets
    }


def random_scenario(random_: random.Random) -> Scenario:
    """Return uploads and deletions, the event of each upload, and others up to three or more."""
    bucket = random_.choice(list(Bucket))
    uploads = random_.randint(2, 4)
    changes: list[Change] = [Upload(random_.choice(list(CONTENTS))) for _ in range(uploads)]
    deleted_output = DeleteOutput(random_.choice(["resized-", "web/", "dot/"]))
    for change in (Delete(), DeleteNewestVersion(), DeleteNewestVersion(), deleted_output):
        versions = bucket is not Bucket.UNVERSIONED
        if random_.random() < 0.25 and (versions or not isinstance(change, DeleteNewestVersion)):
            changes.insert(random_.randint(1, len(changes)), change)
    deliveries = [Delivery(number) for number in range(1, uploads + 1)]
    deliveries += [
        Delivery(random_.randint(1, uploads), random_.choice(list(Kind)))
        for _ in range(random_.randint(0, 2))
    ]
    return Scenario(tuple(changes), tuple(deliveries), bucket)
