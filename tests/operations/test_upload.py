import os
import signal
import threading
import time
from dataclasses import replace
from pathlib import Path, PurePosixPath
from threading import Event
from typing import Any

import pytest
from botocore.exceptions import ClientError

from imgctl.aws.errors import AwsError
from imgctl.aws.session import Aws
from imgctl.aws.storage import StoredObject
from imgctl.core.errors import Hint, InvalidInput
from imgctl.core.keys import resource_id
from imgctl.core.record import Record, Status, to_item
from imgctl.operations.input_files import InputFile
from imgctl.operations.upload import (
    UploadFile,
    UploadOptions,
    UploadResult,
    UploadServices,
    UploadStatus,
    assign_key,
    assign_keys,
    upload_files,
)
from tests.pictures import encoded, photo
from tests.stack_outputs import OUTPUTS
from tests.waiting import until

SOURCE = OUTPUTS.source_bucket
OPTIONS = UploadOptions(wait=False, timeout_s=1, jobs=2, force=False)


@pytest.fixture
def services(aws: Aws, table: str) -> UploadServices:
    aws.s3.create_bucket(
        Bucket=SOURCE, CreateBucketConfiguration={"LocationConstraint": "eu-west-2"}
    )
    aws.s3.put_bucket_versioning(Bucket=SOURCE, VersioningConfiguration={"Status": "Enabled"})
    times = iter(range(1000))
    return UploadServices(
        aws.s3,
        aws.dynamodb,
        replace(OUTPUTS, table=table),
        Hint("Run {}.", "local logs"),
        clock=lambda: next(times),
        sleep=lambda _: None,
    )


@pytest.fixture
def cake(tmp_path: Path) -> UploadFile:
    path = tmp_path / "cake.png"
    path.write_bytes(encoded(photo(), "PNG"))
    return UploadFile(path, "trip/cake.png")


def one(services: UploadServices, file: UploadFile, options: UploadOptions) -> UploadResult:
    (result,) = upload_files(services, [file], options)
    return result


def store_record(services: UploadServices, stored: StoredObject, **values: Any) -> None:
    identity = resource_id(SOURCE, stored.key, version_id=stored.version_id)
    item: Any = to_item(Record(resource_id=identity, **values))
    services.dynamodb.put_item(TableName=services.outputs.table, Item=item)


def test_a_file_is_stored_under_its_key_with_its_type(
    services: UploadServices, cake: UploadFile
) -> None:
    result = one(services, cake, OPTIONS)
    assert result.status is UploadStatus.UPLOADED
    head = services.s3.head_object(Bucket=SOURCE, Key="trip/cake.png")
    assert head["ContentType"] == "image/png"
    assert result.stored is not None
    assert result.stored.version_id == head["VersionId"]


def test_identical_content_is_skipped_unless_forced(
    services: UploadServices, cake: UploadFile
) -> None:
    statuses = [
        one(services, cake, options).status
        for options in (OPTIONS, OPTIONS, replace(OPTIONS, force=True))
    ]
    assert statuses == [UploadStatus.UPLOADED, UploadStatus.SKIPPED, UploadStatus.UPLOADED]


def test_an_upload_is_followed_to_the_record_of_its_version(
    services: UploadServices, cake: UploadFile
) -> None:
    first = one(services, cake, OPTIONS)
    assert first.stored is not None
    store_record(services, first.stored, dimension_reduction="64x48 → 32x24")
    again = one(services, cake, replace(OPTIONS, wait=True))
    assert again.status is UploadStatus.SKIPPED
    assert again.record is not None
    assert again.record.dimension_reduction == "64x48 → 32x24"


def test_a_failed_record_fails_the_upload_with_its_reason_and_hint(
    services: UploadServices, cake: UploadFile
) -> None:
    first = one(services, cake, OPTIONS)
    assert first.stored is not None
    values = {"failure_code": "damaged", "failure_reason": "No data.", "failure_hint": "Try {}."}
    store_record(services, first.stored, status=Status.FAILED, **values)
    result = one(services, cake, replace(OPTIONS, wait=True))
    assert (result.status, result.reason) == (UploadStatus.FAILED, "damaged: No data.")
    assert result.hint is not None
    assert result.hint.render("imgctl --local") == "Try {}."


def test_a_record_that_does_not_appear_times_out_with_a_next_step(
    services: UploadServices, cake: UploadFile
) -> None:
    result = one(services, cake, replace(OPTIONS, wait=True))
    assert result.status is UploadStatus.TIMED_OUT
    assert (result.reason, result.hint) == ("timed out after 1 s", services.timeout_hint)


def test_a_skipped_file_without_a_record_is_to_be_reprocessed(
    services: UploadServices, cake: UploadFile
) -> None:
    one(services, cake, OPTIONS)
    result = one(services, replace(cake, key=cake.key), replace(OPTIONS, wait=True))
    assert result.status is UploadStatus.FAILED
    assert result.reason == "is stored already, but the function has no record of it"
    assert result.hint is not None
    assert result.hint.render() == "Run `imgctl reprocess trip/cake.png`."


def test_other_content_under_a_key_is_never_replaced_in_silence(
    services: UploadServices, cake: UploadFile, tmp_path: Path
) -> None:
    assert not one(services, cake, OPTIONS).replaced
    other = tmp_path / "other.png"
    other.write_bytes(encoded(photo(9, 9), "PNG"))
    assert one(services, UploadFile(other, cake.key), OPTIONS).replaced
    forced = replace(OPTIONS, force=True)
    assert not one(services, UploadFile(other, cake.key), forced).replaced
    assert one(services, cake, forced).replaced


def test_a_file_that_cannot_be_read_does_not_stop_the_others(
    services: UploadServices, cake: UploadFile, tmp_path: Path
) -> None:
    missing = UploadFile(tmp_path / "missing.png", "missing.png")
    results = {r.file.key: r for r in upload_files(services, [missing, cake], OPTIONS)}
    assert results["missing.png"].status is UploadStatus.FAILED
    assert "No such file" in results["missing.png"].reason
    assert results["trip/cake.png"].status is UploadStatus.UPLOADED


def test_a_key_that_s3_does_not_allow_is_never_sent(
    services: UploadServices, cake: UploadFile
) -> None:
    result = one(services, replace(cake, key="escape\x1b.png"), OPTIONS)
    assert result.status is UploadStatus.FAILED
    assert "characters not allowed in S3 keys" in result.reason
    assert services.s3.list_objects_v2(Bucket=SOURCE)["KeyCount"] == 0


def test_a_missing_permission_stops_all(services: UploadServices, cake: UploadFile) -> None:
    denied = ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, "HeadObject")

    class Denied:
        def head_object(self, **_: object) -> None:
            raise denied

    s3: Any = Denied()
    with pytest.raises(ClientError):
        one(replace(services, s3=s3), cake, OPTIONS)


def test_with_an_api_files_are_sent_to_it_up_to_its_limit(
    services: UploadServices, cake: UploadFile, tmp_path: Path
) -> None:
    sent: list[str] = []

    class FakeApi:
        def put(self, key: str, path: Path, *, checksum: str, content_type: str) -> StoredObject:
            assert path.is_file()
            assert (len(checksum), content_type) == (44, "image/png")
            sent.append(key)
            return StoredObject(SOURCE, key, "v1", "e1")

    api: Any = FakeApi()
    large = tmp_path / "large.bin"
    with large.open("wb") as file:
        file.truncate(10 * 1024 * 1024 + 1)
    by_api = replace(services, api=api)
    results = {
        r.file.key: r for r in upload_files(by_api, [cake, UploadFile(large, "large.bin")], OPTIONS)
    }
    assert results["trip/cake.png"].status is UploadStatus.UPLOADED
    assert results["large.bin"].status is UploadStatus.FAILED
    assert "--via s3" in results["large.bin"].reason
    assert sent == ["trip/cake.png"]


def test_an_error_of_aws_fails_one_file_with_its_message(
    services: UploadServices, cake: UploadFile
) -> None:
    class Failing:
        def put(self, *_: object, **__: object) -> StoredObject:
            raise AwsError("The API answered 500: no")

    api: Any = Failing()
    result = one(replace(services, api=api), cake, OPTIONS)
    assert (result.status, result.reason) == (UploadStatus.FAILED, "The API answered 500: no")


def test_keys_are_names_under_the_prefix() -> None:
    files = [InputFile(Path("/x/a.png"), PurePosixPath("trip/a.png"))]
    assert [file.key for file in assign_keys(files, "/2026/")] == ["2026/trip/a.png"]
    assert [file.key for file in assign_keys(files, "")] == ["trip/a.png"]


def test_one_file_may_have_any_key_that_s3_allows() -> None:
    file = InputFile(Path("/x/a.png"), PurePosixPath("a.png"))
    assert assign_key([file], "trip/b c.png") == [UploadFile(file.path, "trip/b c.png")]
    with pytest.raises(InvalidInput, match="one file, not 2"):
        assign_key([file, file], "b.png")
    for key in ("", "trip/", "a\n.png", "a/../b.png", "./a.png", "x" * 1025):
        with pytest.raises(InvalidInput, match="The key"):
            assign_key([file], key)


def test_two_files_for_one_key_are_refused() -> None:
    files = [InputFile(Path(folder, "a.png"), PurePosixPath("a.png")) for folder in ("x", "y")]
    with pytest.raises(InvalidInput, match=r"would both become a\.png"):
        assign_keys(files, "")


def test_a_prefix_does_not_lead_upwards() -> None:
    with pytest.raises(InvalidInput, match=r"'\.\.'"):
        assign_keys([], "a/../b")


def test_an_interruption_ends_the_wait_for_records(
    services: UploadServices, cake: UploadFile
) -> None:
    began, threads = Event(), set(threading.enumerate())

    def sleep(_: float) -> None:
        began.set()
        time.sleep(0.01)

    def clock() -> float:
        return 0.0  # the timeout never comes

    waiting = replace(services, sleep=sleep, clock=clock)

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGUSR1, interrupt)

    def press() -> None:
        began.wait(30)
        os.kill(os.getpid(), signal.SIGUSR1)

    threading.Thread(target=press).start()
    try:
        with pytest.raises(KeyboardInterrupt):
            one(waiting, cake, replace(OPTIONS, wait=True))
    finally:
        signal.signal(signal.SIGUSR1, before)
    until(lambda: set(threading.enumerate()) <= threads)  # it would wait for ever
