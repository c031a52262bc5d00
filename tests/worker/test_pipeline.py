import hashlib
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest
from botocore.exceptions import ClientError
from botocore.stub import Stubber

from imgctl.core.keys import resource_id
from imgctl.core.limits import Limits
from imgctl.core.record import Record, Status
from imgctl.core.renditions import RenditionSet
from imgctl.core.spec import ResizeSpec, Scale
from imgctl.worker import pipeline
from imgctl.worker.events import ObjectCreated
from imgctl.worker.resizing import Dependencies
from imgctl.worker.settings import Settings
from tests.pictures import PHOTOS, decoded, encoded, photo
from tests.worker.cloud import DESTINATION, SOURCE, Cloud

ROCKET = (PHOTOS / "rocket.jpg").read_bytes()


def process(
    created: ObjectCreated, settings: Settings, deps: Dependencies, request_id: str = ""
) -> Record:
    return pipeline.process(created, settings, deps, request_id).record


def test_a_photo_is_halved_and_stored_with_metadata(cloud: Cloud) -> None:
    record = process(cloud.put("a/b/cake.jpg", ROCKET), cloud.settings, cloud.deps)
    stored = cloud.s3.get_object(Bucket=DESTINATION, Key="a/b/resized-cake.jpg")
    assert decoded(stored["Body"].read()).size == (320, 214)
    assert stored["ContentType"] == "image/jpeg"
    assert stored["Metadata"] == {
        "original_filename": "cake.jpg",
        "original_bucket": SOURCE,
        "resized_dimensions": "320x214",
        "processing_time": record.processing_time,
        "record_id": record.resource_id,
        "sequencer": "",
        "sha256": hashlib.sha256(cloud.output("a/b/resized-cake.jpg")).hexdigest(),
    }


def test_the_record_in_the_table_has_all_facts(cloud: Cloud) -> None:
    created = cloud.put("cake.jpg", ROCKET)
    returned = process(created, cloud.settings, cloud.deps, "request-1")
    (record,) = cloud.records()
    assert record == returned
    assert record.status is Status.SUCCEEDED
    assert record.resource_id == resource_id(SOURCE, "cake.jpg", version_id=created.version_id)
    assert record.processing_time == "2026-11-23T15:25:09.000Z"
    assert record.source_sha256 == hashlib.sha256(ROCKET).hexdigest()
    assert record.dimension_reduction == "640x427 → 320x214"
    assert (record.original_size, record.original_file_size) == (len(ROCKET), len(ROCKET))
    assert (record.resized_bucket, record.resized_object_key) == (DESTINATION, "resized-cake.jpg")
    assert (record.fetch_ms, record.resize_ms, record.store_ms) == (125, 125, 125)
    assert record.request_id == "request-1"


def test_a_non_ascii_name_is_encoded_in_the_metadata(cloud: Cloud) -> None:
    process(cloud.put("Käse 🍰.jpg", ROCKET), cloud.settings, cloud.deps)
    metadata = cloud.s3.head_object(Bucket=DESTINATION, Key="resized-Käse 🍰.jpg")["Metadata"]
    assert metadata["original_filename"] == "K%C3%A4se %F0%9F%8D%B0.jpg"


def test_the_longest_name_fits_into_the_metadata(cloud: Cloud) -> None:
    process(cloud.put("é" * 500 + ".jpg", ROCKET), cloud.settings, cloud.deps)
    (key,) = cloud.output_keys()
    metadata = cloud.s3.head_object(Bucket=DESTINATION, Key=key)["Metadata"]
    assert sum(len(name) + len(value) for name, value in metadata.items()) <= 2048


def test_the_version_named_by_the_event_is_read(cloud: Cloud) -> None:
    first = cloud.put("cake.png", encoded(photo(40, 30), "PNG"))
    cloud.put("cake.png", encoded(photo(80, 60), "PNG"))
    assert process(first, cloud.settings, cloud.deps).original_width == 40


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"not a picture", "not_an_image"),
        (b"", "not_an_image"),
        (b"<svg></svg>", "unsupported_format"),
        (ROCKET[:30_000], "truncated"),
    ],
)
def test_an_invalid_image_is_recorded_with_the_reason(cloud: Cloud, data: bytes, code: str) -> None:
    record = process(cloud.put("bad.jpg", data), cloud.settings, cloud.deps)
    assert cloud.records() == [record]
    assert (record.status, record.failure_code) == (Status.FAILED, code)
    assert record.failure_reason
    assert record.failure_hint
    assert cloud.output_keys() == []


def test_a_file_over_the_limit_is_rejected_without_a_download(cloud: Cloud) -> None:
    settings = replace(cloud.settings, limits=Limits(max_bytes=1000))
    record = process(cloud.put("big.jpg", ROCKET), settings, cloud.deps)
    assert record.failure_code == "too_large"
    assert record.source_sha256 is None


def test_an_event_of_another_bucket_is_rejected_and_nothing_is_written(cloud: Cloud) -> None:
    """Especially of the destination bucket: the function would trigger itself."""
    created = replace(cloud.put("resized-cake.jpg", ROCKET), bucket=DESTINATION)
    record = process(created, cloud.settings, cloud.deps)
    assert (record.status, record.failure_code) == (Status.FAILED, "wrong_bucket")
    assert cloud.output_keys() == []


def test_an_event_without_version_writes_the_same_record(cloud: Cloud) -> None:
    created = cloud.put("cake.jpg", ROCKET)
    bare = ObjectCreated(bucket=SOURCE, key="cake.jpg")
    first = process(created, cloud.settings, cloud.deps)
    second = process(bare, cloud.settings, cloud.deps)
    assert first.resource_id == second.resource_id
    assert len(cloud.records()) == 1


def test_an_archived_object_is_recorded_with_a_hint(cloud: Cloud) -> None:
    created = cloud.put("cake.jpg", ROCKET)
    with Stubber(cloud.s3) as stub:
        stub.add_client_error("get_object", "InvalidObjectState", "archived", 403)
        record = process(created, cloud.settings, cloud.deps)
    assert record.failure_code == "archived"
    assert "reprocess" in (record.failure_hint or "")


def test_a_deleted_object_is_recorded_as_gone(cloud: Cloud) -> None:
    created = cloud.put("cake.jpg", ROCKET)
    cloud.s3.delete_object(Bucket=SOURCE, Key="cake.jpg", VersionId=created.version_id)
    assert process(created, cloud.settings, cloud.deps).failure_code == "gone"


def test_a_replaced_unversioned_object_is_recorded_as_gone(cloud: Cloud) -> None:
    created = replace(cloud.put("cake.jpg", ROCKET), version_id="")
    cloud.put("cake.jpg", encoded(photo(), "PNG"))
    assert process(created, cloud.settings, cloud.deps).failure_code == "gone"


def test_a_repeated_event_leaves_one_record_and_writes_the_output_once(cloud: Cloud) -> None:
    cloud.s3.put_bucket_versioning(
        Bucket=DESTINATION, VersioningConfiguration={"Status": "Enabled"}
    )
    created = cloud.put("cake.jpg", ROCKET)
    first = pipeline.process(created, cloud.settings, cloud.deps)
    second = pipeline.process(created, cloud.settings, cloud.deps)
    assert (first.repeated, second.repeated) == (False, True)
    assert len(cloud.records()) == len(cloud.current_records()) == 1
    assert len(cloud.s3.list_object_versions(Bucket=DESTINATION)["Versions"]) == 1


def test_processing_again_with_other_settings_replaces_the_output(cloud: Cloud) -> None:
    created = cloud.put("cake.jpg", ROCKET)
    process(created, cloud.settings, cloud.deps)
    quarter = ResizeSpec(target=Scale(Fraction(1, 4)))
    smaller = replace(cloud.settings, renditions=RenditionSet.unnamed("resized-", quarter))
    process(created, smaller, cloud.deps)
    assert decoded(cloud.output("resized-cake.jpg")).size == (160, 107)
    assert len(cloud.records()) == 1


@pytest.mark.parametrize("data", [ROCKET, b"not a picture", ROCKET[:30_000]])
def test_nothing_is_left_in_the_temporary_folder(cloud: Cloud, scratch: Path, data: bytes) -> None:
    process(cloud.put("cake.jpg", data), cloud.settings, cloud.deps)
    assert list(scratch.iterdir()) == []


def test_nothing_is_left_in_the_temporary_folder_after_an_aws_error(
    cloud: Cloud, scratch: Path
) -> None:
    created = cloud.put("cake.jpg", ROCKET)
    cloud.s3.delete_bucket(Bucket=DESTINATION)
    with pytest.raises(ClientError):
        process(created, cloud.settings, cloud.deps)
    assert list(scratch.iterdir()) == []
    assert cloud.records() == []


def test_a_success_is_kept_if_the_original_is_gone_when_its_event_is_repeated(
    cloud: Cloud,
) -> None:
    created = cloud.put("cake.jpg", ROCKET, "0A")
    first = process(created, cloud.settings, cloud.deps)
    cloud.s3.delete_object(Bucket=SOURCE, Key="cake.jpg", VersionId=created.version_id)
    result = pipeline.process(created, cloud.settings, cloud.deps)
    assert (result.repeated, result.record.failure_code) == (True, "gone")
    assert cloud.records() == [first]
    pipeline.record_denied(created, cloud.settings, cloud.deps, "denied")
    assert cloud.records() == [first]


def test_the_record_of_a_superseded_upload_keeps_its_fields(cloud: Cloud) -> None:
    older = cloud.put("cake.jpg", ROCKET, "0A")
    process(older, cloud.settings, cloud.deps)
    process(cloud.put("cake.jpg", encoded(photo(), "PNG"), "0B"), cloud.settings, cloud.deps)
    cloud.s3.delete_object(Bucket=SOURCE, Key="cake.jpg", VersionId=older.version_id)
    assert pipeline.process(older, cloud.settings, cloud.deps).repeated
    (record,) = (record for record in cloud.records() if record.version_id == older.version_id)
    assert (record.status, record.original_width) == (Status.SUPERSEDED, 640)
    assert record.failure_code is None


def test_a_repetition_with_fewer_fields_keeps_those_of_the_event(cloud: Cloud) -> None:
    created = replace(cloud.put("cake.jpg", ROCKET, "0A"), event_time="2026-11-23", region="eu")
    process(created, cloud.settings, cloud.deps)
    bare = ObjectCreated(bucket=SOURCE, key="cake.jpg", version_id=created.version_id)
    process(bare, cloud.settings, cloud.deps)
    (record,) = cloud.records()
    assert (record.event_time, record.aws_region) == ("2026-11-23", "eu")
    assert (record.sequencer, record.etag) == ("0A", created.etag)


def test_a_late_event_does_not_replace_a_newer_output_of_the_original_function(
    cloud: Cloud,
) -> None:
    older = cloud.put("cake.jpg", ROCKET, "0A")
    cloud.put("cake.jpg", encoded(photo(), "PNG"))
    cloud.s3.put_object(Bucket=DESTINATION, Key="resized-cake.jpg", Body=b"newer output")
    record = process(older, cloud.settings, cloud.deps)
    assert record.status is Status.SUPERSEDED
    assert cloud.output("resized-cake.jpg") == b"newer output"


def test_the_newest_upload_replaces_an_output_of_another_program(cloud: Cloud) -> None:
    cloud.s3.put_object(Bucket=DESTINATION, Key="resized-cake.jpg", Body=b"by hand")
    record = process(cloud.put("cake.jpg", ROCKET, "0A"), cloud.settings, cloud.deps)
    assert record.status is Status.SUCCEEDED
    assert decoded(cloud.output("resized-cake.jpg")).size == (320, 214)


def test_a_late_event_restores_the_newest_output_after_it_was_deleted(cloud: Cloud) -> None:
    older = cloud.put("cake.png", encoded(photo(40, 30), "PNG"), "0A")
    newer = cloud.put("cake.png", encoded(photo(80, 60), "PNG"), "0B")
    process(newer, cloud.settings, cloud.deps)
    cloud.s3.delete_object(Bucket=DESTINATION, Key="resized-cake.png")
    assert process(older, cloud.settings, cloud.deps).status is Status.SUPERSEDED
    assert decoded(cloud.output("resized-cake.png")).size == (40, 30)  # half of the newest


def test_a_heic_becomes_a_jpeg_under_a_key_of_its_own(cloud: Cloud) -> None:
    heic, jpeg = (encoded(photo(80, 60), format_) for format_ in ("HEIC", "JPEG"))
    process(cloud.put("cake.jpg", jpeg, "0A"), cloud.settings, cloud.deps)
    record = process(cloud.put("cake.heic", heic, "0B"), cloud.settings, cloud.deps)
    assert (record.original_format, record.resized_format) == ("HEIC", "JPEG")
    assert record.resized_object_key == "resized-cake.heic.jpg"
    assert cloud.output_keys() == ["resized-cake.heic.jpg", "resized-cake.jpg"]
    output = cloud.s3.head_object(Bucket=DESTINATION, Key="resized-cake.heic.jpg")
    assert output["ContentType"] == "image/jpeg"


def test_a_late_event_restores_the_output_of_a_changed_format(cloud: Cloud) -> None:
    older = cloud.put("cake.heic", encoded(photo(40, 30), "HEIC"), "0A")
    newer = cloud.put("cake.heic", encoded(photo(80, 60), "HEIC"), "0B")
    process(newer, cloud.settings, cloud.deps)
    cloud.s3.delete_object(Bucket=DESTINATION, Key="resized-cake.heic.jpg")
    assert process(older, cloud.settings, cloud.deps).status is Status.SUPERSEDED
    assert cloud.output_keys() == ["resized-cake.heic.jpg"]
    assert decoded(cloud.output("resized-cake.heic.jpg")).size == (40, 30)


def test_a_late_event_succeeds_even_if_the_newest_upload_is_gone(cloud: Cloud) -> None:
    older = cloud.put("cake.png", encoded(photo(40, 30), "PNG"), "0A")
    newer = cloud.put("cake.png", encoded(photo(80, 60), "PNG"), "0B")
    process(newer, cloud.settings, cloud.deps)
    cloud.s3.delete_object(Bucket=DESTINATION, Key="resized-cake.png")
    cloud.s3.delete_object(Bucket=SOURCE, Key="cake.png", VersionId=newer.version_id)
    assert process(older, cloud.settings, cloud.deps).status is Status.SUPERSEDED
