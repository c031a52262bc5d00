import io
from collections.abc import Iterator
from typing import Any, BinaryIO

import pytest
from botocore.exceptions import ClientError
from PIL import Image

from imgctl.aws.session import Aws
from imgctl.core.errors import UnsupportedFormat
from imgctl.core.geometry import Size
from imgctl.core.record import Record, Status
from imgctl.operations import preview as operation
from imgctl.operations.preview import NoPreview, preview
from imgctl.sandbox.child import spawn
from imgctl.sandbox.process import ResizeProcess
from tests.pictures import animation, encoded, photo

BUCKET, KEY = "results", "resized-a"
RECORD = Record(resource_id="1", resized_bucket=BUCKET, resized_object_key=KEY)
BOX = Size(40, 40)


@pytest.fixture
def bucket(aws: Aws) -> Aws:
    aws.s3.create_bucket(
        Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": "eu-west-2"}
    )
    return aws


@pytest.fixture
def process() -> Iterator[ResizeProcess]:
    made = ResizeProcess(spawn)
    yield made
    made.close()


def refuse(source: BinaryIO, *_: Any, **__: Any) -> list[Any]:
    raise AssertionError(f"{source} is decoded")


def test_a_result_arrives_as_a_small_bitmap(bucket: Aws, process: ResizeProcess) -> None:
    for data in (encoded(photo(80, 60), "JPEG"), animation("GIF"), encoded(photo(80, 60), "PNG")):
        bucket.s3.put_object(Bucket=BUCKET, Key=KEY, Body=data)
        with Image.open(io.BytesIO(preview(bucket.s3, RECORD, process.resize, BOX))) as image:
            assert (image.format, image.size) == ("BMP", (40, 30))
    bucket.s3.put_object(Bucket=BUCKET, Key=KEY, Body=b"%PDF-1.7")
    with pytest.raises(UnsupportedFormat):
        preview(bucket.s3, RECORD, process.resize, BOX)


def test_a_large_result_is_not_downloaded(bucket: Aws, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(operation, "MAX_BYTES", 100)
    bucket.s3.put_object(Bucket=BUCKET, Key=KEY, Body=bytes(101))
    with pytest.raises(NoPreview, match="larger than"):
        preview(bucket.s3, RECORD, refuse, BOX)


def test_what_is_not_there_has_no_preview(bucket: Aws) -> None:
    with pytest.raises(NoPreview):
        preview(bucket.s3, Record(resource_id="1", status=Status.FAILED), refuse, BOX)
    with pytest.raises(ClientError):
        preview(bucket.s3, RECORD, refuse, BOX)
