"""Limits on the cost of one image.

Most are checked after its header is read and before it is decoded. Those of the process are
enforced by the kernel, for costs that no header shows (`imgctl.sandbox`).
"""

from dataclasses import dataclass, replace
from fractions import Fraction

from imgctl.core.errors import TooLarge
from imgctl.core.geometry import Size

MEBIBYTE = 1024 * 1024

DECODED_BYTES, PAGE_BYTES = 8, 5
"""Per pixel of the frame that is decoded, and of the pages that are kept; see `working_bytes`."""

_ESTIMATED_SHARE_OF_TIME = 8 / 9
_ESTIMATED_SHARE = Fraction(3, 4)  # of the process's memory: the rest is for what is not estimated


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits on one image.

    `max_bytes` applies to the file, `max_pixels` to width times height times frames, and
    `max_memory_bytes` to the estimated peak of decoding and resampling, and `max_estimated_seconds`
    to the estimated processor time of decoding. `max_process_bytes` limits
    the memory of the process that resizes it, and `max_cpu_seconds` its processor time, unless it
    is None. The defaults are those of the function with 1,769 MB and 60 seconds.
    """

    max_bytes: int = 256 * MEBIBYTE
    max_pixels: int = 250_000_000
    max_memory_bytes: int = 1200 * MEBIBYTE
    max_process_bytes: int = 1600 * MEBIBYTE
    max_cpu_seconds: int | None = 45
    max_estimated_seconds: float = 40

    @classmethod
    def for_process(cls, process_bytes: int, cpu_seconds: int | None = 45) -> "Limits":
        """Return the limits of a process that may use so much memory and processor time."""
        return cls(
            max_memory_bytes=int(process_bytes * _ESTIMATED_SHARE),
            max_process_bytes=process_bytes,
            max_cpu_seconds=cpu_seconds,
        )

    def for_time(self, seconds: float) -> "Limits":
        """Return these limits for an image that may take so long: some are estimated to be less."""
        return replace(self, max_estimated_seconds=seconds * _ESTIMATED_SHARE_OF_TIME)

    def check_bytes(self, file_bytes: int) -> None:
        """Raise TooLarge if the file exceeds the limit."""
        if file_bytes > self.max_bytes:
            raise _too_large(
                f"The file is {file_bytes / MEBIBYTE:.1f} MiB;"
                f" the limit is {self.max_bytes / MEBIBYTE:.1f} MiB."
            )

    def check_pixels(self, size: Size, frames: int) -> None:
        """Raise TooLarge if all frames together exceed the limit.

        Each frame of an animation counts as at least 64 x 64 pixels: many tiny ones take time too.
        """
        pixels = size.pixels if frames == 1 else max(size.pixels, 64 * 64) * frames
        if pixels > self.max_pixels:
            frames_text = f" x {frames} frames" if frames > 1 else ""
            raise _too_large(
                f"The image is {size}{frames_text} = {pixels / 1e6:.1f} megapixels;"
                f" the limit is {self.max_pixels / 1e6:.1f}."
            )

    def check_memory(self, needed_bytes: int) -> None:
        """Raise TooLarge if the estimated memory exceeds the limit."""
        if needed_bytes > self.max_memory_bytes:
            raise _too_large(
                f"Resizing needs about {needed_bytes / MEBIBYTE:.0f} MiB of memory;"
                f" the limit is {self.max_memory_bytes / MEBIBYTE:.0f} MiB."
            )

    def check_time(self, needed_seconds: float, work: str = "") -> None:
        """Raise TooLarge if the estimated processor time exceeds the limit; `work` is its cause."""
        if needed_seconds > self.max_estimated_seconds:
            raise _too_large(
                f"Decoding {work or 'the image'} needs about {needed_seconds:.0f} s; the limit is"
                f" {self.max_estimated_seconds:.0f} s."
            )


def working_bytes(decoded: Size, target: Size, frames: int) -> int:
    """Estimate the peak memory of a resize with Pillow, in bytes.

    Pillow stores a pixel in 4 bytes (1 for gray and palettes, which are converted to 4). One frame
    is decoded at a time, together with a copy in another mode; all results are kept until they are
    encoded.
    """
    return DECODED_BYTES * decoded.pixels + PAGE_BYTES * target.pixels * frames


def _too_large(message: str) -> TooLarge:
    return TooLarge(message, hint="Reduce its size first.")
