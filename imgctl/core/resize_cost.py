"""What one result costs, and what several cost that are made of the same decoded pixels."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class ResizeCost:
    """An estimate for one result: memory in bytes, and processor time in seconds.

    `decoding_bytes` are held until all pages are resized, `pages_bytes` from then on until they are
    encoded, which takes `encoding_bytes` more. `seconds` is encoding's, beside that for pixels.
    """

    decoding_bytes: int
    pages_bytes: int
    encoding_bytes: int = 0
    seconds: float = 0


def peak_bytes(costs: Sequence[ResizeCost]) -> int:
    """Return the most memory that is held at once by results that are made in one pass.

    All pages are resized while the source is decoded, and then encoded one result after another.
    """
    pages_bytes = sum(cost.pages_bytes for cost in costs)
    return pages_bytes + max(max(cost.decoding_bytes, cost.encoding_bytes) for cost in costs)
