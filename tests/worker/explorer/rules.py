"""What must hold whatever happens: after each step, and when every event has been processed."""

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from imgctl.aws.findings import OutputSettings, SourceObject, StoredOutput, check
from imgctl.core import current_record
from imgctl.core import record as records
from imgctl.core.current_record import CurrentRecord
from imgctl.core.keys import version_id_of
from imgctl.core.record import Record, Status
from tests.worker.cloud import DESTINATION, SOURCE
from tests.worker.explorer.fake_aws import AwsState, FakeAws, Item, thaw
from tests.worker.explorer.world import KEY, Bucket, Kind, World

if TYPE_CHECKING:
    from tests.worker.explorer.search import State


@dataclass(frozen=True, slots=True)
class Stored:
    """What is stored about the key; `outputs_of` has a record's ID for each rendition."""

    current: CurrentRecord | None
    records: dict[str, Record]
    outputs_of: dict[str, str | None]


def stored(aws: AwsState, output_keys: tuple[str, ...]) -> Stored:
    """Read what is stored about the key."""
    current, records = None, {}
    for resource_id, item in aws.table:
        if resource_id.startswith("current#"):
            current = _current(item)
        else:
            records[resource_id] = _record(item)
    found = {key: FakeAws(aws).newest(DESTINATION, key) for key in output_keys}
    outputs_of = {
        key: dict(output.metadata)["record_id"] if output else None for key, output in found.items()
    }
    return Stored(current, records, outputs_of)


@cache
def _current(item: Item) -> CurrentRecord:
    return current_record.from_item(thaw(item))


@cache
def _record(item: Item) -> Record:
    return records.from_item(thaw(item))


def broken_by_step(world: World, before: "State", after: "State") -> list[str]:
    """Return the rules that a step breaks."""
    now, then = (stored(state.aws, world.output_keys) for state in (after, before))
    broken = _inconsistencies(now)
    succeeded = {id_ for id_, r in now.records.items() if r.status is Status.SUCCEEDED}
    if {(id_, key) for id_ in succeeded for key in world.output_keys} - after.outputs:
        broken.append("a record succeeded without an output")
    if then.current is not None and now.current is None:
        broken.append("the current record is lost")
    elif then.current is not None and now.current is not None:
        old, new = world.numbers(then.current.record_id), world.numbers(now.current.record_id)
        # Without versions, a record may be about each upload of the same bytes.
        is_older = bool(old and new) and max(new) < min(old)
        if is_older and max(old) in world.existing[after.changes]:
            broken.append("an older record becomes current")
    return broken


def _inconsistencies(now: Stored) -> list[str]:
    broken = []
    current_id = "" if now.current is None else now.current.record_id
    if now.current is not None:
        current = now.records.get(current_id)
        if current is None:
            broken.append("the current record does not exist")
        elif current.status is Status.SUPERSEDED:
            broken.append("the current record is superseded")
        elif current.status is not now.current.status:
            broken.append("the current record has another status")
    others = (r for id_, r in now.records.items() if id_ != current_id)
    if any(other.status is not Status.SUPERSEDED for other in others):
        broken.append("a record that is not current is not superseded")
    return broken


def broken_at_end(world: World, aws: AwsState) -> list[str]:
    """Return the rules that an ending breaks; every event has been processed then.

    What no event reports, a deletion by hand, may leave an older output or record: audit names it.
    """
    now = stored(aws, world.output_keys)
    if now.current is None:
        return ["no record is current"]
    broken = [*_not_newest(world, now, now.current), *_mixed(world, now)]
    for key in world.output_keys:
        broken += _wrong_output(world, now, now.current, now.outputs_of[key])
    if world.changed_without_event and broken and _audit_names(world, aws, now):
        broken = []
    if any(record.request_id is None for record in now.records.values()):
        broken.append("a record does not name the invocation that wrote it")
    return [*_inconsistencies(now), *broken]


def _audit_names(world: World, aws: AwsState, now: Stored) -> bool:
    newest = FakeAws(aws).newest(SOURCE, KEY)
    if newest is None:
        return True
    source = SourceObject(
        key=KEY,
        version_id=version_id_of(newest.version_id),
        etag=newest.etag.strip('"'),
        size=0,
        modified="",
    )
    current_id = "" if now.current is None else now.current.record_id
    outputs = {
        key: None if record_id is None else StoredOutput(record_id)
        for key, record_id in now.outputs_of.items()
    }
    record, settings = now.records.get(current_id), OutputSettings(world.renditions)
    return any(finding.problem for finding in check(source, record, outputs, settings))


def _not_newest(world: World, now: Stored, current: CurrentRecord) -> list[str]:
    """The newest object has the current record, unless one that is deleted was processed before."""
    newest = world.newest[-1]
    if newest is None:
        return []
    if current.record_id == world.record_id(newest):
        return []
    # The record of a version `null` may have been written anew, without its event's sequencer.
    reported = any(d.upload == newest and d.kind is Kind.S3 for d in world.deliveries)
    alias = not reported or world.bucket is Bucket.ADOPTED
    if alias and newest in world.numbers(current.record_id):
        return []
    number = max(world.numbers(current.record_id), default=0)
    deleted = number > newest and number not in world.existing[-1]
    record = now.records.get(current.record_id)
    if deleted and record is not None and record.failure_code != "gone":
        return []
    return ["the current record is not that of the newest object"]


def _wrong_output(
    world: World, now: Stored, current: CurrentRecord, output_of: str | None
) -> list[str]:
    good = [
        max(world.numbers(id_), default=0)
        for id_, one in now.records.items()
        if one.store_ms is not None and one.status is not Status.FAILED
    ]
    if output_of is None:
        return ["the output is missing"] if good else []
    expected = max(good, default=0)
    if current.status is Status.SUCCEEDED:
        expected = max(world.numbers(current.record_id), default=0)
        numbers = world.numbers(output_of)
        alias = world.bucket is Bucket.ADOPTED and expected in numbers
        # Of a deleted key, the bucket cannot tell which upload of an unknown order was the newest.
        unknown = world.newest[-1] is None and max(numbers, default=0) > expected
        if alias or unknown or output_of == current.record_id:
            return []
    elif max(world.numbers(output_of), default=0) >= expected:
        return []
    # Without its object, an output cannot be written again.
    return ["the output is older"] if expected in world.existing[-1] else []


def _mixed(world: World, now: Stored) -> list[str]:
    """All outputs are of one upload, unless that of the first one is gone: nobody can make them.

    Other rules say which upload it is. Audit names what is left of another one.
    """
    owners = [world.numbers(id_) for id_ in now.outputs_of.values() if id_ is not None]
    if len(set(owners)) < 2 or not owners[0] & world.existing[-1]:
        return []
    return ["outputs of two uploads are mixed"]
