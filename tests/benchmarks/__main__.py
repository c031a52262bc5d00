"""`python -m tests.benchmarks`: measure every peer side by side, and write docs/benchmarks.md.

Ratios of one run on one machine; a second run on another machine gives other milliseconds and,
within noise, the same ratios.
"""

import argparse
import os
import platform
import statistics
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.benchmarks.batch import pictures_a_second
from tests.benchmarks.cold import ColdStart, measure_cold_start
from tests.benchmarks.peers import (
    NAIVE,
    NAIVE_FRAMES,
    OURS,
    OURS_BEST,
    Measured,
    Peer,
    installed,
    measure,
)
from tests.benchmarks.pictures import SUBJECTS, photograph
from tests.benchmarks.quality import Quality, check, reference_half

REPORT = Path(__file__).parents[2] / "docs" / "benchmarks.md"
BATCH = 200
_ALL_FRAMES = (".gif",)
_JUDGED = ("jpeg-12mp.jpg", "progressive-12mp.jpg", "webp-12mp.webp", "png-photo-12mp.png")


@dataclass(frozen=True, slots=True)
class Row:
    """One peer on one picture: median seconds, peak memory, the result's bytes and quality."""

    peer: str
    seconds: float
    peak_bytes: int
    file_bytes: int
    quality: Quality | None


def rows_of(peers: list[Peer], source: Path, work: Path, rounds: int, times: int) -> list[Row]:
    """Measure all peers in turn, round after round, so that a slow minute hits all alike."""
    naive = NAIVE_FRAMES if source.suffix in _ALL_FRAMES else NAIVE
    # OpenCV keeps the first frame alone: no work to compare.
    able = [peer for peer in peers if source.suffix not in _ALL_FRAMES or peer.name != "OpenCV"]
    taking_part = [naive, OURS, *able]
    if source.suffix == ".jpg":
        taking_part.insert(2, OURS_BEST)
    runs: dict[str, list[Measured]] = {}
    results: dict[str, Path] = {}
    for _ in range(rounds):
        for peer in taking_part:
            destination = work / f"{peer.name.replace(' ', '-')}{source.suffix}"
            measured = measure(peer, source, destination, times)
            if measured is not None:
                runs.setdefault(peer.name, []).append(measured)
                results[peer.name] = destination
    reference = None
    if source.name in _JUDGED:
        reference = work / "reference.png"
        reference_half(source, reference)
    return [
        Row(
            name,
            statistics.median(second for run in found for second in run.seconds),
            int(statistics.median(run.peak_bytes for run in found)),
            results[name].stat().st_size,
            check(reference, results[name]) if reference else None,
        )
        for name, found in runs.items()
    ]


def table_of(rows: list[Row]) -> list[str]:
    """Lay one picture's rows out, against the naive code."""
    naive = rows[0]
    check_page = naive.quality is not None
    head = ["", "ms", "times naive's speed", "peak MB", "of naive's memory", "bytes", "of naive's"]
    head += ["SSIMULACRA2", "PSNR dB"] if check_page else []
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
    """Lay the batch out."""
    ours = speeds["imgctl resize"]
    lines = ["| | pictures a second | imgctl is so many times quicker |", "|---|---:|---:|"]
    lines += [f"| {n} | {speed:.1f} | {ours / speed:.2f} |" for n, speed in speeds.items()]
    return lines


def cold_table(measured: ColdStart) -> list[str]:
    """Lay the cold start out."""
    lines = ["| | ms over a bare interpreter |", "|---|---:|"]
    lines += [f"| {name} | {ms:.0f} |" for name, ms in measured.over_bare_ms.items()]
    dearest = ", ".join(f"{name} {ms:.0f}" for name, ms in measured.imports_ms.items())
    lines += ["", f"The bare interpreter takes {measured.bare_ms:.0f} ms. By `-X importtime`, the"]
    return [*lines, f"packages that take longest themselves, in ms: {dearest}."]


def main() -> None:
    """Measure, print, and write the report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", help="part of a picture's name")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--times", type=int, default=3)
    parser.add_argument("--batch", type=int, default=BATCH, help="how many pictures; 0 for none")
    chosen = parser.parse_args()
    peers, versions = installed()
    cores = len(os.sched_getaffinity(0))
    report = [
        "# Benchmarks",
        "",
        "Written by `make bench`. Medians of one run, file to file, each program in a process of",
        "its own and on one core; in each round all take their turn. Compare within a table, not",
        "between machines. JPEG and WebP at quality 80 (naive: Pillow's defaults, 75 and 80),",
        "subsampling 4:2:0.",
        "",
        f"Python {platform.python_version()}, {cores} cores. " + "; ".join(versions) + ".",
        "",
    ]
    with tempfile.TemporaryDirectory(prefix="imgctl-bench-") as folder:
        work = Path(folder)
        for subject in SUBJECTS:
            if chosen.only and chosen.only not in subject.name:
                continue
            source = work / subject.name
            subject.make(source)
            rows = rows_of(peers, source, work, chosen.rounds, chosen.times)
            section = [f"## {subject.about}", "", *table_of(rows), ""]
            print("\n".join(section), flush=True)
            report += section
        if chosen.batch:
            sources = work / "batch"
            sources.mkdir()
            for number in range(8):
                photograph(4000, 3000, seed=number).save(sources / f"{number:03}.jpg", quality=90)
            for number in range(8, chosen.batch):
                (sources / f"{number:03}.jpg").hardlink_to(sources / f"{number % 8:03}.jpg")
            speeds = pictures_a_second(sources, work)
            section = [
                f"## {chosen.batch} JPEG of 12 MP, {cores} cores",
                "",
                *batch_table(speeds),
                "",
            ]
            print("\n".join(section), flush=True)
            report += section
        if not chosen.only:
            cold = ["## Cold start of the function", "", *cold_table(measure_cold_start(work)), ""]
            print("\n".join(cold), flush=True)
            report += cold
    if not chosen.only:
        REPORT.write_text("\n".join(report).rstrip() + "\n")


if __name__ == "__main__":
    main()
