"""Limits on the cost of one image, checked after its header is read and before it is decoded."""

from dataclasses import dataclass

from imgctl.core.errors import TooLarge
from imgctl.core.geometry import Size

MEBIBYTE = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits on one image.

    `max_bytes` applies to the file, `max_pixels` to width times height times frames, and
    `max_memory_bytes` to the estimated peak of decoding and resampling. The defaults fit into the
    function's 1,769 MB together with the interpreter and the SDK.
    """

    max_bytes: int = 256 * MEBIBYTE
    max_pixels: int = 250_000_000
    max_memory_bytes: int = 1200 * MEBIBYTE

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


def working_bytes(decoded: Size, target: Size, frames: int, *, progressive: Size | None) -> int:
    """Estimate the peak memory of a resize with Pillow, in bytes.

    Pillow stores a pixel in 4 bytes (1 for gray and palettes, which are converted to 4). One frame
    is decoded at a time, together with a copy in another mode; all results are kept until they are
    encoded. `progressive` is the stored size of a progressive JPEG, else None: libjpeg keeps all of
    its coefficients, 3 bytes per pixel at 4:2:0 and 6 at 4:4:4 (jdcoefct.c).
    """
    coefficients = 0 if progressive is None else 6 * progressive.pixels
    return coefficients + 8 * decoded.pixels + 5 * target.pixels * frames


def _too_large(message: str) -> TooLarge:
    return TooLarge(message, hint="Reduce its size first.")
