"""The CPU time of starting imgctl, the SAM CLI and the AWS CLI.

`python -m tests.benchmarks.start` prints the table. All are installed as their users install them:
imgctl from its wheel, because an editable installation adds an import hook to every start, and the
SAM CLI and the AWS CLI in `.venv/peers` (see the Makefile).
"""

import os
import statistics
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.packaging.installation import build_wheel, install

ROUNDS = 15
PEERS = Path(__file__).parents[2] / ".venv" / "peers" / "bin"

# The maximum of imgctl's CPU time relative to each peer's.
TARGETS = {"sam --help": 0.6, "aws --version": 0.15}


@dataclass(frozen=True, slots=True)
class Start:
    """The start of one program: its version, and medians over the rounds.

    `cpu_ms` is user and system time. `ratio` is imgctl's CPU time divided by this program's,
    computed within each round.
    """

    version: str
    cpu_ms: float
    ratio: float


def install_programs(work: Path) -> dict[str, list[str]]:
    """Return the command lines to measure: only imgctl's if the peers are not installed."""
    (work / "wheel").mkdir()
    imgctl = install(build_wheel(work / "wheel"), work / "imgctl").imgctl
    programs = {"imgctl --help": [str(imgctl), "--help"]}
    for name, option in (("sam", "--help"), ("aws", "--version")):
        if (PEERS / name).is_file():
            programs[f"{name} {option}"] = [str(PEERS / name), option]
    return programs


def measure_starts(work: Path) -> dict[str, Start]:
    """Run all programs in turn, `ROUNDS` times, after one run each to fill the caches."""
    programs = install_programs(work)
    versions = {
        name: _output([command[0], "--version"], work) for name, command in programs.items()
    }
    rounds = []
    for number in range(ROUNDS + 1):
        times_ms = {name: _cpu_ms(command, work) for name, command in programs.items()}
        if number > 0:
            rounds.append(times_ms)
    return {
        name: Start(
            versions[name],
            statistics.median(times_ms[name] for times_ms in rounds),
            statistics.median(times_ms["imgctl --help"] / times_ms[name] for times_ms in rounds),
        )
        for name in programs
    }


def start_table(starts: Mapping[str, Start]) -> list[str]:
    """Format the measurements as a Markdown table."""
    lines = [
        "| | CPU ms | imgctl's CPU time relative to it | target |",
        "|---|---:|---:|---:|",
    ]
    for name, start in starts.items():
        target = f"≤ {TARGETS[name]}" if name in TARGETS else ""
        lines.append(f"| `{name}` | {start.cpu_ms:.0f} | {start.ratio:.2f} | {target} |")
    versions = ", ".join(start.version for start in starts.values())
    return [*lines, "", f"Medians of {ROUNDS} rounds; ratios are paired. Versions: {versions}."]


def _cpu_ms(command: list[str], work: Path) -> float:
    """Run a command; return the user and system time of its process and its children."""
    process = subprocess.Popen(command, env=_environment(work), stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise RuntimeError(f"{' '.join(command)} failed with exit code {process.returncode}")
    return (usage.ru_utime + usage.ru_stime) * 1000


def _output(command: list[str], work: Path) -> str:
    completed = subprocess.run(
        command, env=_environment(work), capture_output=True, text=True, check=True
    )
    return completed.stdout.strip()


def _environment(work: Path) -> dict[str, str]:
    # The SAM CLI writes to the home folder, and would report its use over the network.
    return {
        "PATH": os.defpath,
        "HOME": str(work),
        "LANG": "C.UTF-8",
        "SAM_CLI_TELEMETRY": "0",
    }


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(prefix="imgctl-start-") as folder:
        print("\n".join(start_table(measure_starts(Path(folder)))))
