"""Entries as a stack makes them."""

import base64
import io
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime

from PIL import Image

from imgctl.core.record import Record, Status, reduction_percentage, timestamp
from imgctl.core.recorded_renditions import RecordedRendition
from imgctl.pages.entries import Thumbnails
from imgctl.pages.report import ReportHeading

HEADING = ReportHeading(
    stack="photos-prod", region="eu-west-2", account="123456789012",
    generated="2026-11-30T12:00:00.000Z",
)  # fmt: skip
NOW = 1_796_040_000  # HEADING's time as seconds since 1970


def record(number: int, **changes: object) -> Record:
    """Return a record of an image that was halved; a higher number is older, by a minute each."""
    values: dict[str, object] = {
        "resource_id": f"{number:032x}",
        "event_time": time(number),
        "event_type": "ObjectCreated:Put",
        "aws_region": "eu-west-2",
        "original_bucket": "photos-prod-source",
        "original_object_key": f"holiday/IMG_{number:04}.jpg",
        "original_size": 2_000_000,
        "original_width": 4000,
        "original_height": 3000,
        "original_format": "JPEG",
        "original_mode": "RGB",
        "original_file_size": 2_000_000,
        "resized_bucket": "photos-prod-destination",
        "resized_object_key": f"holiday/resized-IMG_{number:04}.jpg",
        "resized_width": 2000,
        "resized_height": 1500,
        "resized_format": "JPEG",
        "resized_mode": "RGB",
        "resized_file_size": 600_000,
        "processing_time": time(number),
        "dimension_reduction": "4000x3000 → 2000x1500",
        "frames": 1,
        "version_id": f"version-{number}",
        "fetch_ms": 40,
        "resize_ms": 300,
        "store_ms": 60,
    }
    known = Record(**(values | changes))  # type: ignore[arg-type]
    before, after = known.original_file_size, known.resized_file_size
    return replace(
        known,
        reduction_percentage=reduction_percentage(before, after) if before and after else None,
    )


def failed(number: int, **changes: object) -> Record:
    """Return a record of a file that is no image."""
    missing = ("width", "height", "format", "mode", "file_size")
    values: dict[str, object] = {f"original_{name}": None for name in missing}
    values |= {f"resized_{name}": None for name in (*missing, "bucket", "object_key")}
    values |= {
        "status": Status.FAILED,
        "dimension_reduction": None,
        "failure_code": "not_an_image",
        "failure_reason": "Unrecognized image format.",
        "failure_hint": "Use a JPEG, PNG, WebP, GIF, TIFF, BMP, AVIF or HEIC file.",
    }
    return record(number, **(values | changes))


def renditions(
    names: Mapping[str, int], key: str = "holiday/a.jpg"
) -> tuple[RecordedRendition, ...]:
    """Return a rendition for each name, whose width is given."""
    return tuple(
        RecordedRendition(
            name=name, key=f"{name}/{key}.webp", width=width, height=width * 3 // 4, format="WEBP",
            file_bytes=width * 300, settings="6f1d2c", quality=80,
        )
        for name, width in names.items()
    )  # fmt: skip


def time(number: float) -> str:
    return timestamp(datetime.fromtimestamp(NOW - 60 * number, UTC))


def thumbnail(color: tuple[int, int, int], size: tuple[int, int] = (12, 9)) -> str:
    """Return a small image of one color as a data URL."""
    file = io.BytesIO()
    Image.new("RGB", size, color).save(file, "WEBP")
    return data_url(file.getvalue())


def data_url(webp: bytes) -> str:
    """Return a WebP as a data URL."""
    return f"data:image/webp;base64,{base64.b64encode(webp).decode()}"


BEFORE, AFTER = thumbnail((200, 60, 40)), thumbnail((40, 60, 200))
THUMBNAILS = Thumbnails(before=BEFORE, after=AFTER)
