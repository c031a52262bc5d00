"""The tracks of an AVIF image sequence (ISO/IEC 14496-12, 8)."""

from imgctl.core.containers.avif_facts import AvifContainer, avif_container
from imgctl.core.containers.heif_facts import PropertyFacts, read_property
from imgctl.core.containers.isobmff import Box, BoxReader
from imgctl.core.errors import Damaged, TooLarge
from imgctl.core.geometry import Size

_MAX_FRAMES = 100_000
_FOR_EVER = (0xFFFFFFFF, 0xFFFFFFFFFFFFFFFF)


def read_sequence(moov: bytes, file_bytes: int) -> AvifContainer:
    """Read the tracks of an image sequence."""
    reader = BoxReader("AVIF")
    facts, frames, alpha, plays = PropertyFacts(), 0, False, 0
    for trak in reader.boxes(moov, 0, len(moov)):
        if trak.kind != b"trak":
            continue
        media = reader.find(moov, trak.data, trak.end, b"mdia")
        table = media and reader.find(moov, media.data, media.end, b"minf", b"stbl")
        if media is None or table is None:
            continue
        if reader.find(moov, trak.data, trak.end, b"tref", b"auxl"):
            alpha = True
            continue
        sizes = reader.find(moov, table.data, table.end, b"stsz")
        entry = reader.find(moov, table.data, table.end, b"stsd")
        if frames or sizes is None or entry is None:
            continue
        frames = int.from_bytes(moov[sizes.data + 8 : sizes.data + 12], "big")
        for sample in reader.boxes(moov, entry.data + 8, entry.end):
            if sample.kind == b"av01":  # ISO/IEC 14496-12, 12.1.3: a VisualSampleEntry
                width, height = (
                    int.from_bytes(moov[sample.data + at : sample.data + at + 2], "big")
                    for at in (24, 26)
                )
                facts.size = Size(width, height) if width and height else None
                for box in reader.boxes(moov, sample.data + 78, sample.end):
                    read_property(facts, box.kind, moov[box.data : box.end])
        plays = _plays(reader, moov, trak)
    if facts.size is None or not frames:
        raise Damaged(
            "The AVIF file has no image.", hint="Export it again from the program that created it."
        )
    if frames > _MAX_FRAMES or frames > file_bytes:
        raise TooLarge(
            f"The AVIF file has more than {_MAX_FRAMES} frames.",
            hint="Reduce its number of frames.",
        )
    return avif_container(facts, facts.size, file_bytes, alpha=alpha, frames=frames, plays=plays)


def _plays(reader: BoxReader, moov: bytes, trak: Box) -> int:
    """Return how often a track is shown: its duration by that of its repeated edit, as libavif."""
    header = reader.find(moov, trak.data, trak.end, b"tkhd")
    edits = reader.find(moov, trak.data, trak.end, b"edts", b"elst")
    if header is None or edits is None:
        return 0
    if not moov[edits.data + 3] & 1:
        return 1
    wide = moov[header.data] == 1
    at, width = (header.data + 28, 8) if wide else (header.data + 20, 4)
    duration = int.from_bytes(moov[at : at + width], "big")
    edit_width = 8 if moov[edits.data] == 1 else 4
    edit = int.from_bytes(moov[edits.data + 8 : edits.data + 8 + edit_width], "big")
    if duration in _FOR_EVER or not edit:
        return 0
    return max(1, -(-duration // edit))
