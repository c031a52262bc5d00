"""What a resize really costs, measured in a process of its own."""

import json
import subprocess
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

from imgctl.core.limits import Limits

_PROGRAM = """
import json, resource, sys, time
from pathlib import Path
from imgctl.core.errors import PictureError
from imgctl.core.limits import Limits
from imgctl.core.resize import resize
from imgctl.core.source import load_plugin
from imgctl.core.formats import ImageFormat, sniff
from imgctl.core.spec import ResizeSpec


def peak_kib():  # `ru_maxrss` would include what the test's own process used before it was forked
    return int(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0])

path, limits = Path(sys.argv[1]), Limits(**json.loads(sys.argv[2]))
with path.open("rb") as source:
    load_plugin(sniff(source.read(512)))
resource.setrlimit(resource.RLIMIT_DATA, (limits.max_process_bytes, limits.max_process_bytes))
before_kib = peak_kib()
started_s = time.process_time()
error = None
try:
    with path.open("rb") as source:
        resize(source, ResizeSpec(), limits)
except PictureError as caught:
    error = type(caught).__name__
used_kib = peak_kib() - before_kib
print(json.dumps([error, used_kib * 1024, time.process_time() - started_s]))
"""


@dataclass(frozen=True)
class Cost:
    """The error's name, the memory beyond the idle program's, and the processor time."""

    error: str | None
    peak_bytes: int
    cpu_seconds: float


def measured_cost(path: Path, limits: Limits | None = None) -> Cost:
    """Halve a picture in a process of its own, whose memory is limited."""
    completed = subprocess.run(
        [sys.executable, "-c", _PROGRAM, str(path), json.dumps(asdict(limits or Limits()))],
        capture_output=True,
        text=True,
        check=True,
    )
    return Cost(*json.loads(completed.stdout.splitlines()[-1]))
