"""The current record and the output of a key, where deletions and repetitions meet."""

from dataclasses import replace
from typing import Any

from imgctl.core.keys import resource_id
from imgctl.core.limits import Limits
from imgctl.core.record import Record, Status
from imgctl.worker import pipeline, records
from imgctl.worker.events import ObjectCreated
from imgctl.worker.handler import handle
from tests.pictures import decoded, encoded, photo
from tests.worker.cloud import DESTINATION, SOURCE, TABLE, Cloud, batch_event_for, s3_event_for
from tests.worker.test_schedules import CONTENTS, HALVES, ScheduledInvocation

KEY = "a.png"
TALL, WIDE, BAD = CONTENTS["tall"], CONTENTS["wide"], CONTENTS["bad"]


def process(cloud: Cloud, created: ObjectCreated) -> Record:
    return pipeline.process(created, cloud.settings, cloud.deps).record


def purge(cloud: Cloud, created: ObjectCreated) -> None:
    cloud.s3.delete_object(Bucket=SOURCE, Key=KEY, VersionId=created.version_id)


def statuses(cloud: Cloud) -> dict[str, Status]:
    """Return the status of each record, by its upload's sequencer or else its ID."""
    return {record.sequencer or record.resource_id: record.status for record in cloud.records()}


def current(cloud: Cloud) -> Record:
    """Return the record that the key's item names."""
    (named,) = cloud.current_records()
    (record,) = (item for item in cloud.records() if item.resource_id == named.record_id)
    return record


def output_size(cloud: Cloud) -> tuple[int, int]:
    return decoded(cloud.output(f"resized-{KEY}")).size


def unversioned(cloud: Cloud, data: bytes, sequencer: str) -> ObjectCreated:
    suspended: Any = {"Status": "Suspended"}
    cloud.s3.put_bucket_versioning(Bucket=SOURCE, VersioningConfiguration=suspended)
    return replace(cloud.put(KEY, data, sequencer), version_id="")


def run(*invocations: ScheduledInvocation) -> None:
    for invocation in invocations:
        while not invocation.finished:
            invocation.step()


def run_until(invocation: ScheduledInvocation, call: str) -> None:
    while invocation.next_call != call:
        invocation.step()


def test_the_current_record_is_not_marked_by_an_overtaken_reprocess(cloud: Cloud) -> None:
    first = cloud.put(KEY, TALL)
    second = cloud.put(KEY, WIDE, "0B")
    process(cloud, second)
    slow = ScheduledInvocation(cloud, [first])
    run_until(slow, "put_item")  # the newer output made it superseded
    purge(cloud, second)
    process(cloud, first)
    run(slow)
    assert current(cloud).version_id == first.version_id
    assert current(cloud).status is Status.SUCCEEDED
    assert output_size(cloud) == HALVES["tall"]


def test_an_older_version_is_current_if_the_newest_is_deleted_before_its_event(
    cloud: Cloud,
) -> None:
    older, newest = cloud.put(KEY, TALL, "0A"), cloud.put(KEY, WIDE, "0B")
    purge(cloud, newest)
    process(cloud, older)
    record = process(cloud, newest)
    assert (record.status, record.failure_code) == (Status.SUPERSEDED, "gone")
    assert record.superseded_by == resource_id(SOURCE, KEY, version_id=older.version_id)
    assert statuses(cloud) == {"0A": Status.SUCCEEDED, "0B": Status.SUPERSEDED}
    assert output_size(cloud) == HALVES["tall"]


def test_it_is_current_even_if_its_own_event_came_while_the_newest_existed(cloud: Cloud) -> None:
    older, newest = cloud.put(KEY, TALL, "0A"), cloud.put(KEY, WIDE, "0B")
    killed = ScheduledInvocation(cloud, [newest])
    run_until(killed, "transact_write_items")  # its output is stored, and its record is not
    assert process(cloud, older).status is Status.SUPERSEDED
    purge(cloud, newest)
    process(cloud, newest)
    assert statuses(cloud) == {"0A": Status.SUCCEEDED, "0B": Status.SUPERSEDED}
    assert output_size(cloud) == HALVES["tall"]


def test_an_upload_is_gone_if_nothing_else_is_there(cloud: Cloud) -> None:
    only = cloud.put(KEY, TALL, "0A")
    cloud.s3.delete_object(Bucket=SOURCE, Key=KEY)
    purge(cloud, only)
    assert process(cloud, only).failure_code == "gone"
    assert current(cloud).status is Status.FAILED


def test_an_upload_that_was_overwritten_without_versions_is_superseded(cloud: Cloud) -> None:
    older = unversioned(cloud, TALL, "0A")
    newer = unversioned(cloud, WIDE, "0B")
    process(cloud, newer)
    record = process(cloud, older)
    assert (record.status, record.superseded_by) == (
        Status.SUPERSEDED,
        current(cloud).resource_id,
    )
    assert current(cloud).sequencer == "0B"


def test_the_last_good_output_is_restored_although_the_newest_upload_failed(cloud: Cloud) -> None:
    process(cloud, cloud.put(KEY, TALL, "0A"))
    slow = ScheduledInvocation(cloud, [cloud.put(KEY, WIDE, "0B")])
    while slow.next_call != "put_object" or "IfMatch" not in slow.next_arguments:
        slow.step()
    process(cloud, cloud.put(KEY, TALL, "0C"))
    process(cloud, cloud.put(KEY, BAD, "0D"))
    run(slow)
    assert output_size(cloud) == HALVES["tall"]
    metadata = cloud.s3.head_object(Bucket=DESTINATION, Key=f"resized-{KEY}")["Metadata"]
    assert metadata["sequencer"] == "0C"
    assert current(cloud).failure_code == "not_an_image"


def test_an_older_upload_that_succeeds_late_is_the_last_good_one(cloud: Cloud) -> None:
    good, bad = cloud.put(KEY, TALL, "0A"), cloud.put(KEY, BAD, "0B")
    process(cloud, bad)
    process(cloud, good)
    (named,) = cloud.current_records()
    assert named.status is Status.FAILED
    assert named.last_good is not None
    assert named.last_good.sequencer == "0A"


def test_a_failed_upload_that_is_processed_again_restores_a_deleted_output(cloud: Cloud) -> None:
    process(cloud, cloud.put(KEY, TALL, "0A"))
    bad = cloud.put(KEY, BAD, "0B")
    process(cloud, bad)
    cloud.s3.delete_object(Bucket=DESTINATION, Key=f"resized-{KEY}")
    process(cloud, bad)
    assert output_size(cloud) == HALVES["tall"]


def test_an_output_that_cannot_be_restored_any_more_is_no_error(cloud: Cloud) -> None:
    process(cloud, cloud.put(KEY, TALL, "0A"))
    cloud.s3.delete_object(Bucket=DESTINATION, Key=f"resized-{KEY}")
    lowered = replace(cloud.settings, limits=Limits(max_pixels=1))
    record = pipeline.process(cloud.put(KEY, BAD, "0B"), lowered, cloud.deps).record
    assert record.failure_code == "not_an_image"
    assert cloud.output_keys() == []


def test_an_item_of_an_earlier_version_that_names_no_good_upload_is_no_error(cloud: Cloud) -> None:
    bad = cloud.put(KEY, BAD, "0B")
    process(cloud, bad)
    assert cloud.current_records()[0].last_good is None
    assert process(cloud, bad).failure_code == "not_an_image"


def test_an_output_that_was_deleted_while_two_uploads_are_processed_is_the_newest(
    cloud: Cloud,
) -> None:
    process(cloud, cloud.put(KEY, encoded(photo(32, 32), "PNG"), "0A"))
    older = ScheduledInvocation(cloud, [cloud.put(KEY, TALL, "0B")])
    newer = ScheduledInvocation(cloud, [cloud.put(KEY, WIDE, "0C")])
    run_until(older, "head_object")
    cloud.s3.delete_object(Bucket=DESTINATION, Key=f"resized-{KEY}")
    run_until(newer, "transact_write_items")
    cloud.s3.delete_object(Bucket=DESTINATION, Key=f"resized-{KEY}")
    run(older, newer)
    assert output_size(cloud) == HALVES["wide"]


def test_a_null_version_is_not_the_newest_if_its_bytes_were_uploaded_again(cloud: Cloud) -> None:
    before_adoption = unversioned(cloud, TALL, "")
    enabled: Any = {"Status": "Enabled"}
    cloud.s3.put_bucket_versioning(Bucket=SOURCE, VersioningConfiguration=enabled)
    newest = cloud.put(KEY, TALL, "0B")
    process(cloud, newest)
    assert process(cloud, before_adoption).status is Status.SUPERSEDED
    assert current(cloud).version_id == newest.version_id


def test_a_reprocess_without_versions_updates_the_record(cloud: Cloud) -> None:
    created = unversioned(cloud, TALL, "0A")
    first = process(cloud, created)
    assert process(cloud, replace(created, sequencer="")).resource_id == first.resource_id
    handle(batch_event_for(created), cloud.invocation)
    assert statuses(cloud) == {"0A": Status.SUCCEEDED}


def test_two_invocations_for_the_same_bytes_do_not_replace_each_others_output(
    cloud: Cloud,
) -> None:
    created = unversioned(cloud, TALL, "0A")
    event = ScheduledInvocation(cloud, [created])
    reprocess = ScheduledInvocation(cloud, [replace(created, sequencer="")])
    steps = 0
    while running := [item for item in (event, reprocess) if not item.finished]:
        for invocation in running:
            invocation.step()
            steps += 1
    assert steps < 25
    assert current(cloud).sequencer == "0A"


def test_a_reprocess_of_a_superseded_version_keeps_the_fields_of_its_event(cloud: Cloud) -> None:
    older = replace(cloud.put(KEY, TALL, "0A"), event_time="2026-11-23")
    newest = cloud.put(KEY, WIDE, "0B")
    for created in (older, newest):
        process(cloud, created)
    purge(cloud, newest)
    process(cloud, replace(older, sequencer="", event_time=""))
    assert (current(cloud).sequencer, current(cloud).event_time) == ("0A", "2026-11-23")


def test_a_record_that_was_never_current_can_be_superseded_twice(cloud: Cloud) -> None:
    older = Record(
        resource_id="1" * 32,
        status=Status.SUPERSEDED,
        original_bucket=SOURCE,
        original_object_key=KEY,
    )
    results = [records.put_superseded(cloud.dynamodb, TABLE, older) for _ in range(2)]
    assert results == [records.Supersession.NEW, records.Supersession.REPEATED]


def test_a_new_key_and_a_repeated_event_need_no_more_calls_than_before(cloud: Cloud) -> None:
    created = cloud.put(KEY, TALL, "0A")
    calls: list[list[str]] = []
    for _ in range(2):
        invocation = ScheduledInvocation(cloud, [created])
        made: list[str] = []
        while not invocation.finished:
            made.append(invocation.next_call)
            invocation.step()
        calls.append(made)
    assert calls == [
        ["get_object", "put_object", "get_item", "transact_write_items"],
        [
            "get_object",
            "put_object",
            "head_object",
            "get_item",
            "get_item",
            "transact_write_items",
            "head_object",
        ],
    ]


def test_one_event_may_report_a_deleted_and_an_existing_version(cloud: Cloud) -> None:
    older, newest = cloud.put(KEY, TALL, "0A"), cloud.put(KEY, WIDE, "0B")
    purge(cloud, newest)
    handle(s3_event_for(newest, older), cloud.invocation)
    assert statuses(cloud) == {"0A": Status.SUCCEEDED, "0B": Status.SUPERSEDED}
