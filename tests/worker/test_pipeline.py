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
from imgctl.core.spec import ResizeSpec, Scale
from imgctl.worker import pipeline
from imgctl.worker.events import ObjectCreated
from imgctl.worker.settings import Settings
from tests.pictures import PHOTOS, decoded, encoded, photo
from tests.worker.conftest import DESTINATION, SOURCE, Cloud

ROCKET = (PHOTOS / "rocket.jpg").read_bytes()


def process(
    created: ObjectCreated, settings: Settings, effects: pipeline.Dependencies, request_id: str = ""
) -> Record:
    return pipeline.process(created, settings, effects, request_id).record


def test_a_photograph_is_halved_into_the_destination_with_its_metadata(cloud: Cloud) -> None:
    record = process(cloud.put("a/b/cake.jpg", ROCKET), cloud.settings, cloud.effects)
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


def test_the_record_in_the_table_tells_all(cloud: Cloud) -> None:
    created = cloud.put("cake.jpg", ROCKET)
    returned = process(created, cloud.settings, cloud.effects, "request-1")
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


def test_a_name_outside_ascii_goes_into_the_metadata_encoded(cloud: Cloud) -> None:
    process(cloud.put("Käse 🍰.jpg", ROCKET), cloud.settings, cloud.effects)
    metadata = cloud.s3.head_object(Bucket=DESTINATION, Key="resized-Käse 🍰.jpg")["Metadata"]
    assert metadata["original_filename"] == "K%C3%A4se %F0%9F%8D%B0.jpg"


def test_the_longest_name_fits_into_the_metadata(cloud: Cloud) -> None:
    process(cloud.put("é" * 500 + ".jpg", ROCKET), cloud.settings, cloud.effects)
    (key,) = cloud.outputs()
    metadata = cloud.s3.head_object(Bucket=DESTINATION, Key=key)["Metadata"]
    assert sum(len(name) + len(value) for name, value in metadata.items()) <= 2048


def test_the_very_version_of_the_event_is_read(cloud: Cloud) -> None:
    first = cloud.put("cake.png", encoded(photo(40, 30), "PNG"))
    cloud.put("cake.png", encoded(photo(80, 60), "PNG"))
    assert process(first, cloud.settings, cloud.effects).original_width == 40


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"not a picture", "not_an_image"),
        (b"", "not_an_image"),
        (b"<svg></svg>", "unsupported_format"),
        (ROCKET[:30_000], "truncated"),
    ],
)
def test_a_picture_at_fault_is_recorded_with_its_reason(
    cloud: Cloud, data: bytes, code: str
) -> None:
    record = process(cloud.put("bad.jpg", data), cloud.settings, cloud.effects)
    assert cloud.records() == [record]
    assert (record.status, record.failure_code) == (Status.FAILED, code)
    assert record.failure_reason
    assert record.failure_hint
    assert cloud.outputs() == []


def test_a_file_over_the_limit_is_refused_without_being_fetched(cloud: Cloud) -> None:
    settings = replace(cloud.settings, limits=Limits(max_bytes=1000))
    record = process(cloud.put("big.jpg", ROCKET), settings, cloud.effects)
    assert record.failure_code == "too_large"
    assert record.source_sha256 is None


def test_an_event_of_another_bucket_is_refused_and_nothing_is_written(cloud: Cloud) -> None:
    """The destination's, above all: the function would feed itself."""
    created = replace(cloud.put("resized-cake.jpg", ROCKET), bucket=DESTINATION)
    record = process(created, cloud.settings, cloud.effects)
    assert (record.status, record.failure_code) == (Status.FAILED, "wrong_bucket")
    assert cloud.outputs() == []


def test_the_seeds_own_test_event_names_no_version_and_gives_the_same_record(cloud: Cloud) -> None:
    created = cloud.put("cake.jpg", ROCKET)
    bare = ObjectCreated(bucket=SOURCE, key="cake.jpg")
    first = process(created, cloud.settings, cloud.effects)
    second = process(bare, cloud.settings, cloud.effects)
    assert first.resource_id == second.resource_id
    assert len(cloud.records()) == 1


def test_an_archived_object_is_recorded_with_what_to_do(cloud: Cloud) -> None:
    created = cloud.put("cake.jpg", ROCKET)
    with Stubber(cloud.s3) as stub:
        stub.add_client_error("get_object", "InvalidObjectState", "archived", 403)
        record = process(created, cloud.settings, cloud.effects)
    assert record.failure_code == "archived"
    assert "reprocess" in (record.failure_hint or "")


def test_an_object_that_is_gone_is_recorded_as_gone(cloud: Cloud) -> None:
    created = cloud.put("cake.jpg", ROCKET)
    cloud.s3.delete_object(Bucket=SOURCE, Key="cake.jpg", VersionId=created.version_id)
    assert process(created, cloud.settings, cloud.effects).failure_code == "gone"


def test_an_unversioned_object_that_was_replaced_is_gone(cloud: Cloud) -> None:
    created = replace(cloud.put("cake.jpg", ROCKET), version_id="")
    cloud.put("cake.jpg", encoded(photo(), "PNG"))
    assert process(created, cloud.settings, cloud.effects).failure_code == "gone"


def test_a_repeated_event_leaves_one_record_and_writes_the_output_once(cloud: Cloud) -> None:
    cloud.s3.put_bucket_versioning(
        Bucket=DESTINATION, VersioningConfiguration={"Status": "Enabled"}
    )
    created = cloud.put("cake.jpg", ROCKET)
    first = pipeline.process(created, cloud.settings, cloud.effects)
    second = pipeline.process(created, cloud.settings, cloud.effects)
    assert (first.repeated, second.repeated) == (False, True)
    assert len(cloud.records()) == len(cloud.currents()) == 1
    assert len(cloud.s3.list_object_versions(Bucket=DESTINATION)["Versions"]) == 1


def test_processing_again_with_other_settings_replaces_the_output(cloud: Cloud) -> None:
    created = cloud.put("cake.jpg", ROCKET)
    process(created, cloud.settings, cloud.effects)
    smaller = replace(cloud.settings, spec=ResizeSpec(target=Scale(Fraction(1, 4))))
    process(created, smaller, cloud.effects)
    assert decoded(cloud.output("resized-cake.jpg")).size == (160, 107)
    assert len(cloud.records()) == 1


@pytest.mark.parametrize("data", [ROCKET, b"not a picture", ROCKET[:30_000]])
def test_nothing_is_left_in_the_temporary_folder(cloud: Cloud, scratch: Path, data: bytes) -> None:
    process(cloud.put("cake.jpg", data), cloud.settings, cloud.effects)
    assert list(scratch.iterdir()) == []


def test_nothing_is_left_in_the_temporary_folder_after_a_fault_of_aws(
    cloud: Cloud, scratch: Path
) -> None:
    created = cloud.put("cake.jpg", ROCKET)
    cloud.s3.delete_bucket(Bucket=DESTINATION)
    with pytest.raises(ClientError):
        process(created, cloud.settings, cloud.effects)
    assert list(scratch.iterdir()) == []
    assert cloud.records() == []


def test_a_success_stands_though_its_original_is_gone_by_the_time_of_a_repeat(
    cloud: Cloud,
) -> None:
    created = cloud.put("cake.jpg", ROCKET, "0A")
    first = process(created, cloud.settings, cloud.effects)
    cloud.s3.delete_object(Bucket=SOURCE, Key="cake.jpg", VersionId=created.version_id)
    done = pipeline.process(created, cloud.settings, cloud.effects)
    assert (done.repeated, done.record.failure_code) == (True, "gone")
    assert cloud.records() == [first]
    pipeline.record_denied(created, cloud.settings, cloud.effects, "denied")
    assert cloud.records() == [first]


def test_what_is_known_of_an_overtaken_upload_stays(cloud: Cloud) -> None:
    older = cloud.put("cake.jpg", ROCKET, "0A")
    process(older, cloud.settings, cloud.effects)
    process(cloud.put("cake.jpg", encoded(photo(), "PNG"), "0B"), cloud.settings, cloud.effects)
    cloud.s3.delete_object(Bucket=SOURCE, Key="cake.jpg", VersionId=older.version_id)
    assert pipeline.process(older, cloud.settings, cloud.effects).repeated
    (record,) = (one for one in cloud.records() if one.version_id == older.version_id)
    assert (record.status, record.original_width) == (Status.SUPERSEDED, 640)
    assert record.failure_code is None


def test_a_repeat_of_another_kind_keeps_what_the_event_told(cloud: Cloud) -> None:
    created = replace(cloud.put("cake.jpg", ROCKET, "0A"), event_time="2026-11-23", region="eu")
    process(created, cloud.settings, cloud.effects)
    bare = ObjectCreated(bucket=SOURCE, key="cake.jpg", version_id=created.version_id)
    process(bare, cloud.settings, cloud.effects)
    (record,) = cloud.records()
    assert (record.event_time, record.aws_region) == ("2026-11-23", "eu")
    assert (record.sequencer, record.etag) == ("0A", created.etag)


def test_a_late_event_leaves_an_output_alone_that_the_original_function_made_since(
    cloud: Cloud,
) -> None:
    older = cloud.put("cake.jpg", ROCKET, "0A")
    cloud.put("cake.jpg", encoded(photo(), "PNG"))
    cloud.s3.put_object(Bucket=DESTINATION, Key="resized-cake.jpg", Body=b"of the newer one")
    record = process(older, cloud.settings, cloud.effects)
    assert record.status is Status.SUPERSEDED
    assert cloud.output("resized-cake.jpg") == b"of the newer one"


def test_the_newest_upload_replaces_what_another_program_left(cloud: Cloud) -> None:
    cloud.s3.put_object(Bucket=DESTINATION, Key="resized-cake.jpg", Body=b"by hand")
    record = process(cloud.put("cake.jpg", ROCKET, "0A"), cloud.settings, cloud.effects)
    assert record.status is Status.SUCCEEDED
    assert decoded(cloud.output("resized-cake.jpg")).size == (320, 214)


def test_a_late_event_after_an_output_was_deleted_brings_the_newest_back(cloud: Cloud) -> None:
    older = cloud.put("cake.png", encoded(photo(40, 30), "PNG"), "0A")
    newer = cloud.put("cake.png", encoded(photo(80, 60), "PNG"), "0B")
    process(newer, cloud.settings, cloud.effects)
    cloud.s3.delete_object(Bucket=DESTINATION, Key="resized-cake.png")
    assert process(older, cloud.settings, cloud.effects).status is Status.SUPERSEDED
    assert decoded(cloud.output("resized-cake.png")).size == (40, 30)  # half of the newest


def test_where_the_newest_is_gone_too_a_late_event_still_ends(cloud: Cloud) -> None:
    older = cloud.put("cake.png", encoded(photo(40, 30), "PNG"), "0A")
    newer = cloud.put("cake.png", encoded(photo(80, 60), "PNG"), "0B")
    process(newer, cloud.settings, cloud.effects)
    cloud.s3.delete_object(Bucket=DESTINATION, Key="resized-cake.png")
    cloud.s3.delete_object(Bucket=SOURCE, Key="cake.png", VersionId=newer.version_id)
    assert process(older, cloud.settings, cloud.effects).status is Status.SUPERSEDED
