"""What is erased of a key, what is not, and what an interruption or the function in between does.

The function itself stores outputs and records here, in moto.
"""

import unicodedata
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from imgctl.aws.session import Aws
from imgctl.core.errors import InvalidInput
from imgctl.core.keys import resource_id
from imgctl.core.limits import Limits
from imgctl.core.record import Record, to_item
from imgctl.core.renditions import RenditionSet
from imgctl.operations.erase import Erased, EraseEvents, Refusal, erase
from imgctl.operations.erase_content import EraseContext, find, find_all
from imgctl.operations.erase_scope import KeyContent
from imgctl.worker.deadline import Deadline
from imgctl.worker.events import ObjectCreated
from imgctl.worker.handler import handle
from imgctl.worker.resizing import Dependencies
from imgctl.worker.settings import Settings
from tests.pictures import encoded, photo
from tests.stack_outputs import OUTPUTS
from tests.worker.cloud import (
    DEFAULT,
    DESTINATION,
    SOURCE,
    TABLE,
    THREE,
    Cloud,
    resize_here,
    s3_event_for,
)

KEY = "holiday/cake.png"
OUTPUT = "holiday/resized-cake.png"
ONE = encoded(photo(24, 16), "PNG")
OTHER = encoded(photo(16, 24), "PNG")
TIMEOUT_S = 60


@dataclass
class Stage:
    """An account with the function, and an erasure whose clock the test moves."""

    aws: Aws
    cloud: Cloud
    pool: ThreadPoolExecutor
    time: datetime
    renditions: RenditionSet = DEFAULT
    waits: list[datetime] = field(default_factory=list)
    on_sleep: Callable[[], object] = lambda: None

    @property
    def context(self) -> EraseContext:
        return EraseContext(
            aws=self.aws,
            outputs=OUTPUTS,
            renditions=self.renditions,
            timeout_s=TIMEOUT_S,
            pool=self.pool,
            now=lambda: self.time,
            sleep=self._sleep,
        )

    def _sleep(self, seconds: float) -> None:
        self.time += timedelta(seconds=seconds)
        self.on_sleep()

    def process(self, *uploads: ObjectCreated) -> None:
        for created in uploads:
            handle(s3_event_for(created), self.cloud.invocation)

    def upload(self, key: str = KEY, data: bytes = ONE, sequencer: str = "") -> ObjectCreated:
        created = self.cloud.put(key, data, sequencer)
        self.process(created)
        return created

    def find(self, key: str = KEY) -> KeyContent:
        return find(self.context, key)

    def erase(self, content: KeyContent | None = None) -> Erased:
        events = EraseEvents(lambda _: None, self.waits.append)
        return erase(self.context, content or self.find(), events)

    def everything(self) -> list[str]:
        """Name each version, marker, unfinished upload and item that is stored anywhere."""
        names = [item["resource-id"]["S"] for item in self.cloud.items()]
        for bucket in (SOURCE, DESTINATION):
            listed: Any = self.aws.s3.list_object_versions(Bucket=bucket)
            versions = [*listed.get("Versions", []), *listed.get("DeleteMarkers", [])]
            names += [f"{version['Key']} {version['VersionId']}" for version in versions]
            uploads = self.aws.s3.list_multipart_uploads(Bucket=bucket).get("Uploads", [])
            names += [upload["Key"] for upload in uploads]
        return sorted(names)


@pytest.fixture
def stage(aws: Aws, table: str) -> Iterator[Stage]:
    location: Any = {"LocationConstraint": "eu-west-2"}
    for bucket in (SOURCE, DESTINATION):
        aws.s3.create_bucket(Bucket=bucket, CreateBucketConfiguration=location)
        set_versioning(aws, bucket, "Enabled")
    assert table == TABLE
    with ThreadPoolExecutor(4) as pool:
        # An hour later: the function cannot be working on anything.
        yield Stage(aws, cloud_of(aws), pool, datetime.now(UTC) + timedelta(hours=1))


def set_versioning(aws: Aws, bucket: str, status: Any) -> None:
    aws.s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": status})


def cloud_of(aws: Aws, renditions: RenditionSet = DEFAULT) -> Cloud:
    deps = Dependencies(
        aws.s3, aws.dynamodb, resize=resize_here, now=lambda: datetime.now(UTC),
        stopwatch_s=lambda: 0.0, deadline=Deadline(lambda: 0.0),
    )  # fmt: skip
    settings = Settings(SOURCE, DESTINATION, TABLE, renditions, Limits())
    return Cloud(aws.s3, aws.dynamodb, settings, deps)


def test_versions_markers_outputs_and_records_are_erased_and_nothing_else(stage: Stage) -> None:
    names = ("holiday/cake.png.png", "cake.png", "holiday/cake.pn", "a/holiday/cake.png")
    for neighbor in names:
        stage.upload(neighbor)
    others = stage.everything()
    stage.upload(data=ONE)
    stage.upload(data=OTHER)
    stage.upload(data=b"no picture")
    stage.aws.s3.delete_object(Bucket=SOURCE, Key=KEY)
    stage.aws.s3.delete_object(Bucket=DESTINATION, Key=OUTPUT)
    stage.aws.s3.create_multipart_upload(Bucket=SOURCE, Key=KEY)
    content = stage.find()
    sizes = (content.originals, content.outputs, content.unfinished, content.records)
    assert [len(part) for part in sizes] == [4, 3, 1, 3]
    done = stage.erase(content)
    assert (done.is_complete, done.objects, done.records) == (True, 8, 3)
    assert stage.everything() == others
    assert stage.find().count == 0


def test_an_unfinished_upload_that_ends_meanwhile_is_no_failure(stage: Stage, aws: Aws) -> None:
    upload_id = aws.s3.create_multipart_upload(Bucket=SOURCE, Key=KEY)["UploadId"]
    content = stage.find()
    aws.s3.abort_multipart_upload(Bucket=SOURCE, Key=KEY, UploadId=upload_id)
    assert stage.erase(content).is_complete


def test_all_renditions_that_a_record_names_or_the_settings_would_name_are_erased(
    stage: Stage,
) -> None:
    stage.cloud = cloud_of(stage.aws, THREE)
    created = stage.upload()
    stage.upload("other.png")
    before = stage.everything()
    earlier = stage.find()  # with the settings of now, which do not name them
    assert len(earlier.outputs) == 3
    # As if the function had been killed before it wrote the record.
    record_id = resource_id(SOURCE, KEY, version_id=created.version_id)
    stage.aws.dynamodb.delete_item(TableName=TABLE, Key={"resource-id": {"S": record_id}})
    stage.renditions = THREE
    assert stage.find().outputs == earlier.outputs
    assert stage.erase().is_complete
    assert [name for name in before if "other" in name] == [
        name for name in stage.everything() if "#" not in name and len(name) != 32
    ]


def test_what_was_stored_without_versions_is_erased(stage: Stage, aws: Aws) -> None:
    for bucket in (SOURCE, DESTINATION):
        set_versioning(aws, bucket, "Suspended")
    stage.upload(sequencer="0A")
    assert [version.version_id for version in stage.find().originals] == ["null"]
    for bucket in (SOURCE, DESTINATION):
        set_versioning(aws, bucket, "Enabled")
    stage.upload(data=OTHER, sequencer="0B")
    stage.aws.dynamodb.delete_item(
        TableName=TABLE,
        Key={"resource-id": {"S": stage.find().records[-1].resource_id}},
    )
    content = stage.find()
    assert (len(content.originals), len(content.outputs), len(content.left)) == (2, 2, 0)
    assert stage.erase(content).is_complete
    assert stage.everything() == []


def test_hundreds_of_versions_are_erased_in_order(
    stage: Stage, aws: Aws, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("imgctl.aws.object_versions._MAX_BATCH", 100)
    aws.s3.meta.events.register(
        "provide-client-params.s3.ListObjectVersions", lambda params, **_: params | {"MaxKeys": 40}
    )
    for number in range(210):
        aws.s3.put_object(Bucket=SOURCE, Key="many", Body=b"%d" % number)
    newest = aws.s3.head_object(Bucket=SOURCE, Key="many")["VersionId"]
    aws.s3.put_object(Bucket=SOURCE, Key="many2", Body=b"")
    content = stage.find("many")
    assert len(content.originals) == 210
    requests: list[Any] = []
    aws.s3.meta.events.register(
        "provide-client-params.s3.DeleteObjects",
        lambda params, **_: requests.append(params["Delete"]["Objects"]),
    )
    assert stage.erase(content).objects == 210
    assert [len(request) for request in requests] == [100, 100, 10]
    assert requests[-1][-1]["VersionId"] == newest  # nothing older was ever the current one
    assert [name.partition(" ")[0] for name in stage.everything()] == ["many2"]


def test_an_output_that_another_key_overwrote_stays(stage: Stage, aws: Aws) -> None:
    ours = stage.upload()
    metadata = aws.s3.head_object(Bucket=DESTINATION, Key=OUTPUT)["Metadata"]
    stage.upload("other.png")
    theirs = resource_id(
        SOURCE, "other.png",
        version_id=aws.s3.head_object(Bucket=SOURCE, Key="other.png")["VersionId"],
    )  # fmt: skip
    kept = aws.s3.put_object(
        Bucket=DESTINATION, Key=OUTPUT, Body=b"x", Metadata=metadata | {"record_id": theirs}
    )["VersionId"]
    content = stage.find()
    (left,) = content.left
    assert (left.version.version_id, left.is_unproven) == (kept, False)
    assert left.reason == "an output of other.png"
    assert stage.erase(content).is_complete
    assert f"{OUTPUT} {kept}" in stage.everything()
    assert not [name for name in stage.everything() if ours.version_id in name]


def test_a_marker_that_hides_the_output_of_another_key_stays(stage: Stage, aws: Aws) -> None:
    stage.upload()
    aws.s3.put_object(
        Bucket=DESTINATION, Key=OUTPUT, Body=b"x", Metadata={"original_filename": "another.png"}
    )
    marker = aws.s3.delete_object(Bucket=DESTINATION, Key=OUTPUT)["VersionId"]
    assert stage.erase().is_complete
    assert f"{OUTPUT} {marker}" in stage.everything()


@pytest.mark.parametrize(
    "metadata",
    [
        {},
        {"original_filename": "cake.png", "original_bucket": SOURCE},
        {"original_filename": "cake.png", "record_id": "0" * 32},
    ],
)
def test_an_output_that_nothing_proves_is_left_and_is_no_success(
    stage: Stage, aws: Aws, metadata: dict[str, str]
) -> None:
    stage.upload()
    aws.s3.put_object(Bucket=DESTINATION, Key=OUTPUT, Body=b"x", Metadata=metadata)
    done = stage.erase()
    assert [item.version.key for item in done.unproven] == [OUTPUT]
    assert not done.is_complete
    (again,) = find_all(stage.context, KEY)  # says so again
    assert (again.count, len(again.unproven)) == (0, 1)


def test_both_spellings_of_a_key_are_found(stage: Stage) -> None:
    composed, decomposed = "caf\u00e9.png", "cafe\u0301.png"
    for key in (composed, decomposed):
        stage.upload(key)
    for typed in (composed, decomposed):
        found = find_all(stage.context, typed)
        assert {content.key for content in found} == {composed, decomposed}
    (only, _) = find_all(stage.context, composed)
    stage.erase(only)
    assert {unicodedata.is_normalized("NFC", c.key) for c in find_all(stage.context, composed)} == {
        False
    }


def test_an_empty_key_is_refused_before_anything_is_read(stage: Stage) -> None:
    stage.upload()
    with pytest.raises(InvalidInput):
        find_all(stage.context, "")


def test_records_of_another_bucket_are_erased_and_the_bucket_is_named(
    stage: Stage, aws: Aws
) -> None:
    old = Record(
        resource_id="1", original_bucket="old-source", original_object_key=KEY,
        resized_bucket="old-destination", resized_object_key=OUTPUT,
        processing_time="2026-01-01T10:00:00",
    )  # fmt: skip
    aws.dynamodb.put_item(TableName=TABLE, Item=to_item(old))
    content = stage.find()
    assert content.other_buckets == ("old-destination", "old-source")
    assert stage.erase(content).is_complete
    assert stage.everything() == []


# ------------------------------------------------------------- interruption and refusal


class Interrupted(Exception):
    pass


class Interruption:
    """Interrupts the calls of a client at one of them, before or after it takes effect."""

    def __init__(self, *clients: Any) -> None:
        self.remaining = -1
        self.is_after = False
        for client in clients:
            client.meta.events.register("before-call", lambda **_: self._count(is_after=False))
            client.meta.events.register("after-call", lambda **_: self._count(is_after=True))

    def _count(self, *, is_after: bool) -> None:
        if is_after == self.is_after and self.remaining >= 0:
            self.remaining -= 1
            if self.remaining < 0:
                raise Interrupted


@pytest.mark.parametrize("is_after", [False, True])
def test_an_interruption_at_any_call_is_finished_by_the_next_run(
    stage: Stage, aws: Aws, is_after: bool
) -> None:
    interruption = Interruption(aws.s3, aws.dynamodb)
    stage.upload("other.png")
    others = stage.everything()
    for calls in range(100):
        stage.upload(data=ONE)
        stage.upload(data=b"no picture")
        aws.s3.delete_object(Bucket=SOURCE, Key=KEY)
        content = stage.find()
        assert (len(content.outputs), len(content.records)) == (1, 2)
        interruption.remaining, interruption.is_after = calls, is_after
        try:
            stage.erase(content)
        except Interrupted:
            assert stage.erase().is_complete
            assert stage.everything() == others
        else:
            interruption.remaining = -1
            break
    assert stage.everything() == others
    assert calls > 10


def refuse(aws: Aws, *version_ids: str) -> None:
    """Let S3 refuse to delete versions, as it does those under a lock."""

    asked: list[Any] = []

    def without(params: Any, **_: Any) -> None:
        objects = params["Delete"]["Objects"]
        asked[:] = [one for one in objects if one["VersionId"] in version_ids]
        params["Delete"]["Objects"] = [one for one in objects if one not in asked]

    def answer(parsed: Any, **_: Any) -> None:
        parsed["Errors"] = [one | {"Code": "AccessDenied", "Message": "is locked"} for one in asked]

    aws.s3.meta.events.register("provide-client-params.s3.DeleteObjects", without)
    aws.s3.meta.events.register("after-call.s3.DeleteObjects", answer)


def test_a_refused_deletion_is_reported_and_keeps_records_and_markers(
    stage: Stage, aws: Aws
) -> None:
    stage.upload()
    locked = stage.upload(data=OTHER)
    marker = aws.s3.delete_object(Bucket=SOURCE, Key=KEY)["VersionId"]
    refuse(aws, locked.version_id)
    done = stage.erase()
    assert done.refused == (Refusal(SOURCE, KEY, locked.version_id, "is locked"),)
    assert not done.is_complete
    content = stage.find()
    assert done.kept_records == len(content.records) == 2
    assert {v.version_id for v in content.originals} == {marker, locked.version_id}
    assert content.outputs == ()


# ------------------------------------------------------------- the function, meanwhile


def test_an_upload_that_the_function_is_working_on_is_waited_for(stage: Stage) -> None:
    stage.time = begun = datetime.now(UTC)
    created = stage.cloud.put(KEY, ONE)
    stage.on_sleep = lambda: stage.process(created)
    done = stage.erase()
    assert (done.is_complete, done.objects, done.records) == (True, 2, 1)
    assert [version.key for version in done.content.outputs] == [OUTPUT]  # which is told, too
    assert len(stage.waits) == 1
    assert stage.everything() == []
    assert stage.time - begun < timedelta(seconds=30)  # not longer than necessary


def test_nothing_is_deleted_while_the_function_may_be_working(stage: Stage) -> None:
    """An interruption then leaves what the next run has to know: that it has to wait, too."""
    stage.time = datetime.now(UTC)
    stage.upload()
    stage.cloud.put(KEY, OTHER)
    before = stage.everything()

    def interrupt() -> None:
        assert stage.everything() == before
        raise Interrupted

    stage.on_sleep = interrupt
    for _ in range(2):
        with pytest.raises(Interrupted):
            stage.erase()


def test_after_the_last_of_several_uploads_the_function_may_look_once_more(stage: Stage) -> None:
    stage.upload()
    stage.upload(data=OTHER)
    stage.time = datetime.now(UTC)
    assert stage.erase().is_complete
    assert stage.waits[0] - stage.time < timedelta(seconds=TIMEOUT_S)


def test_the_wait_ends_when_the_function_can_no_longer_be_working(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("imgctl.operations.erase._POLL_S", 100)
    stage.time = begun = datetime.now(UTC)
    stage.cloud.put(KEY, ONE)
    assert stage.erase().is_complete
    (until,) = stage.waits
    assert timedelta(seconds=3 * TIMEOUT_S) < until - begun <= timedelta(minutes=10)
    assert stage.time >= until


def test_a_key_that_was_processed_long_ago_is_erased_without_a_wait(stage: Stage) -> None:
    stage.upload()
    stage.upload(data=OTHER)
    assert stage.erase().is_complete
    assert stage.waits == []


def test_a_record_that_is_written_again_meanwhile_is_not_forgotten(stage: Stage, aws: Aws) -> None:
    """It names an output that the erasure did not see: it may go only after that."""
    created = stage.upload()
    content = stage.find()
    stage.cloud = cloud_of(aws, THREE)
    stage.process(created)
    assert stage.erase(content).is_complete
    assert stage.everything() == []


def test_what_is_uploaded_after_the_question_stays(stage: Stage, aws: Aws) -> None:
    stage.upload(sequencer="0A")
    content = stage.find()
    later = stage.upload(data=OTHER, sequencer="0B")
    done = stage.erase(content)
    assert [version.version_id for version in done.later] == [later.version_id]
    assert not done.is_complete
    (record,) = stage.cloud.records()
    assert record.version_id == later.version_id
    assert aws.s3.head_object(Bucket=DESTINATION, Key=OUTPUT)["Metadata"]["record_id"] == (
        record.resource_id
    )
    (current,) = stage.cloud.current_records()
    assert current.record_id == record.resource_id
    assert stage.erase().is_complete
    assert stage.everything() == []


def test_something_that_never_stops_storing_is_no_success(stage: Stage, aws: Aws) -> None:
    stage.upload()
    record = stage.find().records[0]

    def written_again(**_: Any) -> None:
        time = datetime.now(UTC).isoformat()
        aws.dynamodb.put_item(TableName=TABLE, Item=to_item(replace(record, processing_time=time)))

    aws.dynamodb.meta.events.register("before-call.dynamodb.DeleteItem", written_again)
    done = stage.erase()
    assert (done.is_settled, done.is_complete) == (False, False)
