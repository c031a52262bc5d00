import os
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from threading import Event
from typing import Any

import pytest
from botocore.exceptions import ClientError

from imgctl.aws.content import Content
from imgctl.aws.errors import AwsError
from imgctl.aws.existing_objects import ExistingObject
from imgctl.aws.object_writer import BotoWriter
from imgctl.aws.rest_api import MAX_BYTES, Api
from imgctl.aws.session import Aws
from imgctl.aws.storage import StoredObject
from imgctl.core.errors import Hint
from imgctl.core.keys import resource_id
from imgctl.core.record import Record, Status, to_item
from imgctl.operations.input_files import LeftOut
from imgctl.operations.upload import (
    UploadOptions,
    UploadResult,
    UploadServices,
    UploadStatus,
    upload_files,
)
from imgctl.operations.upload_keys import UploadFile
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
        replace(OUTPUTS, table=table),
        Hint("Run {}.", "local logs"),
        BotoWriter(aws.s3, SOURCE),
        aws.dynamodb,
        clock=lambda: next(times),
        sleep=lambda _: None,
    )


@pytest.fixture
def cake(tmp_path: Path) -> UploadFile:
    path = tmp_path / "cake.png"
    path.write_bytes(encoded(photo(), "PNG"))
    return UploadFile(str(path), "trip/cake.png")


def one(services: UploadServices, file: UploadFile, options: UploadOptions) -> UploadResult:
    (result,) = upload_files(services, [file], options)
    assert isinstance(result, UploadResult)
    return result


def store_record(services: UploadServices, stored: StoredObject, **values: Any) -> None:
    identity = resource_id(SOURCE, stored.key, version_id=stored.version_id)
    item: Any = to_item(Record(resource_id=identity, **values))
    assert services.dynamodb is not None
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
    assert one(services, UploadFile(str(other), cake.key), OPTIONS).replaced
    forced = replace(OPTIONS, force=True)
    assert not one(services, UploadFile(str(other), cake.key), forced).replaced
    assert one(services, cake, forced).replaced


def test_a_file_that_cannot_be_read_does_not_stop_the_others(
    services: UploadServices, cake: UploadFile, tmp_path: Path
) -> None:
    missing = UploadFile(str(tmp_path / "missing.png"), "missing.png")
    results = {
        r.file.key: r
        for r in upload_files(services, [missing, cake], OPTIONS)
        if isinstance(r, UploadResult)
    }
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


class FakeWriter:
    """Stores nothing, and raises these errors or makes what it is told happen first."""

    def __init__(self, *errors: Exception, before: Callable[[str], object] = len) -> None:
        self.sent: list[str] = []
        self._errors = list(errors)
        self._before = before

    def put(self, key: str, content: Content) -> StoredObject:
        self._before(key)
        if self._errors:
            raise self._errors.pop()
        assert content.content_type
        self.sent.append(key)
        return StoredObject(SOURCE, key, "v1", "e1")


def test_a_missing_permission_stops_all(services: UploadServices, cake: UploadFile) -> None:
    denied = ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, "PutObject")
    with pytest.raises(ClientError):
        one(replace(services, writer=FakeWriter(denied)), cake, OPTIONS)


def test_a_file_larger_than_the_api_takes_is_not_sent(
    services: UploadServices, aws: Aws, cake: UploadFile
) -> None:
    os.truncate(cake.path, MAX_BYTES + 1)
    api = Api(aws, "http://127.0.0.1:9", SOURCE, signs=False)  # where nobody listens
    result = one(replace(services, writer=api), cake, OPTIONS)
    assert result.status is UploadStatus.FAILED
    assert result.reason == "The file is larger than 10 MB, the limit of API Gateway."
    assert result.hint is not None
    assert result.hint.render("imgctl") == "Use --via s3."


def test_a_file_larger_than_the_function_takes_is_refused_before_it_is_read(
    services: UploadServices, cake: UploadFile
) -> None:
    os.truncate(cake.path, 300 * 1024 * 1024)  # a sparse file
    writer = FakeWriter()
    for file in (cake, replace(cake, is_named=False)):
        result = one(replace(services, writer=writer), file, replace(OPTIONS, force=True))
        assert result.status is UploadStatus.FAILED
        assert result.reason == "The file is 300.0 MiB; the limit is 256.0 MiB."
    assert writer.sent == []


def test_an_error_of_aws_fails_one_file_with_its_message(
    services: UploadServices, cake: UploadFile
) -> None:
    writer = FakeWriter(AwsError("The API answered 500: no"))
    result = one(replace(services, writer=writer), cake, OPTIONS)
    assert (result.status, result.reason) == (UploadStatus.FAILED, "The API answered 500: no")


def test_a_named_file_that_is_no_image_is_sent_with_force_only(
    services: UploadServices, cake: UploadFile
) -> None:
    Path(cake.path).write_bytes(b"%PDF-1.7")
    writer = FakeWriter()
    services = replace(services, writer=writer)
    result = one(services, cake, OPTIONS)
    assert result.status is UploadStatus.FAILED
    assert result.reason == "The file is in PDF format, which is not supported."
    assert result.hint is not None
    assert result.hint.render() == "Use --force to upload it anyway."
    assert writer.sent == []
    assert one(services, cake, replace(OPTIONS, force=True)).status is UploadStatus.UPLOADED


def test_a_file_of_a_folder_that_is_no_image_is_left_out(
    services: UploadServices, cake: UploadFile
) -> None:
    Path(cake.path).write_bytes(b"%PDF-1.7")
    reason = "The file is in PDF format, which is not supported."
    for options in (OPTIONS, replace(OPTIONS, force=True)):
        found = replace(cake, is_named=False)
        assert list(upload_files(services, [found], options)) == [LeftOut(Path(cake.path), reason)]


def many(folder: Path, count: int = 12) -> list[UploadFile]:
    """Make so many files that their keys are listed."""
    files = []
    for number in range(count):
        path = folder / f"{number:02}.jpg"
        path.write_bytes(encoded(photo(), "JPEG") + bytes([number]))
        files.append(UploadFile(str(path), f"many/{number:02}.jpg", is_named=False))
    return files


def statuses(services: UploadServices, files: list[UploadFile], **changes: Any) -> Counter[str]:
    results = upload_files(services, files, replace(OPTIONS, **changes))
    return Counter(r.status.value for r in results if isinstance(r, UploadResult))


def calls(services: UploadServices) -> list[str]:
    """Return a list to which the name of each call to S3 is added."""
    made: list[str] = []
    services.s3.meta.events.register("before-call.s3", lambda model, **_: made.append(model.name))
    return made


def test_many_new_files_take_one_request_each_and_one_listing(
    services: UploadServices, tmp_path: Path
) -> None:
    files, made = many(tmp_path), calls(services)
    assert statuses(services, files) == {"uploaded": 12}
    assert Counter(made) == {"ListObjectVersions": 1, "PutObject": 12}


def test_a_second_run_over_unchanged_files_takes_one_request(
    services: UploadServices, tmp_path: Path
) -> None:
    files = many(tmp_path)
    statuses(services, files)
    made = calls(services)
    assert statuses(services, files) == {"skipped": 12}
    assert made == ["ListObjectVersions"]


def test_what_changed_is_sent_again_and_said_to_be_replaced(
    services: UploadServices, tmp_path: Path
) -> None:
    files = many(tmp_path)
    statuses(services, files)
    data = Path(files[3].path).read_bytes()
    Path(files[3].path).write_bytes(data[:-1] + b"x")  # of the same size
    results = [r for r in upload_files(services, files, OPTIONS) if isinstance(r, UploadResult)]
    (changed,) = (r for r in results if r.status is UploadStatus.UPLOADED)
    assert (changed.file, changed.replaced) == (files[3], True)


def test_where_etags_are_not_hashes_s3s_checksums_are_asked_for(
    services: UploadServices, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = many(tmp_path)
    statuses(services, files)
    monkeypatch.setattr(ExistingObject, "md5", None)  # as with a KMS key
    made = calls(services)
    assert statuses(services, files) == {"skipped": 12}
    assert Counter(made) == {"ListObjectVersions": 1, "HeadObject": 12}


def test_without_permission_to_list_each_key_is_asked_for_and_that_is_noted(
    services: UploadServices, tmp_path: Path
) -> None:
    files, notes = many(tmp_path), list[str]()

    def deny(**_: object) -> None:
        error = {"Error": {"Code": "AccessDenied", "Message": "no"}}
        raise ClientError(error, "ListObjectVersions")  # type: ignore[arg-type]

    services.s3.meta.events.register("before-call.s3.ListObjectVersions", deny)
    noting = replace(services, on_note=notes.append)
    assert statuses(noting, files) == {"uploaded": 12}
    assert notes == ["Not allowed to perform ListObjectVersions: no Each key is asked for instead."]


def test_keys_that_s3_does_not_allow_fail_among_many(
    services: UploadServices, tmp_path: Path
) -> None:
    files = many(tmp_path)
    files[5] = replace(files[5], key="not-utf8-\udcff.jpg")
    assert statuses(services, files) == {"uploaded": 11, "failed": 1}


def test_a_file_that_vanishes_fails_alone(services: UploadServices, tmp_path: Path) -> None:
    files = many(tmp_path)
    Path(files[4].path).unlink()
    results = [r for r in upload_files(services, files, OPTIONS) if isinstance(r, UploadResult)]
    (failed,) = (r for r in results if r.status is UploadStatus.FAILED)
    assert (failed.file, failed.reason) == (files[4], "No such file or directory")
    assert len(results) == 12


def test_the_first_file_is_sent_before_the_others_are_opened(
    services: UploadServices, tmp_path: Path
) -> None:
    files = many(tmp_path)

    def remove_others(_: str) -> None:
        for file in files[1:]:
            Path(file.path).unlink(missing_ok=True)

    writer = FakeWriter(before=remove_others)
    assert statuses(replace(services, writer=writer), files, jobs=1) == {
        "uploaded": 1,
        "failed": 11,
    }


def test_what_is_sent_is_reported_before_its_record_is_there(
    services: UploadServices, cake: UploadFile
) -> None:
    told: list[tuple[str, int]] = []
    watched = replace(
        services,
        on_begin=lambda file, content: told.append((f"begin {file.key}", content.sent_bytes)),
        on_end=lambda file, size: told.append((f"end {file.key}", size)),
    )
    result = one(watched, cake, replace(OPTIONS, wait=True))
    assert result.status is UploadStatus.TIMED_OUT
    assert told == [
        ("begin trip/cake.png", 0),
        ("end trip/cake.png", Path(cake.path).stat().st_size),
    ]


def test_all_records_are_followed_by_few_reads_while_files_are_sent(
    services: UploadServices, tmp_path: Path
) -> None:
    files, reads = many(tmp_path, 40), list[int]()
    stored = services.writer

    class Recording:
        """Stores a record with each upload, as the function does later."""

        def put(self, key: str, content: Content) -> StoredObject:
            put = stored.put(key, content)
            store_record(services, put, dimension_reduction="64x48 → 32x24")
            return put

    services.s3.meta.events.register("before-call.s3.PutObject", lambda **_: None)
    assert services.dynamodb is not None
    services.dynamodb.meta.events.register(
        "before-call.dynamodb.BatchGetItem", lambda **_: reads.append(1)
    )
    following = replace(services, writer=Recording(), clock=time.monotonic, sleep=time.sleep)
    options = replace(OPTIONS, wait=True, timeout_s=60)
    results = list(upload_files(following, files, options))
    assert all(isinstance(r, UploadResult) and r.record is not None for r in results)
    assert len(reads) < len(files)


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
