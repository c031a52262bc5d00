"""`python -m tests.benchmarks.pages`: measure a report of 1,000 records in headless Chromium.

The records are like those of a real stack, with thumbnails of the demo's photographs. `frame` is
the longest frame while scrolling, by the clock; `task` the longest work of the page in one piece,
by the processor, which other programs on the machine hardly change. Exits with 1 if a target is
missed. `--keep FILE` keeps the report, to look at it.
"""

import argparse
import io
import json
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

from PIL import Image, ImageEnhance
from playwright.sync_api import Browser, sync_playwright

from imgctl.core.geometry import Size
from imgctl.core.record import Status
from imgctl.pages.entries import Entry, Thumbnails
from imgctl.pages.report import write_report
from tests.pages import samples
from tests.pages.samples import HEADING, data_url, failed, record, renditions
from tests.pictures import PHOTOS

RECORDS = 1000
ROUNDS = 5

# Megabytes and milliseconds, at most.
TARGETS = {"size": 12.0, "open": 2000.0, "frame": 100.0, "task": 100.0, "filter": 100.0}

_FORMATS = {"JPEG": "jpg", "PNG": "png", "WEBP": "webp", "HEIC": "heic", "TIFF": "tif"}
_NAMES = ("IMG_{:04}", "DSC{:05}", "coffee table {:03}", "P10{:05}")
_FOLDERS = ("", "2026/lisbon/", "2026/lisbon/day two/", "2026/orbit/", "cats/", "products/spring/")
_FAILURES = (
    ("not_an_image", "The file is a PDF, not an image.", "Use a JPEG, PNG or HEIC file."),
    ("truncated", "The image is truncated.", "Copy or upload the complete file."),
    ("damaged", "The image data cannot be decoded.", "Export it again from its program."),
)
_RATIOS = (4 / 3, 3 / 2, 3 / 4, 1.0, 16 / 9)


def main() -> int:
    """Measure, print the figures, and return whether one is over its target."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--keep", type=Path, help="keep the report")
    keep = parser.parse_args().keep
    executable = shutil.which("chromium")
    if executable is None:
        sys.exit("Chromium is not installed.")
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        file = keep or Path(folder) / "report.html"
        with file.open("wb") as output:
            write_report(output, replace(HEADING, more=True), realistic(RECORDS))
        browser = playwright.chromium.launch(executable_path=executable, args=["--disable-gpu"])
        rounds = [measure(browser, file) for _ in range(ROUNDS)]
        browser.close()
        figures = {"size": [file.stat().st_size / 1e6]}
    figures |= {name: [each[name] for each in rounds] for name in rounds[0]}
    missed = False
    for name, values in figures.items():
        middle, worst = statistics.median(values), max(values)
        missed |= middle > TARGETS[name]
        print(f"{name:8} median {middle:8.1f}  worst {worst:8.1f}  target {TARGETS[name]:8.1f}")
    return int(missed)


def measure(browser: Browser, file: Path) -> dict[str, float]:
    """Return how long the page takes to open, to scroll and to filter, each in ms."""
    page = browser.new_page()
    started = time.perf_counter()
    page.goto(file.resolve().as_uri())
    page.evaluate(_NEXT_FRAME)
    opened = (time.perf_counter() - started) * 1000
    browser.start_tracing(page=page, categories=["toplevel"])
    frames = page.evaluate(_SCROLL)
    task = longest_task(json.loads(browser.stop_tracing())["traceEvents"])
    assert page.locator("#gallery > li").count() == RECORDS
    filters = [
        page.evaluate(_FILTER, words) for words in ("lisbon", "IMG_8", "no such", "cats", "")
    ]
    page.close()
    return {"open": opened, "frame": max(frames), "task": task, "filter": max(filters)}


def longest_task(events: Sequence[dict[str, Any]]) -> float:
    """Return the processor time of the longest task of any page's main thread, in ms."""
    threads = {
        (event["pid"], event["tid"])
        for event in events
        if event["name"] == "thread_name" and event["args"]["name"] == "CrRendererMain"
    }
    times = [e.get("tdur", 0) for e in events if (e.get("pid"), e.get("tid")) in threads]
    return float(max(times)) / 1000


_NEXT_FRAME = "() => new Promise((r) => requestAnimationFrame(() => setTimeout(() => r())))"

# Scrolls through the whole page, as fast as a wheel does it.
_SCROLL = """async () => {
  const frames = [];
  let last = performance.now();
  for (let still = 0; still < 5; ) {
    const before = scrollY;
    scrollBy(0, 240);
    await new Promise(requestAnimationFrame);
    const now = performance.now();
    frames.push(now - last);
    last = now;
    still = scrollY === before ? still + 1 : 0;
  }
  return frames;
}"""

# From typing to the frame that shows the answer.
_FILTER = """async (words) => {
  const field = document.querySelector('[name=words]');
  field.value = words;
  const started = performance.now();
  field.dispatchEvent(new Event('input', { bubbles: true }));
  await new Promise((r) => requestAnimationFrame(() => setTimeout(r)));
  return performance.now() - started;
}"""


def realistic(count: int) -> Iterator[Entry]:
    """Yield entries as of a real stack, the newest first, with about 4 kB a thumbnail."""
    random = Random(16)
    photos = [Image.open(path).convert("RGB") for path in sorted(PHOTOS.glob("*.[jp][pn]g"))]
    minutes = 0.0
    for number in range(count):
        minutes += random.expovariate(1 / random.choice((2, 2, 2, 60)))
        yield _entry(number, minutes, random, photos)


def _entry(number: int, minutes: float, random: Random, photos: Sequence[Image.Image]) -> Entry:
    format_ = random.choices(list(_FORMATS), weights=(60, 12, 8, 14, 3))[0]
    folder = random.choice(_FOLDERS)
    name = f"{random.choice(_NAMES).format(9000 - number)}.{_FORMATS[format_]}"
    size = int(random.lognormvariate(15, 0.6))
    known = record(
        number,
        processing_time=samples.time(minutes),
        original_object_key=f"{folder}{name}",
        resized_object_key=f"{folder}resized-{name}",
        original_format=format_,
        original_size=size,
        source_sha256=f"{random.getrandbits(256):064x}",
        etag=f"{random.getrandbits(128):032x}",
        request_id=f"{random.getrandbits(128):032x}",
        sequencer=f"{random.getrandbits(64):016X}",
        fetch_ms=int(random.lognormvariate(3.6, 0.4)),
    )
    if random.random() < 0.035:
        code, reason, hint = random.choice(_FAILURES)
        plain = failed(number, failure_code=code, failure_reason=reason, failure_hint=hint)
        return Entry(
            replace(
                plain,
                processing_time=known.processing_time,
                original_object_key=known.original_object_key,
            )
        )
    picture = _picture(random, photos)
    before = Size(picture.width * 8, picture.height * 8)
    made = renditions({"small": 320, "large": 1920}, f"{folder}{name}")
    after_bytes = int(size * min(1.3, random.lognormvariate(-1.25, 0.35)))
    known = replace(
        known,
        status=Status.SUPERSEDED if random.random() < 0.03 else Status.SUCCEEDED,
        original_file_size=size,
        original_width=before.width,
        original_height=before.height,
        resized_width=before.width // 2,
        resized_height=before.height // 2,
        resized_format="JPEG" if format_ == "HEIC" else format_,
        resized_file_size=after_bytes,
        resize_ms=int(random.lognormvariate(5.7, 0.5)),
        notes=random.choice((None, None, "GPS position removed; gain map dropped")),
        renditions=made if random.random() < 0.05 else None,
    )
    before_url, after_url = _webp(picture, 56), _webp(picture, 54)
    names = [rendition.name for rendition in known.renditions or ()]
    urls = Thumbnails(
        before=before_url, after=after_url, renditions=dict.fromkeys(names, after_url)
    )
    return Entry(known, urls)


def _picture(random: Random, photos: Sequence[Image.Image]) -> Image.Image:
    """Return a part of a photograph, in slightly other colors."""
    photo, ratio, share = random.choice(photos), random.choice(_RATIOS), random.uniform(0.55, 1)
    width = min(photo.width * share, photo.height * share * ratio)
    height = width / ratio
    left, top = random.uniform(0, photo.width - width), random.uniform(0, photo.height - height)
    part = photo.crop((int(left), int(top), int(left + width), int(top + height)))
    return ImageEnhance.Color(part).enhance(random.uniform(0.7, 1.3))


def _webp(image: Image.Image, quality: int) -> str:
    small = image.copy()
    small.thumbnail((240, 240))
    file = io.BytesIO()
    small.save(file, "WEBP", quality=quality)
    return data_url(file.getvalue())


if __name__ == "__main__":
    sys.exit(main())
