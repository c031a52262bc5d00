"""The throughput on many images, including the start of the program.

`batch.py --naive SOURCES DESTINATION` is the naive peer's program, with two processes.
"""

import shutil
import statistics
import subprocess
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

HERE = Path(__file__).parent
WORKERS = 2
ROUNDS = 3


def naive_batch(sources: Path, destination: Path) -> None:
    """Halve the images of a folder with the naive code in two processes."""
    from tests.benchmarks.worker import naive

    paths = sorted(sources.iterdir())
    with ProcessPoolExecutor(WORKERS) as pool:
        list(pool.map(naive, paths, [destination / path.name for path in paths]))


def images_per_second(sources: Path, work: Path) -> dict[str, float]:
    """Return each program's throughput on a folder, from start to exit: the median of `ROUNDS`."""
    names = sorted(str(path) for path in sources.iterdir())
    imgctl = Path(sys.executable).with_name("imgctl")
    programs = {
        "imgctl resize": [str(imgctl), "resize", str(sources), "-o", "{out}", "--quiet"],
        "naive, 2 processes": [
            sys.executable,
            "-m",
            "tests.benchmarks.batch",
            "--naive",
            str(sources),
            "{out}",
        ],
    }
    if (HERE / "node_modules" / "sharp").is_dir() and (node := shutil.which("node")):
        script = str(HERE / "worker.mjs")
        programs["sharp, 2 workers"] = [node, script, "--batch", str(WORKERS), "{out}", *names]
    speeds: dict[str, list[float]] = {name: [] for name in programs}
    for name, command in [*programs.items()] * ROUNDS:
        out = work / "batch-out"
        shutil.rmtree(out, ignore_errors=True)
        out.mkdir()
        arguments = [part.replace("{out}", str(out)) for part in command]
        started_s = time.perf_counter()
        subprocess.run(arguments, check=True, stdout=subprocess.DEVNULL)
        elapsed_s = time.perf_counter() - started_s
        written = sum(path.is_file() for path in out.rglob("*"))
        if written != len(names):
            raise RuntimeError(f"{name} wrote {written} of {len(names)} images")
        speeds[name].append(len(names) / elapsed_s)
    return {name: statistics.median(values) for name, values in speeds.items()}


if __name__ == "__main__":
    naive_batch(Path(sys.argv[2]), Path(sys.argv[3]))
