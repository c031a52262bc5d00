"""The function's cold start: the time to its first result, minus that of a bare interpreter.

Measured in a new process from the unpacked bundle, without writing bytecode, and on one core, as in
Lambda with 1,769 MB. It includes the imports, the creation of the two clients, and a small
photograph. The naive function does the same with boto3, as most examples do: a client of S3 and a
resource of DynamoDB. `python -m tests.benchmarks.cold` prints the table.
"""

import os
import re
import shutil
import statistics
import subprocess
import sys
import sysconfig
import tempfile
import time
import zipfile
from dataclasses import dataclass
from pathlib import Path

from infra.bundle import build_local
from tests.benchmarks.pictures import PHOTOS

ROUNDS = 25
_SETTINGS = {
    "SOURCE_BUCKET": "in",
    "DESTINATION_BUCKET": "out",
    "TABLE_NAME": "records",
    "OUTPUT_PREFIX": "resized-",
    "SCALE": "0.5",
    "AWS_ACCESS_KEY_ID": "x",
    "AWS_SECRET_ACCESS_KEY": "x",
    "AWS_DEFAULT_REGION": "us-east-1",
}
_PATH = """
import os, sys
os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
sys.path[:0] = [sys.argv[1]]
sys.path.append(sys.argv[2])
"""
_RESIZE = """
from imgctl.worker import function
settings, deps = function._cold_start()
with open(sys.argv[3], "rb") as source:
    deps.resize(source, settings.renditions.specs, settings.limits)
"""
_IMGCTL = _PATH + _RESIZE
_WITHOUT_CHILD = f"""{_PATH}
from imgctl.core.resize import resize_each
from imgctl.sandbox import process
class NoProcess:
    def __init__(self, start): self.resize = resize_each
    def start(self): pass
process.ResizeProcess = NoProcess
{_RESIZE}"""
_NAIVE = f"""{_PATH}
import datetime, io, json, os, uuid
import boto3
from PIL import Image
boto3.client("s3"), boto3.resource("dynamodb")
image = Image.open(sys.argv[3])
image.resize((image.width // 2, image.height // 2)).save(io.BytesIO(), "JPEG")
"""
_NAIVE_NAME = "naive: boto3, a client, a resource"
_LINE = re.compile(r"import time:\s*(\d+) \|\s*(\d+) \| (.*)")


@dataclass(frozen=True, slots=True)
class ColdStart:
    """Milliseconds more than a bare interpreter, and the imports that take the longest.

    `ratios` are to the naive function's whole time, each computed within a round.
    """

    over_bare_ms: dict[str, float]
    ratios: dict[str, float]
    bare_ms: float
    imports_ms: dict[str, float]


def measure_cold_start(work: Path) -> ColdStart:
    """Measure imgctl with and without bytecode, and the imports of the naive function."""
    with_bytecode, without = work / "with-bytecode", work / "without-bytecode"
    bundle = build_local(work)
    for folder in (with_bytecode, without):
        with zipfile.ZipFile(bundle.path) as archive:
            archive.extractall(folder)
    for cache in without.rglob("__pycache__"):
        shutil.rmtree(cache)
    programs = {
        "bare": (_PATH, with_bytecode),
        _NAIVE_NAME: (_NAIVE, with_bytecode),
        "imgctl": (_IMGCTL, with_bytecode),
        "imgctl, without the child process": (_WITHOUT_CHILD, with_bytecode),
        "imgctl, without bytecode": (_IMGCTL, without),
    }
    times_ms: dict[str, list[float]] = {name: [] for name in programs}
    for _ in range(ROUNDS):
        for name, (program, folder) in programs.items():
            started_s = time.perf_counter()
            _run(program, folder)
            times_ms[name].append((time.perf_counter() - started_s) * 1000)
    medians = {name: statistics.median(values) for name, values in times_ms.items()}
    bare_ms = medians.pop("bare")
    over = {name: median - bare_ms for name, median in medians.items()}
    ratios = {name: _paired(times_ms[name], times_ms[_NAIVE_NAME]) for name in over}
    return ColdStart(over, ratios, bare_ms, _slowest_imports(with_bytecode))


def cold_table(measured: ColdStart) -> list[str]:
    """Format the cold start as a Markdown table."""
    lines = ["| | ms more than a bare interpreter | relative to naive |", "|---|---:|---:|"]
    lines += [
        f"| {name} | {ms:.0f} | {measured.ratios[name]:.2f} |"
        for name, ms in measured.over_bare_ms.items()
    ]
    slowest = ", ".join(f"{name} {ms:.0f}" for name, ms in measured.imports_ms.items())
    return [
        *lines,
        "",
        f"Medians of {ROUNDS} rounds; ratios are of whole processes, and paired.",
        f"The bare interpreter takes {measured.bare_ms:.0f} ms. By `-X importtime`, the packages",
        f"with the longest own import time, in both processes and in ms: {slowest}.",
    ]


def _paired(times_ms: list[float], naive_ms: list[float]) -> float:
    return statistics.median(a / b for a, b in zip(times_ms, naive_ms, strict=True))


def _run(program: str, folder: Path, *options: str) -> str:
    command = [sys.executable, "-I", "-S", "-B", *options, "-c", program]
    completed = subprocess.run(
        [*command, str(folder), sysconfig.get_paths()["purelib"], str(PHOTOS / "rocket.jpg")],
        env={"PATH": os.defpath, **_SETTINGS},
        capture_output=True,
        text=True,
        check=True,
    )
    return completed.stderr


def _slowest_imports(folder: Path) -> dict[str, float]:
    """Return the own import time in ms of the eight slowest packages, by `-X importtime`."""
    own_ms: dict[str, float] = {}
    for line in _run(_IMGCTL, folder, "-X", "importtime").splitlines():
        if match := _LINE.match(line):
            package = match[3].strip().partition(".")[0]
            own_ms[package] = own_ms.get(package, 0) + int(match[1]) / 1000
    return dict(sorted(own_ms.items(), key=lambda item: item[1], reverse=True)[:8])


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(prefix="imgctl-cold-") as work_folder:
        print("\n".join(cold_table(measure_cold_start(Path(work_folder)))))
