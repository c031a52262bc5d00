"""`python -m tests.benchmarks.uploads`: measure uploads, and write docs/benchmarks-uploads.md.

imgctl, installed from its wheel, and its peers upload the same folder to a server on this machine
that answers each request after 20 ms and counts what arrives. All run in turn in each round.
"""

import argparse
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.benchmarks.start import PEERS
from tests.packaging.installation import build_wheel, install
from tests.stack_outputs import OUTPUTS

REPORT = Path(__file__).parents[2] / "docs" / "benchmarks-uploads.md"
DELAY_S = 0.02
AWS = "aws s3 cp --recursive"
IMGCTL = "imgctl upload --no-wait"
WAITING = "imgctl upload"

# Of imgctl's values relative to those of the AWS CLI, at most.
TARGETS = {"wall": 0.25, "CPU": 0.35, "memory": 0.8}


@dataclass(frozen=True, slots=True)
class Run:
    """One run: wall clock and processor seconds, peak memory, and what the server counted."""

    wall_s: float
    cpu_s: float
    peak_bytes: int
    counts: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Program:
    """A program that uploads a folder; `{files}`, `{bucket}` and `{url}` stand in its command.

    `aws_config` is the AWS configuration file that it reads, `version` the option that prints its
    version.
    """

    name: str
    command: Sequence[str]
    aws_config: str = ""
    version: str = "--version"


def programs(work: Path) -> list[Program]:
    """Return imgctl, and the peers that are installed, some also with what makes them faster."""
    (work / "wheel").mkdir()
    imgctl = str(install(build_wheel(work / "wheel"), work / "imgctl").imgctl)
    found = [
        Program(IMGCTL, [imgctl, "upload", "{files}", "--no-wait"]),
        Program(WAITING, [imgctl, "upload", "{files}"]),
    ]
    if (PEERS / "aws").is_file():
        command = [str(PEERS / "aws"), "s3", "cp", "--recursive", "{files}", "s3://{bucket}/"]
        found.append(Program(AWS, command))
        config = "[default]\ns3 =\n  max_concurrent_requests = 64\n"
        found.append(Program(f"{AWS}`, `max_concurrent_requests = 64", command, config))
    if rclone := shutil.which("rclone"):
        target = ":s3,provider=Other,env_auth,region=eu-west-2,endpoint='{url}':{bucket}"
        command = [rclone, "copy", "{files}", target, "--ignore-checksum"]
        found.append(Program("rclone copy", command, version="version"))
        options = ["--transfers", "32", "--checkers", "32", "--s3-no-check-bucket", "--s3-no-head"]
        name = f"rclone copy {' '.join(options)}"
        found.append(Program(name, [*command, *options], version="version"))
    if (PEERS / "s5cmd").is_file():
        command = [str(PEERS / "s5cmd"), "--endpoint-url", "{url}"]
        command += ["cp", "{files}/", "s3://{bucket}/"]
        found.append(Program("s5cmd cp", command, version="version"))
    return found


@contextmanager
def server(*options: str) -> Iterator[str]:
    """Run the server in a process of its own; yields its URL."""
    with subprocess.Popen(
        [sys.executable, "-m", "tests.loopback_aws", "--delay", str(DELAY_S), *options],
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        try:
            yield f"http://127.0.0.1:{process.stdout.readline().strip()}"
        finally:
            process.terminate()


def run(program: Program, files: Path, url: str, work: Path) -> Run:
    """Run a program once, as a process with no settings but those of the server."""
    environment = {
        "PATH": os.defpath,
        "HOME": str(work),
        "LANG": "C.UTF-8",
        "AWS_ENDPOINT_URL": url,
        "AWS_ACCESS_KEY_ID": "benchmark",
        "AWS_SECRET_ACCESS_KEY": "benchmark",
        "AWS_REGION": "eu-west-2",
        "AWS_DEFAULT_REGION": "eu-west-2",
        "AWS_CONFIG_FILE": str(work / "aws-config"),
    }
    (work / "aws-config").write_text(program.aws_config)
    values = {"files": str(files), "bucket": OUTPUTS.source_bucket, "url": url}
    command = [word.format(**values) for word in program.command]
    with (work / "output").open("w") as output:
        before, started_s = counts(url), time.monotonic()
        process = subprocess.Popen(
            command, env=environment, cwd=work, stdout=output, stderr=subprocess.STDOUT
        )
        _, status, usage = os.wait4(process.pid, 0)
        wall_s = time.monotonic() - started_s
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise RuntimeError(f"{program.name} failed:\n{(work / 'output').read_text()[-2000:]}")
    after = counts(url)
    return Run(
        wall_s,
        usage.ru_utime + usage.ru_stime,
        usage.ru_maxrss * 1024,
        {name: after[name] - before.get(name, 0) for name in after},
    )


def counts(url: str) -> dict[str, int]:
    """Return how many requests of each kind the server has seen."""
    with urllib.request.urlopen(f"{url}/_counts") as response:
        counted: dict[str, int] = json.load(response)
    return counted


def make_files(folder: Path, count: int, size: int) -> Path:
    """Write files that begin as a JPEG does; what follows is as random as its data."""
    folder.mkdir()
    for number in range(count):
        (folder / f"{number:05}.jpg").write_bytes(b"\xff\xd8\xff" + os.urandom(size - 3))
    return folder


def measure(found: Sequence[Program], files: Path, work: Path, rounds: int) -> dict[str, list[Run]]:
    """Run all programs in turn, each to an empty bucket, after one run each to fill the caches."""
    runs: dict[str, list[Run]] = {program.name: [] for program in found}
    for number in range(rounds + 1):
        for program in found:
            with server() as url:
                measured = run(program, files, url, work)
            if number:
                runs[program.name].append(measured)
    return runs


def second_run(program: Program, files: Path, work: Path) -> Run:
    """Run a program twice over the same files, and return the second run."""
    with server("--hash") as url:
        run(program, files, url, work)
        return run(program, files, url, work)


def median(runs: Sequence[Run]) -> Run:
    """Return the medians of some runs, with the counts of the first."""
    return Run(
        statistics.median(one.wall_s for one in runs),
        statistics.median(one.cpu_s for one in runs),
        int(statistics.median(one.peak_bytes for one in runs)),
        runs[0].counts,
    )


def table(runs: Mapping[str, list[Run]], files: int) -> list[str]:
    """Format medians, and the ratios to the AWS CLI of the same round."""
    lines = [
        "| | wall s | CPU s | peak MB | PUTs per file | wall | CPU | memory |",
        "|---|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for name, measured in runs.items():
        one = median(measured)
        cells = [
            f"`{name}`",
            f"{one.wall_s:.2f}",
            f"{one.cpu_s:.2f}",
            f"{one.peak_bytes / 1e6:.0f}",
            f"{one.counts['PUT'] / files:g}",
            *(f"{ratio:.2f}" for ratio in ratios(measured, runs[AWS])),
        ]
        lines.append("| " + " | ".join(cells) + " |")
    targets = " | ".join(f"≤ {target:g}" for target in TARGETS.values())
    lines.append(f"| target for `{IMGCTL}` | | | | 1 | {targets} |")
    return lines


def ratios(runs: Sequence[Run], peers: Sequence[Run]) -> list[float]:
    """Return the medians of the ratios within each round: wall clock, processor time, memory."""
    pairs = list(zip(runs, peers, strict=True))
    return [
        statistics.median(one.wall_s / peer.wall_s for one, peer in pairs),
        statistics.median(one.cpu_s / peer.cpu_s for one, peer in pairs),
        statistics.median(one.peak_bytes / peer.peak_bytes for one, peer in pairs),
    ]


def version(program: Program, work: Path) -> str:
    """Return the first line of what a program says its version is."""
    done = subprocess.run(
        [program.command[0], program.version],
        env={"PATH": os.defpath, "HOME": str(work)},
        capture_output=True,
        text=True,
        check=True,
    )
    name, line = Path(program.command[0]).name, done.stdout.splitlines()[0]
    return line if name in line else f"{name} {line}"


def measure_all(work: Path, rounds: int) -> list[str]:
    """Measure everything, and return the report's lines."""
    found = programs(work)
    imgctl = found[0]
    files = make_files(work / "files", 1000, 200_000)
    runs = measure(found, files, work, rounds)
    again = second_run(imgctl, files, work)
    small = [
        one_run(imgctl, make_files(work / f"small-{count}", count, 20_000), work)
        for count in (1000, 10_000)
    ]
    versions = "; ".join(dict.fromkeys(version(program, work) for program in found))
    cores = len(os.sched_getaffinity(0))
    growth = small[1].peak_bytes / small[0].peak_bytes - 1
    return [
        "# Benchmarks of uploads",
        "",
        "Written by `python -m tests.benchmarks.uploads`. Each program uploads a folder to a",
        f"server on the same machine that answers every request after {DELAY_S * 1000:.0f} ms.",
        f"The start of the program is included. Medians of {rounds} rounds, in which all take",
        "turns; the last three columns are medians of the ratios to the AWS CLI in each round.",
        "rclone runs with `--ignore-checksum`: the server computes no ETag that it could compare.",
        "s5cmd sends 256 files at once unless told otherwise.",
        "",
        f"Python {platform.python_version()}, {cores} cores. {versions}.",
        *load_note(),
        "",
        "## 1,000 files of 200 kB",
        "",
        *table(runs, 1000),
        "",
        f"`{WAITING}` reads the table {reads(runs[WAITING])} times for the 1,000 records.",
        "",
        f"A second run over the same files takes {again.wall_s:.2f} s, {again.counts['PUT']} PUTs",
        f"and {again.counts['list']} listing.",
        "",
        "## 10,000 files of 20 kB",
        "",
        f"`{IMGCTL}` takes {small[1].wall_s:.1f} s and {small[1].peak_bytes / 1e6:.0f} MB,"
        f" {growth:.0%} more memory than for 1,000 such files.",
        "",
    ]


def load_note() -> list[str]:
    """Say so if other programs took more than half of the processors meanwhile."""
    load, cores = os.getloadavg()[2], len(os.sched_getaffinity(0))
    if load <= cores * 1.5:
        return []
    return [
        "",
        f"Other programs ran meanwhile (load average {load:.0f}), so that the seconds of wall",
        "clock are too many; compare the ratios within a round, and the processor time.",
    ]


def one_run(program: Program, files: Path, work: Path) -> Run:
    """Run a program once, to an empty bucket."""
    with server() as url:
        return run(program, files, url, work)


def reads(runs: Sequence[Run]) -> int:
    """Return the most reads of the table that a run took."""
    return max(one.counts["BatchGetItem"] for one in runs)


def main() -> None:
    """Measure, print, and write the report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="imgctl-uploads-") as folder:
        lines = measure_all(Path(folder), arguments.rounds)
    print("\n".join(lines))
    REPORT.write_text("\n".join(lines))


if __name__ == "__main__":
    main()
