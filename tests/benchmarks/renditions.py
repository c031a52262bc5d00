"""Four renditions of one JPEG: in one run and in four, and next to sharp's clones of one input.

`python -m tests.benchmarks.renditions` prints the tables. All programs run on one core, like the
function, which has one vCPU.
"""

import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.benchmarks.peers import HERE
from tests.benchmarks.pictures import photograph
from tests.benchmarks.worker import FOUR_RENDITIONS

ROUNDS = 7
NAMES = [str(table["name"]) for table in FOUR_RENDITIONS]

MAX_CPU_SHARE = 0.6
"""The most of the CPU time of four runs that one run may take."""
MAX_MEMORY_SHARE = 1.3
"""The most memory that all renditions may take, relative to the largest one alone."""


@dataclass(frozen=True, slots=True)
class RenditionCosts:
    """Medians: seconds of CPU of the program, seconds and peak bytes of the work in a process."""

    one_run_s: float
    four_runs_s: float
    seconds: Mapping[str, float]
    peak_bytes: Mapping[str, float]


def measure_renditions(work: Path) -> RenditionCosts:
    """Measure all programs in turn in each round; the peers only if they are installed."""
    source = work / "renditions.jpg"
    photograph(4000, 3000).save(source, quality=90)
    (work / "imgctl.toml").write_text(_toml())
    workers = _workers()
    one, four = [], []
    seconds: dict[str, list[float]] = {name: [] for name in workers}
    peaks: dict[str, list[float]] = {name: [] for name in workers}
    for _ in range(ROUNDS):
        one.append(_cpu_s(work, source))
        four.append(sum(_cpu_s(work, source, "--rendition", name) for name in NAMES))
        for name, command in workers.items():
            measured = _run([*command, str(source), str(work / "made"), "3"], work)
            output = json.loads(measured.stdout.splitlines()[-1])
            seconds[name] += output["seconds"]
            peaks[name].append(output["peak_bytes"])
    return RenditionCosts(
        statistics.median(one),
        statistics.median(four),
        {name: statistics.median(values) for name, values in seconds.items()},
        {name: statistics.median(values) for name, values in peaks.items()},
    )


def _workers() -> dict[str, list[str]]:
    worker = [sys.executable, str(HERE / "worker.py")]
    commands = {"imgctl, all four": [*worker, "imgctl_renditions"]}
    commands |= {f"imgctl, {name} alone": [*worker, f"imgctl_rendition_{name}"] for name in NAMES}
    if (node := shutil.which("node")) and (HERE / "node_modules" / "sharp").is_dir():
        commands["sharp, clones of one input"] = [node, str(HERE / "worker.mjs"), "--renditions"]
    return commands


def _toml() -> str:
    lines: list[str] = []
    for table in FOUR_RENDITIONS:
        lines += ["[[renditions]]", *(f"{name} = {json.dumps(table[name])}" for name in table)]
    return "\n".join(lines) + "\n"


def _cpu_s(work: Path, source: Path, *options: str) -> float:
    """Return the CPU time of `imgctl resize` and its child process."""
    command = [sys.executable, "-m", "imgctl", "resize", str(source), "-o", str(work / "out")]
    before = os.times()
    _run([*command, "--overwrite", "--quiet", *options], work)
    after = os.times()
    return (after.children_user + after.children_system) - (
        before.children_user + before.children_system
    )


def _run(command: Sequence[str], work: Path) -> "subprocess.CompletedProcess[str]":
    core = min(os.sched_getaffinity(0))
    return subprocess.run(
        ["taskset", "--cpu-list", str(core), *command],
        cwd=work,
        env={"PATH": os.environ["PATH"], "HOME": str(work)},
        capture_output=True,
        text=True,
        check=True,
    )


def renditions_table(costs: RenditionCosts) -> list[str]:
    """Format the costs as Markdown."""
    alone = max(bytes_ for name, bytes_ in costs.peak_bytes.items() if name.endswith(" alone"))
    share = costs.one_run_s / costs.four_runs_s
    all_s = costs.seconds["imgctl, all four"]
    lines = [
        "Half as JPEG (quality 80), 1600 pixels as WebP (82), 320 x 320 as AVIF (74), and 64",
        "pixels as WebP (40), all from one file, on one core.",
        "",
        "| | ms | imgctl's speedup | peak MB | memory vs the largest alone |",
        "|---|---:|---:|---:|---:|",
    ]
    for name, seconds in costs.seconds.items():
        peak = costs.peak_bytes[name]
        lines.append(
            f"| {name} | {seconds * 1000:.0f} | {seconds / all_s:.2f} | {peak / 1e6:.0f} |"
            f" {peak / alone:.2f} |"
        )
    return [
        *lines,
        "",
        f"One `imgctl resize` for all of them takes {costs.one_run_s:.2f} s of CPU, four for one"
        f" each {costs.four_runs_s:.2f} s: {share:.2f} (at most {MAX_CPU_SHARE}).",
    ]


def main() -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory(prefix="imgctl-bench-") as folder:
        print("\n".join(renditions_table(measure_renditions(Path(folder)))))


if __name__ == "__main__":
    main()
