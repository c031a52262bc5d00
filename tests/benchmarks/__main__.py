"""`python -m tests.benchmarks`: measure imgctl next to its peers, and write docs/benchmarks.md.

Milliseconds depend on the machine; ratios within one run are comparable between machines.
"""

import argparse
import os
import platform
import statistics
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.benchmarks.batch import images_per_second
from tests.benchmarks.child import ChildCost, measure_child
from tests.benchmarks.cold import cold_table, measure_cold_start
from tests.benchmarks.peers import (
    IMGCTL,
    IMGCTL_HIGH_QUALITY,
    NAIVE,
    NAIVE_FRAMES,
    Measurement,
    Peer,
    find_installed,
    measure,
)
from tests.benchmarks.pictures import SUBJECTS, photograph
from tests.benchmarks.quality import Quality, compare, reference_half
from tests.benchmarks.renditions import measure_renditions, renditions_table
from tests.benchmarks.start import measure_starts, start_table

REPORT = Path(__file__).parents[2] / "docs" / "benchmarks.md"
BATCH = 200
_ANIMATED = (".gif",)
_WITH_QUALITY = ("jpeg-12mp.jpg", "progressive-12mp.jpg", "webp-12mp.webp", "png-photo-12mp.png")


@dataclass(frozen=True, slots=True)
class Row:
    """One peer on one image: median time, peak memory, the result's size and quality."""

    peer: str
    seconds: float
    peak_bytes: int
    file_bytes: int
    quality: Quality | None


def measure_subject(
    peers: list[Peer], source: Path, work: Path, rounds: int, times: int
) -> list[Row]:
    """Measure all peers in turn in each round, so that a slow minute affects all of them."""
    naive = NAIVE_FRAMES if source.suffix in _ANIMATED else NAIVE
    # OpenCV keeps only the first frame, which is not the same work.
    able = [peer for peer in peers if source.suffix not in _ANIMATED or peer.name != "OpenCV"]
    participants = [naive, IMGCTL, *able]
    if source.suffix == ".jpg":
        participants.insert(2, IMGCTL_HIGH_QUALITY)
    measurements: dict[str, list[Measurement]] = {}
    results: dict[str, Path] = {}
    for _ in range(rounds):
        for peer in participants:
            destination = work / f"{peer.name.replace(' ', '-')}{source.suffix}"
            measurement = measure(peer, source, destination, times)
            if measurement is not None:
                measurements.setdefault(peer.name, []).append(measurement)
                results[peer.name] = destination
    reference = None
    if source.name in _WITH_QUALITY:
        reference = work / "reference.png"
        reference_half(source, reference)
    return [
        Row(
            name,
            statistics.median(second for item in items for second in item.seconds),
            int(statistics.median(item.peak_bytes for item in items)),
            results[name].stat().st_size,
            compare(reference, results[name]) if reference else None,
        )
        for name, items in measurements.items()
    ]


def subject_table(rows: list[Row]) -> list[str]:
    """Format the rows of one image as a Markdown table, with ratios to the naive code."""
    naive = rows[0]
    with_quality = naive.quality is not None
    head = ["", "ms", "speed vs naive", "peak MB", "memory vs naive", "bytes", "size vs naive"]
    head += ["SSIMULACRA2", "PSNR dB"] if with_quality else []
    lines = ["| " + " | ".join(head) + " |", "|---|" + "---:|" * (len(head) - 1)]
    for row in rows:
        cells = [
            row.peer,
            f"{row.seconds * 1000:.0f}",
            f"{naive.seconds / row.seconds:.2f}",
            f"{row.peak_bytes / 1e6:.0f}",
            f"{row.peak_bytes / naive.peak_bytes:.2f}",
            f"{row.file_bytes:,}",
            f"{row.file_bytes / naive.file_bytes:.2f}",
        ]
        if row.quality is not None:
            cells += [f"{row.quality.ssimulacra2:.1f}", f"{row.quality.psnr_db:.1f}"]
        lines.append("| " + " | ".join(cells) + " |")
    return lines


def batch_table(speeds: Mapping[str, float]) -> list[str]:
    """Format the throughput of each program as a Markdown table."""
    imgctl = speeds["imgctl resize"]
    lines = ["| | images per second | imgctl's speedup |", "|---|---:|---:|"]
    return lines + [
        f"| {name} | {speed:.1f} | {imgctl / speed:.2f} |" for name, speed in speeds.items()
    ]


def child_table(costs: Mapping[str, ChildCost]) -> list[str]:
    """Format the cost of the child process as a Markdown table."""
    lines = ["| | ms without | ms in the child | difference |", "|---|---:|---:|---:|"]
    for name, cost in costs.items():
        difference_ms = cost.child_ms - cost.here_ms
        lines.append(f"| {name} | {cost.here_ms:.1f} | {cost.child_ms:.1f} | {difference_ms:.1f} |")
    return lines


class Report:
    """The text of docs/benchmarks.md; each section is printed as soon as it is measured."""

    def __init__(self, versions: list[str], cores: int) -> None:
        self._lines = [
            "# Benchmarks",
            "",
            "Written by `make bench`. Medians of one run, file to file. Each program runs in a",
            "process of its own on one core, and all of them take turns in each round. Compare",
            "values within a table, not between machines. JPEG and WebP have quality 80 (naive:",
            "Pillow's defaults, 75 and 80) and 4:2:0 subsampling.",
            "",
            f"Python {platform.python_version()}, {cores} cores. " + "; ".join(versions) + ".",
            "",
        ]

    def add(self, title: str, table: list[str]) -> None:
        """Add a section and print it."""
        section = [f"## {title}", "", *table, ""]
        print("\n".join(section), flush=True)
        self._lines += section

    def write(self, path: Path) -> None:
        """Write the report to a file."""
        path.write_text("\n".join(self._lines).rstrip() + "\n")


def measure_batch(work: Path, count: int) -> dict[str, float]:
    """Measure the throughput on `count` JPEGs of 12 megapixels, of which 8 are different."""
    sources = work / "batch"
    sources.mkdir()
    for number in range(8):
        photograph(4000, 3000, seed=number).save(sources / f"{number:03}.jpg", quality=90)
    for number in range(8, count):
        (sources / f"{number:03}.jpg").hardlink_to(sources / f"{number % 8:03}.jpg")
    return images_per_second(sources, work)


def parse_arguments() -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--only", help="measure only images with this in their name, and write nothing"
    )
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--times", type=int, default=3)
    parser.add_argument("--batch", type=int, default=BATCH, help="number of images; 0 for no batch")
    return parser.parse_args()


def main() -> None:
    """Measure, print, and write the report."""
    arguments = parse_arguments()
    installed = find_installed()
    cores = len(os.sched_getaffinity(0))
    report = Report(installed.versions, cores)
    with tempfile.TemporaryDirectory(prefix="imgctl-bench-") as folder:
        work = Path(folder)
        for subject in SUBJECTS:
            if arguments.only and arguments.only not in subject.name:
                continue
            source = work / subject.name
            subject.create(source)
            rows = measure_subject(installed.peers, source, work, arguments.rounds, arguments.times)
            report.add(subject.title, subject_table(rows))
        if arguments.batch:
            speeds = measure_batch(work, arguments.batch)
            report.add(f"{arguments.batch} JPEG of 12 MP, {cores} cores", batch_table(speeds))
        if not arguments.only:
            table = renditions_table(measure_renditions(work))
            report.add("Four renditions of a JPEG, 12 MP", table)
            report.add("Cold start of the function", cold_table(measure_cold_start(work)))
            report.add("The child process, when it is running", child_table(measure_child(work)))
            report.add("Start of the program", start_table(measure_starts(work)))
    if not arguments.only:
        report.write(REPORT)


if __name__ == "__main__":
    main()
