"""One peer's work in a process of its own: `worker.py PEER SOURCE DESTINATION TIMES`.

Prints `{"seconds": [...], "peak_bytes": ...}`: the time of each repetition, file to file, after one
to warm up, and the peak memory of the process. Runs on one core.
"""

import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

QUALITY = 80

FOUR_RENDITIONS: list[dict[str, Any]] = [
    {"name": "half", "prefix": "resized-", "scale": 0.5, "quality": 80},
    {"name": "web", "prefix": "web/", "fit": "1600x1600", "format": "webp", "quality": 82},
    {"name": "square", "prefix": "square/", "cover": "320x320", "format": "avif"},
    {"name": "blur", "prefix": "blur/", "fit": "64x64", "format": "webp", "quality": 40},
]


def naive(source: Path, destination: Path) -> None:
    """Resize the first frame as tutorials do: open, reopen, thumbnail, save, reopen."""
    from PIL import Image

    with Image.open(source) as image:
        _ = image.size, image.format, image.mode, source.stat().st_size
    with Image.open(source) as image:
        image.thumbnail((image.width / 2, image.height / 2))
        image.save(destination)
    with Image.open(destination) as image:
        _ = image.size, image.format, image.mode, destination.stat().st_size


def naive_frames(source: Path, destination: Path) -> None:
    """Resize every frame with Pillow's defaults."""
    from PIL import Image, ImageSequence

    with Image.open(source) as image:
        frames = []
        for frame in ImageSequence.Iterator(image):
            copy = frame.copy()
            copy.thumbnail((image.width / 2, image.height / 2))
            frames.append(copy)
        frames[0].save(destination, save_all=True, append_images=frames[1:], loop=0)


def imgctl_core(source: Path, destination: Path, *, high_quality: bool = False) -> None:
    """Resize with imgctl's core."""
    from imgctl.core.limits import Limits
    from imgctl.core.resize import resize
    from imgctl.core.spec import ResizeSpec

    with source.open("rb") as file:
        result = resize(file, ResizeSpec(high_quality=high_quality), Limits())
    destination.write_bytes(result.data)


def imgctl_high_quality(source: Path, destination: Path) -> None:
    """Resize with imgctl's core and --high-quality."""
    imgctl_core(source, destination, high_quality=True)


def imgctl_renditions(
    source: Path, destination: Path, tables: Sequence[dict[str, Any]] = FOUR_RENDITIONS
) -> None:
    """Make several renditions with imgctl's core."""
    from imgctl.core.limits import Limits
    from imgctl.core.rendition_tables import parse_renditions
    from imgctl.core.resize import resize_each

    renditions = parse_renditions(list(tables))
    with source.open("rb") as file:
        results = resize_each(file, renditions.specs, Limits())
    destination.mkdir(exist_ok=True)
    for name, result in zip(renditions.names, results, strict=True):
        (destination / name).write_bytes(result.data)


def pyvips_thumbnail(source: Path, destination: Path) -> None:
    """Resize with libvips, which shrinks on load and finishes with Lanczos."""
    import pyvips

    kind = source.suffix
    original = pyvips.Image.new_from_file(str(source))
    options: dict[str, Any] = {}
    name = str(source)
    if kind in (".gif", ".webp") and original.get_n_pages() > 1:
        name += "[n=-1]"
    half = pyvips.Image.thumbnail(name, -(-original.width // 2), height=10_000_000)
    if kind in (".jpg", ".webp", ".avif"):
        options["Q"] = QUALITY
    if kind == ".avif":
        options["effort"] = 2
    half.write_to_file(str(destination), **options)


def opencv_reduced(source: Path, destination: Path) -> None:
    """Resize with OpenCV, which has libjpeg halve a JPEG while decoding."""
    import cv2

    cv2.setNumThreads(1)
    half: Any
    if source.suffix == ".jpg":
        half = cv2.imread(str(source), cv2.IMREAD_REDUCED_COLOR_2)
        options = [cv2.IMWRITE_JPEG_QUALITY, QUALITY]
    else:
        original: Any = cv2.imread(str(source), cv2.IMREAD_UNCHANGED)
        half = cv2.resize(original, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
        options = {
            ".webp": [cv2.IMWRITE_WEBP_QUALITY, QUALITY],
            ".avif": [cv2.IMWRITE_AVIF_QUALITY, 75, cv2.IMWRITE_AVIF_SPEED, 8],
        }.get(source.suffix, [])
    cv2.imwrite(str(destination), half, options)


def imagemagick(source: Path, destination: Path) -> None:
    """Resize with ImageMagick's mogrify, with a hint at the size to decode a JPEG to."""
    from PIL import Image

    with Image.open(source) as image:
        half = f"{-(-image.width // 2)}x{-(-image.height // 2)}"
    folder = destination.parent / "mogrified"
    folder.mkdir(exist_ok=True)
    options = ["-define", f"jpeg:size={half}", "-resize", f"{half}!", "-quality", str(QUALITY)]
    if source.suffix == ".gif":
        options.insert(0, "-coalesce")
    subprocess.run(["mogrify", "-path", str(folder), *options, str(source)], check=True)
    (folder / source.name).replace(destination)


WORK: dict[str, Callable[[Path, Path], None]] = {
    function.__name__: function
    for function in (
        naive,
        naive_frames,
        imgctl_core,
        imgctl_high_quality,
        imgctl_renditions,
        pyvips_thumbnail,
        opencv_reduced,
        imagemagick,
    )
}
for _table in FOUR_RENDITIONS:
    WORK[f"imgctl_rendition_{_table['name']}"] = partial(imgctl_renditions, tables=[_table])


def main() -> None:
    """Measure one peer on one image."""
    name, source, destination, times = sys.argv[1:]
    os.environ["VIPS_CONCURRENCY"] = os.environ["MAGICK_THREAD_LIMIT"] = "1"
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    work = WORK[name]
    paths = (Path(source), Path(destination))
    work(*paths)
    seconds = []
    for _ in range(int(times)):
        started_s = time.perf_counter()
        work(*paths)
        seconds.append(time.perf_counter() - started_s)
    print(json.dumps({"seconds": seconds, "peak_bytes": _peak_bytes()}))


def _peak_bytes() -> int:
    """Return the peak resident memory of this process or of its largest child.

    getrusage's value for this process includes what its parent had before exec.
    """
    status = Path("/proc/self/status").read_text(encoding="ascii")
    (line,) = [line for line in status.splitlines() if line.startswith("VmHWM:")]
    children_kb = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    return max(int(line.split()[1]), children_kb) * 1024


if __name__ == "__main__":
    main()
