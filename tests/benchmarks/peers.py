"""The programs that are measured: each with its fastest settings and its installed version."""

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
    """One way to halve an image, and the command that runs it."""

    name: str
    about: str
    command: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Measurement:
    """One run of a worker: the seconds of each repetition, and its peak memory in bytes."""

    seconds: tuple[float, ...]
    peak_bytes: int


def _python(function: str) -> tuple[str, ...]:
    return (sys.executable, str(HERE / "worker.py"), function)


NAIVE = Peer("naive", "typical tutorial code with Pillow", _python("naive"))
NAIVE_FRAMES = Peer("naive", "Pillow's defaults on every frame", _python("naive_frames"))
IMGCTL = Peer("imgctl", "imgctl's core", _python("imgctl_core"))
IMGCTL_HIGH_QUALITY = Peer("imgctl hq", "imgctl --high-quality", _python("imgctl_high_quality"))


@dataclass(frozen=True, slots=True)
class Installed:
    """The peers that are installed, and a text on each peer's version or absence."""

    peers: list[Peer]
    versions: list[str]


def find_installed() -> Installed:
    """Find the installed peers."""
    import PIL
    from PIL import features

    import imgctl

    jpeg = features.version("libjpeg_turbo")
    versions = [f"imgctl {imgctl.__version__}, Pillow {PIL.__version__}, libjpeg-turbo {jpeg}"]
    peers = []
    if importlib.util.find_spec("pyvips"):
        import pyvips

        version = ".".join(str(pyvips.version(part)) for part in range(3))
        peers.append(Peer("pyvips", "thumbnail, Lanczos3", _python("pyvips_thumbnail")))
        versions.append(f"pyvips {pyvips.__version__}, libvips {version}")
    else:
        versions.append("pyvips: not installed")
    if importlib.util.find_spec("cv2"):
        import cv2

        peers.append(Peer("OpenCV", "reduced decode, or area average", _python("opencv_reduced")))
        versions.append(f"OpenCV {cv2.__version__}")
    else:
        versions.append("OpenCV: not installed")
    if (node := shutil.which("node")) and (HERE / "node_modules" / "sharp").is_dir():
        script = str(HERE / "worker.mjs")
        completed = subprocess.run([node, script, "--versions"], capture_output=True, check=True)
        sharp = json.loads(completed.stdout)
        peers.append(Peer("sharp", "resize, Lanczos3", (node, script)))
        versions.append(f"sharp {sharp['sharp']}, libvips {sharp['vips']}, Node {sharp['node']}")
    else:
        versions.append("sharp: not installed")
    imagemagick = _imagemagick()
    if imagemagick is not None:
        peers.append(Peer("ImageMagick", "mogrify", _python("imagemagick")))
    versions.append(imagemagick or "ImageMagick: not installed")
    return Installed(peers, versions)


def _imagemagick() -> str | None:
    # Other programs are named convert too, but mogrify is only ImageMagick's.
    program = shutil.which("mogrify")
    if program is None:
        return None
    completed = subprocess.run([program, "-version"], capture_output=True, text=True, check=True)
    return completed.stdout.splitlines()[0].removeprefix("Version: ")


def measure(peer: Peer, source: Path, destination: Path, times: int) -> Measurement | None:
    """Run a peer in a process of its own; None if it cannot process this image."""
    completed = subprocess.run(
        [*peer.command, str(source), str(destination), str(times)],
        capture_output=True,
        text=True,
        check=False,
    )
    if completed.returncode != 0:
        print(
            f"{peer.name} cannot process {source.name}: {completed.stderr.strip()[-300:]}",
            file=sys.stderr,
        )
        return None
    output: dict[str, Any] = json.loads(completed.stdout.splitlines()[-1])
    return Measurement(tuple(output["seconds"]), output["peak_bytes"])
