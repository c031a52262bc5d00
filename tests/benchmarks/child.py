"""What the child process costs each image: a resize in it, next to one in this process."""

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from imgctl.core.limits import Limits
from imgctl.core.resize import resize_each
from imgctl.core.spec import ResizeSpec
from imgctl.sandbox.child import fork
from imgctl.sandbox.process import ResizeProcess
from tests.benchmarks.pictures import photograph

ROUNDS = 40
SIZES = {"JPEG 0.01 MP": (120, 90), "JPEG 2 MP": (1600, 1200), "JPEG 12 MP": (4000, 3000)}


@dataclass(frozen=True, slots=True)
class ChildCost:
    """Median milliseconds of one resize in this process, and in a child that is running."""

    here_ms: float
    child_ms: float


def measure_child(work: Path) -> dict[str, ChildCost]:
    """Measure each size, alternating between the two."""
    process = ResizeProcess(fork)
    process.start()
    costs = {}
    try:
        for name, (width, height) in SIZES.items():
            source = work / "child.jpg"
            photograph(width, height, seed=1).save(source, quality=90)
            here_ms, child_ms = [], []
            for _ in range(ROUNDS):
                here_ms.append(_measure_ms(resize_each, source))
                child_ms.append(_measure_ms(process.resize, source))
            costs[name] = ChildCost(statistics.median(here_ms), statistics.median(child_ms))
    finally:
        process.close()
    return costs


def _measure_ms(function: Callable[..., object], source: Path) -> float:
    with source.open("rb") as file:
        started_s = time.perf_counter()
        function(file, [ResizeSpec()], Limits())
        return (time.perf_counter() - started_s) * 1000
