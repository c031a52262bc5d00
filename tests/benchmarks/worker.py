"""One peer's work in a process of its own: `worker.py PEER SOURCE DESTINATION TIMES`.

Prints `{"seconds": [...], "peak_bytes": ...}`: how long each repetition took after one to warm up,
file to file, and the most memory that the process ever held. Runs on one core.
"""

import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

QUALITY = 80


def naive(source: Path, destination: Path) -> None:
    """Do what tutorials do, all frames aside: open, reopen, thumbnail, save, reopen."""
    from PIL import Image

    with Image.open(source) as image:
        _ = image.size, image.format, image.mode, source.stat().st_size
    with Image.open(source) as image:
        image.thumbnail((image.width / 2, image.height / 2))
        image.save(destination)
    with Image.open(destination) as image:
        _ = image.size, image.format, image.mode, destination.stat().st_size


def naive_frames(source: Path, destination: Path) -> None:
    """Do the naive work on every frame, with Pillow's own defaults."""
    from PIL import Image, ImageSequence

    with Image.open(source) as image:
        frames = []
        for frame in ImageSequence.Iterator(image):
            copy = frame.copy()
            copy.thumbnail((image.width / 2, image.height / 2))
            frames.append(copy)
        frames[0].save(destination, save_all=True, append_images=frames[1:], loop=0)


def ours(source: Path, destination: Path, *, high_quality: bool = False) -> None:
    """Do it with imgctl's core."""
    from imgctl.core.limits import Limits
    from imgctl.core.resize import resize
    from imgctl.core.spec import ResizeSpec

    with source.open("rb") as file:
        result = resize(file, ResizeSpec(high_quality=high_quality), Limits())
    destination.write_bytes(result.data)


def ours_high_quality(source: Path, destination: Path) -> None:
    """Do it with imgctl's core at its best quality."""
    ours(source, destination, high_quality=True)


def pyvips_thumbnail(source: Path, destination: Path) -> None:
    """Do it with libvips, which shrinks on load and finishes with Lanczos."""
    import pyvips

    kind = source.suffix
    whole = pyvips.Image.new_from_file(str(source))
    options: dict[str, Any] = {}
    name = str(source)
    if kind in (".gif", ".webp") and whole.get_n_pages() > 1:
        name += "[n=-1]"
    half = pyvips.Image.thumbnail(name, -(-whole.width // 2), height=10_000_000)
    if kind in (".jpg", ".webp", ".avif"):
        options["Q"] = QUALITY
    if kind == ".avif":
        options["effort"] = 2
    half.write_to_file(str(destination), **options)


def opencv_reduced(source: Path, destination: Path) -> None:
    """Do it with OpenCV, which lets libjpeg halve."""
    import cv2

    cv2.setNumThreads(1)
    half: Any
    if source.suffix == ".jpg":
        half = cv2.imread(str(source), cv2.IMREAD_REDUCED_COLOR_2)
        options = [cv2.IMWRITE_JPEG_QUALITY, QUALITY]
    else:
        whole: Any = cv2.imread(str(source), cv2.IMREAD_UNCHANGED)
        half = cv2.resize(whole, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
        options = {
            ".webp": [cv2.IMWRITE_WEBP_QUALITY, QUALITY],
            ".avif": [cv2.IMWRITE_AVIF_QUALITY, 75, cv2.IMWRITE_AVIF_SPEED, 8],
        }.get(source.suffix, [])
    cv2.imwrite(str(destination), half, options)


def imagemagick(source: Path, destination: Path) -> None:
    """Do it with ImageMagick's mogrify, told how much of a JPEG it needs to decode."""
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
        ours,
        ours_high_quality,
        pyvips_thumbnail,
        opencv_reduced,
        imagemagick,
    )
}


def main() -> None:
    """Measure one peer on one picture."""
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
    """Read the high-water mark of resident memory, or that of the programs that were run.

    getrusage's own begins with the parent's, which is small here.
    """
    status = Path("/proc/self/status").read_text(encoding="ascii")
    (line,) = [line for line in status.splitlines() if line.startswith("VmHWM:")]
    children_kb = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    return max(int(line.split()[1]), children_kb) * 1024


if __name__ == "__main__":
    main()
