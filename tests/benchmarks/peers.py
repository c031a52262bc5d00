"""Who is measured: each peer at its best settings, with the version that is installed."""

import importlib.util
import json
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Peer:
    """One way of halving a picture: what starts it, and what it is."""

    name: str
    about: str
    command: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Measured:
    """One run of a worker: seconds of each repetition, and its peak of memory in bytes."""

    seconds: tuple[float, ...]
    peak_bytes: int


def _python(function: str) -> tuple[str, ...]:
    return (sys.executable, str(HERE / "worker.py"), function)


NAIVE = Peer("naive", "the usual tutorial code, on Pillow", _python("naive"))
NAIVE_FRAMES = Peer("naive", "Pillow's own defaults, on every frame", _python("naive_frames"))
OURS = Peer("imgctl", "imgctl's core", _python("ours"))
OURS_BEST = Peer("imgctl hq", "imgctl --high-quality", _python("ours_high_quality"))


def installed() -> tuple[list[Peer], list[str]]:
    """List the peers that are installed here, and say which are not."""
    import PIL
    from PIL import features

    import imgctl

    jpeg = features.version("libjpeg_turbo")
    said = [f"imgctl {imgctl.__version__}, on Pillow {PIL.__version__}, libjpeg-turbo {jpeg}"]
    peers = []
    if importlib.util.find_spec("pyvips"):
        import pyvips

        version = ".".join(str(pyvips.version(part)) for part in range(3))
        peers.append(Peer("pyvips", "thumbnail, Lanczos3", _python("pyvips_thumbnail")))
        said.append(f"pyvips {pyvips.__version__}, libvips {version}")
    else:
        said.append("pyvips: not installed")
    if importlib.util.find_spec("cv2"):
        import cv2

        peers.append(Peer("OpenCV", "reduced decode, or area average", _python("opencv_reduced")))
        said.append(f"OpenCV {cv2.__version__}")
    else:
        said.append("OpenCV: not installed")
    if (node := shutil.which("node")) and (HERE / "node_modules" / "sharp").is_dir():
        script = str(HERE / "worker.mjs")
        done = subprocess.run([node, script, "--versions"], capture_output=True, check=True)
        versions = json.loads(done.stdout)
        peers.append(Peer("sharp", "resize, Lanczos3", (node, script)))
        said.append(
            f"sharp {versions['sharp']}, libvips {versions['vips']}, Node {versions['node']}"
        )
    else:
        said.append("sharp: not installed")
    imagemagick = _imagemagick()
    if imagemagick is not None:
        peers.append(Peer("ImageMagick", "mogrify", _python("imagemagick")))
    said.append(imagemagick or "ImageMagick: not installed")
    return peers, said


def _imagemagick() -> str | None:
    # Other programs are called convert too; mogrify is ImageMagick's alone.
    program = shutil.which("mogrify")
    if program is None:
        return None
    done = subprocess.run([program, "-version"], capture_output=True, text=True, check=True)
    return done.stdout.splitlines()[0].removeprefix("Version: ")


def measure(peer: Peer, source: Path, destination: Path, times: int) -> Measured | None:
    """Run a peer in a process of its own; None where it cannot do this picture."""
    done = subprocess.run(
        [*peer.command, str(source), str(destination), str(times)],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        print(f"{peer.name} cannot do {source.name}: {done.stderr.strip()[-300:]}", file=sys.stderr)
        return None
    told: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return Measured(tuple(told["seconds"]), told["peak_bytes"])
