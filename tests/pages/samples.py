"""Entries as a stack makes them, for tests, screenshots and the benchmark of the page."""

import base64
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from random import Random

from PIL import Image, ImageEnhance

from imgctl.core.record import Record, Status, reduction_percentage, timestamp
from imgctl.core.recorded_renditions import RecordedRendition
from imgctl.pages.entries import Entry, Thumbnails
from imgctl.pages.report import ReportHeading
from tests.pictures import PHOTOS

HEADING = ReportHeading(
    stack="photos-prod", region="eu-west-2", account="123456789012",
    generated="2026-11-30T12:00:00.000Z",
)  # fmt: skip
NOW = 1_796_040_000  # HEADING's time as seconds since 1970


def record(number: int, **changes: object) -> Record:
    """Return a record of an image that was halved; a higher number is older, by a minute each."""
    values: dict[str, object] = {
        "resource_id": f"{number:032x}",
        "event_time": _time(number),
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
        "processing_time": _time(number),
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
        known, reduction_percentage=reduction_percentage(before, after) if before and after else None
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


def renditions(names: Mapping[str, int], key: str = "holiday/a.jpg") -> tuple[RecordedRendition, ...]:
    """Return a rendition for each name, whose width is given."""
    return tuple(
        RecordedRendition(
            name=name, key=f"{name}/{key}.webp", width=width, height=width * 3 // 4, format="WEBP",
            file_bytes=width * 300, settings="6f1d2c", quality=80,
        )
        for name, width in names.items()
    )  # fmt: skip


def _time(number: float) -> str:
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


_FORMATS = {"JPEG": "jpg", "PNG": "png", "WEBP": "webp", "HEIC": "heic", "TIFF": "tif", "AVIF": "avif"}
_FOLDERS = ("", "2026/lisbon/", "2026/lisbon/day two/", "2026/orbit/", "cats/", "products/spring/")
_FAILURES = (
    ("not_an_image", "The file is a PDF, not an image.", "Use a JPEG, PNG or HEIC file."),
    ("truncated", "The image is truncated.", "Copy or upload the complete file."),
    ("too_large", "The image has 268 megapixels, and at most 100 are allowed.", "Reduce its size first."),
    ("damaged", "The image data cannot be decoded.", "Export it again from the program that created it."),
)  # fmt: skip


def realistic(count: int) -> Iterator[Entry]:
    """Yield entries with the demo's photographs, cut differently, with about 4 kB a thumbnail."""
    random = Random(16)
    photos = [Image.open(path).convert("RGB") for path in sorted(PHOTOS.glob("*.[jp][pn]g"))]
    minutes = 0.0
    for number in range(count):
        minutes += random.expovariate(1 / (2 if random.random() < 0.8 else 60))
        yield _realistic(number, minutes, random, photos)


def _realistic(
    number: int, minutes: float, random: Random, photos: Sequence[Image.Image]
) -> Entry:
    format_ = random.choices(list(_FORMATS), weights=(60, 12, 8, 14, 3, 3))[0]
    folder = random.choice(_FOLDERS)
    name = random.choice(("IMG_{:04}", "DSC{:05}", "coffee table {:03}", "P10{:05}"))
    key = f"{folder}{name.format(9000 - number)}.{_FORMATS[format_]}"
    photo = random.choice(photos)
    share = random.uniform(0.55, 1)
    ratio = random.choice((4 / 3, 3 / 2, 3 / 4, 1.0, 16 / 9))
    width = min(photo.width * share, photo.height * share * ratio)
    left, top = random.uniform(0, photo.width - width), random.uniform(0, photo.height - width / ratio)
    cut = photo.crop((int(left), int(top), int(left + width), int(top + width / ratio)))
    cut = ImageEnhance.Color(cut).enhance(random.uniform(0.7, 1.3))
    scale = 4000 / max(cut.size)
    pixels = {"original_width": round(cut.width * scale), "original_height": round(cut.height * scale)}
    size = int(random.lognormvariate(15, 0.6))
    times = {
        "processing_time": _time(minutes), "event_time": _time(minutes + 0.02),
        "original_object_key": key, "original_size": size, "original_format": format_,
        "fetch_ms": int(random.lognormvariate(3.6, 0.4)),
    }  # fmt: skip
    chance = random.random()
    if chance < 0.035:
        code, reason, hint = random.choice(_FAILURES)
        failure = {"failure_code": code, "failure_reason": reason, "failure_hint": hint}
        return Entry(failed(number, **(times | failure | {"resize_ms": None, "store_ms": None})))
    changes: dict[str, object] = {
        **times, **pixels, "original_file_size": size,
        "status": Status.SUPERSEDED if chance > 0.97 else Status.SUCCEEDED,
        "resized_object_key": f"{folder}resized-{key.removeprefix(folder)}",
        "resized_width": pixels["original_width"] // 2, "resized_height": pixels["original_height"] // 2,
        "resized_format": "JPEG" if format_ == "HEIC" else format_,
        "resized_file_size": int(size * min(1.3, random.lognormvariate(-1.25, 0.35))),
        "resize_ms": int(random.lognormvariate(5.7, 0.5)), "store_ms": int(random.lognormvariate(4, 0.3)),
        "source_sha256": f"{random.getrandbits(256):064x}", "etag": f"{random.getrandbits(128):032x}",
        "request_id": f"{random.getrandbits(128):032x}", "sequencer": f"{random.getrandbits(64):016X}",
        "notes": "GPS position removed; gain map dropped" if chance > 0.8 else None,
    }  # fmt: skip
    made = renditions({"small": 320, "medium": 960, "large": 1920}, key) if chance < 0.08 else ()
    urls = [_webp(cut, quality) for quality in (55, 54)]
    thumbnails = Thumbnails(
        before=urls[0], after=urls[1], renditions={rendition.name: urls[1] for rendition in made}
    )
    return Entry(record(number, **changes, renditions=made or None), thumbnails)


def _webp(image: Image.Image, quality: int) -> str:
    small = image.copy()
    small.thumbnail((240, 240))
    file = io.BytesIO()
    small.save(file, "WEBP", quality=quality)
    return data_url(file.getvalue())
