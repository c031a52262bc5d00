"""Whether a JPEG that lacks its end marker has all of its pixels.

libjpeg does not say whether it had to invent data. But entropy-coded data that are complete
determine the image, whatever follows them. So it is decoded with several continuations: where they
change it, data are missing. Because a coefficient of a fine quantization changes no pixel, it is
decoded with coarse quantization tables too.
"""

import hashlib
from collections.abc import Sequence
from random import Random
from typing import BinaryIO

from PIL import Image

from imgctl.core.containers.container import Patch, patched
from imgctl.core.containers.jpeg import CONTINUATIONS, JpegContainer
from imgctl.core.containers.jpeg_markers import DQT, EOI, SOS, segments
from imgctl.core.errors import Truncated
from imgctl.core.source import OpenSource

_RUN_BYTES = 32
_COARSE_STEP = 16  # visible: a coefficient of one step changes a pixel by up to 4
_BAND_ROWS = 64


def check_complete(opened: OpenSource) -> None:
    """Raise Truncated if a JPEG without an end marker lacks data."""
    container = opened.container
    if not isinstance(container, JpegContainer) or container.unfinished_at is None:
        return
    *optional, end = container.patches
    random = Random(0)  # noqa: S311 (not a secret)
    for tables in ([], _coarse_tables(opened.stored, opened.file_bytes)):
        endings = [b"", *(_continuation(random, 3 * n) for n in range(CONTINUATIONS - 1))]
        digests = (
            _digest(opened.stored, [*optional, *tables], Patch(end.start, end.end, ending))
            for ending in endings
        )
        expected = next(digests)
        if any(digest != expected for digest in digests):
            raise Truncated("The image is truncated.", hint="Copy or upload the complete file.")


def _continuation(random: Random, first: int) -> bytes:
    """Return random bits, interrupted by all restart markers from RST`first` on.

    libjpeg skips to its end where one of the next two is found instead of the marker that it
    expects (`jpeg_resync_to_restart`), so that no single order shows every loss.
    """
    runs = [random.randbytes(_RUN_BYTES).replace(b"\xff", b"") for _ in range(9)]
    markers = [bytes([0xFF, 0xD0 + (first + number) % 8]) for number in range(8)]
    return runs[0] + b"".join(m + run for m, run in zip(markers, runs[1:], strict=True))


def _coarse_tables(file: BinaryIO, file_bytes: int) -> list[Patch]:
    """Return patches that make the steps of all AC coefficients visible; DC stays in range."""
    patches = []
    for segment in segments(file, file_bytes):
        if segment.marker == SOS:
            break
        if segment.marker == DQT:
            tables = bytearray(segment.data)
            at = 0
            while at + 65 <= len(tables):
                size = 2 if tables[at] >> 4 else 1
                for low in range(at + 2 * size, min(at + 1 + 64 * size, len(tables)), size):
                    tables[low] = max(tables[low], _COARSE_STEP)
                at += 1 + 64 * size
            patches.append(Patch(segment.start + 4, segment.end, bytes(tables)))
    return patches


def _digest(file: BinaryIO, patches: Sequence[Patch], ending: Patch) -> bytes:
    """Decode the image with this ending before its end marker; return a digest of its pixels."""
    end = Patch(ending.start, ending.end, ending.replacement + bytes([0xFF, EOI]))
    ordered = sorted([*patches, end], key=lambda patch: patch.start)
    digest = hashlib.sha256()
    with Image.open(patched(file, ordered), formats=["JPEG"]) as image:
        for top in range(0, image.height, _BAND_ROWS):
            bottom = min(image.height, top + _BAND_ROWS)
            digest.update(image.crop((0, top, image.width, bottom)).tobytes())
    return digest.digest()
