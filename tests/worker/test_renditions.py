"""Several outputs of one upload, and the one output of a stack without renditions as it was."""

import hashlib
import io
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from imgctl.core.limits import Limits
from imgctl.core.record import Record, Status
from imgctl.core.rendition_tables import parse_renditions, settings_digest
from imgctl.core.renditions import RenditionSet
from imgctl.core.resize import resize_each
from imgctl.worker import pipeline
from imgctl.worker.handler import handle
from tests.pictures import PHOTOS, decoded, encoded, heic, photo
from tests.worker.cloud import DESTINATION, SOURCE, Cloud, s3_event_for

ROCKET = (PHOTOS / "rocket.jpg").read_bytes()
GOLDEN = Path(__file__).with_name("default_stack.json")
TABLES: list[dict[str, Any]] = [
    {"name": "half", "prefix": "resized-", "scale": 0.5},
    {"name": "web", "prefix": "web/", "fit": "160x160", "format": "webp", "quality": 82},
    {"name": "thumb", "prefix": "thumb/", "cover": "32x32"},
]
THREE = parse_renditions(TABLES)


def with_renditions(cloud: Cloud, renditions: RenditionSet = THREE, **settings: Any) -> Cloud:
    cloud.settings = replace(cloud.settings, renditions=renditions, **settings)
    return cloud


def process(cloud: Cloud, key: str, data: bytes) -> Record:
    return pipeline.process(cloud.put(key, data), cloud.settings, cloud.deps, "request").record


def test_a_stack_without_renditions_writes_what_it_always_wrote(cloud: Cloud) -> None:
    suspended: Any = {"Status": "Suspended"}
    cloud.s3.put_bucket_versioning(Bucket=SOURCE, VersioningConfiguration=suspended)
    uploads = {
        "holiday/kåge 1.jpg": "rocket.jpg",
        "coffee.png": "coffee.png",
        "é/" * 400 + "b" * 215 + ".jpg": "rocket.jpg",
    }
    created = [
        replace(cloud.put(key, (PHOTOS / name).read_bytes(), f"0{sequencer}"), version_id="")
        for sequencer, (key, name) in zip("ABC", uploads.items(), strict=True)
    ]
    handle(s3_event_for(*created), cloud.invocation)
    outputs = {
        key: {
            name: value
            for name, value in cloud.s3.head_object(Bucket=DESTINATION, Key=key).items()
            if name in ("Metadata", "ContentType", "ContentLength", "ETag")
        }
        for key in cloud.output_keys()
    }
    items = sorted(cloud.items(), key=lambda item: item["resource-id"]["S"])
    written = {"items": items, "outputs": outputs, "lines": cloud.lines}
    assert json.loads(json.dumps(written)) == json.loads(GOLDEN.read_text(encoding="utf-8"))
    assert all("CacheControl" not in cloud.head(key) for key in outputs)


def test_each_rendition_is_stored_under_its_key_with_its_name_and_type(cloud: Cloud) -> None:
    record = process(with_renditions(cloud), "a/cake.jpg", ROCKET)
    expected = resize_each(io.BytesIO(ROCKET), THREE.specs, Limits())
    keys = ("a/resized-cake.jpg", "web/a/cake.jpg.webp", "thumb/a/cake.jpg")
    assert sorted(keys) == cloud.output_keys()
    types = ("image/jpeg", "image/webp", "image/jpeg")
    for key, name, type_, result in zip(keys, THREE.names, types, expected, strict=True):
        head = cloud.head(key)
        assert cloud.output(key) == result.data
        assert head["ContentType"] == type_
        assert head["Metadata"]["rendition"] == name
        assert head["Metadata"]["record_id"] == record.resource_id
        assert head["Metadata"]["sha256"] == hashlib.sha256(result.data).hexdigest()
        assert head["Metadata"]["resized_dimensions"] == str(result.resized.size)


def test_one_record_has_the_first_rendition_and_lists_all(cloud: Cloud) -> None:
    process(with_renditions(cloud), "cake.jpg", ROCKET)
    (record,) = cloud.records()
    assert record.resized_object_key == "resized-cake.jpg"
    assert record.dimension_reduction == "640x427 → 320x214"
    (item,) = (item for item in cloud.items() if "Renditions" in item)
    half, web, thumb = (entry["M"] for entry in item["Renditions"]["L"])
    assert web == {
        "name": {"S": "web"},
        "key": {"S": "web/cake.jpg.webp"},
        "width": {"N": "160"},
        "height": {"N": "107"},
        "format": {"S": "WEBP"},
        "bytes": {"N": str(len(cloud.output("web/cake.jpg.webp")))},
        "settings": {"S": settings_digest(THREE.renditions[1])},
        "quality": {"N": "82"},
        "notes": {"S": "comment dropped: not supported by WEBP"},
    }
    assert (half["key"]["S"], thumb["key"]["S"]) == ("resized-cake.jpg", "thumb/cake.jpg")


def test_a_heic_of_a_phone_becomes_all_renditions(cloud: Cloud) -> None:
    record = process(with_renditions(cloud), "IMG 1.heic", heic(photo(64, 48)))
    assert record.status is Status.SUCCEEDED
    assert cloud.output_keys() == [
        "resized-IMG 1.heic.jpg",
        "thumb/IMG 1.heic.jpg",
        "web/IMG 1.heic.webp",
    ]
    assert decoded(cloud.output("thumb/IMG 1.heic.jpg")).size == (32, 32)


def test_an_image_of_which_one_rendition_cannot_be_made_has_no_outputs(cloud: Cloud) -> None:
    wide = parse_renditions(
        [*TABLES, {"name": "all", "prefix": "all/", "scale": 1, "format": "webp"}]
    )
    record = process(with_renditions(cloud, wide), "wide.png", encoded(photo(16_400, 2), "PNG"))
    assert (record.status, record.failure_code) == (Status.FAILED, "too_large")
    assert "WEBP holds at most 16,383" in (record.failure_reason or "")
    assert record.renditions is None
    assert cloud.output_keys() == []


def test_processing_again_writes_only_the_renditions_that_are_missing(cloud: Cloud) -> None:
    created = cloud.put("cake.jpg", ROCKET)
    pipeline.process(created, cloud.settings, cloud.deps)
    with_renditions(cloud, parse_renditions(TABLES[:2]))
    pipeline.process(created, cloud.settings, cloud.deps)
    versions = {key: cloud.head(key)["LastModified"] for key in cloud.output_keys()}
    cloud.s3.put_bucket_versioning(
        Bucket=DESTINATION, VersioningConfiguration={"Status": "Enabled"}
    )
    with_renditions(cloud)
    record = pipeline.process(created, cloud.settings, cloud.deps).record
    listed = cloud.s3.list_object_versions(Bucket=DESTINATION)["Versions"]
    assert sorted(item["Key"] for item in listed) == [
        "resized-cake.jpg",
        "thumb/cake.jpg",
        "web/cake.jpg.webp",
    ]
    assert {key: cloud.head(key)["LastModified"] for key in versions} == versions
    (stored,) = cloud.records()
    assert stored == record
    assert [one.name for one in stored.renditions or ()] == ["half", "web", "thumb"]


def test_outputs_have_the_cache_control_of_the_settings(cloud: Cloud) -> None:
    created = cloud.put("cake.jpg", ROCKET)
    for header in ("public, max-age=60", "no-store"):
        with_renditions(cloud, cache_control=header)
        pipeline.process(created, cloud.settings, cloud.deps)
        assert {cloud.head(key)["CacheControl"] for key in cloud.output_keys()} == {header}


def test_each_rendition_is_logged_by_its_name_once(cloud: Cloud) -> None:
    event = s3_event_for(with_renditions(cloud).put("cake.jpg", ROCKET))
    handle(event, cloud.invocation)
    handle(event, cloud.invocation)
    outcomes = [line["outcome"] for line in cloud.lines]
    assert outcomes == ["SUCCEEDED", "RENDITION", "RENDITION", "RENDITION", "REPEATED"]
    line = cloud.lines[2]
    assert (line["rendition"], line["key"]) == ("web", "web/cake.jpg.webp")
    assert line["bytes"] == len(cloud.output("web/cake.jpg.webp"))


@pytest.mark.parametrize("lost", ["resized-a.png", "web/a.png.webp", "thumb/a.png"])
def test_a_lost_rendition_of_the_last_good_upload_is_restored(cloud: Cloud, lost: str) -> None:
    good = process(with_renditions(cloud), "a.png", encoded(photo(64, 48), "PNG"))
    bad = cloud.put("a.png", b"not a picture")
    pipeline.process(bad, cloud.settings, cloud.deps)
    cloud.s3.delete_object(Bucket=DESTINATION, Key=lost)
    pipeline.process(bad, cloud.settings, cloud.deps)
    owners = {cloud.head(key)["Metadata"]["record_id"] for key in cloud.output_keys()}
    assert (len(cloud.output_keys()), owners) == (3, {good.resource_id})


def test_an_output_of_another_key_from_earlier_settings_is_no_newer_upload(cloud: Cloud) -> None:
    first = cloud.put("web/a.jpg", ROCKET, "0B")
    pipeline.process(first, cloud.settings, cloud.deps)
    assert cloud.output_keys() == ["web/resized-a.jpg"]
    tables = [{"name": "web", "prefix": "web/", "scale": 0.5}, TABLES[0]]
    with_renditions(cloud, parse_renditions(tables))
    other = cloud.put("resized-a.jpg", ROCKET, "0A")  # whose output has that key now
    record = pipeline.process(other, cloud.settings, cloud.deps).record
    assert record.status is Status.SUCCEEDED
    assert cloud.head("web/resized-a.jpg")["Metadata"]["record_id"] == record.resource_id


def test_outputs_say_with_which_rendition_and_settings_they_were_made(cloud: Cloud) -> None:
    created = cloud.put("a.jpg", ROCKET)
    pipeline.process(created, cloud.settings, cloud.deps)
    with_renditions(cloud)
    pipeline.process(created, cloud.settings, cloud.deps)
    for renamed in (THREE, parse_renditions([{**TABLES[0], "name": "main"}, *TABLES[1:]])):
        with_renditions(cloud, renamed)
        pipeline.process(created, cloud.settings, cloud.deps)
        metadata = cloud.head("resized-a.jpg")["Metadata"]
        assert metadata["rendition"] == renamed.names[0]
        assert metadata["settings"] == settings_digest(renamed.renditions[0])
