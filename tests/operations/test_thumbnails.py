import base64
import io
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from botocore.exceptions import ClientError
from PIL import Image

from imgctl.aws.errors import CredentialsRefused
from imgctl.aws.session import Aws
from imgctl.core.record import Record, Status
from imgctl.core.recorded_renditions import RecordedRendition
from imgctl.operations.thumbnails import (
    SIDE,
    Download,
    StoredImage,
    ThumbnailMaker,
    images_of,
)
from imgctl.pages.entries import Entry
from tests import costly_pictures
from tests.pictures import PHOTOS, encoded, photo

SOURCE, DESTINATION = "originals", "results"
CAKE = encoded(photo(640, 480), "JPEG")
HALF = encoded(photo(320, 240), "JPEG")


@pytest.fixture
def buckets(aws: Aws) -> Aws:
    for bucket in (SOURCE, DESTINATION):
        aws.s3.create_bucket(
            Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": "eu-west-2"}
        )
        aws.s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    return aws


@pytest.fixture
def notes() -> list[tuple[str, str]]:
    return []


@pytest.fixture
def maker(buckets: Aws, notes: list[tuple[str, str]]) -> Iterator[ThumbnailMaker]:
    with ThumbnailMaker(buckets.s3, lambda *note: notes.append(note)) as maker:
        yield maker


def put(aws: Aws, bucket: str, key: str, data: bytes, record_id: str = "") -> Any:
    metadata = {"record_id": record_id} if record_id else {}
    return aws.s3.put_object(Bucket=bucket, Key=key, Body=data, Metadata=metadata)


def store(aws: Aws, original: bytes = CAKE, result: bytes | None = HALF, **values: Any) -> Record:
    """Store an upload and its result, and return its record."""
    stored = put(aws, SOURCE, "cake.jpg", original)
    if result is not None:
        put(aws, DESTINATION, "resized-cake.jpg", result, "r1")
    return Record(
        resource_id="r1",
        original_bucket=SOURCE,
        original_object_key="cake.jpg",
        original_file_size=len(original),
        version_id=stored["VersionId"],
        etag=stored["ETag"].strip('"'),
        resized_bucket=DESTINATION,
        resized_object_key="resized-cake.jpg",
        resized_file_size=None if result is None else len(result),
        **values,
    )


def shown(maker: ThumbnailMaker, record: Record) -> Entry:
    (entry,) = maker.entries([record])
    return entry


def image(url: str | None) -> Image.Image:
    assert url is not None
    head, data = url.split(",", 1)
    assert head == "data:image/webp;base64"
    opened = Image.open(io.BytesIO(base64.b64decode(data)))
    assert opened.format == "WEBP"
    return opened


def test_original_and_result_are_shown_small(buckets: Aws, maker: ThumbnailMaker) -> None:
    thumbnails = shown(maker, store(buckets)).thumbnails
    assert image(thumbnails.before).size == (SIDE, 180)
    assert image(thumbnails.after).size == (SIDE, 180)
    assert thumbnails.renditions == {}


def test_a_photograph_takes_about_four_kilobytes(buckets: Aws, maker: ThumbnailMaker) -> None:
    for name in ("rocket.jpg", "coffee.png", "chelsea.png", "hubble_deep_field.jpg"):
        record = store(buckets, (PHOTOS / name).read_bytes(), None)
        url = shown(maker, record).thumbnails.before
        assert url is not None
        assert len(url) < 5_800  # in base64: 12 MB for 2,000


def test_an_image_on_its_side_is_shown_upright_and_without_metadata(
    buckets: Aws, maker: ThumbnailMaker
) -> None:
    exif = Image.Exif()
    exif[0x0112], exif[0x010E] = 6, "secret"
    record = store(buckets, encoded(photo(640, 480), "JPEG", exif=exif.tobytes()), None)
    thumbnail = image(shown(maker, record).thumbnails.before)
    assert thumbnail.size == (180, SIDE)
    assert {"exif", "icc_profile", "xmp"}.isdisjoint(thumbnail.info)


def test_each_rendition_is_shown_and_downloaded_once(buckets: Aws, maker: ThumbnailMaker) -> None:
    half = RecordedRendition(
        name="half", key="resized-cake.jpg", width=1, height=1, format="JPEG",
        file_bytes=len(HALF), settings="0",
    )  # fmt: skip
    web = replace(half, name="web", key="web/cake.jpg")
    put(buckets, DESTINATION, "web/cake.jpg", HALF, "r1")
    record = store(buckets, renditions=(half, web, replace(half, name="gone", key="gone.jpg")))
    assert Download().plus(record) == Download(4, len(CAKE) + 3 * len(HALF))
    thumbnails = shown(maker, record).thumbnails
    assert set(thumbnails.renditions) == {"half", "web"}
    assert thumbnails.renditions["half"] == thumbnails.after


def test_entries_come_in_the_order_of_their_records(buckets: Aws, maker: ThumbnailMaker) -> None:
    record = store(buckets, HALF, None)
    missing = replace(record, original_object_key="gone")
    records = [replace(missing if n % 3 else record, resource_id=str(n)) for n in range(40)]
    entries = list(maker.entries(iter(records)))
    assert [entry.record for entry in entries] == records
    assert [n for n, e in enumerate(entries) if e.thumbnails.before] == list(range(0, 40, 3))


def test_the_version_that_the_record_is_about_is_shown(buckets: Aws, maker: ThumbnailMaker) -> None:
    record = store(buckets)
    put(buckets, SOURCE, "cake.jpg", encoded(photo(30, 90), "PNG"))
    assert image(shown(maker, record).thumbnails.before).size == (SIDE, 180)


CHANGES = {
    "another version, where the bucket keeps none": {"version_id": None},
    "a version that is gone": {"version_id": "null"},
    "another size": {"original_file_size": 7},
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_an_original_that_is_not_the_recorded_one_is_not_shown(
    buckets: Aws, maker: ThumbnailMaker, notes: list[tuple[str, str]], change: dict[str, Any]
) -> None:
    record = replace(store(buckets), **change)
    put(buckets, SOURCE, "cake.jpg", encoded(photo(30, 90), "PNG"))
    thumbnails = shown(maker, record).thumbnails
    assert thumbnails.before is None
    assert thumbnails.after is not None
    assert [key for key, _ in notes] == ["cake.jpg"]


def test_the_output_of_another_upload_is_not_shown(buckets: Aws, maker: ThumbnailMaker) -> None:
    record = store(buckets)
    put(buckets, DESTINATION, "resized-cake.jpg", HALF, "another")
    assert shown(maker, record).thumbnails.after is None


def test_the_output_of_the_original_function_has_no_id_and_is_shown(
    buckets: Aws, maker: ThumbnailMaker
) -> None:
    record = store(buckets)
    put(buckets, DESTINATION, "resized-cake.jpg", HALF)
    assert shown(maker, record).thumbnails.after is not None


def test_metadata_of_the_uploader_does_not_hide_an_original(
    buckets: Aws, maker: ThumbnailMaker
) -> None:
    stored = put(buckets, SOURCE, "cake.jpg", CAKE, "whatever")
    record = replace(store(buckets), version_id=stored["VersionId"])
    assert shown(maker, record).thumbnails.before is not None


HOSTILE = {
    "no image": b"<svg onload=alert(1)>",
    "truncated": CAKE[: len(CAKE) // 2],
    "a bomb": costly_pictures.gif_of_a_huge_screen(40_000),
    "empty": b"",
}


def test_hostile_objects_have_no_thumbnail_and_cost_the_others_nothing(
    buckets: Aws, maker: ThumbnailMaker, notes: list[tuple[str, str]]
) -> None:
    records = [store(buckets, data, None) for data in HOSTILE.values()]
    *hostile, last = maker.entries([*records, store(buckets)])
    assert [entry.thumbnails.before for entry in hostile] == [None] * len(HOSTILE)
    assert last.thumbnails.before is not None
    assert [key for key, _ in notes] == ["cake.jpg"] * len(HOSTILE)


def test_the_original_of_a_failure_is_shown_if_that_is_cheap() -> None:
    failed = Record(
        resource_id="1",
        status=Status.FAILED,
        original_bucket=SOURCE,
        original_object_key="x",
        original_size=1_000,
    )
    assert images_of(failed).before == StoredImage(SOURCE, "x", 1_000)
    assert images_of(replace(failed, original_size=10**8)).before is None
    assert images_of(replace(failed, original_size=None)).before is None


def test_of_a_superseded_upload_only_the_original_is_shown(buckets: Aws) -> None:
    images = images_of(store(buckets, status=Status.SUPERSEDED))
    assert (images.before is None, images.after) == (False, None)


def test_a_record_of_nothing_has_no_thumbnails(maker: ThumbnailMaker) -> None:
    assert images_of(Record(resource_id="1")).all == ()
    assert shown(maker, Record(resource_id="1")).thumbnails.before is None


@pytest.mark.parametrize("data", [b"GIF89a" + bytes(600), b"RIFF....WEBP" + bytes(100_000)])
def test_a_child_that_was_taken_over_cannot_pass_off_anything_else(
    buckets: Aws, maker: ThumbnailMaker, monkeypatch: pytest.MonkeyPatch, data: bytes
) -> None:
    made = maker._processes.resize

    def lie(*args: Any, **options: Any) -> Any:
        return [replace(result, data=data) for result in made(*args, **options)]

    monkeypatch.setattr(maker._processes, "resize", lie)
    assert shown(maker, store(buckets, HALF, None)).thumbnails.before is None


def refuse(monkeypatch: pytest.MonkeyPatch, aws: Aws, code: str) -> None:
    def get_object(**_: Any) -> None:
        raise ClientError({"Error": {"Code": code, "Message": "no"}}, "GetObject")

    monkeypatch.setattr(aws.s3, "get_object", get_object)


def test_credentials_that_do_not_work_fail_them_all(
    buckets: Aws, maker: ThumbnailMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = store(buckets)
    refuse(monkeypatch, buckets, "ExpiredToken")
    with pytest.raises(CredentialsRefused):
        shown(maker, record)


def test_a_missing_permission_is_noted_and_fails_nothing(
    buckets: Aws,
    maker: ThumbnailMaker,
    notes: list[tuple[str, str]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    record = store(buckets)
    refuse(monkeypatch, buckets, "AccessDenied")
    assert shown(maker, record).thumbnails.before is None
    assert "GetObject" in notes[0][1]
