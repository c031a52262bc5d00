"""What one picture may cost, checked after its header and before its pixels."""

from dataclasses import dataclass

from imgctl.core.errors import TooLarge
from imgctl.core.geometry import Size

MEBIBYTE = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Limits:
    """`max_bytes` bounds the file, `max_pixels` width times height times frames, and
    `max_memory_bytes` what decoding and resampling are estimated to hold at once.

    The defaults fit into the function's 1,769 MB beside the interpreter and the SDK.
    """  # noqa: D205

    max_bytes: int = 256 * MEBIBYTE
    max_pixels: int = 250_000_000
    max_memory_bytes: int = 1200 * MEBIBYTE

    def check_bytes(self, file_bytes: int) -> None:
        """Raise TooLarge for a file over the limit."""
        if file_bytes > self.max_bytes:
            raise _too_large(
                f"The file has {file_bytes / MEBIBYTE:.1f} MiB,"
                f" and the limit is {self.max_bytes / MEBIBYTE:.1f} MiB."
            )

    def check_pixels(self, size: Size, frames: int) -> None:
        """Raise TooLarge for more pixels over all frames than the limit.

        A frame counts as 64 x 64 pixels at least: a swarm of tiny ones takes time too.
        """
        pixels = size.pixels if frames == 1 else max(size.pixels, 64 * 64) * frames
        if pixels > self.max_pixels:
            of_frames = f" x {frames} frames" if frames > 1 else ""
            raise _too_large(
                f"The picture has {size}{of_frames} = {pixels / 1e6:.1f} megapixels,"
                f" and the limit is {self.max_pixels / 1e6:.1f}."
            )

    def check_memory(self, needed_bytes: int) -> None:
        """Raise TooLarge for a picture that would need more memory than the limit."""
        if needed_bytes > self.max_memory_bytes:
            raise _too_large(
                f"Resizing it would take about {needed_bytes / MEBIBYTE:.0f} MiB of memory,"
                f" and the limit is {self.max_memory_bytes / MEBIBYTE:.0f} MiB."
            )


def working_bytes(decoded: Size, target: Size, frames: int, *, progressive: Size | None) -> int:
    """Estimate the memory that resizing holds at once, in bytes.

    Pillow keeps a pixel in 4 bytes (1 for grey and palettes, which are converted to 4). One frame
    is decoded at a time, beside a copy in another mode; all results are kept until they are
    encoded. A progressive JPEG's coefficients are held whole, 3 bytes a pixel at 4:2:0 and 6 at
    4:4:4 (libjpeg's jdcoefct.c).
    """
    coefficients = 0 if progressive is None else 6 * progressive.pixels
    return coefficients + 8 * decoded.pixels + 5 * target.pixels * frames


def _too_large(message: str) -> TooLarge:
    return TooLarge(message, hint="Make it smaller first.")
