"""Small pictures of results, to look at in a terminal."""

import shutil
import tempfile
from contextlib import closing
from typing import TYPE_CHECKING, Any

from imgctl.core.formats import ImageFormat
from imgctl.core.geometry import Size
from imgctl.core.limits import MEBIBYTE, Limits
from imgctl.core.record import Record
from imgctl.core.spec import Fit, MetadataPolicy, ResizeSpec
from imgctl.sandbox.process import Resize

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

MAX_BYTES = 64 * MEBIBYTE
_TIMEOUT_S = 20


class NoPreview(Exception):
    """There is no result that could be shown; the message says why."""


def preview(s3: "S3Client", record: Record, resize: Resize, box: Size) -> bytes:
    """Return a record's first output as a BMP that fits into a box in pixels.

    Whoever uploads chooses what is in the output. It is decoded by `resize`, in another process; a
    BMP is little more than pixels. Raises NoPreview without an output or with one of more than
    64 MiB, PictureError if it cannot be decoded, and errors of botocore.
    """
    if not record.outputs or record.resized_bucket is None:
        raise NoPreview("there is no result")
    spec = ResizeSpec(Fit(box.width, box.height), ImageFormat.BMP, metadata=MetadataPolicy.NONE)
    with tempfile.TemporaryFile() as file:
        response: Any = s3.get_object(Bucket=record.resized_bucket, Key=record.outputs[0].key)
        with closing(response["Body"]) as body:
            if response["ContentLength"] > MAX_BYTES:
                raise NoPreview(f"the result is larger than {MAX_BYTES // MEBIBYTE} MiB")
            shutil.copyfileobj(body, file)
        file.seek(0)
        (result,) = resize(file, [spec], Limits(max_bytes=MAX_BYTES), timeout_s=_TIMEOUT_S)
    return result.data
