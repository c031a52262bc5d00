"""The quality of a result, compared with an ideal half of its original."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image
from ssimulacra2 import compute_ssimulacra2


@dataclass(frozen=True, slots=True)
class Quality:
    """SSIMULACRA2 (100 is identical, 70 is high quality) and PSNR in dB."""

    ssimulacra2: float
    psnr_db: float


def reference_half(source: Path, destination: Path) -> None:
    """Halve an image with Lanczos in 32-bit floats, and save it as a PNG."""
    with Image.open(source) as image:
        size = (-(-image.width // 2), -(-image.height // 2))
        channels = [
            channel.convert("F").resize(size, Image.Resampling.LANCZOS)
            for channel in image.convert("RGB").split()
        ]
    stacked = np.stack([np.asarray(channel) for channel in channels], axis=-1)
    Image.fromarray(np.clip(np.rint(stacked), 0, 255).astype(np.uint8)).save(destination)


def compare(reference: Path, result: Path) -> Quality:
    """Compare a result with the reference."""
    return Quality(
        float(compute_ssimulacra2(str(reference), str(result))), _psnr_db(reference, result)
    )


def _psnr_db(reference: Path, result: Path) -> float:
    expected, actual = (_pixels(path) for path in (reference, result))
    error = float(np.mean((expected - actual) ** 2))
    return 99.0 if error == 0 else float(10 * np.log10(255**2 / error))


def _pixels(path: Path) -> npt.NDArray[np.float64]:
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB"), dtype=np.float64)
